using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Hybrid.Core;

/// <summary>
/// The body of a parallel loop: processes one index of the work described by <paramref name="state"/>.
/// </summary>
/// <remarks>Pass a static lambda: its delegate is created once, so running it allocates nothing.</remarks>
public delegate void TeamWork<TState>(in TState state, int index)
    where TState : struct;

/// <summary>The body of a parallel loop as a struct whose fields describe the work.</summary>
internal interface ITeamJob
{
    /// <summary>Processes one index.</summary>
    void Run(int index);
}

/// <summary>
/// Threads that run parallel loops without allocating (a call of <c>Parallel.For</c> allocates about 1.5 KB). The
/// calling thread takes part. Each thread starts with its own contiguous range of indices, the same one in every loop
/// of the same length, so that its data is still in its caches. A thread that has finished takes indices of the others,
/// one at a time. Results are deterministic as long as every index writes only its own part of the output.
/// </summary>
/// <remarks>
/// A team runs one loop at a time. A loop started while the team is busy - inside another loop, or on another thread -
/// runs entirely on its calling thread, with the same result. The threads end after <see cref="Dispose"/>, or when the
/// team is garbage-collected.
/// </remarks>
public sealed class ThreadTeam : IDisposable
{
    private static readonly Lazy<ThreadTeam> Shared = new(() => new ThreadTeam(Environment.ProcessorCount));

    private readonly WorkerPool pool;
    private int concurrentCallers;

    /// <summary>The default team: one thread per processor, shared by the process and never disposed.</summary>
    public static ThreadTeam Default => Shared.Value;

    /// <summary>A team of <paramref name="threads"/> threads, the calling thread included.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one thread, or more than 1024.</exception>
    public ThreadTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        pool = new WorkerPool(threads - 1);
        for (var i = 1; i < threads; i++)
        {
            // A thread refers to the pool, not to the team, so that an unreachable team is collected and stops its
            // pool.
            var (known, worker) = (pool, i);
            var thread = new Thread(() => known.WorkerLoop(worker)) { IsBackground = true, Name = $"Hybrid team {i}" };
            thread.Start();
        }
    }

    /// <summary>Stops the threads of an unreachable team.</summary>
    ~ThreadTeam() => pool?.Stop();

    /// <summary>Threads that take part in a loop, the calling thread included.</summary>
    public int Threads => pool.Helpers + 1;

    /// <summary>
    /// Ends the threads; a loop that is running is still completed. Further calls have no effect, and neither has
    /// disposing of <see cref="Default"/>.
    /// </summary>
    public void Dispose()
    {
        if (Shared.IsValueCreated && ReferenceEquals(this, Shared.Value))
            return;
        pool.Stop();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Runs <paramref name="work"/> for every index in [0, <paramref name="count"/>) and returns when all are done.
    /// </summary>
    /// <remarks>An exception ends the loop and is rethrown unchanged; of several, the first one.</remarks>
    /// <exception cref="ObjectDisposedException">The team was disposed.</exception>
    public void For<TState>(int count, in TState state, TeamWork<TState> work)
        where TState : struct => For(count, new DelegateJob<TState>(in state, work));

    /// <summary>
    /// Announces a caller that works side by side with others. While there are two or more, each runs its loops
    /// entirely on its own thread, which is faster than sharing each loop.
    /// </summary>
    internal void EnterCaller() => Interlocked.Increment(ref concurrentCallers);

    /// <summary>Ends a call announced by <see cref="EnterCaller"/>.</summary>
    internal void ExitCaller() => Interlocked.Decrement(ref concurrentCallers);

    /// <summary>
    /// Runs <paramref name="job"/> for every index in [0, <paramref name="count"/>); otherwise the same.
    /// </summary>
    internal unsafe void For<TJob>(int count, in TJob job)
        where TJob : struct, ITeamJob
    {
        ObjectDisposedException.ThrowIf(pool.IsStopped, this);
        // The copy lives on this stack frame, which outlasts the loop. Helpers reach it through a pointer; the garbage
        // collector updates the references in it because the frame is alive.
        var copy = job;
        if (count > 1 && pool.Helpers > 0 && Volatile.Read(ref concurrentCallers) < 2 && pool.TryClaim())
        {
            try
            {
#pragma warning disable CS8500 // address of a managed type: see above
                pool.Run(count, &RunIndex<TJob>, &copy);
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
            copy.Run(i);
    }

    private static unsafe void RunIndex<TJob>(void* job, int index)
        where TJob : struct, ITeamJob
    {
#pragma warning disable CS8500
        Unsafe.AsRef<TJob>(job).Run(index);
#pragma warning restore CS8500
    }

    private readonly struct DelegateJob<TState>(in TState state, TeamWork<TState> work) : ITeamJob
        where TState : struct
    {
        private readonly TState state = state;
        private readonly TeamWork<TState> work = work;

        public void Run(int index) => work(in state, index);
    }

    /// <summary>The state that the threads share: the current loop, and the means to wait for the next one.</summary>
    private sealed unsafe class WorkerPool(int helpers)
    {
        // Long enough to bridge the gap between two loops of a training step, short enough not to occupy a shared core.
        private const int SpinsBeforeSleep = 2000;

        // The gate: the loop's number in the upper half, then whether helpers may enter, then the number of helpers
        // inside. A helper that comes late, for example because its core is taken, finds the gate closed and is not
        // waited for.
        private const long Loop = 1L << 32,
            Open = 1L << 31,
            Inside = Open - 1;

        // Elements between the counters of two workers: two cache lines, because caches fetch lines in pairs.
        private const int CounterStride = 16;

        // The next index of each worker's range.
        private readonly long[] next = new long[(helpers + 1) * CounterStride];

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

        public bool IsStopped => stopped;

        public bool TryClaim() => Interlocked.CompareExchange(ref claimed, 1, 0) == 0;

        public void Release() => Volatile.Write(ref claimed, 0);

        public void Run(int indices, delegate* <void*, int, void> invoke, void* state)
        {
            body = invoke;
            job = state;
            (count, failure) = (indices, null);
            for (var worker = 0; worker <= Helpers; worker++)
                next[worker * CounterStride] = RangeStart(worker);
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

        /// <summary>Processes a worker's own range, then the remaining indices of the other ranges.</summary>
        private void Work(int worker)
        {
            try
            {
                for (var range = worker; range <= worker + Helpers; range++)
                {
                    var owner = range % (Helpers + 1);
                    ref var index = ref next[owner * CounterStride];
                    var end = RangeStart(owner + 1);
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
                    Volatile.Write(ref next[owner * CounterStride], count);
            }
        }

        /// <summary>
        /// The first index of a worker's range. With fewer indices than workers, the first workers get one each.
        /// </summary>
        private int RangeStart(int worker) =>
            count <= Helpers ? Math.Min(worker, count) : (int)((long)count * worker / (Helpers + 1));

        /// <summary>Waits for a new loop and enters it; false when the pool is stopped.</summary>
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
                    // Checked again after the increment: a loop that started in between saw no sleeper to wake.
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
