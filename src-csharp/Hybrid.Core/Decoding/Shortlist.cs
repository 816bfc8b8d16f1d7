namespace Hybrid.Core;

/// <summary>A label sequence that a beam might take up.</summary>
/// <param name="Rank">By which candidates compete.</param>
/// <param name="Entry">Place in the beam of the one it comes from.</param>
/// <param name="Symbol">The label that it grows by; -1 if it stays as it is.</param>
internal readonly record struct Candidate(double Rank, int Entry, int Symbol) : IComparable<Candidate>
{
    /// <summary>Negative if this one is better: by rank, then by the entry's place, then a stay before growth by smaller labels.</summary>
    public int CompareTo(Candidate other) =>
        Rank != other.Rank ? (Rank > other.Rank ? -1 : 1)
        : Entry != other.Entry ? Entry.CompareTo(other.Entry)
        : Symbol.CompareTo(other.Symbol);
}

/// <summary>The best of all candidates that are added, at most <paramref name="width"/>: a heap with the worst of them on top.</summary>
internal sealed class Shortlist(int width)
{
    private Candidate[] heap = new Candidate[Math.Min(width, 64)];
    private int count;

    /// <summary>What a candidate must reach; rises as better ones come.</summary>
    public double Threshold => count == width ? heap[0].Rank : 0;

    public void Clear() => count = 0;

    public void Add(Candidate candidate)
    {
        if (count == width)
        {
            if (candidate.CompareTo(heap[0]) < 0)
                SinkFromTop(candidate);
            return;
        }
        if (count == heap.Length)
            Array.Resize(ref heap, Math.Min(width, 2 * count));
        var place = count++;
        for (; place > 0 && candidate.CompareTo(heap[(place - 1) / 2]) > 0; place = (place - 1) / 2)
            heap[place] = heap[(place - 1) / 2];
        heap[place] = candidate;
    }

    /// <summary>The best first. The list must be cleared before candidates are added again.</summary>
    public ReadOnlySpan<Candidate> Sorted()
    {
        heap.AsSpan(0, count).Sort();
        return heap.AsSpan(0, count);
    }

    private void SinkFromTop(Candidate candidate)
    {
        var place = 0;
        for (var child = 1; child < count; child = 2 * place + 1)
        {
            if (child + 1 < count && heap[child + 1].CompareTo(heap[child]) > 0)
                child++;
            if (heap[child].CompareTo(candidate) < 0)
                break;
            heap[place] = heap[child];
            place = child;
        }
        heap[place] = candidate;
    }
}
