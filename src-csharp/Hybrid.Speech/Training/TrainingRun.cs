using System.Diagnostics;
using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>How a training runs, beside what it trains.</summary>
/// <param name="Folder">Where the best model, checkpoints and metrics go; null to keep nothing.</param>
/// <param name="Limit">The time over which to stretch the schedule; null to run the recipe's epochs.</param>
/// <param name="Resume">Whether to continue from the folder's checkpoint, if there is one.</param>
/// <param name="CheckpointInterval">The longest time between two checkpoints; the recipe's where null.</param>
/// <param name="TargetPer">An error rate on the dev data, in percent, at which to stop; null to go on to the end.</param>
public sealed record TrainingOptions(
    string? Folder = null,
    TimeSpan? Limit = null,
    bool Resume = false,
    TimeSpan? CheckpointInterval = null,
    double? TargetPer = null
);

/// <summary>Those who watch a training.</summary>
/// <param name="Stepped">Is told of every step.</param>
/// <param name="EpochEnded">Is told of every pass.</param>
/// <param name="Noticed">Is told in a sentence what a person should know.</param>
public sealed record TrainingObserver(
    Action<TrainingProgress>? Stepped = null,
    Action<EpochReport>? EpochEnded = null,
    Action<string>? Noticed = null
);

/// <summary>A training of a recipe on speech: data in, the best model out.</summary>
public sealed class TrainingRun
{
    private readonly Trainer trainer;
    private readonly SpeechModel model;
    private StoredTensor[]? bestWeights;

    /// <summary>Prepares a training.</summary>
    /// <param name="recipe">Features, network and schedule.</param>
    /// <param name="inventory">The phones to tell apart.</param>
    /// <param name="train">What to learn from.</param>
    /// <param name="dev">What to choose the best model by.</param>
    /// <param name="team">Threads to share the work; all processors where left out.</param>
    /// <exception cref="ArgumentException">The recipe has problems, or nothing of the data can be used; the message says why.</exception>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    public TrainingRun(
        Recipe recipe,
        PhoneInventory inventory,
        SpeechDataset train,
        SpeechDataset dev,
        ThreadTeam? team = null
    )
    {
        foreach (var (data, name) in new[] { (train, "training"), (dev, "dev") })
            if (data.Count == 0)
                throw new ArgumentException(
                    $"nothing of the {name} data can be used{string.Concat(data.Skipped.Take(3).Select(left => $"; {left}"))}"
                );
        if (recipe.Training.Speeds is { } speeds && !speeds.SequenceEqual(train.Speeds))
            throw new ArgumentException(
                $"the recipe trains at speeds {Listed(speeds)}, the training data were loaded at {Listed(train.Speeds)}"
            );
        model = SpeechModel.Create(recipe.Network, recipe.Features, inventory, recipe.Training.Seed);
        foreach (var (data, name) in new[] { (train, "training"), (dev, "dev") })
            if (Infeasible(data).Count() == data.Count)
                throw new ArgumentException(
                    $"no utterance of the {name} data has enough frames for its phones behind the network's subsampling of {model.Times.Stride}; first {Infeasible(data).First()}"
                );
        trainer = new Trainer(model.Network, recipe.Training, train, dev, team);
        (Recipe, Train, Dev) = (recipe, train, dev);
    }

    /// <summary>Prepares a training on a corpus: the splits are chosen, the sound is read, the words are looked up.</summary>
    /// <param name="recipe">Features, network and schedule.</param>
    /// <param name="corpus">Recordings with transcripts.</param>
    /// <param name="dev">What to choose the best model by, all of it; the corpus decides where null.</param>
    /// <param name="lexicons">Pronunciations, tried in order; those of the built-in words where none is given.</param>
    /// <param name="team">Threads to share the work; all processors where left out.</param>
    /// <param name="cancellation">Stops between recordings.</param>
    /// <param name="cache">Keeps features for the next time and for want of memory; null to hold all in memory.</param>
    /// <exception cref="ArgumentException">The recipe has problems, or nothing of the data can be used; the message says why.</exception>
    /// <exception cref="FormatException">The corpus has nothing to train on or to judge by.</exception>
    public static TrainingRun Prepare(
        Recipe recipe,
        Corpus corpus,
        Corpus? dev = null,
        IReadOnlyList<Lexicon>? lexicons = null,
        ThreadTeam? team = null,
        CancellationToken cancellation = default,
        FeatureCache? cache = null
    )
    {
        recipe = recipe.For(corpus);
        if (recipe.Training.Speeds is not null && recipe.Features.Kind == FeatureKind.Precomputed)
            throw new ArgumentException(
                "speeds are of sound, and the features of this corpus are given: leave speeds out of the schedule"
            );
        var inventory = PhoneInventory.Arpabet;
        var (train, judge) = dev is null ? corpus.TrainAndDev(recipe.Training.Seed) : (corpus.Train(), dev.Utterances);
        var extractor = new FeatureExtractor(recipe.Features);
        var pronouncer = new Pronouncer(lexicons is { Count: > 0 } ? lexicons : [Lexicon.BuiltIn]);
        return new TrainingRun(
            recipe,
            inventory,
            SpeechDataset.Load(train, extractor, inventory, pronouncer, cancellation, cache, recipe.Training.Speeds),
            SpeechDataset.Load(judge, extractor, inventory, pronouncer, cancellation, cache),
            team
        );
    }

    /// <summary>
    /// A training that learns the first <paramref name="utterances"/> feasible utterances by heart and is judged by the same:
    /// masks, all dropout and phases are left out, the learning rate stays constant after a warm-up. A network that cannot do this cannot
    /// learn more.
    /// </summary>
    /// <param name="utterances">How many.</param>
    /// <param name="epochs">After how many passes to give up.</param>
    /// <param name="team">Threads to share the work; all processors where left out.</param>
    public TrainingRun Overfit(int utterances, int epochs, ThreadTeam? team = null)
    {
        static IReadOnlyList<LayerSpec> Plain(IEnumerable<LayerSpec> layers) =>
            [
                .. layers
                    .Where(layer => layer is not (SpecAugmentSpec or DropoutSpec))
                    .Select(layer =>
                        layer switch
                        {
                            RecurrentSpec recurrent => recurrent with
                            {
                                Settings = recurrent.Settings with { Dropout = 0, Locked = false },
                            },
                            ResidualSpec residual => residual with { Body = Plain(residual.Body) },
                            _ => layer,
                        }
                    ),
            ];
        var network = Recipe.Network with
        {
            Encoder = Plain(Recipe.Network.Encoder),
            Decoder = Plain(Recipe.Network.Decoder),
        };
        var schedule = Recipe.Training with
        {
            Epochs = epochs,
            Batch = Recipe.Training.Batch with { Utterances = Math.Min(utterances, 4) },
            LearningRate = new WarmUp(5, new ConstantRate()),
            Phases = null,
            Augmentation = null,
            Averaging = null,
            Patience = null,
            Speeds = null,
        };
        var impossible = Infeasible(Train).Select(left => left.Id).ToHashSet();
        var few = Train.Where(id => !impossible.Contains(id)).Take(utterances);
        return new TrainingRun(Recipe with { Network = network, Training = schedule }, model.Inventory, few, few, team);
    }

    /// <summary>Features, network and schedule.</summary>
    public Recipe Recipe { get; }

    /// <summary>What is learned from.</summary>
    public SpeechDataset Train { get; }

    /// <summary>What the best model is chosen by.</summary>
    public SpeechDataset Dev { get; }

    /// <summary>What every pass so far brought.</summary>
    public IReadOnlyList<EpochReport> History => trainer.State.History;

    /// <summary>Utterances whose phones do not fit into the network's output frames; they are skipped in training.</summary>
    public IEnumerable<SkippedUtterance> Infeasible(SpeechDataset data)
    {
        for (var i = 0; i < data.Count; i++)
        {
            var (needed, available) = (
                CtcFeasibility.FramesNeeded(data.Labels(i)),
                model.Network.OutputLength(data.Frames(i))
            );
            if (needed > available)
                yield return new SkippedUtterance(data.Id(i), $"needs {needed} frames, has {available}");
        }
    }

    /// <summary>Trains and returns the model that was best on the dev data.</summary>
    /// <param name="options">How to run.</param>
    /// <param name="observer">Those who watch.</param>
    /// <param name="cancellation">Stops between steps; a last checkpoint is written.</param>
    /// <exception cref="TrainingDivergedException">A loss is not finite; files written so far stay usable.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    /// <exception cref="FormatException">There is no usable checkpoint to resume from, or it belongs to another training; the message lists what differs.</exception>
    /// <exception cref="IOException">A file cannot be written; those written so far stay usable.</exception>
    public SpeechModel Run(
        TrainingOptions? options = null,
        TrainingObserver? observer = null,
        CancellationToken cancellation = default
    )
    {
        options ??= new TrainingOptions();
        observer ??= new TrainingObserver();
        // Before an earlier training is moved aside.
        if (options.Limit <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(options), "there is no time to train in");
        var folder = options.Folder is null ? null : new TrainingFolder(options.Folder);
        var description = TrainingFingerprint.Describe(Recipe, Train, Dev, options.Limit);
        if (folder is not null)
            Begin(folder, options, observer, description);

        var (watch, plateau, waste) = (Stopwatch.StartNew(), new BlankPlateauMonitor(), new PaddingMonitor());
        var interval = options.CheckpointInterval ?? TimeSpan.FromMinutes(Recipe.Training.CheckpointMinutes ?? 1);
        try
        {
            trainer.Run(options.Limit, Stepped, EpochEnded, options.TargetPer, cancellation);
        }
        catch (OperationCanceledException) when (folder is not null)
        {
            folder.Save(trainer, description);
            throw;
        }
        return new SpeechModel(new Network<float>(Recipe.Network, bestWeights!), model.Inventory, model.Features);

        void Stepped(TrainingProgress progress)
        {
            folder?.Add(progress);
            observer.Stepped?.Invoke(progress);
            waste.Add(progress.Step);
            if (plateau.Advise(progress.Steps, progress.Step) is { } advice)
                observer.Noticed?.Invoke(advice);
            if (folder is null || watch.Elapsed < interval)
                return;
            folder.Save(trainer, description);
            watch.Restart();
        }

        void EpochEnded(EpochReport report)
        {
            // The checkpoint first: should the model not follow, resuming makes up for it.
            folder?.Add(report);
            folder?.Save(trainer, description);
            watch.Restart();
            KeepBest(folder);
            observer.EpochEnded?.Invoke(report);
            if (report.Epoch > 1)
                return;
            foreach (var advice in waste.Advise())
                observer.Noticed?.Invoke(advice);
        }
    }

    private static string Listed(IReadOnlyList<double> speeds) =>
        speeds.Count == 0
            ? "none"
            : string.Join(", ", speeds.Select(speed => speed.ToString(CultureInfo.InvariantCulture)));

    private void Begin(
        TrainingFolder folder,
        TrainingOptions options,
        TrainingObserver observer,
        Dictionary<string, string> description
    )
    {
        string? notice = null;
        var checkpoint = options.Resume ? Checkpoint.ReadLatest(folder.Checkpoint, out notice) : null;
        if (checkpoint is null)
        {
            if (options.Resume)
                observer.Noticed?.Invoke($"{folder.Checkpoint} is not there: the training begins from its beginning");
            if (folder.MoveEarlierAside() is { } earlier)
                observer.Noticed?.Invoke($"files of an earlier training were moved to {earlier}");
            return;
        }
        if (notice is not null)
            observer.Noticed?.Invoke(notice);
        if (TrainingFingerprint.DiffersFrom(checkpoint.Metadata, description) is { Count: > 0 } differences)
            throw new FormatException(
                $"{folder.Checkpoint} belongs to another training: {string.Join("; ", differences)}. Give the same recipe, data and time, or leave --resume out"
            );
        trainer.Restore(checkpoint);
        folder.KeepMetricsUpTo(trainer.State.Steps);
        var state = trainer.State;
        observer.Noticed?.Invoke(
            options.Limit is null
                ? $"continues after {state.Steps} updates, in epoch {state.Epoch + 1}"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"continues after {state.Steps} updates; the schedule goes on at {state.ElapsedSeconds / 60:F1} minutes already spent"
                )
        );
        if (state.Batch == 0)
            KeepBest(folder);
        if (state.Best is not null)
            bestWeights ??= [.. SpeechModel.Load(folder.Model).Network.Save()];
    }

    /// <summary>Keeps the weights if they are the best so far: those of the epoch that has just ended.</summary>
    private void KeepBest(TrainingFolder? folder)
    {
        if (History.Count == 0 || !ReferenceEquals(History[^1], trainer.State.Best))
            return;
        bestWeights = [.. trainer.EvaluationWeights()];
        if (folder is not null)
            model.Save(folder.Model, bestWeights);
    }
}
