using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>Reductions over the rows of a matrix, with one order of summation for any team, and over one row.</summary>
internal static class RowReductions
{
    // Sums run over pieces of this many rows, and then over the pieces in order: the result does not depend on the
    // team, and rounding errors grow with the number of pieces, not of rows.
    public const int Piece = 256;

    /// <summary>The number of pieces that <paramref name="rows"/> rows are cut into.</summary>
    public static int Pieces(int rows) => IntMath.CeilDiv(rows, Piece);

    /// <summary>The first row of a piece, and the row after its last.</summary>
    public static (int First, int End) RowsOf(int piece, int rows) =>
        (piece * Piece, Math.Min((piece + 1) * Piece, rows));

    /// <summary>sum[j] += sum over i of matrix[i, j]</summary>
    /// <exception cref="ArgumentException">The rows are not contiguous.</exception>
    public static void AddSum<TReal>(MatrixView<TReal> matrix, Span<TReal> sum, Workspace workspace)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (matrix.ColumnStride != 1)
            throw new ArgumentException("rows to be added must be contiguous", nameof(matrix));
        var partial = RentPartialSums(matrix, workspace);
        workspace.Team.For(partial.Rows, new SumJob<TReal>(matrix, partial));
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
        var partial = RentPartialSums(a, workspace);
        workspace.Team.For(partial.Rows, new ProductSumJob<TReal>(a, b, partial));
        Merge(partial, sum);
    }

    /// <summary>sum[j] += sum over the rows of <paramref name="partial"/>, one per piece, in order.</summary>
    public static void Merge<TReal>(MatrixView<TReal> partial, Span<TReal> sum)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        for (var piece = 0; piece < partial.Rows; piece++)
            TensorPrimitives.Add(sum, partial.Row(piece), sum);
    }

    /// <summary>The index of the largest element; of equal ones, the first. A NaN is never larger.</summary>
    public static int ArgMax<TReal>(ReadOnlySpan<TReal> row)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var best = 0;
        for (var i = 1; i < row.Length; i++)
            if (row[i] > row[best])
                best = i;
        return best;
    }

    /// <summary>[pieces, columns], zeroed.</summary>
    private static MatrixView<TReal> RentPartialSums<TReal>(MatrixView<TReal> matrix, Workspace workspace)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var pieces = Pieces(matrix.Rows);
        return new MatrixView<TReal>(workspace.RentZeroed<TReal>(pieces * matrix.Columns), pieces, matrix.Columns);
    }

    private readonly record struct SumJob<TReal>(MatrixView<TReal> Matrix, MatrixView<TReal> Partial) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // Four rows per pass over the sums, added one after the other: fewer loads and stores of the sums.
        public unsafe void Run(int piece)
        {
            var (row, end) = RowsOf(piece, Matrix.Rows);
            var sums = Partial.Row(piece);
            fixed (
                TReal* data = Matrix.Data.Span,
                    pSums = sums
            )
            {
                for (; row + 4 <= end; row += 4)
                    VectorLoop.Run<TReal, FourRowsKernel<TReal>>(
                        sums.Length,
                        new(data + (long)row * Matrix.RowStride, Matrix.RowStride, pSums)
                    );
            }
            for (; row < end; row++)
                TensorPrimitives.Add(sums, Matrix.Row(row), sums);
        }
    }

    private readonly unsafe struct FourRowsKernel<TReal>(TReal* first, nint stride, TReal* sums) : IVectorKernel
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess
        {
            var row = first + i;
            var sum =
                TAccess.Load(sums + i, left)
                + TAccess.Load(row, left)
                + TAccess.Load(row + stride, left)
                + TAccess.Load(row + 2 * stride, left)
                + TAccess.Load(row + 3 * stride, left);
            TAccess.Store(sum, sums + i, left);
        }
    }

    private readonly record struct ProductSumJob<TReal>(
        MatrixView<TReal> A,
        MatrixView<TReal> B,
        MatrixView<TReal> Partial
    ) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        public void Run(int piece)
        {
            var sums = Partial.Row(piece);
            var (first, end) = RowsOf(piece, A.Rows);
            for (var row = first; row < end; row++)
                TensorPrimitives.MultiplyAdd(A.Row(row), B.Row(row), sums, sums);
        }
    }
}
