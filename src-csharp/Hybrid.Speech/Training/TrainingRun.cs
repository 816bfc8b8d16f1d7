using System.Diagnostics;
using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A training of a recipe on speech; its result is the best model.</summary>
public sealed partial class TrainingRun
{
    private readonly Trainer trainer;
    private readonly SpeechModel model;
    private readonly SpeechModel? initial;

    /// <summary>Prepares a training.</summary>
    /// <param name="recipe">Features, network and schedule.</param>
    /// <param name="inventory">The phones to distinguish.</param>
    /// <param name="train">The training data.</param>
    /// <param name="dev">The dev data, which select the best model.</param>
    /// <param name="team">Threads that share the work; all processors if null.</param>
    /// <param name="initial">
    /// A model whose weights are the initial ones where names and shapes are equal; the output layer is new if the
    /// phones differ. Null for random weights.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The recipe has problems, no utterance is usable, or no weight of the initial model; the message says why.
    /// </exception>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    public TrainingRun(
        Recipe recipe,
        PhoneInventory inventory,
        SpeechDataset train,
        SpeechDataset dev,
        ThreadTeam? team = null,
        SpeechModel? initial = null
    )
    {
        foreach (var (data, name) in new[] { (train, "training"), (dev, "dev") })
            if (data.Count == 0)
                throw new ArgumentException(
                    Quoted.Line(
                        $"no utterance of the {name} data is usable"
                            + string.Concat(data.Skipped.Take(3).Select(skipped => $"; {skipped}"))
                    )
                );
        if (recipe.Training.Speeds is { } speeds && !speeds.SequenceEqual(train.Speeds))
            throw new ArgumentException(
                $"the recipe trains at speeds {Listed(speeds)}, the training data were loaded at {Listed(train.Speeds)}"
            );
        model = SpeechModel.Create(recipe.Network, recipe.Features, inventory, recipe.Training.Seed);
        // Before the trainer, whose average of the weights starts with them.
        Initialization = initial is null ? null : Initialize(model, initial);
        this.initial = initial;
        trainer = new Trainer(model.Network, recipe.Training, train, dev, team);
        (Recipe, Train, Dev) = (recipe, train, dev);
    }

    /// <summary>Features, network and schedule.</summary>
    public Recipe Recipe { get; }

    /// <summary>The training data.</summary>
    public SpeechDataset Train { get; }

    /// <summary>The dev data, which select the best model.</summary>
    public SpeechDataset Dev { get; }

    /// <summary>The weights taken of the initial model; null without one.</summary>
    public WeightTransfer? Initialization { get; }

    /// <summary>Reports of all epochs so far.</summary>
    public IReadOnlyList<EpochReport> History => trainer.State.History;

    /// <summary>The best epoch so far by the schedule's metric; null before the first.</summary>
    public EpochReport? Best => trainer.Best;

    /// <summary>Completed updates.</summary>
    public long Steps => trainer.State.Steps;

    /// <summary>
    /// The reason why the latest <see cref="Run"/> ended; null before its end and after an exception.
    /// </summary>
    public StopReason? StopReason => trainer.StopReason;

    /// <summary>Utterances with fewer output frames than their phones need; training skips them.</summary>
    public IEnumerable<SkippedUtterance> Infeasible(SpeechDataset data) =>
        Trainer
            .Infeasible(model.Network, data)
            .Select(utterance => new SkippedUtterance(
                data.Id(utterance.Index),
                $"needs {utterance.Needed} frames, has {utterance.Available}"
            ));

    /// <summary>Trains and returns the model of the best epoch.</summary>
    /// <param name="options">Folder, limits and resumption.</param>
    /// <param name="observer">Receivers of the progress.</param>
    /// <param name="cancellation">Stops between updates, after writing a checkpoint.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time limit is not positive.</exception>
    /// <exception cref="TrainingDivergedException">
    /// The loss or the gradient is not finite; files written so far stay usable.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A feature is NaN or infinite; the message names utterance and frame.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="FormatException">
    /// The checkpoint to continue from is not usable, or belongs to another training; the message lists the
    /// differences.
    /// </exception>
    /// <exception cref="IOException">
    /// The folder is in use by another training, or a file cannot be written; files written so far stay usable.
    /// </exception>
    public SpeechModel Run(
        TrainingOptions? options = null,
        TrainingObserver? observer = null,
        CancellationToken cancellation = default
    )
    {
        options ??= new TrainingOptions();
        observer ??= new TrainingObserver();
        // Checked here too, before an earlier training is moved.
        if (options.Limit <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(options), "there is no time to train in");
        var folder = options.Folder is null ? null : new TrainingFolder(options.Folder);
        using var held = folder?.Acquire();
        var description = TrainingFingerprint.Describe(Recipe, Train, Dev, options.Limit);
        if (folder is not null)
            Begin(folder, options, observer, description);
        else
            NoticeInitialization(observer);

        var interval = options.CheckpointInterval ?? TimeSpan.FromMinutes(Recipe.Training.CheckpointMinutes ?? 1);
        var recorder = new Recorder(this, folder, description, interval, observer);
        try
        {
            trainer.Run(options.Limit, recorder, recorder, options.TargetPer, cancellation);
        }
        catch (OperationCanceledException) when (folder is not null)
        {
            folder.Save(trainer, description);
            throw;
        }
        return new SpeechModel(
            new Network<float>(Recipe.Network, trainer.BestWeights),
            model.Inventory,
            model.Features
        );
    }

    private static WeightTransfer Initialize(SpeechModel model, SpeechModel initial)
    {
        var output = model.Network.Layers.LastOrDefault(layer => layer.Parameters.Any(p => p.IsTrainable));
        var transfer = model.Network.TakeMatching(
            initial.Network.Save(),
            model.Inventory.Symbols.SequenceEqual(initial.Inventory.Symbols) ? null : output?.Path
        );
        return transfer.Taken.Count > 0
            ? transfer
            : throw new ArgumentException(
                Quoted.Line(
                    "no weight of the initial model has the name and the shape of one of the network: "
                        + string.Join("; ", transfer.Kept.Take(3))
                )
            );
    }

    /// <summary>The weights taken of the initial model and the others, a line each.</summary>
    private string DescribeInitialization(WeightTransfer transfer)
    {
        var layers = model.Network.Layers.Where(layer => layer.Parameters.Any(p => transfer.Taken.Contains(p.Name)));
        var lines = new List<string>
        {
            $"{transfer.Taken.Count} of {model.Network.Parameters.Count} tensors are those of the initial model, of "
                + $"{string.Join(", ", layers.Select(layer => layer.Path))}",
        };
        if (!model.Inventory.Symbols.SequenceEqual(initial!.Inventory.Symbols))
            lines.Add("the phones differ, so the output layer is new");
        lines.AddRange(transfer.Kept.Select(kept => $"new: {kept}"));
        lines.AddRange(transfer.Unused.Select(name => $"not used: {Quoted.Unless(name)}"));
        if (model.Features.DiffersFrom(initial.Features) is { Count: > 0 } differences)
            lines.Add($"the features differ: {string.Join("; ", differences)}");
        return string.Join(Environment.NewLine, lines);
    }

    private static string Listed(IReadOnlyList<double> speeds) =>
        speeds.Count == 0
            ? "none"
            : string.Join(", ", speeds.Select(speed => speed.ToString(CultureInfo.InvariantCulture)));

    private void NoticeInitialization(TrainingObserver observer)
    {
        if (Initialization is { } transfer)
            observer.Notices?.Report(
                new TrainingNotice(TrainingNoticeKind.Initialized, DescribeInitialization(transfer))
            );
    }

    /// <summary>Restores a checkpoint, or moves an earlier training out of the folder.</summary>
    private void Begin(
        TrainingFolder folder,
        TrainingOptions options,
        TrainingObserver observer,
        Dictionary<string, string> description
    )
    {
        void Notice(TrainingNoticeKind kind, string message) =>
            observer.Notices?.Report(new TrainingNotice(kind, message));

        string? damage = null;
        var checkpoint = options.Resume ? Checkpoint.ReadLatest(folder.Checkpoint, out damage) : null;
        if (checkpoint is null)
        {
            if (options.Resume)
                Notice(
                    TrainingNoticeKind.NoCheckpoint,
                    $"{Quoted.Path(folder.Checkpoint)} does not exist: the training starts from the beginning"
                );
            if (folder.MoveEarlierAside() is { } earlier)
                Notice(
                    TrainingNoticeKind.EarlierFilesMoved,
                    $"files of an earlier training were moved to {Quoted.Path(earlier)}"
                );
            NoticeInitialization(observer);
            return;
        }
        folder.RequireNoLinks();
        if (damage is not null)
            Notice(TrainingNoticeKind.DamagedCheckpoint, damage);
        if (TrainingFingerprint.DiffersFrom(checkpoint.Metadata, description) is { Count: > 0 } differences)
            throw new FormatException(
                Quoted.Line(
                    $"{Quoted.Path(folder.Checkpoint)} belongs to another training: {string.Join("; ", differences)}. "
                        + "Give the same recipe, data and time, or do not resume"
                )
            );
        trainer.Restore(checkpoint);
        if (TrainingFingerprint.Epochs(checkpoint.Metadata) is { } before && before < Recipe.Training.Epochs)
            Notice(
                TrainingNoticeKind.Extended,
                $"the training goes on to {Recipe.Training.Epochs} epochs instead of {before}; its schedule is that of "
                    + $"{Recipe.Training.Epochs} epochs from here on"
            );
        folder.KeepMetricsUpTo(trainer.State.Steps);
        var state = trainer.State;
        Notice(
            TrainingNoticeKind.Resumed,
            options.Limit is null
                ? $"continues after {state.Steps} updates, in epoch {state.Epoch + 1}"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"continues after {state.Steps} updates; the schedule goes on at {state.ElapsedSeconds / 60:F1} "
                ) + "minutes already spent"
        );
        // The checkpoint of an epoch's end is written before its model, and the file may have the best epoch of a later
        // checkpoint that was damaged.
        if (Best is not null)
            model.Save(folder.Model, trainer.BestWeights);
    }

    /// <summary>Writes metrics, checkpoints and models, and forwards the progress to the observer.</summary>
    private sealed class Recorder(
        TrainingRun run,
        TrainingFolder? folder,
        Dictionary<string, string> description,
        TimeSpan interval,
        TrainingObserver observer
    ) : IProgress<TrainingProgress>, IProgress<EpochReport>
    {
        private readonly Stopwatch sinceCheckpoint = Stopwatch.StartNew();
        private readonly BlankPlateauMonitor plateau = new();
        private readonly PaddingMonitor padding = new();

        void IProgress<TrainingProgress>.Report(TrainingProgress progress)
        {
            folder?.Add(progress);
            observer.Steps?.Report(progress);
            padding.Add(progress.Step);
            if (plateau.Advise(progress.Steps, progress.Step) is { } advice)
                Notice(TrainingNoticeKind.BlankPlateau, advice);
            if (sinceCheckpoint.Elapsed >= interval)
                Save();
        }

        void IProgress<EpochReport>.Report(EpochReport report)
        {
            folder?.Add(report);
            // The checkpoint first: if writing the model fails, resuming repeats it.
            Save();
            if (folder is not null && ReferenceEquals(report, run.Best))
                run.model.Save(folder.Model, run.trainer.BestWeights);
            observer.Epochs?.Report(report);
            if (report.Epoch > 1)
                return;
            foreach (var advice in padding.Advise())
                Notice(TrainingNoticeKind.InefficientBatches, advice);
        }

        private void Save()
        {
            folder?.Save(run.trainer, description);
            sinceCheckpoint.Restart();
        }

        private void Notice(TrainingNoticeKind kind, string message) =>
            observer.Notices?.Report(new TrainingNotice(kind, message));
    }
}
