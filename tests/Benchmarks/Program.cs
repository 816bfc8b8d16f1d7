using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Hybrid.Benchmarks;
using Hybrid.Core;

// The same process runs all cases: nothing is restored or built for a measurement.
var job = Job.Default.WithToolchain(InProcessNoEmitToolchain.Instance);
BenchmarkSwitcher.FromTypes([typeof(Kernels)]).Run(args, DefaultConfig.Instance.AddJob(job));

/// <summary>
/// The kernels of `hybrid bench`, one by one, with BenchmarkDotNet's statistics: <c>-- --filter '*'</c> runs all.
/// </summary>
[MemoryDiagnoser]
public class Kernels
{
    private Action work = () => { };

    /// <summary>Names of the benchmarks.</summary>
    public static IEnumerable<string> Cases => KernelBenchmarks.All.Select(benchmark => benchmark.Case);

    /// <summary>Name of the benchmark.</summary>
    [ParamsSource(nameof(Cases))]
    public string Case { get; set; } = "";

    /// <summary>Number of threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Inputs, and a comparison with the reference.</summary>
    [GlobalSetup]
    public void Prepare() =>
        work = KernelBenchmarks.All.Single(benchmark => benchmark.Case == Case).Prepare(new ThreadTeam(Threads));

    /// <summary>The work.</summary>
    [Benchmark]
    public void Run() => work();
}
