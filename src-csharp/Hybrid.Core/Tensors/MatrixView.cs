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

    /// <summary>A view of an array with <paramref name="rows"/> x <paramref name="columns"/> elements.</summary>
    /// <exception cref="ArgumentException">The array is too short, or a size is negative.</exception>
    public MatrixView(TReal[] data, int rows, int columns)
        : this(data.AsMemory(), rows, columns) { }

    /// <summary>A copy of a rectangular array.</summary>
    public MatrixView(TReal[,] values)
        : this(values.AsSpan().ToArray(), values.GetLength(0), values.GetLength(1)) { }

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

    /// <summary>Whether all elements are adjacent in memory, row by row.</summary>
    public bool IsContiguous => (ColumnStride == 1 || Columns <= 1) && (RowStride == Columns || Rows <= 1);

    /// <summary>An element, to read or to write.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row or column.</exception>
    public ref TReal this[int row, int column]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)Columns, nameof(column));
            return ref Data.Span[row * RowStride + column * ColumnStride];
        }
    }

    /// <summary>The elements of a row.</summary>
    /// <exception cref="InvalidOperationException">They are not contiguous.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public Span<TReal> Row(int i)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)i, (uint)Rows, nameof(i));
        return ColumnStride == 1 || Columns <= 1
            ? Columns == 0
                ? []
                : Data.Span.Slice(i * RowStride, Columns)
            : throw new InvalidOperationException(
                $"the elements of a row have stride {ColumnStride}, must be contiguous: copy the view with ToArray"
            );
    }

    /// <summary>A view of <paramref name="count"/> rows from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no such rows.</exception>
    public MatrixView<TReal> SliceRows(int start, int count)
    {
        CheckSlice(start, count, Rows, "rows");
        return Slice(start * RowStride, count, Columns);
    }

    /// <summary>A view of <paramref name="count"/> columns from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no such columns.</exception>
    public MatrixView<TReal> SliceColumns(int start, int count)
    {
        CheckSlice(start, count, Columns, "columns");
        return Slice(start * ColumnStride, Rows, count);
    }

    /// <summary>A copy of the elements, row by row.</summary>
    public TReal[] ToArray()
    {
        var copy = new TReal[Rows * Columns];
        CopyTo(copy);
        return copy;
    }

    /// <summary>A copy of the elements as a rectangular array, [Rows, Columns].</summary>
    public TReal[,] ToArray2D()
    {
        var copy = new TReal[Rows, Columns];
        CopyTo(copy.AsSpan());
        return copy;
    }

    /// <summary>Rows, columns and the first elements.</summary>
    public override string ToString() => TensorText.Of([Rows, Columns], ToArray());

    private void CopyTo(Span<TReal> target)
    {
        for (var i = 0; i < Rows; i++)
        for (var j = 0; j < Columns; j++)
            target[i * Columns + j] = this[i, j];
    }

    // The memory ends with the last element, so that the data of contiguous rows are exactly their elements.
    private MatrixView<TReal> Slice(int offset, int rows, int columns) =>
        new(
            rows == 0 || columns == 0
                ? default
                : Data.Slice(offset, (rows - 1) * RowStride + (columns - 1) * ColumnStride + 1),
            rows,
            columns,
            RowStride,
            ColumnStride
        );

    private static void CheckSlice(int start, int count, int length, string what)
    {
        if (start < 0 || count < 0 || start > length - count)
            throw new ArgumentOutOfRangeException(
                nameof(start),
                $"{count} {what} from {start} on are not within the {length} {what} of the matrix"
            );
    }
}
