using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A phone n-gram model with its weights in a beam search, as stored in a model file.
/// </summary>
/// <param name="Model">The n-grams.</param>
/// <param name="Weight"><see cref="PrefixBeamOptions.LanguageModelWeight"/>.</param>
/// <param name="LengthBonus"><see cref="PrefixBeamOptions.LengthBonus"/>.</param>
public sealed record WeightedLanguageModel(NGramModel Model, double Weight = 1, double LengthBonus = 0)
{
    /// <summary>Settings of a beam search with this model.</summary>
    /// <param name="best">Number of hypotheses.</param>
    /// <param name="width">Beam width; null for the default, or for <paramref name="best"/> if that is larger.</param>
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
