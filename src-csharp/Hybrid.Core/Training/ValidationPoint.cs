namespace Hybrid.Core;

/// <summary>The dev-set figure by which epochs are compared.</summary>
public enum SelectionMetric
{
    /// <summary>
    /// Phone error rate; the lower loss among equal rates. While every output is blank, the loss decides.
    /// </summary>
    DevPer,

    /// <summary>Loss per label; the lower error rate among equal losses.</summary>
    DevLoss,
}

/// <summary>Validation result after an epoch, as epoch selection and learning-rate schedules compare it.</summary>
/// <param name="Epoch">End of the epoch, as a position in the schedule, in epochs.</param>
/// <param name="ErrorRate">Phone error rate on the dev set in percent; NaN compares as infinity.</param>
/// <param name="Loss">Loss per label on the dev set in nats; NaN compares as infinity.</param>
/// <param name="AllBlank">Whether the decoder returned no label for any dev utterance.</param>
public readonly record struct ValidationPoint(
    double Epoch,
    double ErrorRate,
    double Loss = double.NaN,
    bool AllBlank = false
)
{
    // Untrained weights hit a label by chance now and then; a trained network stays well below this error rate.
    private const double ChanceErrorRate = 90;

    /// <summary>Whether this result is better than an earlier one.</summary>
    /// <param name="best">The best result so far.</param>
    /// <param name="metric">The figure to compare.</param>
    /// <param name="threshold">The share by which the figure must be lower, in [0, 1).</param>
    internal bool Improves(in ValidationPoint best, SelectionMetric metric, double threshold = 0)
    {
        var (per, bestPer) = (OrInfinity(ErrorRate), OrInfinity(best.ErrorRate));
        var (loss, bestLoss) = (OrInfinity(Loss), OrInfinity(best.Loss));
        if (metric == SelectionMetric.DevLoss)
            return loss == bestLoss ? IsLower(per, bestPer) : IsLower(loss, bestLoss);
        // All-blank output has an error rate of 100 %, and that of untrained weights may score below it.
        var decidesLoss =
            per == bestPer || (AllBlank && bestPer >= ChanceErrorRate) || (best.AllBlank && per >= best.ErrorRate);
        return decidesLoss ? IsLower(loss, bestLoss) : IsLower(per, bestPer);

        bool IsLower(double value, double than) => value < than * (1 - threshold);

        static double OrInfinity(double value) => double.IsNaN(value) ? double.PositiveInfinity : value;
    }
}

/// <summary>Choice of the best epoch of a training.</summary>
public static class EpochSelection
{
    /// <summary>The best epoch; the first of several equal ones, null without epochs.</summary>
    /// <param name="history">Reports of completed epochs, in order.</param>
    /// <param name="metric">The figure to compare.</param>
    public static EpochReport? Best(IReadOnlyList<EpochReport> history, SelectionMetric metric = SelectionMetric.DevPer)
    {
        EpochReport? best = null;
        foreach (var report in history)
            if (best is null || report.Validation(report.Epoch).Improves(best.Validation(best.Epoch), metric))
                best = report;
        return best;
    }
}
