using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>
/// The innermost loop of GEMM: a tile of C of up to <c>TileRows</c> rows and two registers of columns, kept in
/// registers while k runs. Every element is one chain of fused multiply-adds over k in ascending order, for every tile
/// and register width. Results therefore have the same bits on 512- and 256-bit machines and for any partition of the
/// work.
/// </summary>
internal static unsafe class MicroKernel<TReal, TVector>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    where TVector : struct, ISimdVector<TVector, TReal>
{
    /// <summary>Columns of a tile, and of a panel of packed B.</summary>
    public static int Columns => 2 * TVector.Count;

    /// <summary>
    /// c[rows, Columns] = initial + a b; a null initial is zero, and one with row stride 0 is the same row for all.
    /// <paramref name="rows"/> is 2, 4, 6, 8 or 12, at most <c>TileRows</c>; 12 only for contiguous rows of a with
    /// constant stride in k. Rows of a from <paramref name="valid"/> on do not exist, and their results are undefined.
    /// </summary>
    public static void Run(
        int rows,
        int valid,
        int k,
        in Strip<TReal> a,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        switch (rows)
        {
            case 12:
                Run12(k, a.A, a.KStride, b, strideB, c, strideC, initial, strideInitial);
                break;
            case 8:
                Run8(valid, k, a, b, strideB, c, strideC, initial, strideInitial);
                break;
            case 6:
                Run6(valid, k, a, b, strideB, c, strideC, initial, strideInitial);
                break;
            case 4:
                Run4(valid, k, a, b, strideB, c, strideC, initial, strideInitial);
                break;
            default:
                Run2(valid, k, a, b, strideB, c, strideC, initial, strideInitial);
                break;
        }
    }

    /// <summary>Panels that <see cref="RunRow"/> processes at once.</summary>
    public const int RowPanels = 4;

    /// <summary>
    /// One row by <see cref="RowPanels"/> panels of packed B, <paramref name="panelStride"/> elements apart: a single
    /// row in a tile would wait for its own results, these eight registers of sums do not.
    /// </summary>
    public static void RunRow(int k, TReal* a, nint strideA, TReal* b, long panelStride, TReal* c, TReal* initial)
    {
        TReal* b0 = b,
            b1 = b0 + panelStride,
            b2 = b1 + panelStride,
            b3 = b2 + panelStride;
        RowOfPanel c0 = new(initial, 0),
            c1 = new(initial, Columns),
            c2 = new(initial, 2 * Columns),
            c3 = new(initial, 3 * Columns);
        for (; k > 0; k--, a += strideA, b0 += Columns, b1 += Columns, b2 += Columns, b3 += Columns)
        {
            var broadcast = TVector.Broadcast(*a);
            c0.Add(broadcast, b0);
            c1.Add(broadcast, b1);
            c2.Add(broadcast, b2);
            c3.Add(broadcast, b3);
        }
        c0.Store(c);
        c1.Store(c + Columns);
        c2.Store(c + 2 * Columns);
        c3.Store(c + 3 * Columns);
    }

    private static void Run12(
        int k,
        TReal* a,
        nint kStride,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        RowPair r0 = new(initial, strideInitial, 0),
            r1 = new(initial, strideInitial, 2),
            r2 = new(initial, strideInitial, 4),
            r3 = new(initial, strideInitial, 6),
            r4 = new(initial, strideInitial, 8),
            r5 = new(initial, strideInitial, 10);
        for (; k > 0; k--, a += kStride, b += strideB)
        {
            TVector b0 = TVector.Load(b),
                b1 = TVector.Load(b + TVector.Count);
            r0.Add(a, a + 1, b0, b1);
            r1.Add(a + 2, a + 3, b0, b1);
            r2.Add(a + 4, a + 5, b0, b1);
            r3.Add(a + 6, a + 7, b0, b1);
            r4.Add(a + 8, a + 9, b0, b1);
            r5.Add(a + 10, a + 11, b0, b1);
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
        r3.Store(c, strideC, 6);
        r4.Store(c, strideC, 8);
        r5.Store(c, strideC, 10);
    }

    private static void Run8(
        int valid,
        int k,
        in Strip<TReal> a,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        TReal* a0 = a.Row(0, valid),
            a1 = a.Row(1, valid),
            a2 = a.Row(2, valid),
            a3 = a.Row(3, valid),
            a4 = a.Row(4, valid),
            a5 = a.Row(5, valid),
            a6 = a.Row(6, valid),
            a7 = a.Row(7, valid);
        RowPair r0 = new(initial, strideInitial, 0),
            r1 = new(initial, strideInitial, 2),
            r2 = new(initial, strideInitial, 4),
            r3 = new(initial, strideInitial, 6);
        nint at = 0,
            kStride = a.KStride;
        for (; k > 0; k -= a.Run, at += a.Jump)
        {
            for (var left = Math.Min(k, a.Run); left > 0; left--, at += kStride, b += strideB)
            {
                TVector b0 = TVector.Load(b),
                    b1 = TVector.Load(b + TVector.Count);
                r0.Add(a0 + at, a1 + at, b0, b1);
                r1.Add(a2 + at, a3 + at, b0, b1);
                r2.Add(a4 + at, a5 + at, b0, b1);
                r3.Add(a6 + at, a7 + at, b0, b1);
            }
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
        r3.Store(c, strideC, 6);
    }

    private static void Run6(
        int valid,
        int k,
        in Strip<TReal> a,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        TReal* a0 = a.Row(0, valid),
            a1 = a.Row(1, valid),
            a2 = a.Row(2, valid),
            a3 = a.Row(3, valid),
            a4 = a.Row(4, valid),
            a5 = a.Row(5, valid);
        RowPair r0 = new(initial, strideInitial, 0),
            r1 = new(initial, strideInitial, 2),
            r2 = new(initial, strideInitial, 4);
        nint at = 0,
            kStride = a.KStride;
        for (; k > 0; k -= a.Run, at += a.Jump)
        {
            for (var left = Math.Min(k, a.Run); left > 0; left--, at += kStride, b += strideB)
            {
                TVector b0 = TVector.Load(b),
                    b1 = TVector.Load(b + TVector.Count);
                r0.Add(a0 + at, a1 + at, b0, b1);
                r1.Add(a2 + at, a3 + at, b0, b1);
                r2.Add(a4 + at, a5 + at, b0, b1);
            }
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
    }

    private static void Run4(
        int valid,
        int k,
        in Strip<TReal> a,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        TReal* a0 = a.Row(0, valid),
            a1 = a.Row(1, valid),
            a2 = a.Row(2, valid),
            a3 = a.Row(3, valid);
        RowPair r0 = new(initial, strideInitial, 0),
            r1 = new(initial, strideInitial, 2);
        nint at = 0,
            kStride = a.KStride;
        for (; k > 0; k -= a.Run, at += a.Jump)
        {
            for (var left = Math.Min(k, a.Run); left > 0; left--, at += kStride, b += strideB)
            {
                TVector b0 = TVector.Load(b),
                    b1 = TVector.Load(b + TVector.Count);
                r0.Add(a0 + at, a1 + at, b0, b1);
                r1.Add(a2 + at, a3 + at, b0, b1);
            }
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
    }

    private static void Run2(
        int valid,
        int k,
        in Strip<TReal> a,
        TReal* b,
        nint strideB,
        TReal* c,
        int strideC,
        TReal* initial,
        int strideInitial
    )
    {
        TReal* a0 = a.Row(0, valid),
            a1 = a.Row(1, valid);
        RowPair r0 = new(initial, strideInitial, 0);
        nint at = 0,
            kStride = a.KStride;
        for (; k > 0; k -= a.Run, at += a.Jump)
        {
            for (var left = Math.Min(k, a.Run); left > 0; left--, at += kStride, b += strideB)
            {
                TVector b0 = TVector.Load(b),
                    b1 = TVector.Load(b + TVector.Count);
                r0.Add(a0 + at, a1 + at, b0, b1);
            }
        }
        r0.Store(c, strideC, 0);
    }

    /// <summary>Two rows of the tile: four registers, few enough for the JIT to keep the struct in registers.</summary>
    private struct RowPair
    {
        private TVector c00,
            c01,
            c10,
            c11;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public RowPair(TReal* initial, int stride, int row)
        {
            var p = initial + (nint)row * stride;
            c00 = initial is not null ? TVector.Load(p) : default;
            c01 = initial is not null ? TVector.Load(p + TVector.Count) : default;
            c10 = initial is not null ? TVector.Load(p + stride) : default;
            c11 = initial is not null ? TVector.Load(p + stride + TVector.Count) : default;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(TReal* a0, TReal* a1, TVector b0, TVector b1)
        {
            var first = TVector.Broadcast(*a0);
            c00 = TVector.MultiplyAdd(first, b0, c00);
            c01 = TVector.MultiplyAdd(first, b1, c01);
            var second = TVector.Broadcast(*a1);
            c10 = TVector.MultiplyAdd(second, b0, c10);
            c11 = TVector.MultiplyAdd(second, b1, c11);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(TReal* c, int strideC, int row)
        {
            var p = c + (nint)row * strideC;
            TVector.Store(c00, p);
            TVector.Store(c01, p + TVector.Count);
            TVector.Store(c10, p + strideC);
            TVector.Store(c11, p + strideC + TVector.Count);
        }
    }

    /// <summary>The sums of one row and one panel.</summary>
    private struct RowOfPanel
    {
        private TVector c0,
            c1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public RowOfPanel(TReal* initial, int column)
        {
            c0 = initial is not null ? TVector.Load(initial + column) : default;
            c1 = initial is not null ? TVector.Load(initial + column + TVector.Count) : default;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(TVector a, TReal* b)
        {
            c0 = TVector.MultiplyAdd(a, TVector.Load(b), c0);
            c1 = TVector.MultiplyAdd(a, TVector.Load(b + TVector.Count), c1);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(TReal* c)
        {
            TVector.Store(c0, c);
            TVector.Store(c1, c + TVector.Count);
        }
    }
}

/// <summary>
/// Rows of A for one tile: element (row, k) is at <c>row * rowStride + k * kStride</c>; after every <paramref
/// name="run"/> k, another <paramref name="jump"/> elements are skipped.
/// </summary>
internal readonly unsafe struct Strip<TReal>(
    TReal* a,
    nint rowStride,
    nint kStride,
    int run = int.MaxValue,
    nint jump = 0
)
    where TReal : unmanaged
{
    public TReal* A => a;

    public nint KStride => kStride;

    public int Run => run;

    public nint Jump => jump;

    /// <summary>A row; from row <paramref name="valid"/> on, the last valid one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TReal* Row(int row, int valid) => a + Math.Min(row, valid - 1) * rowStride;
}
