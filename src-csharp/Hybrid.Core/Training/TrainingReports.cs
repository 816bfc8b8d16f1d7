namespace Hybrid.Core;

/// <summary>Figures of one update of the weights.</summary>
/// <param name="Loss">
/// Mean over the feasible utterances of loss per label, in nats; NaN if the batch has no feasible utterance.
/// </param>
/// <param name="GradientNorm">Euclidean norm of the gradient over all parameters, before clipping.</param>
/// <param name="BlankRatio">Fraction of output frames whose most probable symbol is the blank, in [0, 1].</param>
/// <param name="MeanOutputLength">Mean number of labels per utterance under greedy decoding.</param>
/// <param name="Infeasible">Utterances without loss, because they have too few output frames for their labels.</param>
/// <param name="Frames">Input frames without padding.</param>
/// <param name="PaddingShare">Fraction of the batch that is padding, in [0, 1).</param>
public readonly record struct StepReport(
    double Loss,
    double GradientNorm,
    double BlankRatio,
    double MeanOutputLength,
    int Infeasible,
    int Frames,
    double PaddingShare
);

/// <summary>Progress of a training after an update.</summary>
/// <param name="Epoch">Current epoch, from 1.</param>
/// <param name="Steps">Updates since the start of the training.</param>
/// <param name="Step">Figures of the latest update.</param>
/// <param name="LearningRate">Learning rate of the latest update.</param>
/// <param name="Fraction">Completed fraction of the training, in [0, 1].</param>
/// <param name="Elapsed">Training time, including the time before an interruption.</param>
/// <param name="FramesPerSecond">Input frames without padding per second of the latest update.</param>
public readonly record struct TrainingProgress(
    int Epoch,
    long Steps,
    StepReport Step,
    double LearningRate,
    double Fraction,
    TimeSpan Elapsed,
    double FramesPerSecond
)
{
    /// <summary>Estimated remaining time at the average pace so far.</summary>
    public TimeSpan Remaining => Fraction > 0 ? Elapsed * ((1 - Fraction) / Fraction) : TimeSpan.Zero;
}

/// <summary>Figures of an epoch.</summary>
/// <param name="Epoch">Number of the epoch, from 1.</param>
/// <param name="Steps">Updates since the start of the training.</param>
/// <param name="TrainLoss">Mean over the updates of the epoch of loss per label, in nats.</param>
/// <param name="DevLoss">Loss per label on the dev set, in nats; NaN if no dev utterance is feasible.</param>
/// <param name="DevPer">Phone error rate on the dev set, in percent; NaN if the dev set has no labels.</param>
/// <param name="DevDistance">Mean edit distance per dev utterance.</param>
/// <param name="LearningRate">Learning rate at the end of the epoch.</param>
/// <param name="ElapsedSeconds">Training time since the start, in seconds.</param>
/// <param name="DevAllBlank">Whether the decoder returned no label for any dev utterance.</param>
public sealed record EpochReport(
    int Epoch,
    long Steps,
    double TrainLoss,
    double DevLoss,
    double DevPer,
    double DevDistance,
    double LearningRate,
    double ElapsedSeconds,
    bool DevAllBlank = false
)
{
    /// <summary>The dev-set figures at a position in the schedule, in epochs.</summary>
    internal ValidationPoint Validation(double position) => new(position, DevPer, DevLoss, DevAllBlank);
}

/// <summary>The reason why a training ended.</summary>
public enum StopReason
{
    /// <summary>The schedule is complete.</summary>
    EpochsCompleted,

    /// <summary>No epoch was better than the best for as many epochs as <see cref="TrainingSpec.Patience"/>.</summary>
    NoImprovement,

    /// <summary>The time limit was reached.</summary>
    TimeLimit,

    /// <summary>The dev set's phone error rate reached the target.</summary>
    TargetReached,
}
