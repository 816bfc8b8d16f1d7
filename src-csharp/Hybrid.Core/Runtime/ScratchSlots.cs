namespace Hybrid.Core;

/// <summary>
/// ScratchSlots for the threads of a loop, one for each: whoever does an index works in a free one that long, mostly the same again, so
/// that what lies there stays in the cache.
/// </summary>
internal readonly struct ScratchSlots(int count, Workspace workspace)
{
    private readonly Memory<int> taken = workspace.RentZeroed<int>(count);

    public int Count => taken.Length;

    /// <summary>Takes a free slot, of which there is one as long as no more than <see cref="Count"/> are wanted at a time.</summary>
    public int Acquire()
    {
        var slot = 0;
        while (Interlocked.Exchange(ref taken.Span[slot], 1) == 1)
            slot = (slot + 1) % taken.Length;
        return slot;
    }

    public void Release(int slot) => Volatile.Write(ref taken.Span[slot], 0);
}
