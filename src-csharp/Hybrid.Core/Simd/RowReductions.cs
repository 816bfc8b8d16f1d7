using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Operations on the rows of a matrix whose result has one row.</summary>
internal static class Rows
{
    // Sums run over pieces of this many rows, and then over the pieces in order: the result does not depend on the team,
    // and rounding errors grow with the number of pieces, not of rows.
    internal const int Piece = 256;

    /// <summary>sum[j] += sum over i of matrix[i, j]</summary>
    public static void AddSum<R>(MatrixView<R> matrix, Span<R> sum, Workspace workspace) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        if (matrix.ColumnStride != 1) throw new ArgumentException("rows to be added must be contiguous", nameof(matrix));
        var partial = PartialSums(matrix.Rows, matrix.Columns, matrix, workspace, static (in MatrixView<R> m, int first, int end, Span<R> target) => AddSum(m, first, end, target));
        Merge(partial, sum);
    }

    /// <summary>sum[j] += sum over i of a[i, j] * b[i, j]</summary>
    public static void AddProductSum<R>(MatrixView<R> a, MatrixView<R> b, Span<R> sum, Workspace workspace) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var partial = PartialSums(a.Rows, a.Columns, (a, b), workspace, static (in (MatrixView<R> A, MatrixView<R> B) s, int first, int end, Span<R> target) =>
        {
            for (var row = first; row < end; row++) TensorPrimitives.MultiplyAdd(s.A.Row(row), s.B.Row(row), target, target);
        });
        Merge(partial, sum);
    }

    /// <summary>What <see cref="PartialSums"/> does with some rows: adds their contribution to <paramref name="target"/>.</summary>
    public delegate void AddRows<TState, R>(in TState state, int first, int end, Span<R> target);

    /// <summary>Sums of <paramref name="width"/> numbers over the rows of each piece: [pieces, width].</summary>
    public static MatrixView<R> PartialSums<TState, R>(int rows, int width, TState state, Workspace workspace, AddRows<TState, R> add)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var pieces = (rows + Piece - 1) / Piece;
        var partial = new MatrixView<R>(workspace.RentZeroed<R>(pieces * width), pieces, width);
        workspace.Team.For(pieces, (rows, state, partial, add), static (in (int Rows, TState State, MatrixView<R> Partial, AddRows<TState, R> Add) s, int piece) =>
            s.Add(s.State, piece * Piece, Math.Min(s.Rows, (piece + 1) * Piece), s.Partial.Row(piece)));
        return partial;
    }

    // Four rows at a time, added one after the other: fewer ways to the sum and back.
    private static unsafe void AddSum<R>(MatrixView<R> matrix, int first, int end, Span<R> sum) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var (columns, row) = (matrix.Columns, first);
        fixed (R* p = matrix.Data.Span, pSum = sum)
        {
            for (; row + 4 <= end; row += 4)
            {
                R* r0 = p + (long)row * matrix.RowStride, r1 = r0 + matrix.RowStride, r2 = r1 + matrix.RowStride, r3 = r2 + matrix.RowStride;
                var c = 0;
                for (; c + Vector512<R>.Count <= columns; c += Vector512<R>.Count) AddFour<Whole, R>(r0 + c, r1 + c, r2 + c, r3 + c, pSum + c, 0);
                if (c < columns) AddFour<Rest, R>(r0 + c, r1 + c, r2 + c, r3 + c, pSum + c, columns - c);
            }
        }
        for (; row < end; row++) TensorPrimitives.Add(sum, matrix.Row(row), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddFour<TExtent, R>(R* r0, R* r1, R* r2, R* r3, R* sum, int left)
        where TExtent : struct, IExtent
        where R : unmanaged, IBinaryFloatingPointIeee754<R> =>
        TExtent.Store(TExtent.Load(sum, left) + TExtent.Load(r0, left) + TExtent.Load(r1, left) + TExtent.Load(r2, left) + TExtent.Load(r3, left), sum, left);

    /// <summary>sum[j] += sum over pieces, in order.</summary>
    public static void Merge<R>(MatrixView<R> partial, Span<R> sum) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        for (var piece = 0; piece < partial.Rows; piece++)
            TensorPrimitives.Add(sum, partial.Row(piece), sum);
    }
}
