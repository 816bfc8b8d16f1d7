namespace Hybrid.Core;

/// <summary>
/// Per-thread scratch slots for a parallel loop; a worker usually gets its previous slot, whose contents are still in
/// its cache.
/// </summary>
internal readonly struct ScratchSlots(int count, Workspace workspace)
{
    private readonly Memory<int> taken = workspace.RentZeroed<int>(count);

    /// <summary>The number of slots: the largest number of concurrent users.</summary>
    public int Count => taken.Length;

    /// <summary>
    /// Takes a free slot. Spins while all are taken, so at most <see cref="Count"/> users may run at a time.
    /// </summary>
    public int Acquire()
    {
        var slot = 0;
        while (Interlocked.Exchange(ref taken.Span[slot], 1) == 1)
            slot = (slot + 1) % taken.Length;
        return slot;
    }

    /// <summary>Returns a slot.</summary>
    public void Release(int slot) => Volatile.Write(ref taken.Span[slot], 0);
}
