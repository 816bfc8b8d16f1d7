using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hybrid.Core;

// The data of GEMM's loops: products, blocks and tiles of their factors, and the parts of C that threads compute.
public static partial class Gemm
{
    /// <summary>A block of A as tiles: packed one after the other, or in the matrix.</summary>
    private readonly unsafe struct Tiles<TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        private readonly TReal* a;
        private readonly nint rowStride,
            kStride,
            jump;
        private readonly int run = int.MaxValue;

        public Tiles(TReal* packed, int depth)
        {
            a = packed;
            (rowStride, IsPacked) = (depth, true);
        }

        /// <summary>
        /// Unpacked tiles from a row and a k on; rows have constant stride, and so have k, at least in groups.
        /// </summary>
        public Tiles(in Product<TReal> product, int row, int k)
        {
            a = product.A + product.RowsA.At(row) + product.ColumnsA.At(k);
            (rowStride, kStride) = (product.RowsA.Stride, product.ColumnsA.Stride);
            if (!product.ColumnsA.IsUniform)
                (run, jump) = (
                    product.ColumnsA.Group,
                    product.ColumnsA.GroupStride - product.ColumnsA.Group * (nint)product.ColumnsA.Stride
                );
        }

        public bool IsPacked { get; }

        /// <summary>
        /// Whether the rows of a tile are contiguous at each k, so that one pointer serves all of them.
        /// </summary>
        public bool HasContiguousRows => IsPacked || rowStride == 1 && run == int.MaxValue;

        /// <summary>The tile of <paramref name="rows"/> rows from <paramref name="row"/> on.</summary>
        public Strip<TReal> Tile(int row, int rows) =>
            IsPacked ? new(a + row * rowStride, 1, rows) : new(a + row * rowStride, rowStride, kStride, run, jump);
    }

    /// <summary>A product as the inner loops see it.</summary>
    private readonly unsafe struct Product<TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        /// <summary>
        /// The factors, the product, and its initial value: null for zero, C itself, or one row for all rows.
        /// </summary>
        public readonly TReal* A,
            B,
            C,
            Initial;
        public readonly Axis RowsA,
            ColumnsA,
            RowsB,
            ColumnsB;
        public readonly int M,
            N,
            K,
            StrideC,
            StrideInitial;
        public readonly bool IsPacked,
            ReversePanels;

        public Product(
            WindowView<TReal> a,
            TReal* pa,
            WindowView<TReal> b,
            TReal* pb,
            MatrixView<TReal> c,
            TReal* pc,
            TReal* initial,
            int strideInitial
        )
        {
            A = pa + a.Offset;
            B = pb + b.Offset;
            C = pc;
            Initial = initial;
            (RowsA, ColumnsA, RowsB, ColumnsB) = (a.Rows, a.Columns, b.Rows, b.Columns);
            (M, N, K) = (c.Rows, c.Columns, a.Columns.Length);
            (StrideC, StrideInitial) = (c.RowStride, strideInitial);
        }

        public Product(
            WindowView<TReal> a,
            TReal* pa,
            PackedMatrix<TReal> b,
            TReal* pb,
            MatrixView<TReal> c,
            TReal* pc,
            TReal* initial,
            int strideInitial,
            bool reversePanels = false
        )
            : this(a, pa, default(WindowView<TReal>), pb, c, pc, initial, strideInitial) =>
            (IsPacked, ReversePanels) = (true, reversePanels);

        public long Work => (long)M * N * K;

        public TReal* InitialAt(int row, int column) =>
            Initial is null ? null : Initial + (long)row * StrideInitial + column;
    }

    /// <summary>
    /// Panels of B, <see cref="Stride"/> elements from one to the next, and <see cref="RowStride"/> from row to row.
    /// </summary>
    private readonly unsafe struct Panels<TReal>(TReal* first, long stride, nint rowStride)
        where TReal : unmanaged
    {
        public TReal* First => first;

        public long Stride => stride;

        public nint RowStride => rowStride;

        /// <summary>The panels from this one on.</summary>
        public Panels<TReal> From(int panel) => new(first + panel * stride, stride, rowStride);
    }

    /// <summary>A range of k and of columns of a product's B: packed, or read in place.</summary>
    private readonly unsafe struct Block<TReal>
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        public readonly Product<TReal> Product;
        public readonly int K,
            Depth,
            Column,
            Columns;
        public readonly TReal* Packed;
        public readonly Panels<TReal> Panels;

        public Block(in Product<TReal> product, int k, int depth, int column, int mostColumns, TReal* packed)
        {
            (Product, K, Depth, Column) = (product, k, depth, column);
            Packed = packed;
            Columns = Math.Clamp(product.N - column, 0, mostColumns);
            var width = PanelWidth<TReal>();
            Panels = ReadsBInPlace
                ? new Panels<TReal>(product.B + product.RowsB.At(k) + column, width, product.RowsB.Stride)
                : new Panels<TReal>(packed, (long)depth * width, width);
        }

        /// <summary>Whether the rows of a tile of A are contiguous and consecutive k are close.</summary>
        public bool ReadsAInPlace =>
            Product.RowsA.Stride == 1
            && Product.ColumnsA.Stride * sizeof(TReal) <= DirectStrideA
            && Product.ColumnsA.Run(K) >= Depth;

        private bool ReadsBInPlace =>
            Columns > 0
            && Columns % PanelWidth<TReal>() == 0
            && Product.RowsA.Length <= DirectRowsB
            && Product.ColumnsB.Stride == 1
            && Product.ColumnsB.IsUniform
            && Product.RowsB.Stride * sizeof(TReal) <= DirectStrideB
            && Product.RowsB.Run(K) >= Depth;

        /// <summary>Packs the block, unless it is read in place; each thread packs strips of its columns.</summary>
        public void Pack<TVector>(ThreadTeam? team)
            where TVector : struct, ISimdVector<TVector, TReal>
        {
            if (Columns == 0 || ReadsBInPlace)
                return;
            var strip = team is null
                ? Columns
                : IntMath.RoundUp(IntMath.CeilDiv(Columns, 2 * team.Threads), MicroKernel<TReal, TVector>.Columns);
            Share(team, IntMath.CeilDiv(Columns, strip), new PackJob<TReal, TVector>(this, strip));
        }

        public void Pack<TVector>(int first, int count)
            where TVector : struct, ISimdVector<TVector, TReal> =>
            Gemm.Pack<TReal, TVector>(
                Product.B,
                Product.ColumnsB,
                Column + first,
                Math.Min(count, Columns - first),
                Product.RowsB,
                K,
                Depth,
                isA: false,
                Packed + (long)first * Depth
            );
    }

    /// <summary>Packs a block of B: one strip of <paramref name="strip"/> columns per index.</summary>
    private readonly struct PackJob<TReal, TVector>(in Block<TReal> block, int strip) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TVector : struct, ISimdVector<TVector, TReal>
    {
        private readonly Block<TReal> block = block;

        public void Run(int index) => block.Pack<TVector>(index * strip, strip);
    }

    /// <summary>A part of C, or of the columns of C that belong to a block of B.</summary>
    private readonly record struct Rectangle(int Row, int Rows, int Column, int Columns);

    /// <summary>
    /// C in rectangles, several per thread, so that an interrupted thread delays the others little. They are flat as
    /// long as there are enough rows, because each rectangle packs its rows of A. They begin at whole tiles and differ
    /// by at most one tile. Rectangles below each other use the same B and are consecutive. With more columns than
    /// rows, each thread gets its own columns if there are enough of them that packing A again costs next to nothing:
    /// it then has the B that it packed in its cache.
    /// </summary>
    private readonly struct Grid
    {
        private const int MinRows = 24,
            TileRows = 12,
            MinColumnsPerThread = 1024;

        private readonly int rows,
            columns,
            panelWidth,
            down = 1,
            across = 1;

        public Grid(int rows, int columns, int panelWidth, int threads, int partsPerThread)
        {
            (this.rows, this.columns, this.panelWidth) = (rows, columns, panelWidth);
            if (threads == 1)
                return;
            var parts = partsPerThread * threads;
            var columnParts = rows < columns ? Math.Clamp(columns / MinColumnsPerThread, 1, threads) : 1;
            down = Math.Clamp(rows / MinRows, 1, parts / columnParts);
            across = Math.Min(IntMath.CeilDiv(parts, down), IntMath.CeilDiv(columns, panelWidth));
        }

        public int Count => down * across;

        public Rectangle this[int index]
        {
            get
            {
                int i = index % down,
                    j = index / down;
                int row = Begin(i, down, rows, TileRows),
                    column = Begin(j, across, columns, panelWidth);
                return new Rectangle(
                    row,
                    Begin(i + 1, down, rows, TileRows) - row,
                    column,
                    Begin(j + 1, across, columns, panelWidth) - column
                );
            }
        }

        // Rounded, so that the consecutive rectangles of one thread are as even in total as each by itself.
        private static int Begin(int part, int parts, int total, int unit) =>
            Math.Min((int)((2L * IntMath.CeilDiv(total, unit) * part + parts) / (2 * parts)) * unit, total);
    }

    /// <summary>Packing buffers of a thread.</summary>
    private static unsafe class Scratch<TReal>
        where TReal : unmanaged
    {
        [ThreadStatic]
        private static Memory<TReal> a,
            b;

        public static TReal* A => Pointer(ref a, (MC + 12) * KC);

        public static TReal* B => Pointer(ref b, NC * KC);

        private static TReal* Pointer(ref Memory<TReal> memory, int length)
        {
            if (memory.IsEmpty)
                memory = AlignedMemory.Allocate<TReal>(length);
            return (TReal*)Unsafe.AsPointer(ref memory.Span[0]);
        }
    }
}
