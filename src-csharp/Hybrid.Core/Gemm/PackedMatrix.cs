using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// The right factor of a matrix product, [K, N], copied into the order in which GEMM reads it: panels of as many columns as
/// a tile has, each panel row by row, the last one filled up with zeros. Weights are packed once and serve every time step.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class PackedMatrix<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Memory<TReal> panels;

    /// <summary>Room for a matrix of <paramref name="k"/> rows and <paramref name="n"/> columns.</summary>
    public PackedMatrix(int k, int n)
    {
        (K, N) = (k, n);
        panels = AlignedMemory.Allocate<TReal>(checked(k * Gemm.PanelCount<TReal>(n) * Gemm.PanelWidth<TReal>()));
    }

    /// <summary>A packed copy of <paramref name="source"/>.</summary>
    public PackedMatrix(MatrixView<TReal> source)
        : this(source.Rows, source.Columns) => Pack(source);

    /// <summary>Rows: the length of the sums.</summary>
    public int K { get; }

    /// <summary>Columns of the product.</summary>
    public int N { get; }

    internal ReadOnlySpan<TReal> Panels => panels.Span;

    /// <summary>Copies a matrix of the same size into this one.</summary>
    public void Pack(MatrixView<TReal> source) => Pack((WindowView<TReal>)source);

    /// <inheritdoc cref="Pack(MatrixView{TReal})"/>
    internal unsafe void Pack(WindowView<TReal> source)
    {
        if (source.Rows.Length != K || source.Columns.Length != N)
            throw new ArgumentException(
                $"a {source.Rows.Length} x {source.Columns.Length} matrix does not fit a packed one of {K} x {N}",
                nameof(source)
            );
        source.Check();
        if (K == 0 || N == 0)
            return;
        var width = Gemm.PanelWidth<TReal>();
        fixed (
            TReal* from = source.Data.Span,
                to = panels.Span
        )
        {
            for (var column = 0; column < N; column += width)
                Packing.Panel(
                    from + source.Offset,
                    source.Columns,
                    column,
                    Math.Min(width, N - column),
                    width,
                    source.Rows,
                    0,
                    K,
                    to + (long)column * K
                );
        }
    }
}
