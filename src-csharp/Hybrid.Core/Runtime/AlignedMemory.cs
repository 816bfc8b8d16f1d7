using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>Managed memory that the collector does not move, beginning on a cache line: what vector loads want.</summary>
internal static class AlignedMemory
{
    public const int Alignment = 64;

    /// <summary>The next multiple of as many elements as fill a cache line.</summary>
    public static long RoundUp<TItem>(long length)
        where TItem : unmanaged => IntMath.RoundUp(length, Alignment / Unsafe.SizeOf<TItem>());

    /// <summary>Memory for <paramref name="length"/> elements; the content is undefined.</summary>
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
