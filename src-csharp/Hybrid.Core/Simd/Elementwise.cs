using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>A function of one number, for a whole register.</summary>
internal interface IFunction<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    static abstract Vector512<R> Invoke(Vector512<R> x);
}

/// <summary>A function of two numbers, for a whole register.</summary>
internal interface IFunction2<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    static abstract Vector512<R> Invoke(Vector512<R> x, Vector512<R> y);
}

/// <summary>
/// Applies a function to every element; memory is cut into pieces for the team. Source and destination are identical or
/// disjoint.
/// </summary>
internal static class Elementwise
{
    private const int Piece = 1 << 14;

    /// <summary>destination[i] = f(x[i])</summary>
    public static void Map<R, TFunction>(ReadOnlyMemory<R> x, Memory<R> destination, ThreadTeam team)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
        where TFunction : struct, IFunction<R> =>
        Map<R, Unary<R, TFunction>>(x, x, destination, team);

    /// <summary>destination[i] = f(x[i], y[i])</summary>
    public static void Map<R, TFunction>(ReadOnlyMemory<R> x, ReadOnlyMemory<R> y, Memory<R> destination, ThreadTeam team)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
        where TFunction : struct, IFunction2<R>
    {
        if (x.Length != destination.Length || y.Length != destination.Length)
            throw new ArgumentException($"lengths {x.Length}, {y.Length} and {destination.Length} differ");
        team.For((destination.Length + Piece - 1) / Piece, (x, y, destination), static (in (ReadOnlyMemory<R> X, ReadOnlyMemory<R> Y, Memory<R> Destination) s, int piece) =>
        {
            var start = piece * Piece;
            var length = Math.Min(Piece, s.Destination.Length - start);
            Map<R, TFunction>(s.X.Span.Slice(start, length), s.Y.Span.Slice(start, length), s.Destination.Span.Slice(start, length));
        });
    }

    /// <summary>destination[i] = f(x[i], y[i]), by the caller alone.</summary>
    public static void Map<R, TFunction>(ReadOnlySpan<R> x, ReadOnlySpan<R> y, Span<R> destination)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
        where TFunction : struct, IFunction2<R>
    {
        var width = Vector512<R>.Count;
        var i = 0;
        for (; i <= destination.Length - width; i += width)
            TFunction.Invoke(Vector512.Create(x.Slice(i, width)), Vector512.Create(y.Slice(i, width))).CopyTo(destination.Slice(i, width));
        if (i == destination.Length) return;
        // The rest goes through a full register, so that an element's bits do not depend on its place.
        Span<R> rest = stackalloc R[2 * width];
        rest.Clear();
        x[i..].CopyTo(rest);
        y[i..].CopyTo(rest[width..]);
        TFunction.Invoke(Vector512.Create<R>(rest[..width]), Vector512.Create<R>(rest[width..])).CopyTo(rest);
        rest[..(destination.Length - i)].CopyTo(destination[i..]);
    }

    private readonly struct Unary<R, TFunction> : IFunction2<R>
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
        where TFunction : struct, IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> y) => TFunction.Invoke(x);
    }
}
