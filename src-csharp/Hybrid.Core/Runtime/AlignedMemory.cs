using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>Pinned managed memory that begins on a cache line, for aligned vector loads.</summary>
internal static class AlignedMemory
{
    /// <summary>Bytes of a cache line.</summary>
    public const int Alignment = 64;

    /// <summary>The number of elements rounded up to whole cache lines.</summary>
    public static long RoundUp<TItem>(long length)
        where TItem : unmanaged => IntMath.RoundUp(length, Alignment / Unsafe.SizeOf<TItem>());

    /// <summary>The largest number of elements that <see cref="Allocate"/> can provide.</summary>
    public static int MostElements<TItem>()
        where TItem : unmanaged => Array.MaxLength - Alignment / Unsafe.SizeOf<TItem>();

    /// <summary>Memory for <paramref name="length"/> elements; contents undefined.</summary>
    public static unsafe Memory<TItem> Allocate<TItem>(int length)
        where TItem : unmanaged
    {
        var size = sizeof(TItem);
        var array = GC.AllocateUninitializedArray<TItem>(checked(length + Alignment / size), pinned: true);
        var address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        var skip = (int)((Alignment - address % Alignment) % Alignment / (nuint)size);
        return array.AsMemory(skip, length);
    }
}
