using System.Globalization;

namespace Hybrid.Core;

/// <summary>A recognised or aligned label with its frames.</summary>
/// <param name="Symbol">Index of the symbol.</param>
/// <param name="Start">First frame.</param>
/// <param name="End">The frame after the last.</param>
/// <param name="Confidence">In [0, 1]; each decoder documents its formula.</param>
public readonly record struct LabelSpan(int Symbol, int Start, int End, double Confidence);

/// <summary>
/// A decoder's result for an utterance: labels with times and scores. Scores are natural logarithms and add up to
/// <see cref="Total"/>.
/// </summary>
/// <param name="Labels">The labels in order of time.</param>
/// <param name="Acoustic">
/// Log probability of the labels given the audio, at most 0; each decoder documents the alignments it covers.
/// </param>
/// <param name="LanguageModel">Weighted log probability of the label sequence; 0 without a language model.</param>
/// <param name="LengthBonus">Insertion bonus of all labels; 0 without a bonus.</param>
public sealed record Hypothesis(
    IReadOnlyList<LabelSpan> Labels,
    double Acoustic,
    double LanguageModel = 0,
    double LengthBonus = 0
)
{
    /// <summary>The score by which hypotheses are ranked.</summary>
    public double Total => Acoustic + LanguageModel + LengthBonus;

    /// <summary>The symbols of the labels, without times.</summary>
    public int[] Symbols => [.. Labels.Select(label => label.Symbol)];

    /// <summary>The symbols of the labels and the score.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{string.Join(' ', Symbols)} ({Total:G6})");
}
