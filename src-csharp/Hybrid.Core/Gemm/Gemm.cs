using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// General matrix multiplication: C = A B or C += A B.
/// </summary>
/// <remarks>
/// <para>
/// After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (ACM TOMS 2008): a block of A that
/// fits the L2 cache and a panel of B that fits the L1 cache are packed, and a tile of C stays in registers. Every
/// element is one chain of fused multiply-adds over k in ascending order, so the bits depend neither on blocking nor on
/// threads nor on the register width. Without vector instructions, results agree within rounding. Explanation: Gemm.md.
/// </para>
/// <para>
/// NaN and infinity propagate as in the definition: a NaN in row i of A or in column j of B makes row i or column j of
/// C NaN, and nothing else. With K = 0 the product is zero. C must not overlap A or B; A and B may overlap each other.
/// </para>
/// </remarks>
public static partial class Gemm
{
    // Largest k block: a tile of A (12 rows of float) then takes 24 KB of the L1 cache, and most products have one
    // block.
    private const int KC = 512;

    // Rows of A packed at a time: 240 x 512 floats, half of the L2 cache. A multiple of 12, 6 and 4 (tile rows).
    private const int MC = 240;

    // Columns of B packed at a time, unless B is a PackedMatrix: 512 x 2048 floats, 4 MB of the L3 cache.
    private const int NC = 2048;

    // Columns of B that all tiles of a block of A use before the next columns: 512 x 128 floats, a quarter of the L2
    // cache.
    private const int PanelColumns = 128;

    // With a packed B, A is read unpacked if it has at most DirectRows rows (a recurrent step) or B at most
    // DirectColumns columns, and its runs of k with constant stride are at least DirectRun long: packing would cost
    // more than it saves. Blocks then have at most DirectK k, or DirectGroupsK in whole groups where k come in groups,
    // so that a panel of B stays in the L1 cache until the last row has used it.
    private const int DirectRows = 48,
        DirectColumns = 128,
        DirectRun = 16,
        DirectK = 256,
        DirectGroupsK = 200;

    // With an unpacked B, A is read in place if its rows have stride 1 and consecutive k are at most DirectStrideA
    // bytes apart; B is read in place if its rows are at most DirectStrideB bytes apart and A has at most DirectRowsB
    // rows.
    private const int DirectStrideA = 256,
        DirectStrideB = 2048,
        DirectRowsB = 512;

    // Rectangles of C per thread: fewer where every block of B has its own, unless they differ in cost, as with two
    // products that share some of their rows.
    private const int PartsPerThread = 4,
        PartsOfBlockPerThread = 2;

    /// <summary>C = A B, or C += A B, for any strides of A and B; rows of C are contiguous.</summary>
    /// <param name="a">[M, K]; may be a transposed view.</param>
    /// <param name="b">[K, N]; may be a transposed view.</param>
    /// <param name="c">[M, N]; must not overlap A or B.</param>
    /// <param name="accumulate">Whether the product is added to C instead of replacing it.</param>
    /// <param name="team">Threads that share the work; null for the calling thread only.</param>
    /// <exception cref="ArgumentException">The sizes do not match, or rows of C are not contiguous.</exception>
    public static void Multiply<TReal>(
        MatrixView<TReal> a,
        MatrixView<TReal> b,
        MatrixView<TReal> c,
        bool accumulate = false,
        ThreadTeam? team = null
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Multiply(a, (WindowView<TReal>)b, c, accumulate, team);

    /// <summary>C = A B, or C += A B, with B packed beforehand.</summary>
    /// <inheritdoc cref="Multiply{TReal}(MatrixView{TReal}, MatrixView{TReal}, MatrixView{TReal}, bool, ThreadTeam)"/>
    public static void Multiply<TReal>(
        MatrixView<TReal> a,
        PackedMatrix<TReal> b,
        MatrixView<TReal> c,
        bool accumulate = false,
        ThreadTeam? team = null
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Multiply(a, b, c, accumulate, team, reversePanels: false);

    /// <summary>
    /// The same; with <paramref name="reversePanels"/>, a single row on one thread uses the panels from the last to the
    /// first. Consecutive products with weights that just exceed a cache would miss it every time if all started at the
    /// same end; with alternating directions most accesses hit.
    /// </summary>
    internal static unsafe void Multiply<TReal>(
        MatrixView<TReal> a,
        PackedMatrix<TReal> b,
        MatrixView<TReal> c,
        bool accumulate,
        ThreadTeam? team,
        bool reversePanels
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSizes<TReal>(a, b.K, b.N, c);
        fixed (
            TReal* pa = a.Data.Span,
                pb = b.Panels,
                pc = c.Data.Span
        )
            Run(
                new Product<TReal>(a, pa, b, pb, c, pc, accumulate ? pc : null, c.RowStride, reversePanels),
                default,
                team
            );
    }

    /// <summary>
    /// C += A B and D += A E, each with some rows of A: first the rows that both use, then those of C only, then those
    /// of D only. A is packed once for both products.
    /// </summary>
    internal static unsafe void MultiplyWithSharedA<TReal>(
        MatrixView<TReal> a,
        MatrixView<TReal> b,
        MatrixView<TReal> c,
        MatrixView<TReal> e,
        MatrixView<TReal> d,
        ThreadTeam? team
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (c.Rows > a.Rows || d.Rows > a.Rows || c.Rows + d.Rows < a.Rows)
            throw new ArgumentException(
                $"products of {c.Rows} and {d.Rows} rows do not match the {a.Rows} rows of A",
                nameof(a)
            );
        CheckSizes<TReal>(a.SliceRows(0, c.Rows), b.Rows, b.Columns, c);
        CheckSizes<TReal>(a.SliceRows(0, d.Rows), e.Rows, e.Columns, d);
        fixed (
            TReal* pa = a.Data.Span,
                pb = b.Data.Span,
                pc = c.Data.Span,
                pe = e.Data.Span,
                pd = d.Data.Span
        )
            Run(
                new Product<TReal>(a, pa, (WindowView<TReal>)b, pb, c, pc, pc, c.RowStride),
                new Product<TReal>(a, pa, (WindowView<TReal>)e, pe, d, pd, pd, d.RowStride),
                team
            );
    }

    /// <summary>The same with A and B given as windows.</summary>
    internal static unsafe void Multiply<TReal>(
        WindowView<TReal> a,
        WindowView<TReal> b,
        MatrixView<TReal> c,
        bool accumulate,
        ThreadTeam? team
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSizes(a, b.Rows.Length, b.Columns.Length, c);
        b.Check();
        fixed (
            TReal* pa = a.Data.Span,
                pb = b.Data.Span,
                pc = c.Data.Span
        )
            Run(new Product<TReal>(a, pa, b, pb, c, pc, accumulate ? pc : null, c.RowStride), default, team);
    }

    /// <summary>C = A B + bias in every row, with A given as windows.</summary>
    /// <param name="a">[M, K].</param>
    /// <param name="b">[K, N].</param>
    /// <param name="bias">[N], or empty.</param>
    /// <param name="c">[M, N]; must not overlap A or B.</param>
    /// <param name="team">Threads that share the work; null for the calling thread only.</param>
    internal static unsafe void Multiply<TReal>(
        WindowView<TReal> a,
        PackedMatrix<TReal> b,
        ReadOnlySpan<TReal> bias,
        MatrixView<TReal> c,
        ThreadTeam? team
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSizes(a, b.K, b.N, c);
        if (bias.Length > 0 && bias.Length != b.N)
            throw new ArgumentException($"a bias of {bias.Length} elements does not fit {b.N} columns", nameof(bias));
        fixed (
            TReal* pa = a.Data.Span,
                pb = b.Panels,
                pc = c.Data.Span,
                pBias = bias
        )
            Run(new Product<TReal>(a, pa, b, pb, c, pc, pBias, 0), default, team);
    }

    /// <summary>Columns of a panel of packed B, depending on the machine's registers.</summary>
    internal static int PanelWidth<TReal>()
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Vector512.IsHardwareAccelerated ? MicroKernel<TReal, SimdVector512<TReal>>.Columns
        : Vector128.IsHardwareAccelerated ? MicroKernel<TReal, SimdVector256<TReal>>.Columns
        : MicroKernel<TReal, ScalarVector<TReal>>.Columns;

    private static void CheckSizes<TReal>(WindowView<TReal> a, int k, int n, MatrixView<TReal> c)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (a.Columns.Length != k || a.Rows.Length != c.Rows || n != c.Columns)
            throw new ArgumentException(
                $"a [{a.Rows.Length}, {a.Columns.Length}] times [{k}, {n}] product does not fit [{c.Rows}, {c.Columns}]"
            );
        if (c.ColumnStride != 1)
            throw new ArgumentException("rows of the product must be contiguous", nameof(c));
        a.Check();
    }

    /// <summary>One product, or two with the same A; the second has no columns if there is only one.</summary>
    private static void Run<TReal>(in Product<TReal> product, in Product<TReal> second, ThreadTeam? team)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (product.M == 0 || product.N + second.N == 0)
            return;
        if (product.Work + second.Work < 1 << 15)
            team = null;
        if (Vector512.IsHardwareAccelerated)
            Run<TReal, SimdVector512<TReal>>(product, second, team);
        else if (Vector128.IsHardwareAccelerated)
            Run<TReal, SimdVector256<TReal>>(product, second, team);
        else
            Run<TReal, ScalarVector<TReal>>(product, second, team);
    }

    private static unsafe void Run<TReal, TVector>(
        in Product<TReal> product,
        in Product<TReal> second,
        ThreadTeam? team
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        var threads = team?.Threads ?? 1;
        if (product.IsPacked && threads == 1)
        {
            // The case of recurrent layers at every step: the grid would cost 1 % of the time of a single row.
            Compute<TReal, TVector>(product, new Rectangle(0, product.M, 0, product.N));
            return;
        }
        if (product.IsPacked || product.K == 0)
        {
            var grid = new Grid(product.M, product.N, MicroKernel<TReal, TVector>.Columns, threads, PartsPerThread);
            Share(team, grid.Count, new PackedJob<TReal, TVector>(product, grid));
            return;
        }
        // Columns of B are packed, where needed, once for all threads; then each thread takes rows of A. Two products
        // alternate, with half of the columns each.
        var columnsAtOnce = second.N > 0 ? NC / 2 : NC;
        var depth = IntMath.CeilDiv(product.K, IntMath.CeilDiv(product.K, KC));
        for (var k = 0; k < product.K; k += depth)
        {
            depth = Math.Min(depth, product.K - k);
            for (var j = 0; j < Math.Max(product.N, second.N); j += columnsAtOnce)
            {
                var block = new Block<TReal>(product, k, depth, j, columnsAtOnce, Scratch<TReal>.B);
                var other = new Block<TReal>(
                    second,
                    k,
                    depth,
                    j,
                    columnsAtOnce,
                    block.Packed + (long)depth * columnsAtOnce
                );
                block.Pack<TVector>(team);
                other.Pack<TVector>(team);
                var grid = new Grid(
                    product.RowsA.Length,
                    Math.Max(block.Columns, other.Columns),
                    MicroKernel<TReal, TVector>.Columns,
                    threads,
                    second.N > 0 ? PartsPerThread : PartsOfBlockPerThread
                );
                Share(team, grid.Count, new BlockJob<TReal, TVector>(block, other, grid));
            }
        }
    }

    /// <summary>Runs a job on a team, or on the calling thread only.</summary>
    private static void Share<TJob>(ThreadTeam? team, int count, in TJob job)
        where TJob : struct, ITeamJob
    {
        if (team is not null)
        {
            team.For(count, job);
            return;
        }
        var copy = job;
        for (var i = 0; i < count; i++)
            copy.Run(i);
    }

    /// <summary>A product with a packed B: one rectangle of C per index.</summary>
    private readonly struct PackedJob<TReal, TVector>(in Product<TReal> product, in Grid grid) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        private readonly Product<TReal> product = product;
        private readonly Grid grid = grid;

        public void Run(int index) => Compute<TReal, TVector>(product, grid[index]);
    }

    /// <summary>Packed blocks of B of one product or two: one rectangle of their columns per index.</summary>
    private readonly struct BlockJob<TReal, TVector>(in Block<TReal> block, in Block<TReal> other, in Grid grid)
        : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        private readonly Block<TReal> block = block,
            other = other;
        private readonly Grid grid = grid;

        public void Run(int index) => Compute<TReal, TVector>(block, other, grid[index]);
    }

    /// <summary>Computes a rectangle of C on one thread, with a packed B.</summary>
    private static unsafe void Compute<TReal, TVector>(in Product<TReal> product, Rectangle at)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        var width = MicroKernel<TReal, TVector>.Columns;
        var (row, rows, column, columns) = at;
        if (product.K == 0)
        {
            for (var i = row; i < row + rows; i++)
            {
                var to = new Span<TReal>(product.C + (long)i * product.StrideC + column, columns);
                if (product.Initial is null)
                    to.Clear();
                else
                    new ReadOnlySpan<TReal>(product.InitialAt(i, column), columns).CopyTo(to);
            }
            return;
        }
        if (rows == 1 && product.ColumnsA.IsUniform)
        {
            // A recurrent layer on a single utterance: each element of A is used once, so packing it has no benefit.
            var together = MicroKernel<TReal, TVector>.RowPanels * width;
            var end = column + columns / together * together;
            for (var n = column; n < end; n += together)
            {
                var j = product.ReversePanels ? column + end - n - together : n;
                MicroKernel<TReal, TVector>.RunRow(
                    product.K,
                    product.A + product.RowsA.At(row),
                    product.ColumnsA.Stride,
                    product.B + (long)j * product.K,
                    (long)product.K * width,
                    product.C + (long)row * product.StrideC + j,
                    product.InitialAt(row, j)
                );
            }
            (column, columns) = (end, column + columns - end);
        }
        var direct =
            product.RowsA.IsUniform
            && product.ColumnsA.Group >= DirectRun
            && (rows <= DirectRows || product.N <= DirectColumns);
        var most = IntMath.CeilDiv(product.K, IntMath.CeilDiv(product.K, direct ? DirectK : KC));
        var group = direct ? product.ColumnsA.Group : int.MaxValue;
        if (group <= DirectGroupsK)
            most = DirectGroupsK / group * group;
        for (int i = row, blockRows; i < row + rows; i += blockRows)
        {
            blockRows = Math.Min(MC, row + rows - i);
            for (int k = 0, depth; k < product.K; k += depth)
            {
                depth = Math.Min(most, direct && group > DirectGroupsK ? product.ColumnsA.Run(k) : product.K - k);
                var tiles = direct
                    ? new Tiles<TReal>(product, i, k)
                    : PackRows<TReal, TVector>(product, i, blockRows, k, depth);
                var panels = new Panels<TReal>(
                    product.B + (long)column * product.K + (long)k * width,
                    (long)product.K * width,
                    width
                );
                MultiplyRows<TReal, TVector>(product, tiles, i, blockRows, column, columns, k, depth, panels);
            }
        }
    }

    /// <summary>Computes a rectangle for a block of B, and for a block of a second product with the same A.</summary>
    private static unsafe void Compute<TReal, TVector>(in Block<TReal> block, in Block<TReal> other, Rectangle at)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        // Rows of A: first those of both products, then those of the first only, then those of the second only.
        int first = block.Product.M,
            all = block.Product.RowsA.Length,
            both = other.Product.N > 0 ? first + other.Product.M - all : first;
        for (int i = at.Row, rows; i < at.Row + at.Rows; i += rows)
        {
            rows = Math.Min(
                Math.Min(MC, at.Row + at.Rows - i),
                (
                    i < both ? both
                    : i < first ? first
                    : all
                ) - i
            );
            if (block.ReadsAInPlace)
                rows = Math.Min(rows, block.Product.RowsA.Run(i));
            var tiles = block.ReadsAInPlace
                ? new Tiles<TReal>(block.Product, i, block.K)
                : PackRows<TReal, TVector>(block.Product, i, rows, block.K, block.Depth);
            if (i < first)
                MultiplyRows<TReal, TVector>(block, tiles, i, rows, at);
            if (i < both || i >= first)
                MultiplyRows<TReal, TVector>(other, tiles, i < both ? i : i - first + both, rows, at);
        }
    }

    /// <summary>Multiplies tiles of A by a block of B, for the columns of a rectangle.</summary>
    private static unsafe void MultiplyRows<TReal, TVector>(
        in Block<TReal> block,
        in Tiles<TReal> tiles,
        int row,
        int rows,
        Rectangle at
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        var columns = Math.Min(at.Columns, block.Columns - at.Column);
        if (columns > 0)
            MultiplyRows<TReal, TVector>(
                block.Product,
                tiles,
                row,
                rows,
                block.Column + at.Column,
                columns,
                block.K,
                block.Depth,
                block.Panels.From(at.Column / MicroKernel<TReal, TVector>.Columns)
            );
    }

    /// <summary>Multiplies tiles of A by consecutive panels, for one range of k.</summary>
    private static unsafe void MultiplyRows<TReal, TVector>(
        in Product<TReal> product,
        in Tiles<TReal> tiles,
        int row,
        int rows,
        int column,
        int columns,
        int k,
        int depth,
        in Panels<TReal> panels
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        var width = MicroKernel<TReal, TVector>.Columns;
        var columnsAtOnce = tiles.HasContiguousRows ? PanelColumns / width * width : width;
        for (var n = 0; n < columns; n += columnsAtOnce)
        {
            var c = product.C + (long)row * product.StrideC + column + n;
            var initial = k > 0 ? c : product.InitialAt(row, column + n);
            MultiplyBlock<TReal, TVector>(
                tiles,
                rows,
                Math.Min(columnsAtOnce, columns - n),
                depth,
                panels.From(n / width),
                c,
                product.StrideC,
                initial,
                k > 0 ? product.StrideC : product.StrideInitial
            );
        }
    }

    private static unsafe Tiles<TReal> PackRows<TReal, TVector>(
        in Product<TReal> product,
        int row,
        int rows,
        int k,
        int depth
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        Pack<TReal, TVector>(
            product.A,
            product.RowsA,
            row,
            rows,
            product.ColumnsA,
            k,
            depth,
            isA: true,
            Scratch<TReal>.A
        );
        return new Tiles<TReal>(Scratch<TReal>.A, depth);
    }

    /// <summary>
    /// Packs rows of A into tiles, or columns of B into panels: <paramref name="count"/> lanes from <paramref
    /// name="lane"/> on.
    /// </summary>
    private static unsafe void Pack<TReal, TVector>(
        TReal* source,
        Axis lanes,
        int lane,
        int count,
        Axis ks,
        int k,
        int depth,
        bool isA,
        TReal* target
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        for (int done = 0, whole; done < count; done += whole)
        {
            var width = isA ? TileRows<TVector, TReal>(count - done) : MicroKernel<TReal, TVector>.Columns;
            whole = 0;
            if (lanes.Stride == 1 && ks.Run(k) >= depth)
            {
                var run = Math.Min(count - done, lanes.Run(lane + done));
                while (whole + width <= run && (!isA || TileRows<TVector, TReal>(count - done - whole) == width))
                    whole += width;
            }
            if (whole > 0)
                Packing.Panels(
                    source + lanes.At(lane + done) + ks.At(k),
                    ks.Stride,
                    whole / width,
                    width,
                    depth,
                    target + (long)done * depth
                );
            else
                Packing.Panel(
                    source,
                    lanes,
                    lane + done,
                    Math.Min(whole = width, count - done),
                    width,
                    ks,
                    k,
                    depth,
                    target + (long)done * depth
                );
        }
    }

    /// <summary>
    /// Multiplies a block of rows of A by consecutive panels of B: tile by tile, each tile by all panels.
    /// </summary>
    private static unsafe void MultiplyBlock<TReal, TVector>(
        in Tiles<TReal> tiles,
        int rows,
        int columns,
        int depth,
        in Panels<TReal> panels,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        var width = MicroKernel<TReal, TVector>.Columns;
        var edge = stackalloc TReal[TVector.TileRows * width];
        for (var done = 0; done < rows; )
        {
            var left = rows - done;
            // Packed rows are padded to whole tiles.
            var tile =
                tiles.IsPacked || tiles.HasContiguousRows && left is > 16 or 12
                    ? TileRows<TVector, TReal>(left)
                    : DirectTileRows<TVector, TReal>(left);
            int valid = Math.Min(tile, left),
                rowsOfA = tiles.IsPacked ? tile : valid;
            var a = tiles.Tile(done, tile);
            TReal* tileC = c + (long)done * strideC,
                tileInitial = initial is null ? null : initial + (long)done * strideInitial,
                panel = panels.First;
            for (
                var columnsLeft = columns;
                columnsLeft > 0;
                columnsLeft -= width,
                    tileC += width,
                    panel += panels.Stride,
                    tileInitial += tileInitial is null ? 0 : width
            )
            {
                if (valid == tile && columnsLeft >= width)
                {
                    // Rows of C are far apart: only this loads their next columns in time. Columns beyond the block
                    // belong to another thread.
                    for (var i = 0; columnsLeft > width && i < tile; i++)
                        TVector.Prefetch(tileC + (long)i * strideC + width);
                    MicroKernel<TReal, TVector>.Run(
                        tile,
                        rowsOfA,
                        depth,
                        a,
                        panel,
                        panels.RowStride,
                        tileC,
                        strideC,
                        tileInitial,
                        strideInitial
                    );
                }
                else
                {
                    // A tile that extends beyond C is computed in a buffer.
                    var inside = Math.Min(width, columnsLeft);
                    if (tileInitial is not null)
                        Copy(tileInitial, strideInitial, edge, width, valid, inside);
                    MicroKernel<TReal, TVector>.Run(
                        tile,
                        rowsOfA,
                        depth,
                        a,
                        panel,
                        panels.RowStride,
                        edge,
                        width,
                        tileInitial is null ? null : edge,
                        width
                    );
                    Copy(edge, width, tileC, strideC, valid, inside);
                }
            }
            done += tile;
        }
    }

    private static unsafe void Copy<TReal>(TReal* from, int strideFrom, TReal* to, int strideTo, int rows, int columns)
        where TReal : unmanaged
    {
        for (var i = 0; i < rows; i++)
            new ReadOnlySpan<TReal>(from + (long)i * strideFrom, columns).CopyTo(
                new Span<TReal>(to + (long)i * strideTo, columns)
            );
    }

    /// <summary>
    /// Rows of the next tile if <paramref name="left"/> remain: the largest, but two medium tiles rather than a large
    /// and a small one, because a small tile waits for its own results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int TileRows<TVector, TReal>(int left)
        where TVector : struct, ISimdVector<TVector, TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        TVector.TileRows switch
        {
            12 => left switch
            {
                > 16 or 12 or 11 => 12,
                > 6 => 8,
                > 4 => 6,
                > 2 => 4,
                _ => 2,
            },
            6 => left switch
            {
                > 8 or 6 or 5 => 6,
                > 2 => 4,
                _ => 2,
            },
            _ => left > 2 ? 4 : 2,
        };

    /// <summary>
    /// The same for unpacked tiles: more than eight rows would need more pointers than there are registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int DirectTileRows<TVector, TReal>(int left)
        where TVector : struct, ISimdVector<TVector, TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Math.Min(
            TVector.TileRows switch
            {
                12 => 8,
                var rows => rows,
            },
            left switch
            {
                > 6 => 8,
                > 4 => 6,
                > 2 => 4,
                _ => 2,
            }
        );
}
