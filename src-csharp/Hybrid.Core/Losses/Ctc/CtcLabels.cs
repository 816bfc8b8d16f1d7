using System.Globalization;

namespace Hybrid.Core;

/// <summary>Checks of label sequences, and names of utterances in messages.</summary>
internal static class CtcLabels
{
    /// <summary>Refuses labels that are the blank or out of range, with their position.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="symbols">V.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <param name="names">Names of the utterances of a batch; null if they have none.</param>
    /// <param name="utterance">Index in the batch; null for a single utterance.</param>
    /// <exception cref="ArgumentException">A label is invalid, or the blank is not one of the symbols.</exception>
    public static void Check(
        ReadOnlySpan<int> labels,
        int symbols,
        int blank,
        IReadOnlyList<string>? names = null,
        int? utterance = null
    )
    {
        if ((uint)blank >= (uint)symbols)
            throw new ArgumentException($"blank {blank} is not one of {symbols} symbols");
        for (var i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] < (uint)symbols && labels[i] != blank)
                continue;
            var where = utterance is { } b ? $"{Describe(Name(names, b))}: " : "";
            throw new ArgumentException(
                labels[i] == blank
                    ? $"{where}the label at position {i} is the blank, {blank}"
                    : $"{where}label {labels[i]} at position {i} is not in 0..{symbols - 1}"
            );
        }
    }

    /// <summary>The name of an utterance of a batch; its index if there are no names.</summary>
    public static string Name(IReadOnlyList<string>? names, int utterance) =>
        names is null ? utterance.ToString(CultureInfo.InvariantCulture) : names[utterance];

    /// <summary>An utterance as the subject of a message.</summary>
    public static string Describe(string name) =>
        name.Length == 0 ? "the utterance" : $"utterance {Quoted.Unless(name)}";
}
