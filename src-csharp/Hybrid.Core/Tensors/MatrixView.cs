using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A strided view of a matrix in caller-owned memory: element (i, j) is at index
/// <c>i * RowStride + j * ColumnStride</c>. Transposing and slicing copy nothing.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly struct MatrixView<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A view of <paramref name="rows"/> x <paramref name="columns"/> elements.</summary>
    /// <param name="data">The memory, from element (0, 0) on.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="rowStride">Elements from one row to the next; default the number of columns.</param>
    /// <param name="columnStride">Elements from one column to the next.</param>
    /// <exception cref="ArgumentException">
    /// The last element is beyond the memory, or a size or stride is negative.
    /// </exception>
    public MatrixView(Memory<TReal> data, int rows, int columns, int? rowStride = null, int columnStride = 1)
    {
        (Data, Rows, Columns, RowStride, ColumnStride) = (data, rows, columns, rowStride ?? columns, columnStride);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(RowStride, nameof(rowStride));
        ArgumentOutOfRangeException.ThrowIfNegative(columnStride);
        if (rows > 0 && columns > 0 && (long)(rows - 1) * RowStride + (long)(columns - 1) * ColumnStride >= data.Length)
            throw new ArgumentException(
                $"a view of {rows} x {columns} with strides {RowStride} and {ColumnStride} needs more than the "
                    + $"{data.Length} elements given",
                nameof(data)
            );
    }

    /// <summary>The memory, from element (0, 0) on.</summary>
    public Memory<TReal> Data { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Number of columns.</summary>
    public int Columns { get; }

    /// <summary>Elements from one row to the next.</summary>
    public int RowStride { get; }

    /// <summary>Elements from one column to the next.</summary>
    public int ColumnStride { get; }

    /// <summary>The transposed view of the same memory.</summary>
    public MatrixView<TReal> Transposed => new(Data, Columns, Rows, ColumnStride, RowStride);

    /// <summary>The elements of a row.</summary>
    /// <exception cref="InvalidOperationException">They are not contiguous.</exception>
    internal Span<TReal> Row(int i) =>
        ColumnStride == 1
            ? Data.Span.Slice(i * RowStride, Columns)
            : throw new InvalidOperationException(
                $"the elements of a row have stride {ColumnStride}, must be contiguous"
            );

    /// <summary>A view of <paramref name="count"/> rows from <paramref name="start"/> on.</summary>
    public MatrixView<TReal> SliceRows(int start, int count) =>
        new(count == 0 ? default : Data[(start * RowStride)..], count, Columns, RowStride, ColumnStride);

    /// <summary>A view of <paramref name="count"/> columns from <paramref name="start"/> on.</summary>
    public MatrixView<TReal> SliceColumns(int start, int count) =>
        new(count == 0 || Rows == 0 ? default : Data[(start * ColumnStride)..], Rows, count, RowStride, ColumnStride);
}
