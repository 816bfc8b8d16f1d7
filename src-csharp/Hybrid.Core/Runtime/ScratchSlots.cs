namespace Hybrid.Core;

/// <summary>
/// Rooms for the threads of a loop, one for each: whoever does an index works in a free one that long, mostly the same again, so
/// that what lies there stays in the cache.
/// </summary>
internal readonly struct Rooms(int count, Workspace workspace)
{
    private readonly Memory<int> taken = workspace.RentZeroed<int>(count);

    public int Count => taken.Length;

    /// <summary>Takes a free room, of which there is one as long as no more than <see cref="Count"/> are wanted at a time.</summary>
    public int Enter()
    {
        var room = 0;
        while (Interlocked.Exchange(ref taken.Span[room], 1) == 1) room = (room + 1) % taken.Length;
        return room;
    }

    public void Leave(int room) => Volatile.Write(ref taken.Span[room], 0);
}
