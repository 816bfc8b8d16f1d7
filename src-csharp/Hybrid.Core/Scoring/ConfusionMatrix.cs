namespace Hybrid.Core;

/// <summary>
/// Counts of pairs of reference and hypothesis labels over any number of aligned sequences: correct labels,
/// substitutions, deletions and insertions.
/// </summary>
public sealed class ConfusionMatrix
{
    /// <summary>No label: the reference of an insertion, the hypothesis of a deletion.</summary>
    public const int None = -1;

    private readonly Dictionary<(int Reference, int Hypothesis), int> counts = [];

    /// <summary>
    /// The count of a reference label aligned with a hypothesis label; either may be <see cref="None"/>.
    /// </summary>
    public int this[int reference, int hypothesis] => counts.GetValueOrDefault((reference, hypothesis));

    /// <summary>
    /// All substitutions, deletions and insertions in descending order of frequency; ties in ascending order of
    /// reference, then hypothesis, <see cref="None"/> first.
    /// </summary>
    public IReadOnlyList<(int Reference, int Hypothesis, int Count)> Errors =>
        [
            .. counts
                .Where(entry => entry.Key.Reference != entry.Key.Hypothesis)
                .Select(entry => (entry.Key.Reference, entry.Key.Hypothesis, Count: entry.Value))
                .OrderByDescending(entry => entry.Count)
                .ThenBy(entry => entry.Reference)
                .ThenBy(entry => entry.Hypothesis),
        ];

    /// <summary>Adds the pairs of an alignment.</summary>
    /// <param name="reference">The reference labels.</param>
    /// <param name="hypothesis">The hypothesis labels.</param>
    /// <param name="alignment">Their alignment, see <see cref="EditDistance"/>.</param>
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
