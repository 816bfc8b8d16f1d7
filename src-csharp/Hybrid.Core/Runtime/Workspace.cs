using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>
/// Memory and threads of one caller. Layers rent their outputs and what they keep for the backward pass from it;
/// <see cref="Reset"/> reclaims everything at once. After the first step of a given size nothing is allocated. A
/// workspace serves one forward or backward pass at a time: networks can be shared between threads, workspaces cannot.
/// </summary>
public sealed class Workspace
{
    private readonly Dictionary<Type, IArena> arenas = [];
    private readonly Dictionary<object, ISlot> tapes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<object, ISlot> scratch = new(ReferenceEqualityComparer.Instance);
    private long scratchBytes;

    /// <summary>An empty workspace.</summary>
    /// <param name="team">The threads that share the work of a pass; default <see cref="ThreadTeam.Default"/>.</param>
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

    /// <summary>
    /// Memory that is valid until the next <see cref="Reset"/> and begins on a cache line; contents undefined.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    public Memory<TItem> Rent<TItem>(int length)
        where TItem : unmanaged
    {
        ref var arena = ref CollectionsMarshal.GetValueRefOrAddDefault(arenas, typeof(TItem), out _);
        arena ??= new Arena<TItem>();
        return ((Arena<TItem>)arena).Rent(length);
    }

    /// <summary>Zeroed memory that is valid until the next <see cref="Reset"/> and begins on a cache line.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    public Memory<TItem> RentZeroed<TItem>(int length)
        where TItem : unmanaged
    {
        var memory = Rent<TItem>(length);
        memory.Span.Clear();
        return memory;
    }

    /// <summary>
    /// Scratch memory, valid until the next Scratch call with the same item type. Contents undefined.
    /// </summary>
    internal Memory<TItem> Scratch<TItem>(int length)
        where TItem : unmanaged
    {
        ref var memory = ref ValueOf<Memory<TItem>>(scratch, typeof(TItem), out _);
        if (memory.Length < length)
        {
            scratchBytes += (long)(length - memory.Length) * Unsafe.SizeOf<TItem>();
            memory = AlignedMemory.Allocate<TItem>(length);
        }
        return memory[..length];
    }

    /// <summary>Reclaims all memory. Everything rented before is invalid from now on.</summary>
    public void Reset()
    {
        // Tapes refer to blocks; those that are about to be replaced must not live on in them.
        var replaces = false;
        foreach (var arena in arenas.Values)
            replaces |= arena.IsFragmented;
        foreach (var tape in tapes.Values)
        {
            tape.IsTaken = true;
            if (replaces)
                tape.Clear();
        }
        foreach (var arena in arenas.Values)
            arena.Reset();
    }

    /// <summary>
    /// The values that a layer keeps between its forward and its backward pass: one struct per layer, by reference, the
    /// same one at every call.
    /// </summary>
    public ref TTape Tape<TTape>(object layer)
        where TTape : struct
    {
        ref var tape = ref ValueOf<TTape>(tapes, layer, out var slot);
        slot.IsTaken = false;
        return ref tape;
    }

    /// <summary>
    /// The values that the forward pass of a layer kept in <see cref="Tape"/>, for one backward pass: a backward pass
    /// may overwrite what they refer to.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The layer has kept nothing in this workspace since the latest <see cref="Reset"/>, or the values were taken.
    /// </exception>
    public TTape TakeTape<TTape>(object layer)
        where TTape : struct
    {
        if (!tapes.TryGetValue(layer, out var slot) || slot.IsTaken)
            throw new InvalidOperationException(
                $"{layer}: Backward needs a Forward with the same workspace before it, and each Forward allows one "
                    + "Backward: call Forward again"
            );
        slot.IsTaken = true;
        return ((Slot<TTape>)slot).Value;
    }

    private static ref TValue ValueOf<TValue>(Dictionary<object, ISlot> slots, object key, out ISlot slot)
        where TValue : struct
    {
        if (!slots.TryGetValue(key, out var found))
            slots[key] = found = new Slot<TValue>();
        slot = found;
        return ref ((Slot<TValue>)found).Value;
    }

    private interface ISlot
    {
        /// <summary>Whether a backward pass took the value, or memory that it refers to was reclaimed.</summary>
        bool IsTaken { get; set; }

        void Clear();
    }

    private sealed class Slot<TValue> : ISlot
        where TValue : struct
    {
        public TValue Value;

        public bool IsTaken { get; set; }

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

    /// <summary>
    /// Slices of one block. The total of a pass is counted, so that the block of the next pass is large enough.
    /// </summary>
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
                // Growth by a quarter keeps both the number of blocks and the excess of the first pass small; earlier
                // blocks live on with their users.
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
