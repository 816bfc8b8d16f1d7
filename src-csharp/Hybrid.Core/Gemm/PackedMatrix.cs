using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// The right factor of a matrix product, [K, N], in the order in which GEMM reads it: panels as wide as a tile, each
/// row by row, the last one padded with zeros. Weights are packed once and used at every time step.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class PackedMatrix<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Memory<TReal> panels;

    /// <summary>
    /// A packed matrix of <paramref name="k"/> rows and <paramref name="n"/> columns; contents undefined.
    /// </summary>
    /// <exception cref="ArgumentException">A size is negative, or the panels exceed the length of an array.</exception>
    public PackedMatrix(int k, int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        (K, N) = (k, n);
        var size = k * IntMath.RoundUp((long)n, Gemm.PanelWidth<TReal>());
        if (size > AlignedMemory.MostElements<TReal>())
            throw new ArgumentException($"a packed matrix of {k} x {n} has {size} elements, too many for an array");
        panels = AlignedMemory.Allocate<TReal>((int)size);
    }

    /// <summary>A packed copy of <paramref name="source"/>.</summary>
    /// <exception cref="ArgumentException">The panels exceed the length of an array.</exception>
    public PackedMatrix(MatrixView<TReal> source)
        : this(source.Rows, source.Columns) => Pack(source);

    /// <summary>Rows: the number of terms of each sum.</summary>
    public int K { get; }

    /// <summary>Columns: the columns of the product.</summary>
    public int N { get; }

    internal ReadOnlySpan<TReal> Panels => panels.Span;

    /// <summary>
    /// Packs a matrix of the same size into this one; NaN and infinity are copied like other numbers.
    /// </summary>
    /// <exception cref="ArgumentException">The matrix has another size.</exception>
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
