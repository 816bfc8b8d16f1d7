using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>
/// The innermost part of GEMM: a tile of C of up to <c>TileRows</c> rows and two registers of columns, kept in registers
/// while k runs. Every element is one chain of fused multiply-adds over k in ascending order, whatever the tile or the
/// register width, which is why results have the same bits on 512- and 256-bit machines and for any split of the work.
/// </summary>
internal static unsafe class MicroKernel<R, TLanes>
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
    where TLanes : struct, ILanes<TLanes, R>
{
    /// <summary>Columns of a tile, and of a panel of packed B.</summary>
    public static int Columns => 2 * TLanes.Count;

    /// <summary>
    /// c[rows, Columns] += a b (or = a b), with a packed as [k][rows] and b as [k][Columns].
    /// <paramref name="rows"/> is 2, 4, 6, 8 or 12, at most <c>TileRows</c>.
    /// </summary>
    public static void Run(int rows, int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        switch (rows)
        {
            case 12: Run12(k, a, b, c, strideC, accumulate); break;
            case 8: Run8(k, a, b, c, strideC, accumulate); break;
            case 6: Run6(k, a, b, c, strideC, accumulate); break;
            case 4: Run4(k, a, b, c, strideC, accumulate); break;
            default: Run2(k, a, b, c, strideC, accumulate); break;
        }
    }

    private static void Run12(int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        RowPair r0 = new(c, strideC, 0, accumulate), r1 = new(c, strideC, 2, accumulate), r2 = new(c, strideC, 4, accumulate),
            r3 = new(c, strideC, 6, accumulate), r4 = new(c, strideC, 8, accumulate), r5 = new(c, strideC, 10, accumulate);
        for (; k > 0; k--, a += 12, b += Columns)
        {
            TLanes b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
            r0.Add(a, b0, b1);
            r1.Add(a + 2, b0, b1);
            r2.Add(a + 4, b0, b1);
            r3.Add(a + 6, b0, b1);
            r4.Add(a + 8, b0, b1);
            r5.Add(a + 10, b0, b1);
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
        r3.Store(c, strideC, 6);
        r4.Store(c, strideC, 8);
        r5.Store(c, strideC, 10);
    }

    private static void Run8(int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        RowPair r0 = new(c, strideC, 0, accumulate), r1 = new(c, strideC, 2, accumulate), r2 = new(c, strideC, 4, accumulate),
            r3 = new(c, strideC, 6, accumulate);
        for (; k > 0; k--, a += 8, b += Columns)
        {
            TLanes b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
            r0.Add(a, b0, b1);
            r1.Add(a + 2, b0, b1);
            r2.Add(a + 4, b0, b1);
            r3.Add(a + 6, b0, b1);
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
        r3.Store(c, strideC, 6);
    }

    private static void Run6(int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        RowPair r0 = new(c, strideC, 0, accumulate), r1 = new(c, strideC, 2, accumulate), r2 = new(c, strideC, 4, accumulate);
        for (; k > 0; k--, a += 6, b += Columns)
        {
            TLanes b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
            r0.Add(a, b0, b1);
            r1.Add(a + 2, b0, b1);
            r2.Add(a + 4, b0, b1);
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
        r2.Store(c, strideC, 4);
    }

    private static void Run4(int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        RowPair r0 = new(c, strideC, 0, accumulate), r1 = new(c, strideC, 2, accumulate);
        for (; k > 0; k--, a += 4, b += Columns)
        {
            TLanes b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
            r0.Add(a, b0, b1);
            r1.Add(a + 2, b0, b1);
        }
        r0.Store(c, strideC, 0);
        r1.Store(c, strideC, 2);
    }

    private static void Run2(int k, R* a, R* b, R* c, int strideC, bool accumulate)
    {
        RowPair r0 = new(c, strideC, 0, accumulate);
        for (; k > 0; k--, a += 2, b += Columns) r0.Add(a, TLanes.Load(b), TLanes.Load(b + TLanes.Count));
        r0.Store(c, strideC, 0);
    }

    /// <summary>Two rows of the tile: four registers, few enough for the compiler to keep them out of memory.</summary>
    private struct RowPair
    {
        private TLanes c00, c01, c10, c11;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public RowPair(R* c, int strideC, int row, bool accumulate)
        {
            var p = c + (nint)row * strideC;
            c00 = accumulate ? TLanes.Load(p) : default;
            c01 = accumulate ? TLanes.Load(p + TLanes.Count) : default;
            c10 = accumulate ? TLanes.Load(p + strideC) : default;
            c11 = accumulate ? TLanes.Load(p + strideC + TLanes.Count) : default;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(R* a, TLanes b0, TLanes b1)
        {
            var a0 = TLanes.Broadcast(a[0]);
            c00 = TLanes.MultiplyAdd(a0, b0, c00);
            c01 = TLanes.MultiplyAdd(a0, b1, c01);
            var a1 = TLanes.Broadcast(a[1]);
            c10 = TLanes.MultiplyAdd(a1, b0, c10);
            c11 = TLanes.MultiplyAdd(a1, b1, c11);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(R* c, int strideC, int row)
        {
            var p = c + (nint)row * strideC;
            TLanes.Store(c00, p);
            TLanes.Store(c01, p + TLanes.Count);
            TLanes.Store(c10, p + strideC);
            TLanes.Store(c11, p + strideC + TLanes.Count);
        }
    }
}
