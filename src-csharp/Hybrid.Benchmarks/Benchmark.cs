using System.Diagnostics;
using Hybrid.Core;

namespace Hybrid.Benchmarks;

/// <summary>A benchmark: work to be timed and the check of its result.</summary>
/// <param name="Group">The group, such as <c>gemm</c>.</param>
/// <param name="Case">The sizes, such as <c>512x512x512_NN</c>.</param>
/// <param name="Operations">
/// Additions and multiplications of its matrix products per call; 0 if they do not determine the cost.
/// </param>
/// <param name="Prepare">
/// Creates the inputs, runs the work once, compares the result with a reference and returns the work to be timed.
/// Throws <see cref="WrongResultException"/> if the result is wrong: wrong results are never timed.
/// </param>
public sealed record Benchmark(string Group, string Case, double Operations, Func<ThreadTeam, Action> Prepare)
{
    // Other users of a virtual machine may take part of its cores. Rounds with a reduced peak before or after them are
    // excluded, unless there are too few others.
    private const int Rounds = 3,
        MostRounds = 9,
        FewestCalls = 3;

    /// <summary>Times the work.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="seconds">Approximate time, without preparation.</param>
    /// <param name="machine">The machine whose peak is the reference of the peak share; null for none.</param>
    /// <exception cref="WrongResultException">The result differs from the reference.</exception>
    public BenchmarkResult Run(ThreadTeam team, double seconds, Machine? machine = null)
    {
        var free = GC.GetTotalMemory(forceFullCollection: true);
        var work = Prepare(team);
        // The first calls allocate workspaces.
        var warmed = 0;
        for (var warm = Stopwatch.StartNew(); warmed < FewestCalls || warm.Elapsed.TotalSeconds < seconds / 5; warmed++)
            work();
        var held = GC.GetTotalMemory(forceFullCollection: true) - free;
        var medians = new List<double>();
        int calls = 0,
            undisturbed = 0,
            round = 0;
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var before = SpeedShare(team, machine);
        for (; round < MostRounds && undisturbed < Rounds; round++)
        {
            var times = new List<double>(1 << 14);
            for (
                var clock = Stopwatch.StartNew();
                times.Count < FewestCalls || clock.Elapsed.TotalSeconds < seconds / Rounds;

            )
            {
                var begin = Stopwatch.GetTimestamp();
                work();
                times.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
            calls += times.Count;
            times.Sort();
            medians.Add(times[times.Count / 2]);
            var after = SpeedShare(team, machine);
            if (Math.Min(before, after) >= Machine.WholeSpeed)
                undisturbed++;
            before = after;
        }
        // Without the allocations of the rounds: a list of times and a clock each.
        allocated = Math.Max(0, GC.GetTotalAllocatedBytes(precise: true) - allocated - round * ((1L << 17) + 2048));
        var best = medians.Min();
        var gflops = Operations / best / 1e6;
        return new BenchmarkResult(
            Group,
            Case,
            team.Threads,
            best,
            medians.Max() / best - 1,
            gflops,
            machine is null ? 0 : gflops / machine.PeakGflops,
            allocated / calls,
            held
        );
    }

    private static double SpeedShare(ThreadTeam team, Machine? machine) =>
        machine is null ? 1 : Machine.PeakNow(team) / machine.PeakGflops;
}

/// <summary>The measurement of a benchmark.</summary>
/// <param name="Group">The group.</param>
/// <param name="Case">The sizes.</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="MedianMilliseconds">
/// The lowest median of three rounds or, if the machine was disturbed, of up to nine.
/// </param>
/// <param name="Spread">The highest median relative to the lowest, minus 1.</param>
/// <param name="Gflops">Operations per nanosecond; 0 if operations do not determine the cost.</param>
/// <param name="PeakShare">The same as a fraction of the peak of the machine.</param>
/// <param name="BytesAllocated">Bytes allocated on the managed heap per call, by all threads.</param>
/// <param name="BytesHeld">Bytes of inputs, weights and workspaces between calls.</param>
public sealed record BenchmarkResult(
    string Group,
    string Case,
    int Threads,
    double MedianMilliseconds,
    double Spread,
    double Gflops,
    double PeakShare,
    long BytesAllocated,
    long BytesHeld
);

/// <summary>The result of a benchmark differs from its reference.</summary>
public sealed class WrongResultException(string message) : Exception(message)
{
    /// <summary>Throws if an error exceeds its bound.</summary>
    internal static void Require(string what, double error, double bound)
    {
        if (!(error <= bound))
            throw new WrongResultException(
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{what} differs from the reference by {error:E2}, must be at most {bound:E2}"
                )
            );
    }
}
