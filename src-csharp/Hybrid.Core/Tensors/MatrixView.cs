using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A matrix seen in somebody else's memory: element (i, j) lies at <c>i * RowStride + j * ColumnStride</c>.
/// Transposing, shifting and cutting cost nothing.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly struct MatrixView<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A view of <paramref name="rows"/> x <paramref name="columns"/> elements.</summary>
    /// <param name="data">The memory, beginning with element (0, 0).</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="columns">How many columns.</param>
    /// <param name="rowStride">Elements from one row to the next; the number of columns where left out.</param>
    /// <param name="columnStride">Elements from one column to the next.</param>
    /// <exception cref="ArgumentException">The last element lies beyond the memory, or a stride is negative.</exception>
    public MatrixView(Memory<TReal> data, int rows, int columns, int? rowStride = null, int columnStride = 1)
    {
        (Data, Rows, Columns, RowStride, ColumnStride) = (data, rows, columns, rowStride ?? columns, columnStride);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(RowStride, nameof(rowStride));
        ArgumentOutOfRangeException.ThrowIfNegative(columnStride);
        if (rows > 0 && columns > 0 && (long)(rows - 1) * RowStride + (long)(columns - 1) * ColumnStride >= data.Length)
            throw new ArgumentException(
                $"a view of {rows} x {columns} with strides {RowStride} and {ColumnStride} needs more than the {data.Length} elements given",
                nameof(data)
            );
    }

    /// <summary>The memory, beginning with element (0, 0).</summary>
    public Memory<TReal> Data { get; }

    /// <summary>How many rows.</summary>
    public int Rows { get; }

    /// <summary>How many columns.</summary>
    public int Columns { get; }

    /// <summary>Elements from one row to the next.</summary>
    public int RowStride { get; }

    /// <summary>Elements from one column to the next.</summary>
    public int ColumnStride { get; }

    /// <summary>The same memory read with rows and columns exchanged.</summary>
    public MatrixView<TReal> Transposed => new(Data, Columns, Rows, ColumnStride, RowStride);

    /// <summary>The elements of a row.</summary>
    /// <exception cref="InvalidOperationException">They do not lie side by side.</exception>
    internal Span<TReal> Row(int i) =>
        ColumnStride == 1
            ? Data.Span.Slice(i * RowStride, Columns)
            : throw new InvalidOperationException(
                $"the elements of a row lie {ColumnStride} apart, must lie side by side"
            );

    /// <summary>Some of the rows.</summary>
    public MatrixView<TReal> SliceRows(int start, int count) =>
        new(count == 0 ? default : Data[(start * RowStride)..], count, Columns, RowStride, ColumnStride);

    /// <summary>Some of the columns.</summary>
    public MatrixView<TReal> SliceColumns(int start, int count) =>
        new(count == 0 || Rows == 0 ? default : Data[(start * ColumnStride)..], Rows, count, RowStride, ColumnStride);
}
