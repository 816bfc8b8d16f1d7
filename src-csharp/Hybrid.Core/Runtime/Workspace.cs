using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>
/// The memory and the threads of one caller. Layers take from it what they produce and what they keep for the backward
/// pass; <see cref="Reset"/> takes everything back at once. After the first step of a given size nothing is allocated any
/// more. A workspace serves one forward or backward pass at a time; networks can be shared, workspaces cannot.
/// </summary>
public sealed class Workspace
{
    private readonly Dictionary<Type, IArena> arenas = [];
    private readonly Dictionary<object, ISlot> tapes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<object, ISlot> scratch = new(ReferenceEqualityComparer.Instance);
    private long scratchBytes;

    /// <summary>An empty workspace.</summary>
    /// <param name="team">The threads that share the work of a pass; <see cref="ThreadTeam.Default"/> where left out.</param>
    public Workspace(ThreadTeam? team = null) => Team = team ?? ThreadTeam.Default;

    /// <summary>The threads that share the work of a pass.</summary>
    public ThreadTeam Team { get; }

    /// <summary>Bytes of memory that the workspace holds for passes like the latest ones.</summary>
    public long Bytes
    {
        get
        {
            var bytes = scratchBytes;
            foreach (var arena in arenas.Values)
                bytes += arena.Bytes;
            return bytes;
        }
    }

    /// <summary>Memory until the next <see cref="Reset"/>, beginning on a cache line. Its content is undefined.</summary>
    public Memory<TItem> Rent<TItem>(int length)
        where TItem : unmanaged
    {
        ref var arena = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            arenas,
            typeof(TItem),
            out _
        );
        arena ??= new Arena<TItem>();
        return ((Arena<TItem>)arena).Rent(length);
    }

    /// <summary>Memory until the next <see cref="Reset"/>, filled with zeros.</summary>
    public Memory<TItem> RentZeroed<TItem>(int length)
        where TItem : unmanaged
    {
        var memory = Rent<TItem>(length);
        memory.Span.Clear();
        return memory;
    }

    /// <summary>
    /// Memory to work in until somebody asks for such memory again, always the same as far as it is large enough: for what a layer needs
    /// during a call alone. Its content is undefined.
    /// </summary>
    internal Memory<TItem> Scratch<TItem>(int length)
        where TItem : unmanaged
    {
        ref var memory = ref ValueOf<Memory<TItem>>(scratch, typeof(TItem));
        if (memory.Length < length)
        {
            scratchBytes += (long)(length - memory.Length) * Unsafe.SizeOf<TItem>();
            memory = AlignedMemory.Allocate<TItem>(length);
        }
        return memory[..length];
    }

    /// <summary>Takes all memory back. Everything rented before is invalid from now on.</summary>
    public void Reset()
    {
        // Tapes refer to blocks; those that are about to be replaced must not live on in them.
        var replaces = false;
        foreach (var arena in arenas.Values)
            replaces |= arena.IsFragmented;
        if (replaces)
            foreach (var tape in tapes.Values)
                tape.Clear();
        foreach (var arena in arenas.Values)
            arena.Reset();
    }

    /// <summary>
    /// What a layer keeps between its forward and its backward pass; the same place at every call with the same layer.
    /// </summary>
    public ref TTape Tape<TTape>(object layer)
        where TTape : struct => ref ValueOf<TTape>(tapes, layer);

    private static ref TValue ValueOf<TValue>(Dictionary<object, ISlot> slots, object key)
        where TValue : struct
    {
        if (!slots.TryGetValue(key, out var slot))
            slots[key] = slot = new Slot<TValue>();
        return ref ((Slot<TValue>)slot).Value;
    }

    private interface ISlot
    {
        void Clear();
    }

    private sealed class Slot<TValue> : ISlot
        where TValue : struct
    {
        public TValue Value;

        public void Clear() => Value = default;
    }

    private interface IArena
    {
        /// <summary>Bytes of the block and of earlier blocks in use since the last reset.</summary>
        long Bytes { get; }

        /// <summary>Whether the next reset replaces the block by a larger one.</summary>
        bool IsFragmented { get; }

        void Reset();
    }

    /// <summary>Hands out slices of one block; what did not fit is remembered, and the next block is large enough.</summary>
    private sealed class Arena<TItem> : IArena
        where TItem : unmanaged
    {
        private readonly int granule = AlignedMemory.Alignment / Unsafe.SizeOf<TItem>();
        private Memory<TItem> block;
        private int used;
        private long wanted,
            held;

        public long Bytes => held * Unsafe.SizeOf<TItem>();

        public bool IsFragmented => wanted > block.Length && wanted <= Array.MaxLength - granule;

        public Memory<TItem> Rent(int length)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length);
            var rounded = checked((int)AlignedMemory.RoundUp<TItem>(length));
            wanted += rounded;
            if (rounded > block.Length - used)
            {
                // Growth by a quarter keeps both the number of blocks and the excess of the first pass small; earlier blocks
                // live on with their users.
                block = AlignedMemory.Allocate<TItem>(
                    (int)Math.Min(Array.MaxLength - granule, Math.Max(rounded, Math.Max(4096, wanted / 4)))
                );
                used = 0;
                held += block.Length;
            }
            var memory = block.Slice(used, length);
            used += rounded;
            return memory;
        }

        public void Reset()
        {
            if (IsFragmented)
                block = AlignedMemory.Allocate<TItem>((int)wanted);
            (used, wanted, held) = (0, 0, block.Length);
        }
    }
}
