using System.Numerics;

namespace Hybrid.Core;

/// <summary>Some rows of W_hh, and which columns of what a frame leaves their product with h goes to.</summary>
/// <typeparam name="R">Float or double.</typeparam>
internal sealed class RecurrentPart<R>(Parameter<R> weight, int row, int rows, int column, bool adds)
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly PackedCopy<R> packedRows = new(), packedColumns = new();

    /// <summary>The first row of W_hh, and of W_ih for the same gates.</summary>
    public int Row => row;

    /// <summary>How many rows.</summary>
    public int Rows => rows;

    /// <summary>The first column that the product goes to.</summary>
    public int Column => column;

    /// <summary>Whether it is added to W_ih x there, so that both have one gradient, or stands alone.</summary>
    public bool Adds => adds;

    /// <summary>The right factor W of dgates W.</summary>
    public PackedMatrix<R> PackedRows => weight.Pack(packedRows, weight.Matrix.SliceRows(row, rows));

    /// <summary>The right factor transposed of h W^T.</summary>
    public PackedMatrix<R> PackedColumns => weight.Pack(packedColumns, weight.Matrix.SliceRows(row, rows).Transposed);

    /// <summary>The columns that the product goes to.</summary>
    public MatrixView<R> Of(MatrixView<R> gates) => gates.SliceColumns(column, rows);
}
