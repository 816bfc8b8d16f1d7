using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>Copies strips of a matrix into the order in which the micro-kernel reads them.</summary>
internal static unsafe class Packing
{
    /// <summary>
    /// target[k][lane] = source[lane * laneStride + k * kStride] for the first <paramref name="lanes"/> lanes, zero for the
    /// rest up to <paramref name="width"/>. Lanes are rows of A or columns of B.
    /// </summary>
    public static void Panel<R>(R* source, long laneStride, long kStride, int lanes, int width, int depth, R* target)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        if (laneStride == 1)
        {
            for (var k = 0; k < depth; k++, source += kStride, target += width)
            {
                Unsafe.CopyBlockUnaligned(target, source, (uint)(lanes * sizeof(R)));
                for (var lane = lanes; lane < width; lane++) target[lane] = R.Zero;
            }
            return;
        }
        // Four lanes at a time: each cache line of the source is read once per strip, and the writes stay close together.
        var first = 0;
        for (; first + 4 <= lanes; first += 4)
        {
            R* s0 = source + first * laneStride, s1 = s0 + laneStride, s2 = s1 + laneStride, s3 = s2 + laneStride, t = target + first;
            for (var k = 0; k < depth; k++, t += width)
            {
                t[0] = s0[k * kStride];
                t[1] = s1[k * kStride];
                t[2] = s2[k * kStride];
                t[3] = s3[k * kStride];
            }
        }
        for (var lane = first; lane < width; lane++)
        {
            R* s = source + lane * laneStride, t = target + lane;
            for (var k = 0; k < depth; k++, t += width) *t = lane < lanes ? s[k * kStride] : R.Zero;
        }
    }
}
