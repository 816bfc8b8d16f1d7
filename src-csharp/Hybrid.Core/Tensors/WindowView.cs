using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Index-to-offset map of one matrix axis: constant stride, or groups of <paramref name="Group"/> indices with an outer
/// stride of <paramref name="GroupStride"/> elements.
/// </summary>
internal readonly record struct Axis(int Length, int Stride, int Group = int.MaxValue, int GroupStride = 0)
{
    /// <summary>Whether the stride is constant over the whole axis.</summary>
    public bool IsUniform => Group >= Length;

    /// <summary>The offset of an index.</summary>
    public long At(int index) => index / Group * (long)GroupStride + index % Group * (long)Stride;

    /// <summary>The number of indices with constant stride from this one on.</summary>
    public int Run(int index) => Math.Min(Length - index, Group - index % Group);
}

/// <summary>
/// A view of a matrix whose rows and columns may each be two axes of a tensor: the overlapping windows of a
/// convolution, or its weights in another order. Only GEMM reads it. Element (0, 0) is at index <paramref
/// name="Offset"/>.
/// </summary>
internal readonly record struct WindowView<TReal>(Memory<TReal> Data, int Offset, Axis Rows, Axis Columns)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    public static implicit operator WindowView<TReal>(MatrixView<TReal> matrix) =>
        new(matrix.Data, 0, new Axis(matrix.Rows, matrix.RowStride), new Axis(matrix.Columns, matrix.ColumnStride));

    /// <summary>The transposed view of the same memory.</summary>
    public WindowView<TReal> Transposed => new(Data, Offset, Columns, Rows);

    /// <summary>Checks that all elements are within the memory.</summary>
    /// <exception cref="ArgumentException">An element is not.</exception>
    public void Check()
    {
        if (Rows.Length == 0 || Columns.Length == 0)
            return;
        var (low, high) = Extremes(Rows, Extremes(Columns, (Offset, Offset)));
        if (low < 0 || high >= Data.Length)
            throw new ArgumentException(
                $"a view of elements {low} to {high} does not fit into memory of {Data.Length} elements"
            );
    }

    // Offsets are monotonic within a group and from group to group: the extremes are at the ends of whole groups.
    private static (long Low, long High) Extremes(Axis axis, (long Low, long High) within)
    {
        var inGroup = (Math.Min(axis.Group, axis.Length) - 1) * (long)axis.Stride;
        var groups = (axis.Length - 1) / axis.Group * (long)axis.GroupStride;
        return (
            within.Low + Math.Min(0, inGroup) + Math.Min(0, groups),
            within.High + Math.Max(0, inGroup) + Math.Max(0, groups)
        );
    }
}
