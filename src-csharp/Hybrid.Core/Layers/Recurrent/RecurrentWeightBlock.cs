using System.Numerics;

namespace Hybrid.Core;

/// <summary>Some rows of W_hh, and which columns of what a frame leaves their product with h goes to.</summary>
/// <typeparam name="TReal">Float or double.</typeparam>
internal sealed class RecurrentWeightBlock<TReal>(Parameter<TReal> weight, int row, int rows, int column, bool adds)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly PackedCopy<TReal> packedRows = new(),
        packedColumns = new();

    /// <summary>The first row of W_hh, and of W_ih for the same gates.</summary>
    public int Row => row;

    /// <summary>How many rows.</summary>
    public int Rows => rows;

    /// <summary>The first column that the product goes to.</summary>
    public int Column => column;

    /// <summary>Whether it is added to W_ih x there, so that both have one gradient, or stands alone.</summary>
    public bool Adds => adds;

    /// <summary>The right factor W of dgates W.</summary>
    public PackedMatrix<TReal> PackedRows => weight.Pack(packedRows, weight.Matrix.SliceRows(row, rows));

    /// <summary>The right factor transposed of h W^T.</summary>
    public PackedMatrix<TReal> PackedColumns =>
        weight.Pack(packedColumns, weight.Matrix.SliceRows(row, rows).Transposed);

    /// <summary>The columns that the product goes to.</summary>
    public MatrixView<TReal> Of(MatrixView<TReal> gates) => gates.SliceColumns(column, rows);
}
