namespace Hybrid.Core;

/// <summary>
/// Position of a training. Together with the weights and the optimiser's state it is all that an exact continuation
/// needs.
/// </summary>
public sealed class TrainerState
{
    /// <summary>Completed epochs.</summary>
    public int Epoch { get; set; }

    /// <summary>Completed batches of the current epoch.</summary>
    public int Batch { get; set; }

    /// <summary>Updates since the start of the training.</summary>
    public long Steps { get; set; }

    /// <summary>Sum of the losses of the current epoch, in nats per label.</summary>
    public double LossSum { get; set; }

    /// <summary>Batches of the current epoch that have a loss: those with a feasible utterance.</summary>
    public int LossCount { get; set; }

    /// <summary>Training time so far, in seconds.</summary>
    public double ElapsedSeconds { get; set; }

    /// <summary>Reports of completed epochs, in order.</summary>
    public List<EpochReport> History { get; init; } = [];

    /// <summary>The best epoch by a metric, <see cref="EpochSelection.Best"/>; null before the first.</summary>
    public EpochReport? Best(SelectionMetric metric) => EpochSelection.Best(History, metric);

    /// <summary>Whether a training can be in this state; stored states may be damaged.</summary>
    internal bool IsPossible =>
        Epoch >= 0
        && Batch >= 0
        && Steps >= 0
        && LossCount >= 0
        && ElapsedSeconds is >= 0 and < 1e12
        && History is not null
        && !History.Contains(null!)
        && History.Count == Epoch;

    /// <summary>
    /// Whether at least <paramref name="patience"/> epochs have passed since the best; false if null.
    /// </summary>
    internal bool IsStuck(int? patience, SelectionMetric metric) =>
        Best(metric) is { } best && Epoch - best.Epoch >= patience;
}
