using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>A function of one number, for a whole register.</summary>
internal interface IUnaryOperator<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    static abstract Vector512<TReal> Invoke(Vector512<TReal> x);
}

/// <summary>A function of two numbers, for a whole register.</summary>
internal interface IBinaryOperator<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    static abstract Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> y);
}

/// <summary>
/// Applies a function to every element; memory is cut into pieces for the team. Source and destination are identical or
/// disjoint.
/// </summary>
internal static class Elementwise
{
    private const int Piece = 1 << 14;

    /// <summary>destination[i] = f(x[i])</summary>
    public static void Map<TReal, TOperator>(ReadOnlyMemory<TReal> x, Memory<TReal> destination, ThreadTeam team)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IUnaryOperator<TReal> => Map<TReal, Unary<TReal, TOperator>>(x, x, destination, team);

    /// <summary>destination[i] = f(x[i], y[i])</summary>
    public static void Map<TReal, TOperator>(
        ReadOnlyMemory<TReal> x,
        ReadOnlyMemory<TReal> y,
        Memory<TReal> destination,
        ThreadTeam team
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IBinaryOperator<TReal>
    {
        if (x.Length != destination.Length || y.Length != destination.Length)
            throw new ArgumentException($"lengths {x.Length}, {y.Length} and {destination.Length} differ");
        team.For(
            IntMath.CeilDiv(destination.Length, Piece),
            (x, y, destination),
            static (in (ReadOnlyMemory<TReal> X, ReadOnlyMemory<TReal> Y, Memory<TReal> Destination) s, int piece) =>
            {
                var start = piece * Piece;
                var length = Math.Min(Piece, s.Destination.Length - start);
                Map<TReal, TOperator>(
                    s.X.Span.Slice(start, length),
                    s.Y.Span.Slice(start, length),
                    s.Destination.Span.Slice(start, length)
                );
            }
        );
    }

    /// <summary>destination[i] = f(x[i], y[i]), by the caller alone.</summary>
    public static void Map<TReal, TOperator>(ReadOnlySpan<TReal> x, ReadOnlySpan<TReal> y, Span<TReal> destination)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IBinaryOperator<TReal>
    {
        var width = Vector512<TReal>.Count;
        var i = 0;
        for (; i <= destination.Length - width; i += width)
            TOperator
                .Invoke(Vector512.Create(x.Slice(i, width)), Vector512.Create(y.Slice(i, width)))
                .CopyTo(destination.Slice(i, width));
        if (i == destination.Length)
            return;
        // The rest goes through a full register, so that an element's bits do not depend on its place.
        Span<TReal> rest = stackalloc TReal[2 * width];
        rest.Clear();
        x[i..].CopyTo(rest);
        y[i..].CopyTo(rest[width..]);
        TOperator.Invoke(Vector512.Create<TReal>(rest[..width]), Vector512.Create<TReal>(rest[width..])).CopyTo(rest);
        rest[..(destination.Length - i)].CopyTo(destination[i..]);
    }

    private readonly struct Unary<TReal, TOperator> : IBinaryOperator<TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IUnaryOperator<TReal>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> y) => TOperator.Invoke(x);
    }
}
