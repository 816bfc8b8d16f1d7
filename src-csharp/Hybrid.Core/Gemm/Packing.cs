using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hybrid.Core;

/// <summary>Copies strips of a matrix into the order in which the micro-kernel reads them.</summary>
internal static unsafe class Packing
{
    /// <summary>
    /// Packs whole panels whose lanes are contiguous in the source: a few k of all panels, then the next few, so that
    /// memory is read in order and written in runs. Panel p begins at p * width * depth.
    /// </summary>
    public static void Panels<TReal>(TReal* source, long kStride, int panels, int width, int depth, TReal* target)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        const int AtOnce = 8;
        for (var start = 0; start < depth; start += AtOnce)
        {
            var end = Math.Min(start + AtOnce, depth);
            for (var p = 0; p < panels; p++)
            {
                TReal* s = source + start * kStride + (long)p * width,
                    t = target + ((long)p * depth + start) * width;
                for (var k = start; k < end; k++, s += kStride, t += width)
                {
                    Prefetch(s + AtOnce * kStride);
                    CopyRow(s, t, width);
                }
            }
        }
    }

    /// <summary>
    /// target[k][i] = the element of <paramref name="source"/> at lane <paramref name="lane"/> + i and k
    /// <paramref name="start"/> + k, for the first <paramref name="lanes"/> lanes; zero for the rest up to
    /// <paramref name="width"/>. Lanes are rows of A or columns of B.
    /// </summary>
    public static void Panel<TReal>(
        TReal* source,
        Axis laneAxis,
        int lane,
        int lanes,
        int width,
        Axis kAxis,
        int start,
        int depth,
        TReal* target
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (lanes < width)
        {
            for (var k = 0; k < depth; k++)
                new Span<TReal>(target + k * width + lanes, width - lanes).Clear();
        }
        for (int done = 0, run; done < lanes; done += run)
        {
            run = Math.Min(lanes - done, laneAxis.Run(lane + done));
            var laneSource = source + laneAxis.At(lane + done);
            for (int k = 0, kRun; k < depth; k += kRun)
            {
                kRun = Math.Min(depth - k, kAxis.Run(start + k));
                Strip(
                    laneSource + kAxis.At(start + k),
                    laneAxis.Stride,
                    kAxis.Stride,
                    run,
                    width,
                    kRun,
                    target + (long)k * width + done
                );
            }
        }
    }

    /// <summary>target[k * width + lane] = source[lane * laneStride + k * kStride]</summary>
    private static void Strip<TReal>(
        TReal* source,
        long laneStride,
        long kStride,
        int lanes,
        int width,
        int depth,
        TReal* target
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (laneStride == 1)
        {
            for (var k = 0; k < depth; k++, source += kStride, target += width)
                CopyRow(source, target, lanes);
            return;
        }
        // Four lanes at a time: each cache line of the source is read once per strip, and the writes are close
        // together.
        var first = 0;
        for (; first + 4 <= lanes; first += 4)
        {
            TReal* s0 = source + first * laneStride,
                s1 = s0 + laneStride,
                s2 = s1 + laneStride,
                s3 = s2 + laneStride,
                t = target + first;
            var k = 0;
            if (typeof(TReal) == typeof(float) && kStride == 1 && Sse.IsSupported)
            {
                for (; k + 4 <= depth; k += 4, t += 4 * width)
                {
                    Prefetch(s0 + 4 * laneStride + k);
                    Prefetch(s1 + 4 * laneStride + k);
                    Prefetch(s2 + 4 * laneStride + k);
                    Prefetch(s3 + 4 * laneStride + k);
                    Transpose4x4((float*)s0 + k, (float*)s1 + k, (float*)s2 + k, (float*)s3 + k, (float*)t, width);
                }
            }
            for (; k < depth; k++, t += width)
            {
                t[0] = s0[k * kStride];
                t[1] = s1[k * kStride];
                t[2] = s2[k * kStride];
                t[3] = s3[k * kStride];
            }
        }
        for (var lane = first; lane < lanes; lane++)
        {
            TReal* s = source + lane * laneStride,
                t = target + lane;
            for (var k = 0; k < depth; k++, t += width)
                *t = s[k * kStride];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(void* source)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(source);
    }

    /// <summary>A copy without the call of a general copy routine: the usual widths, unrolled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRow<TReal>(TReal* source, TReal* target, int width)
        where TReal : unmanaged
    {
        byte* s = (byte*)source,
            t = (byte*)target;
        var bytes = width * sizeof(TReal);
        if (bytes == 128) // 32 floats or 16 doubles, a panel of B
        {
            Vector512.Load(s).Store(t);
            Vector512.Load(s + 64).Store(t + 64);
        }
        else if (bytes == 48) // 12 floats, a tile of A
        {
            Vector256.Load(s).Store(t);
            Vector128.Load(s + 32).Store(t + 32);
        }
        else
        {
            var i = 0;
            for (; i + Vector128<TReal>.Count <= width; i += Vector128<TReal>.Count)
                Vector128.Load(source + i).Store(target + i);
            for (; i < width; i++)
                target[i] = source[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4x4(float* s0, float* s1, float* s2, float* s3, float* t, int width)
    {
        Vector128<float> r0 = Vector128.Load(s0),
            r1 = Vector128.Load(s1),
            r2 = Vector128.Load(s2),
            r3 = Vector128.Load(s3);
        Vector128<float> low01 = Sse.UnpackLow(r0, r1),
            low23 = Sse.UnpackLow(r2, r3),
            high01 = Sse.UnpackHigh(r0, r1),
            high23 = Sse.UnpackHigh(r2, r3);
        Sse.MoveLowToHigh(low01, low23).Store(t);
        Sse.MoveHighToLow(low23, low01).Store(t + width);
        Sse.MoveLowToHigh(high01, high23).Store(t + 2 * width);
        Sse.MoveHighToLow(high23, high01).Store(t + 3 * width);
    }
}
