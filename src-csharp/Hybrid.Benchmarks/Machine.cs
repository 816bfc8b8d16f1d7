using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Hybrid.Core;

namespace Hybrid.Benchmarks;

/// <summary>The peak performance of a machine with a number of threads, the reference of the benchmarks.</summary>
/// <param name="Threads">The number of threads.</param>
/// <param name="VectorBits">The width of the widest vector registers in use.</param>
/// <param name="PeakGflops">
/// Fused multiply-adds of floats in registers, two operations each, in 10^9 per second.
/// </param>
/// <param name="BandwidthGigabytes">
/// Read bandwidth of an array much larger than all caches, in 10^9 bytes per second.
/// </param>
public sealed record Machine(int Threads, int VectorBits, double PeakGflops, double BandwidthGigabytes)
{
    /// <summary>Below this share of its peak, the machine is disturbed by other users.</summary>
    internal const double WholeSpeed = 0.9;

    private const int Chains = 24,
        Repeats = 1 << 20,
        ArrayLength = 1 << 25,
        Rounds = 10,
        MostRounds = 50;

    /// <summary>
    /// Measures the machine in about a second, or longer while other users slow several threads down.
    /// </summary>
    public static Machine Measure(ThreadTeam team)
    {
        var (array, sums) = (new float[ArrayLength], new float[team.Threads]);
        Array.Fill(array, 1);
        double peak = 0,
            bandwidth = 0,
            one = 0;
        var alone = new ThreadTeam(1);
        for (var round = 0; round < Rounds || round < MostRounds && peak < WholeSpeed * team.Threads * one; round++)
        {
            one = Math.Max(one, PeakNow(alone));
            peak = Math.Max(peak, PeakNow(team));
            bandwidth = Math.Max(
                bandwidth,
                array.Length
                    * sizeof(float)
                    / Seconds(() =>
                        team.For(team.Threads, (array, sums), static (in (float[] Array, float[] Sums) s, int i) =>
                            s.Sums[i] += Sum(s.Array, i, s.Sums.Length)
                        )
                    )
            );
        }
        if (sums.Contains(float.NaN))
            throw new InvalidOperationException("a sum of ones is NaN");
        return new Machine(
            team.Threads,
            Vector512.IsHardwareAccelerated ? 512
                : Vector256.IsHardwareAccelerated ? 256
                : 128,
            peak,
            bandwidth / 1e9
        );
    }

    /// <summary>The peak over a few milliseconds, in GFLOP/s; lower while others use the machine.</summary>
    internal static double PeakNow(ThreadTeam team)
    {
        var sums = new float[team.Threads];
        var seconds = Seconds(() =>
            team.For(team.Threads, ValueTuple.Create(sums), static (in ValueTuple<float[]> s, int i) =>
                s.Item1[i] += MultiplyAdd()
            )
        );
        if (sums.Contains(float.NaN))
            throw new InvalidOperationException("a sum of finite numbers is NaN");
        return (double)team.Threads * Chains * Vector512<float>.Count * Repeats * 2 / seconds / 1e9;
    }

    private static double Seconds(Action work)
    {
        var begin = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    /// <summary>
    /// Independent chains of multiply-adds: more than latency times ports, fewer than registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdd()
    {
        Vector512<float> x = Vector512.Create(0.5f),
            y = Vector512.Create(0.25f);
        Vector512<float> a0 = x,
            a1 = x,
            a2 = x,
            a3 = x,
            a4 = x,
            a5 = x,
            a6 = x,
            a7 = x,
            a8 = x,
            a9 = x,
            a10 = x,
            a11 = x,
            a12 = x,
            a13 = x,
            a14 = x,
            a15 = x,
            a16 = x,
            a17 = x,
            a18 = x,
            a19 = x,
            a20 = x,
            a21 = x,
            a22 = x,
            a23 = x;
        for (var i = 0; i < Repeats; i++)
        {
            a0 = Vector512.FusedMultiplyAdd(a0, x, y);
            a1 = Vector512.FusedMultiplyAdd(a1, x, y);
            a2 = Vector512.FusedMultiplyAdd(a2, x, y);
            a3 = Vector512.FusedMultiplyAdd(a3, x, y);
            a4 = Vector512.FusedMultiplyAdd(a4, x, y);
            a5 = Vector512.FusedMultiplyAdd(a5, x, y);
            a6 = Vector512.FusedMultiplyAdd(a6, x, y);
            a7 = Vector512.FusedMultiplyAdd(a7, x, y);
            a8 = Vector512.FusedMultiplyAdd(a8, x, y);
            a9 = Vector512.FusedMultiplyAdd(a9, x, y);
            a10 = Vector512.FusedMultiplyAdd(a10, x, y);
            a11 = Vector512.FusedMultiplyAdd(a11, x, y);
            a12 = Vector512.FusedMultiplyAdd(a12, x, y);
            a13 = Vector512.FusedMultiplyAdd(a13, x, y);
            a14 = Vector512.FusedMultiplyAdd(a14, x, y);
            a15 = Vector512.FusedMultiplyAdd(a15, x, y);
            a16 = Vector512.FusedMultiplyAdd(a16, x, y);
            a17 = Vector512.FusedMultiplyAdd(a17, x, y);
            a18 = Vector512.FusedMultiplyAdd(a18, x, y);
            a19 = Vector512.FusedMultiplyAdd(a19, x, y);
            a20 = Vector512.FusedMultiplyAdd(a20, x, y);
            a21 = Vector512.FusedMultiplyAdd(a21, x, y);
            a22 = Vector512.FusedMultiplyAdd(a22, x, y);
            a23 = Vector512.FusedMultiplyAdd(a23, x, y);
        }
        return Vector512.Sum(
            a0
                + a1
                + a2
                + a3
                + a4
                + a5
                + a6
                + a7
                + a8
                + a9
                + a10
                + a11
                + a12
                + a13
                + a14
                + a15
                + a16
                + a17
                + a18
                + a19
                + a20
                + a21
                + a22
                + a23
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float[] array, int part, int parts)
    {
        var span = array.AsSpan(array.Length / parts * part, array.Length / parts);
        Vector256<float> a = default,
            b = default,
            c = default,
            d = default;
        for (var i = 0; i + 32 <= span.Length; i += 32)
        {
            a += Vector256.Create(span[i..]);
            b += Vector256.Create(span[(i + 8)..]);
            c += Vector256.Create(span[(i + 16)..]);
            d += Vector256.Create(span[(i + 24)..]);
        }
        return Vector256.Sum(a + b + c + d);
    }
}
