namespace Hybrid.Core;

/// <summary>A recognised label and the frames it stands for.</summary>
/// <param name="Symbol">Index of the symbol.</param>
/// <param name="Start">First frame.</param>
/// <param name="End">The frame after the last.</param>
/// <param name="Confidence">In [0, 1]; each decoder states its formula.</param>
public readonly record struct LabelSpan(int Symbol, int Start, int End, double Confidence);

/// <summary>What a decoder takes an utterance for. All scores are natural logarithms and add up to <see cref="Total"/>.</summary>
/// <param name="Labels">The labels in order of time.</param>
/// <param name="Acoustic">Log probability of the labels given the audio, at most 0; each decoder states over which alignments.</param>
/// <param name="LanguageModel">Weighted log probability of the labels themselves; 0 without a language model.</param>
/// <param name="LengthBonus">What the labels' number adds; 0 without a bonus.</param>
public sealed record Hypothesis(
    IReadOnlyList<LabelSpan> Labels,
    double Acoustic,
    double LanguageModel = 0,
    double LengthBonus = 0
)
{
    /// <summary>By which hypotheses are compared.</summary>
    public double Total => Acoustic + LanguageModel + LengthBonus;

    /// <summary>The symbols alone.</summary>
    public int[] Symbols => [.. Labels.Select(label => label.Symbol)];
}
