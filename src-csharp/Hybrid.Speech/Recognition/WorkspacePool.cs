using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Workspaces of the forward passes of one recogniser. Limits the memory of the passes in progress and of the
/// workspaces kept for later passes. A pass that would exceed the limit waits, in the order of the requests.
/// Thread-safe.
/// </summary>
/// <remarks>
/// The activations of a pass are estimated from its frames and the memory per frame of the longest pass so far. Until
/// one pass has been measured, passes run one at a time. A pass that needs more than the limit runs when no other one
/// does.
/// </remarks>
/// <param name="team">Threads of the workspaces; null for <see cref="ThreadTeam.Default"/>.</param>
internal sealed class WorkspacePool(ThreadTeam? team)
{
    private readonly Lock gate = new();
    private readonly Stack<Workspace> idle = [];
    private readonly LinkedList<Request> waiting = [];
    private long workingBytes;
    private int active,
        longestFrames;
    private double bytesPerFrame;

    /// <summary>Maximum bytes of the passes in progress.</summary>
    public long MaxWorkingBytes { get; set; } = 256L << 20;

    /// <summary>Maximum bytes of the workspaces that no pass uses.</summary>
    public long MaxIdleBytes { get; set; } = 64L << 20;

    /// <summary>Bytes of the workspaces that no pass uses.</summary>
    public long IdleBytes { get; private set; }

    /// <summary>Most bytes of the passes in progress at any time so far.</summary>
    public long PeakWorkingBytes { get; private set; }

    /// <summary>Rents a workspace for a pass; blocks until its memory is within the limit.</summary>
    /// <param name="frames">Input frames of the pass.</param>
    /// <param name="otherBytes">Bytes that the pass needs besides activations.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public Lease Rent(int frames, long otherBytes, CancellationToken cancellation)
    {
        var request = Enqueue(frames, otherBytes);
        try
        {
            request.Granted.Task.Wait(cancellation);
        }
        catch (OperationCanceledException)
        {
            Withdraw(request);
            throw;
        }
        return request.Granted.Task.Result;
    }

    /// <summary>Rents a workspace for a pass; completes when its memory is within the limit.</summary>
    /// <inheritdoc cref="Rent"/>
    public async Task<Lease> RentAsync(int frames, long otherBytes, CancellationToken cancellation)
    {
        var request = Enqueue(frames, otherBytes);
        try
        {
            return await request.Granted.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Withdraw(request);
            throw;
        }
    }

    private Request Enqueue(int frames, long otherBytes)
    {
        var request = new Request(frames, otherBytes);
        lock (gate)
        {
            waiting.AddLast(request);
            GrantWaiting();
        }
        return request;
    }

    private void Withdraw(Request request)
    {
        lock (gate)
        {
            if (waiting.Remove(request))
            {
                GrantWaiting();
                return;
            }
        }
        // Granted while the cancellation arrived.
        request.Granted.Task.Result.Dispose();
    }

    private void GrantWaiting()
    {
        while (waiting.First is { Value: var request })
        {
            var held = idle.TryPeek(out var reused) ? reused.Bytes : 0;
            var estimate = longestFrames == 0 ? MaxWorkingBytes : (long)(bytesPerFrame * request.Frames);
            var bytes = Math.Max(estimate, held) + request.OtherBytes;
            if (active > 0 && workingBytes + bytes > MaxWorkingBytes)
                return;
            waiting.RemoveFirst();
            IdleBytes -= held;
            var workspace = reused is null ? new Workspace(team) : idle.Pop();
            active++;
            workingBytes += bytes;
            if (longestFrames > 0)
                PeakWorkingBytes = Math.Max(PeakWorkingBytes, workingBytes);
            request.Granted.SetResult(new Lease(this, workspace, request, bytes));
        }
    }

    private void Measure(Lease lease)
    {
        lock (gate)
        {
            var (frames, activations) = (lease.Request.Frames, lease.Workspace.Bytes);
            if (frames >= Math.Max(1, longestFrames))
                (longestFrames, bytesPerFrame) = (frames, (double)activations / frames);
            var bytes = activations + lease.Request.OtherBytes;
            workingBytes += bytes - lease.Bytes;
            lease.Bytes = bytes;
            PeakWorkingBytes = Math.Max(PeakWorkingBytes, workingBytes);
            GrantWaiting();
        }
    }

    private void Return(Lease lease)
    {
        lock (gate)
        {
            active--;
            workingBytes -= lease.Bytes;
            idle.Push(lease.Workspace);
            IdleBytes += lease.Workspace.Bytes;
            GrantWaiting();
            while (IdleBytes > MaxIdleBytes)
                IdleBytes -= idle.Pop().Bytes;
        }
    }

    /// <summary>A workspace in use by one pass. Disposing returns it to the pool.</summary>
    public sealed class Lease(WorkspacePool pool, Workspace workspace, Request request, long bytes) : IDisposable
    {
        private bool isReturned;

        /// <summary>The workspace.</summary>
        public Workspace Workspace => workspace;

        /// <summary>The request that was granted.</summary>
        public Request Request => request;

        /// <summary>Bytes that the pass is counted with.</summary>
        public long Bytes { get; set; } = bytes;

        /// <summary>Replaces the estimate by the memory in use; call it after a forward pass.</summary>
        public void Measure() => pool.Measure(this);

        /// <inheritdoc/>
        public void Dispose()
        {
            if (!isReturned)
                pool.Return(this);
            isReturned = true;
        }
    }

    /// <summary>A pass that waits for a workspace, or has one.</summary>
    public sealed class Request(int frames, long otherBytes)
    {
        /// <summary>Input frames of the pass.</summary>
        public int Frames => frames;

        /// <summary>Bytes besides activations.</summary>
        public long OtherBytes => otherBytes;

        /// <summary>Completes when the workspace is there.</summary>
        public TaskCompletionSource<Lease> Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
