using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>Access to the elements of rectangular arrays.</summary>
internal static class RectangularArray
{
    /// <summary>The elements, row by row.</summary>
    public static Span<TItem> AsSpan<TItem>(this TItem[,] array)
        where TItem : unmanaged =>
        MemoryMarshal.CreateSpan(
            ref Unsafe.As<byte, TItem>(ref MemoryMarshal.GetArrayDataReference(array)),
            array.Length
        );
}
