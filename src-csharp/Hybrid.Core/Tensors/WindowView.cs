using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Where the indices of one side of a matrix lie: evenly, or in groups of <paramref name="Group"/> indices that lie evenly, the
/// groups <paramref name="GroupStride"/> elements apart.
/// </summary>
internal readonly record struct Axis(int Length, int Stride, int Group = int.MaxValue, int GroupStride = 0)
{
    public bool IsEven => Group >= Length;

    public long At(int index) => index / Group * (long)GroupStride + index % Group * (long)Stride;

    /// <summary>How many indices from this one on lie evenly.</summary>
    public int Run(int index) => Math.Min(Length - index, Group - index % Group);
}

/// <summary>
/// A matrix in somebody else's memory whose rows and columns may each be two axes of a tensor: the windows of a convolution,
/// which overlap, or its weights in another order. Only GEMM reads it. Element (0, 0) lies at <paramref name="Offset"/>.
/// </summary>
internal readonly record struct WindowView<TReal>(Memory<TReal> Data, int Offset, Axis Rows, Axis Columns)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    public static implicit operator WindowView<TReal>(MatrixView<TReal> matrix) =>
        new(matrix.Data, 0, new Axis(matrix.Rows, matrix.RowStride), new Axis(matrix.Columns, matrix.ColumnStride));

    /// <summary>Rows and columns exchanged.</summary>
    public WindowView<TReal> Transposed => new(Data, Offset, Columns, Rows);

    /// <summary>Throws where an element lies outside of the memory.</summary>
    public void Check()
    {
        if (Rows.Length == 0 || Columns.Length == 0)
            return;
        var (low, high) = Extremes(Rows, Extremes(Columns, (Offset, Offset)));
        if (low < 0 || high >= Data.Length)
            throw new ArgumentException(
                $"a view of elements {low} to {high} does not fit into memory of {Data.Length}"
            );
    }

    // Along a group, and from group to group, positions only grow or only fall: the extremes are at the ends of whole groups.
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
