namespace Hybrid.Core;

/// <summary>A label sequence that may enter the beam.</summary>
/// <param name="Rank">Score by which candidates compete.</param>
/// <param name="Entry">Index in the beam of the prefix from which it comes.</param>
/// <param name="Symbol">The label appended to the prefix; -1 if the prefix is unchanged.</param>
internal readonly record struct Candidate(double Rank, int Entry, int Symbol) : IComparable<Candidate>
{
    /// <summary>
    /// Negative if this candidate is better: by rank, then by index of the entry, then unchanged prefixes before
    /// extensions by smaller symbols.
    /// </summary>
    public int CompareTo(Candidate other) =>
        Rank != other.Rank ? (Rank > other.Rank ? -1 : 1)
        : Entry != other.Entry ? Entry.CompareTo(other.Entry)
        : Symbol.CompareTo(other.Symbol);
}

/// <summary>The best candidates of all that are added: a binary heap with the worst of them at its root.</summary>
/// <param name="width">The largest number of candidates kept.</param>
internal sealed class Shortlist(int width)
{
    private Candidate[] heap = new Candidate[Math.Min(width, 64)];
    private int count;

    /// <summary>The rank that a new candidate must reach; it never falls between two calls of Clear.</summary>
    public double Threshold => count == width ? heap[0].Rank : 0;

    public void Clear() => count = 0;

    public void Add(Candidate candidate)
    {
        if (count == width)
        {
            if (candidate.CompareTo(heap[0]) < 0)
                ReplaceRoot(candidate);
            return;
        }
        if (count == heap.Length)
            Array.Resize(ref heap, Math.Min(width, 2 * count));
        var slot = count++;
        for (; slot > 0 && candidate.CompareTo(heap[(slot - 1) / 2]) > 0; slot = (slot - 1) / 2)
            heap[slot] = heap[(slot - 1) / 2];
        heap[slot] = candidate;
    }

    /// <summary>The candidates, the best first. Clear must be called before candidates are added again.</summary>
    public ReadOnlySpan<Candidate> Sorted()
    {
        heap.AsSpan(0, count).Sort();
        return heap.AsSpan(0, count);
    }

    private void ReplaceRoot(Candidate candidate)
    {
        var slot = 0;
        for (var child = 1; child < count; child = 2 * slot + 1)
        {
            if (child + 1 < count && heap[child + 1].CompareTo(heap[child]) > 0)
                child++;
            if (heap[child].CompareTo(candidate) < 0)
                break;
            heap[slot] = heap[child];
            slot = child;
        }
        heap[slot] = candidate;
    }
}
