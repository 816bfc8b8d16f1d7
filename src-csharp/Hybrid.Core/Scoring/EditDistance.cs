namespace Hybrid.Core;

/// <summary>
/// One step of an alignment: a reference label paired with a hypothesis label, a deletion or an insertion.
/// </summary>
/// <param name="Reference">Index in the reference, or -1 for an insertion.</param>
/// <param name="Hypothesis">Index in the hypothesis, or -1 for a deletion.</param>
public readonly record struct EditStep(int Reference, int Hypothesis);

/// <summary>A cheapest alignment of a reference with a hypothesis.</summary>
/// <param name="Substitutions">Pairs of different labels.</param>
/// <param name="Deletions">Reference labels without a hypothesis label.</param>
/// <param name="Insertions">Hypothesis labels without a reference label.</param>
/// <param name="Steps">The alignment, in order.</param>
public sealed record EditAlignment(int Substitutions, int Deletions, int Insertions, IReadOnlyList<EditStep> Steps)
{
    /// <summary>The Levenshtein distance: substitutions, deletions and insertions.</summary>
    public int Distance => Substitutions + Deletions + Insertions;
}

/// <summary>Levenshtein distance (Levenshtein 1966; Wagner and Fischer 1974) with unit costs.</summary>
public static class EditDistance
{
    // 16 MiB; tables of up to this size, 2047 x 2047 labels, are computed once.
    private const int CostsKept = 1 << 22;

    // Minutes of work, and some hundred megabytes where both sequences are long.
    private const long LargestTable = 1L << 34;

    /// <summary>
    /// The Levenshtein distance of two label sequences, in O(reference * hypothesis) time and O(hypothesis) memory.
    /// </summary>
    public static int Distance(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis) =>
        DistanceUpTo(int.MaxValue, reference, hypothesis)!.Value;

    /// <summary>The Levenshtein distance of two sequences; null as soon as it is known to exceed the limit.</summary>
    internal static int? DistanceUpTo<T>(int limit, ReadOnlySpan<T> reference, ReadOnlySpan<T> hypothesis)
        where T : IEquatable<T>
    {
        const int mostOnStack = 128;
        var columns = hypothesis.Length + 1;
        var rows = columns <= mostOnStack ? stackalloc int[2 * columns] : new int[2 * columns];
        Span<int> previous = rows[..columns],
            current = rows[columns..];
        FillFirstRow(current);
        foreach (var label in reference)
        {
            var swap = previous;
            previous = current;
            current = swap;
            if (FillRow(label, hypothesis, previous, current) > limit)
                return null;
        }
        return current[^1] <= limit ? current[^1] : null;
    }

    /// <summary>
    /// Distance and alignment of two label sequences. Among equally cheap alignments the one is taken that, read from
    /// the end, prefers a match or substitution to a deletion and a deletion to an insertion. Time O(reference *
    /// hypothesis); memory O(hypothesis * sqrt(reference)) beyond 16 MiB.
    /// </summary>
    /// <exception cref="ArgumentException">There are more than 2^34 pairs of labels.</exception>
    public static EditAlignment Align(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis) =>
        Align(reference, hypothesis, CostsKept);

    /// <summary>As the public overload, with about <paramref name="costsKept"/> costs in memory at once.</summary>
    internal static EditAlignment Align(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int costsKept)
    {
        var table = new CostTable(reference, hypothesis, costsKept);
        var steps = new List<EditStep>(Math.Max(reference.Length, hypothesis.Length));
        int substitutions = 0,
            deletions = 0,
            insertions = 0;
        for (int i = reference.Length, j = hypothesis.Length; i > 0 || j > 0; )
        {
            var cost = table[i, j];
            var differ = i > 0 && j > 0 && reference[i - 1] != hypothesis[j - 1] ? 1 : 0;
            if (i > 0 && j > 0 && cost == table[i - 1, j - 1] + differ)
            {
                substitutions += differ;
                steps.Add(new EditStep(--i, --j));
            }
            else if (i > 0 && cost == table[i - 1, j] + 1)
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

    /// <summary>Distances of the empty reference from all prefixes of the hypothesis.</summary>
    private static void FillFirstRow(Span<int> row)
    {
        for (var j = 0; j < row.Length; j++)
            row[j] = j;
    }

    /// <summary>
    /// Distances of a reference from all prefixes of the hypothesis, given those of the reference without its last
    /// <paramref name="label"/>. Returns the smallest of them. The rows must not overlap.
    /// </summary>
    private static int FillRow<T>(T label, ReadOnlySpan<T> hypothesis, ReadOnlySpan<int> previous, Span<int> row)
        where T : IEquatable<T>
    {
        var smallest = row[0] = previous[0] + 1;
        for (var j = 1; j < row.Length; j++)
        {
            var pair = previous[j - 1] + (label.Equals(hypothesis[j - 1]) ? 0 : 1);
            row[j] = Math.Min(pair, 1 + Math.Min(previous[j], row[j - 1]));
            smallest = Math.Min(smallest, row[j]);
        }
        return smallest;
    }

    /// <summary>
    /// The distances of all prefixes of the reference (rows) from all prefixes of the hypothesis (columns). A table
    /// that is too large is cut into segments of rows; the first row of each segment is kept, and the others are
    /// computed again when they are read, from the last segment to the first.
    /// </summary>
    private ref struct CostTable
    {
        private readonly ReadOnlySpan<int> reference,
            hypothesis;
        private readonly int columns,
            rowsPerSegment;
        private readonly int[] firstRows,
            costs;

        // The rows in memory are first to first + rowsPerSegment: the last one is also the first of the next segment.
        private int first;

        public CostTable(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int costsKept)
        {
            this.reference = reference;
            this.hypothesis = hypothesis;
            columns = hypothesis.Length + 1;
            rowsPerSegment = Math.Max(costsKept / columns - 1, (int)Math.Sqrt(reference.Length));
            rowsPerSegment = Math.Clamp(rowsPerSegment, 1, Math.Max(1, reference.Length));
            var segments = Math.Max(1, IntMath.CeilDiv(reference.Length, rowsPerSegment));
            if (
                (reference.Length + 1L) * columns > LargestTable
                || Math.Max(rowsPerSegment + 1L, segments) * columns > Array.MaxLength
            )
                throw new ArgumentException(
                    $"{reference.Length} labels of the reference and {hypothesis.Length} of the hypothesis "
                        + $"are too many to be aligned, at most {LargestTable} pairs: compare them in pieces"
                );
            firstRows = new int[segments * columns];
            costs = new int[(rowsPerSegment + 1) * columns];
            FillFirstRow(firstRows.AsSpan(0, columns));
            for (var segment = 0; segment < segments; segment++)
            {
                Compute(segment);
                if (segment + 1 < segments)
                    Row(first + rowsPerSegment).CopyTo(firstRows.AsSpan((segment + 1) * columns));
            }
        }

        /// <summary>The distance of the first i reference labels from the first j hypothesis labels.</summary>
        public int this[int i, int j]
        {
            get
            {
                if (i < first)
                    Compute(i / rowsPerSegment);
                return costs[(i - first) * columns + j];
            }
        }

        private readonly Span<int> Row(int i) => costs.AsSpan((i - first) * columns, columns);

        private void Compute(int segment)
        {
            first = segment * rowsPerSegment;
            firstRows.AsSpan(segment * columns, columns).CopyTo(costs);
            var last = Math.Min(reference.Length, first + rowsPerSegment);
            for (var i = first + 1; i <= last; i++)
                FillRow(reference[i - 1], hypothesis, Row(i - 1), Row(i));
        }
    }
}
