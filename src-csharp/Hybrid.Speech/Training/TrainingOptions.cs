using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Options of a training run.</summary>
/// <param name="Folder">Folder for the best model, checkpoints and metrics; null to write nothing.</param>
/// <param name="Limit">Time over which the schedule is stretched; null to run the recipe's epochs.</param>
/// <param name="Resume">
/// Whether to continue from the folder's checkpoint, if there is one. The recipe may have more epochs than before, not
/// fewer; the rest of the schedule is then that of the longer recipe.
/// </param>
/// <param name="CheckpointInterval">Maximum time between two checkpoints; the recipe's if null.</param>
/// <param name="TargetPer">Phone error rate on the dev data, in percent, at which training ends; null for none.</param>
public sealed record TrainingOptions(
    string? Folder = null,
    TimeSpan? Limit = null,
    bool Resume = false,
    TimeSpan? CheckpointInterval = null,
    double? TargetPer = null
);

/// <summary>Receivers of a training's progress; their <c>Report</c> is called on the training thread.</summary>
/// <param name="Steps">Receives every update.</param>
/// <param name="Epochs">Receives every epoch, after its checkpoint and model are written.</param>
/// <param name="Notices">Receives messages for the user.</param>
public sealed record TrainingObserver(
    IProgress<TrainingProgress>? Steps = null,
    IProgress<EpochReport>? Epochs = null,
    IProgress<TrainingNotice>? Notices = null
);

/// <summary>Topic of a <see cref="TrainingNotice"/>.</summary>
public enum TrainingNoticeKind
{
    /// <summary>The training continues from a checkpoint.</summary>
    Resumed,

    /// <summary>The training continues with more epochs than it had.</summary>
    Extended,

    /// <summary>Weights of another model were taken.</summary>
    Initialized,

    /// <summary>There is no checkpoint to continue from.</summary>
    NoCheckpoint,

    /// <summary>The latest checkpoint is damaged; the previous one is used.</summary>
    DamagedCheckpoint,

    /// <summary>Files of an earlier training were moved.</summary>
    EarlierFilesMoved,

    /// <summary>Almost all output is still blank.</summary>
    BlankPlateau,

    /// <summary>Batches waste time or memory.</summary>
    InefficientBatches,
}

/// <summary>A message of a training for the user.</summary>
/// <param name="Kind">Topic.</param>
/// <param name="Message">The message, possibly of several lines.</param>
public readonly record struct TrainingNotice(TrainingNoticeKind Kind, string Message);
