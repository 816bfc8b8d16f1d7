using System.Numerics;

namespace Hybrid.Core;

/// <summary>A block of rows of W_hh, and the columns of a frame's tape to which their product with h belongs.</summary>
/// <typeparam name="TReal">Float or double.</typeparam>
internal sealed class RecurrentWeightBlock<TReal>(Parameter<TReal> weight, int row, int rows, int column, bool adds)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly PackedCopy<TReal> packedRows = new(),
        packedColumns = new();

    /// <summary>The first row of W_hh, and of W_ih for the same gates.</summary>
    public int Row => row;

    /// <summary>The number of rows.</summary>
    public int Rows => rows;

    /// <summary>The first column of the product in the tape.</summary>
    public int Column => column;

    /// <summary>
    /// Whether the product is added to W_ih x, so that both have the same gradient, or stored separately.
    /// </summary>
    public bool Adds => adds;

    /// <summary>The right factor W of dgates W.</summary>
    public PackedMatrix<TReal> PackedRows => weight.Pack(packedRows, weight.Matrix.SliceRows(row, rows));

    /// <summary>The right factor W^T of h W^T.</summary>
    public PackedMatrix<TReal> PackedColumns =>
        weight.Pack(packedColumns, weight.Matrix.SliceRows(row, rows).Transposed);

    /// <summary>The columns of the product.</summary>
    public MatrixView<TReal> Of(MatrixView<TReal> gates) => gates.SliceColumns(column, rows);
}
