using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>A function of one number, applied to all lanes of a register.</summary>
internal interface IUnaryOperator<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    static abstract Vector512<TReal> Invoke(Vector512<TReal> x);
}

/// <summary>A function of two numbers, applied to all lanes of a register.</summary>
internal interface IBinaryOperator<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    static abstract Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> y);
}

/// <summary>
/// Element-wise functions of whole tensors, cut into pieces that the threads of a team share. A source and the
/// destination are identical or disjoint.
/// </summary>
internal static class Elementwise
{
    private const int Piece = 1 << 14;

    /// <summary>destination[i] = f(x[i])</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Map<TReal, TOperator>(ReadOnlyMemory<TReal> x, Memory<TReal> destination, ThreadTeam team)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IUnaryOperator<TReal> => Map<TReal, Unary<TReal, TOperator>>(x, x, destination, team);

    /// <summary>destination[i] = f(x[i], y[i])</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
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
        team.For(IntMath.CeilDiv(destination.Length, Piece), new MapJob<TReal, TOperator>(x, y, destination));
    }

    private readonly record struct MapJob<TReal, TOperator>(
        ReadOnlyMemory<TReal> X,
        ReadOnlyMemory<TReal> Y,
        Memory<TReal> Destination
    ) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IBinaryOperator<TReal>
    {
        public unsafe void Run(int piece)
        {
            var start = piece * Piece;
            fixed (
                TReal* x = X.Span,
                    y = Y.Span,
                    destination = Destination.Span
            )
                VectorLoop.Run<TReal, MapKernel<TReal, TOperator>>(
                    Math.Min(Piece, Destination.Length - start),
                    new(x + start, y + start, destination + start)
                );
        }
    }

    private readonly unsafe struct MapKernel<TReal, TOperator>(TReal* x, TReal* y, TReal* destination) : IVectorKernel
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IBinaryOperator<TReal>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess =>
            TAccess.Store(
                TOperator.Invoke(TAccess.Load(x + i, left), TAccess.Load(y + i, left)),
                destination + i,
                left
            );
    }

    private readonly struct Unary<TReal, TOperator> : IBinaryOperator<TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TOperator : struct, IUnaryOperator<TReal>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> y) => TOperator.Invoke(x);
    }
}
