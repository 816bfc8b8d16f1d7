using System.Diagnostics;
using Hybrid.Core;

namespace Hybrid.Benchmarks;

/// <summary>Work that is timed.</summary>
/// <param name="Group">What it is a part of, such as <c>gemm</c>.</param>
/// <param name="Case">Its sizes, such as <c>512x512x512_NN</c>.</param>
/// <param name="Operations">Additions and multiplications of the products in it; 0 where they do not tell its cost.</param>
/// <param name="Prepare">
/// Makes inputs, does the work once, compares the result with a reference and returns what is to be timed; throws
/// <see cref="WrongResultException"/> where they differ: wrong results are never timed.
/// </param>
public sealed record Benchmark(string Group, string Case, double Operations, Func<ThreadTeam, Action> Prepare)
{
    // A virtual machine's two cores may be one real core at times, and its neighbours take their part of both: rounds next to
    // which the machine is disturbed do not count, as long as there are others.
    private const int Rounds = 3,
        MostRounds = 9,
        FewestCalls = 3;

    /// <summary>Times the work.</summary>
    /// <param name="team">Its threads.</param>
    /// <param name="seconds">About how long, preparation aside.</param>
    /// <param name="machine">What the fraction of the peak refers to; null for none.</param>
    /// <exception cref="WrongResultException">The result is not that of the reference.</exception>
    public BenchmarkResult Run(ThreadTeam team, double seconds, Machine? machine = null)
    {
        var free = GC.GetTotalMemory(forceFullCollection: true);
        var work = Prepare(team);
        // The first calls make room in workspaces.
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
        // What the rounds themselves take: a list of times and a clock each, no more than this for a call.
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

/// <summary>How long a benchmark's work took.</summary>
/// <param name="Group">What it is a part of.</param>
/// <param name="Case">Its sizes.</param>
/// <param name="Threads">How many took part.</param>
/// <param name="MedianMilliseconds">The lowest of the medians of three rounds or, where the machine was disturbed, of up to nine.</param>
/// <param name="Spread">How much the highest of them lies above it, as a fraction.</param>
/// <param name="Gflops">Operations per nanosecond; 0 where operations do not tell the cost.</param>
/// <param name="PeakShare">The same as a fraction of what the machine can do at best.</param>
/// <param name="BytesAllocated">On the managed heap per call, by all threads.</param>
/// <param name="BytesHeld">What inputs, weights and working memory take between calls.</param>
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

/// <summary>The result of work to be timed is not that of its reference.</summary>
public sealed class WrongResultException(string message) : Exception(message)
{
    /// <summary>Refuses a difference above a bound.</summary>
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
