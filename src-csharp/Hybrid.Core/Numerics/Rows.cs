using System.Numerics;
using System.Numerics.Tensors;

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
        var partial = PartialSums(matrix.Rows, matrix.Columns, matrix, workspace, static (in MatrixView<R> m, int i, Span<R> target) =>
            TensorPrimitives.Add(target, m.Row(i), target));
        Merge(partial, sum);
    }

    /// <summary>sum[j] += sum over i of a[i, j] * b[i, j]</summary>
    public static void AddProductSum<R>(MatrixView<R> a, MatrixView<R> b, Span<R> sum, Workspace workspace) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var partial = PartialSums(a.Rows, a.Columns, (a, b), workspace, static (in (MatrixView<R> A, MatrixView<R> B) s, int i, Span<R> target) =>
            TensorPrimitives.MultiplyAdd(s.A.Row(i), s.B.Row(i), target, target));
        Merge(partial, sum);
    }

    /// <summary>What <see cref="PartialSums"/> does with one row: adds its contribution to <paramref name="target"/>.</summary>
    public delegate void AddRow<TState, R>(in TState state, int row, Span<R> target);

    /// <summary>Sums of <paramref name="width"/> numbers over the rows of each piece: [pieces, width].</summary>
    public static MatrixView<R> PartialSums<TState, R>(int rows, int width, TState state, Workspace workspace, AddRow<TState, R> add)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var pieces = (rows + Piece - 1) / Piece;
        var partial = new MatrixView<R>(workspace.RentZeroed<R>(pieces * width), pieces, width);
        workspace.Team.For(pieces, (rows, state, partial, add), static (in (int Rows, TState State, MatrixView<R> Partial, AddRow<TState, R> Add) s, int piece) =>
        {
            var target = s.Partial.Row(piece);
            for (var row = piece * Piece; row < Math.Min(s.Rows, (piece + 1) * Piece); row++) s.Add(s.State, row, target);
        });
        return partial;
    }

    /// <summary>sum[j] += sum over pieces, in order.</summary>
    public static void Merge<R>(MatrixView<R> partial, Span<R> sum) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        for (var piece = 0; piece < partial.Rows; piece++)
            TensorPrimitives.Add(sum, partial.Row(piece), sum);
    }
}
