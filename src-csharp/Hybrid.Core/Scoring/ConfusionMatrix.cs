namespace Hybrid.Core;

/// <summary>
/// How often each label was taken for each other one, over any number of aligned sequences; the counts of right labels, missed
/// labels and labels put in are there too.
/// </summary>
public sealed class ConfusionMatrix
{
    /// <summary>In place of a label: nothing, on the side of the reference for an insertion, of the hypothesis for a deletion.</summary>
    public const int None = -1;

    private readonly Dictionary<(int Reference, int Hypothesis), int> counts = [];

    /// <summary>How often a reference label was taken for a hypothesis label; either may be <see cref="None"/>.</summary>
    public int this[int reference, int hypothesis] => counts.GetValueOrDefault((reference, hypothesis));

    /// <summary>All that went wrong, the most frequent first; of equally frequent ones the smaller labels, and <see cref="None"/> first.</summary>
    public IReadOnlyList<(int Reference, int Hypothesis, int Count)> Errors =>
        [
            .. counts
                .Where(entry => entry.Key.Reference != entry.Key.Hypothesis)
                .Select(entry => (entry.Key.Reference, entry.Key.Hypothesis, Count: entry.Value))
                .OrderByDescending(entry => entry.Count)
                .ThenBy(entry => entry.Reference)
                .ThenBy(entry => entry.Hypothesis),
        ];

    /// <summary>Counts a reference aligned with a hypothesis.</summary>
    public void Add(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, EditAlignment alignment)
    {
        foreach (var step in alignment.Steps)
        {
            var pair = (
                step.Reference < 0 ? None : reference[step.Reference],
                step.Hypothesis < 0 ? None : hypothesis[step.Hypothesis]
            );
            counts[pair] = counts.GetValueOrDefault(pair) + 1;
        }
    }
}
