namespace Hybrid.Core;

/// <summary>One step of an alignment: a reference label against a hypothesis label, or against nothing.</summary>
/// <param name="Reference">Place in the reference, or -1 for an insertion.</param>
/// <param name="Hypothesis">Place in the hypothesis, or -1 for a deletion.</param>
public readonly record struct EditStep(int Reference, int Hypothesis);

/// <summary>The cheapest way to turn a reference into a hypothesis.</summary>
/// <param name="Substitutions">Labels replaced.</param>
/// <param name="Deletions">Reference labels that the hypothesis lacks.</param>
/// <param name="Insertions">Hypothesis labels that the reference lacks.</param>
/// <param name="Steps">The alignment, in order.</param>
public sealed record EditAlignment(int Substitutions, int Deletions, int Insertions, IReadOnlyList<EditStep> Steps)
{
    /// <summary>The Levenshtein distance.</summary>
    public int Distance => Substitutions + Deletions + Insertions;
}

/// <summary>Levenshtein distance (Levenshtein 1966; Wagner and Fischer 1974) with unit costs.</summary>
public static class EditDistance
{
    /// <summary>
    /// Distance and alignment of two label sequences. Among equally cheap alignments the one is taken that, read from the
    /// end, prefers a match or substitution to a deletion and a deletion to an insertion.
    /// </summary>
    /// <exception cref="ArgumentException">The table of all pairs of labels would be larger than an array.</exception>
    public static EditAlignment Align(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis)
    {
        int rows = reference.Length + 1,
            columns = hypothesis.Length + 1;
        if ((long)rows * columns > Array.MaxLength)
            throw new ArgumentException(
                $"{reference.Length} labels of the reference and {hypothesis.Length} of the hypothesis are too many to be aligned, at most {Array.MaxLength} pairs: compare them in pieces"
            );
        var cost = new int[rows * columns];
        for (var i = 0; i < rows; i++)
            cost[i * columns] = i;
        for (var j = 0; j < columns; j++)
            cost[j] = j;
        for (var i = 1; i < rows; i++)
        for (var j = 1; j < columns; j++)
        {
            var diagonal = cost[(i - 1) * columns + j - 1] + (reference[i - 1] == hypothesis[j - 1] ? 0 : 1);
            cost[i * columns + j] = Math.Min(
                diagonal,
                1 + Math.Min(cost[(i - 1) * columns + j], cost[i * columns + j - 1])
            );
        }

        var steps = new List<EditStep>(Math.Max(rows, columns));
        int substitutions = 0,
            deletions = 0,
            insertions = 0;
        for (int i = rows - 1, j = columns - 1; i > 0 || j > 0; )
        {
            var here = cost[i * columns + j];
            var differ = i > 0 && j > 0 && reference[i - 1] != hypothesis[j - 1] ? 1 : 0;
            if (i > 0 && j > 0 && here == cost[(i - 1) * columns + j - 1] + differ)
            {
                substitutions += differ;
                steps.Add(new EditStep(--i, --j));
            }
            else if (i > 0 && here == cost[(i - 1) * columns + j] + 1)
            {
                deletions++;
                steps.Add(new EditStep(--i, -1));
            }
            else
            {
                insertions++;
                steps.Add(new EditStep(-1, --j));
            }
        }
        steps.Reverse();
        return new EditAlignment(substitutions, deletions, insertions, steps);
    }
}
