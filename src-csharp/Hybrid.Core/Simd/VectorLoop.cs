using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>The body of a <see cref="VectorLoop"/>: a struct with the pointers and constants of the loop.</summary>
internal interface IVectorKernel
{
    /// <summary>Processes the elements of one register.</summary>
    /// <param name="index">The first element.</param>
    /// <param name="left">The number of elements from there to the end of the loop.</param>
    void Run<TAccess>(int index, int left)
        where TAccess : struct, IVectorAccess;
}

/// <summary>
/// A SIMD loop over contiguous elements. Whole registers come first; the last elements go through a register too, so
/// that the bits of an element do not depend on its index.
/// </summary>
internal static class VectorLoop
{
    /// <summary>Runs a kernel over elements 0..<paramref name="length"/> - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TReal, TKernel>(int length, TKernel kernel)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TKernel : struct, IVectorKernel
    {
        var i = 0;
        for (; i + Vector512<TReal>.Count <= length; i += Vector512<TReal>.Count)
            kernel.Run<FullVector>(i, length - i);
        if (i < length)
            kernel.Run<PartialVector>(i, length - i);
    }
}
