using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Operations on the rows of a matrix whose result has one row.</summary>
internal static class RowReductions
{
    // Sums run over pieces of this many rows, and then over the pieces in order: the result does not depend on the team,
    // and rounding errors grow with the number of pieces, not of rows.
    internal const int Piece = 256;

    /// <summary>sum[j] += sum over i of matrix[i, j]</summary>
    public static void AddSum<TReal>(MatrixView<TReal> matrix, Span<TReal> sum, Workspace workspace)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (matrix.ColumnStride != 1)
            throw new ArgumentException("rows to be added must be contiguous", nameof(matrix));
        var partial = PartialSums(
            matrix.Rows,
            matrix.Columns,
            matrix,
            workspace,
            static (in MatrixView<TReal> m, int first, int end, Span<TReal> target) => AddSum(m, first, end, target)
        );
        Merge(partial, sum);
    }

    /// <summary>sum[j] += sum over i of a[i, j] * b[i, j]</summary>
    public static void AddProductSum<TReal>(
        MatrixView<TReal> a,
        MatrixView<TReal> b,
        Span<TReal> sum,
        Workspace workspace
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var partial = PartialSums(
            a.Rows,
            a.Columns,
            (a, b),
            workspace,
            static (in (MatrixView<TReal> A, MatrixView<TReal> B) s, int first, int end, Span<TReal> target) =>
            {
                for (var row = first; row < end; row++)
                    TensorPrimitives.MultiplyAdd(s.A.Row(row), s.B.Row(row), target, target);
            }
        );
        Merge(partial, sum);
    }

    /// <summary>What <see cref="PartialSums"/> does with some rows: adds their contribution to <paramref name="target"/>.</summary>
    public delegate void AddRows<TState, TReal>(in TState state, int first, int end, Span<TReal> target);

    /// <summary>Sums of <paramref name="width"/> numbers over the rows of each piece: [pieces, width].</summary>
    public static MatrixView<TReal> PartialSums<TState, TReal>(
        int rows,
        int width,
        TState state,
        Workspace workspace,
        AddRows<TState, TReal> add
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var pieces = IntMath.CeilDiv(rows, Piece);
        var partial = new MatrixView<TReal>(workspace.RentZeroed<TReal>(pieces * width), pieces, width);
        workspace.Team.For(
            pieces,
            (rows, state, partial, add),
            static (in (int Rows, TState State, MatrixView<TReal> Partial, AddRows<TState, TReal> Add) s, int piece) =>
                s.Add(s.State, piece * Piece, Math.Min(s.Rows, (piece + 1) * Piece), s.Partial.Row(piece))
        );
        return partial;
    }

    // Four rows at a time, added one after the other: fewer ways to the sum and back.
    private static unsafe void AddSum<TReal>(MatrixView<TReal> matrix, int first, int end, Span<TReal> sum)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var (columns, row) = (matrix.Columns, first);
        fixed (
            TReal* p = matrix.Data.Span,
                pSum = sum
        )
        {
            for (; row + 4 <= end; row += 4)
            {
                TReal* r0 = p + (long)row * matrix.RowStride,
                    r1 = r0 + matrix.RowStride,
                    r2 = r1 + matrix.RowStride,
                    r3 = r2 + matrix.RowStride;
                var c = 0;
                for (; c + Vector512<TReal>.Count <= columns; c += Vector512<TReal>.Count)
                    AddFour<FullVector, TReal>(r0 + c, r1 + c, r2 + c, r3 + c, pSum + c, 0);
                if (c < columns)
                    AddFour<PartialVector, TReal>(r0 + c, r1 + c, r2 + c, r3 + c, pSum + c, columns - c);
            }
        }
        for (; row < end; row++)
            TensorPrimitives.Add(sum, matrix.Row(row), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddFour<TAccess, TReal>(TReal* r0, TReal* r1, TReal* r2, TReal* r3, TReal* sum, int left)
        where TAccess : struct, IVectorAccess
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        TAccess.Store(
            TAccess.Load(sum, left)
                + TAccess.Load(r0, left)
                + TAccess.Load(r1, left)
                + TAccess.Load(r2, left)
                + TAccess.Load(r3, left),
            sum,
            left
        );

    /// <summary>The index of the largest element, the first of several equal ones.</summary>
    public static int ArgMax<TReal>(ReadOnlySpan<TReal> row)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var best = 0;
        for (var i = 1; i < row.Length; i++)
            if (row[i] > row[best])
                best = i;
        return best;
    }

    /// <summary>sum[j] += sum over pieces, in order.</summary>
    public static void Merge<TReal>(MatrixView<TReal> partial, Span<TReal> sum)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        for (var piece = 0; piece < partial.Rows; piece++)
            TensorPrimitives.Add(sum, partial.Row(piece), sum);
    }
}
