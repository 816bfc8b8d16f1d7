namespace Hybrid.Core;

/// <summary>Independent items of work on the threads of a team, with results in the order of the items.</summary>
/// <remarks>
/// An item occupies one thread while others are in progress. One that is alone, such as the last one, shares its
/// loops among all threads of the team. Items are read, and results returned, on the thread of the caller.
/// </remarks>
internal static class OrderedWork
{
    // Items begun or finished before the oldest one is finished, per thread. One long item among short ones leaves no
    // thread idle, and memory does not depend on the number of items.
    private const int ItemsAhead = 16;

    /// <summary>Runs work for each item; the work is done while the results are enumerated.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="items">The items; read ahead of the results by a bounded number.</param>
    /// <param name="work">The work; its token is cancelled when the enumeration ends early.</param>
    /// <param name="isLarge">Whether an item needs much memory: such items run one at a time.</param>
    /// <param name="cancellation">Stops between items, and items in progress as far as the work supports it.</param>
    /// <exception cref="OperationCanceledException">The enumeration was cancelled.</exception>
    public static IEnumerable<TResult> Run<TItem, TResult>(
        ThreadTeam team,
        IEnumerable<TItem> items,
        Func<TItem, CancellationToken, TResult> work,
        Func<TItem, bool> isLarge,
        CancellationToken cancellation = default
    ) =>
        team.Threads == 1
            ? RunSerially(items, work, cancellation)
            : RunConcurrently(team, items, work, isLarge, cancellation);

    private static IEnumerable<TResult> RunSerially<TItem, TResult>(
        IEnumerable<TItem> items,
        Func<TItem, CancellationToken, TResult> work,
        CancellationToken cancellation
    )
    {
        foreach (var item in items)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return work(item, cancellation);
        }
    }

    private static IEnumerable<TResult> RunConcurrently<TItem, TResult>(
        ThreadTeam team,
        IEnumerable<TItem> items,
        Func<TItem, CancellationToken, TResult> work,
        Func<TItem, bool> isLarge,
        CancellationToken cancellation
    )
    {
        // Of the two schedulers, only the concurrent one is used: it limits the tasks that run at a time.
        var scheduler = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, team.Threads).ConcurrentScheduler;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var token = stop.Token;
        var pending = new Queue<Task<TResult>>();
        var largeItem = new Lock();

        TResult RunItem(TItem item)
        {
            team.EnterCaller();
            try
            {
                return work(item, token);
            }
            finally
            {
                team.ExitCaller();
            }
        }

        TResult RunInTurn(TItem item)
        {
            if (!isLarge(item))
                return RunItem(item);
            // A thread that waits here is no caller of the team: the item in progress uses it.
            lock (largeItem)
            {
                token.ThrowIfCancellationRequested();
                return RunItem(item);
            }
        }

        try
        {
            foreach (var item in items)
            {
                if (pending.Count == ItemsAhead * team.Threads)
                    yield return pending.Dequeue().GetAwaiter().GetResult();
                cancellation.ThrowIfCancellationRequested();
                pending.Enqueue(
                    Task.Factory.StartNew(() => RunInTurn(item), token, TaskCreationOptions.HideScheduler, scheduler)
                );
            }
            while (pending.TryDequeue(out var task))
                yield return task.GetAwaiter().GetResult();
        }
        finally
        {
            // After an early end, items in progress still use the team and the caller's data.
            stop.Cancel();
            ((Task)Task.WhenAll(pending))
                .ContinueWith(static _ => { }, TaskScheduler.Default)
                .Wait(CancellationToken.None);
        }
    }
}
