using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A model of which phones follow which, and how much it counts beside what is heard; it goes into a model file.</summary>
/// <param name="Model">The n-grams.</param>
/// <param name="Weight"><see cref="PrefixBeamOptions.LanguageModelWeight"/>.</param>
/// <param name="LengthBonus"><see cref="PrefixBeamOptions.LengthBonus"/>.</param>
public sealed record WeightedLanguageModel(NGramModel Model, double Weight = 1, double LengthBonus = 0)
{
    /// <summary>The search with it.</summary>
    /// <param name="best">How many readings it gives.</param>
    /// <param name="width">How many prefixes survive a frame; where left out the usual number, or as many as there are to be readings.</param>
    public PrefixBeamOptions Search(int best = 1, int? width = null)
    {
        var usual = new PrefixBeamOptions();
        return usual with
        {
            Width = width ?? Math.Max(usual.Width, best),
            Best = best,
            LanguageModel = Model,
            LanguageModelWeight = Weight,
            LengthBonus = LengthBonus,
        };
    }
}
