namespace Hybrid.Core;

/// <summary>The one place where label sequences are checked before CTC sees them.</summary>
internal static class CtcLabels
{
    /// <summary>Refuses labels that are the blank or no symbol, with their position.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="symbols">V.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <param name="names">Names of the utterances of a batch; null where they have none.</param>
    /// <param name="utterance">Place in the batch; null where there is but one utterance.</param>
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
            var where = utterance is { } b ? $"utterance {Name(names, b)}: " : "";
            throw new ArgumentException(
                labels[i] == blank
                    ? $"{where}the blank, {blank}, stands at position {i} of the labels"
                    : $"{where}label {labels[i]} at position {i} is not in 0..{symbols - 1}"
            );
        }
    }

    /// <summary>What an utterance of a batch is called in messages.</summary>
    public static string Name(IReadOnlyList<string>? names, int utterance) =>
        names is null ? utterance.ToString(System.Globalization.CultureInfo.InvariantCulture) : names[utterance];
}
