using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Hybrid.Core;

/// <summary>The body of a parallel loop: one index of the work described by <paramref name="state"/>.</summary>
/// <remarks>Pass a static lambda: it is created once, so running it allocates nothing.</remarks>
public delegate void TeamWork<TState>(in TState state, int index)
    where TState : struct;

/// <summary>
/// A small team of threads that runs loops without allocating (a call of <c>Parallel.For</c> allocates about 1.5 KB).
/// The calling thread takes part. Each thread begins with its own range of neighbouring indices, the same one in every loop
/// over as many, so that it finds in its caches what it left there; whoever is done takes on indices of the others, one at a
/// time. Results are deterministic as long as every index writes its own part of the output.
/// </summary>
/// <remarks>
/// A team serves one loop at a time. A loop started while the team is busy - from inside another loop, or from another
/// thread - runs on its calling thread alone, with the same result. Threads end by themselves when the team is collected.
/// </remarks>
public sealed class ThreadTeam
{
    private static readonly Lazy<ThreadTeam> Shared = new(() => new ThreadTeam(Environment.ProcessorCount));

    private readonly WorkerPool pool;

    /// <summary>The team used where none is named: as many threads as the machine has processors.</summary>
    public static ThreadTeam Default => Shared.Value;

    /// <summary>Makes a team of <paramref name="threads"/> threads, the caller's included.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one thread, or more than 1024.</exception>
    public ThreadTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        pool = new WorkerPool(threads - 1);
        for (var i = 1; i < threads; i++)
        {
            // The thread knows the pool, not the team: a forgotten team can be collected, and then dismisses its pool.
            var (known, worker) = (pool, i);
            var thread = new Thread(() => known.WorkerLoop(worker)) { IsBackground = true, Name = $"Hybrid team {i}" };
            thread.Start();
        }
    }

    /// <summary>Dismisses the threads of a team that nobody holds any more.</summary>
    ~ThreadTeam() => pool?.Stop();

    /// <summary>How many threads take part in a loop, the caller's included.</summary>
    public int Threads => pool.Helpers + 1;

    /// <summary>
    /// Runs <paramref name="work"/> for every index in [0, <paramref name="count"/>) and returns when all are done.
    /// </summary>
    /// <remarks>An exception of an index ends the loop and arrives as it is, the first of several.</remarks>
    public unsafe void For<TState>(int count, in TState state, TeamWork<TState> work)
        where TState : struct
    {
        if (count > 1 && pool.Helpers > 0 && pool.TryClaim())
        {
            // The job lives on this stack frame, which outlasts the loop; helpers reach it through a pointer, the
            // garbage collector keeps the references in it up to date because the frame itself is alive.
            var job = new Job<TState>(in state, work);
            try
            {
#pragma warning disable CS8500 // address of a managed type: see above
                pool.Run(count, &Job<TState>.Invoke, &job);
#pragma warning restore CS8500
            }
            finally
            {
                pool.Release();
            }
            GC.KeepAlive(this);
            return;
        }
        for (var i = 0; i < count; i++)
            work(in state, i);
    }

    private readonly struct Job<TState>(in TState state, TeamWork<TState> work)
        where TState : struct
    {
        private readonly TState state = state;
        private readonly TeamWork<TState> work = work;

        public static unsafe void Invoke(void* job, int index)
        {
#pragma warning disable CS8500
            ref var self = ref Unsafe.AsRef<Job<TState>>(job);
#pragma warning restore CS8500
            self.work(in self.state, index);
        }
    }

    /// <summary>What the threads share: the current loop and the way they wait for the next one.</summary>
    private sealed unsafe class WorkerPool(int helpers)
    {
        // Long enough to bridge the gap between two loops of one training step, short enough not to steal a shared core.
        private const int SpinsBeforeSleep = 2000;

        // The gate: a loop's number in the upper half, then whether it may be entered, then how many helpers are inside. A
        // helper that comes late - on a busy machine its core may be taken - finds the gate closed and is not waited for.
        private const long Loop = 1L << 32,
            Open = 1L << 31,
            Inside = Open - 1;

        // The next index of each worker's range, two cache lines apart, because caches fetch lines in pairs.
        private const int Apart = 16;

        private readonly long[] next = new long[(helpers + 1) * Apart];

        private readonly object sleepLock = new();
        private int claimed;
        private volatile bool stopped;

        private long gate;
        private delegate* <void*, int, void> body;
        private void* job;
        private int count;
        private int sleepers;
        private Exception? failure;

        public int Helpers { get; } = helpers;

        public bool TryClaim() => Interlocked.CompareExchange(ref claimed, 1, 0) == 0;

        public void Release() => Volatile.Write(ref claimed, 0);

        public void Run(int indices, delegate* <void*, int, void> invoke, void* state)
        {
            body = invoke;
            job = state;
            (count, failure) = (indices, null);
            for (var worker = 0; worker <= Helpers; worker++)
                next[worker * Apart] = Begin(worker);
            Interlocked.Add(ref gate, Loop + Open);
            if (Volatile.Read(ref sleepers) > 0)
                WakeAll();

            Work(worker: 0);
            Interlocked.And(ref gate, ~Open);
            var spinner = new SpinWait();
            while ((Volatile.Read(ref gate) & Inside) != 0)
                spinner.SpinOnce(sleep1Threshold: -1);
            if (failure is { } error)
                ExceptionDispatchInfo.Throw(error);
        }

        public void Stop()
        {
            stopped = true;
            WakeAll();
        }

        public void WorkerLoop(int worker)
        {
            for (var seen = 0L; AwaitLoop(ref seen); )
            {
                Work(worker);
                Interlocked.Decrement(ref gate);
            }
        }

        /// <summary>A worker's own range, then what is left of the others'.</summary>
        private void Work(int worker)
        {
            try
            {
                for (var range = worker; range <= worker + Helpers; range++)
                {
                    var owner = range % (Helpers + 1);
                    ref var index = ref next[owner * Apart];
                    var end = Begin(owner + 1);
                    while (Volatile.Read(ref index) < end)
                    {
                        var i = Interlocked.Increment(ref index) - 1;
                        if (i < end)
                            body(job, (int)i);
                    }
                }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null);
                for (var owner = 0; owner <= Helpers; owner++)
                    Volatile.Write(ref next[owner * Apart], count);
            }
        }

        /// <summary>Where the range of a worker begins. Of few indices, the first members have one each.</summary>
        private int Begin(int worker) =>
            count <= Helpers ? Math.Min(worker, count) : (int)((long)count * worker / (Helpers + 1));

        /// <summary>Waits for a loop that was not seen yet and enters it; false when the pool is stopped.</summary>
        private bool AwaitLoop(ref long seen)
        {
            for (var spins = 0; !stopped; )
            {
                var now = Volatile.Read(ref gate);
                if (IsNew(now, seen))
                {
                    if (Interlocked.CompareExchange(ref gate, now + 1, now) != now)
                        continue;
                    seen = now >> 32;
                    return true;
                }
                if (spins++ < SpinsBeforeSleep)
                {
                    Thread.SpinWait(20);
                    continue;
                }
                lock (sleepLock)
                {
                    Interlocked.Increment(ref sleepers);
                    // Checked again after announcing: a loop that started in between saw no sleeper to wake.
                    while (!IsNew(Volatile.Read(ref gate), seen) && !stopped)
                        Monitor.Wait(sleepLock);
                    Interlocked.Decrement(ref sleepers);
                }
                spins = 0;
            }
            return false;
        }

        private static bool IsNew(long gate, long seen) => (gate & Open) != 0 && gate >> 32 != seen;

        private void WakeAll()
        {
            lock (sleepLock)
                Monitor.PulseAll(sleepLock);
        }
    }
}
