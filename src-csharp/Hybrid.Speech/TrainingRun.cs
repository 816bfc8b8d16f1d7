using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A training of a recipe on speech: data in, the best model out.</summary>
public sealed class TrainingRun
{
    /// <summary>The best model's file within the folder of a training.</summary>
    public const string ModelName = "model.safetensors";

    /// <summary>The latest checkpoint's file within the folder of a training; the one before has <c>.previous</c> behind its name.</summary>
    public const string CheckpointName = "checkpoint.safetensors";

    private readonly Trainer trainer;
    private readonly SpeechModel model;
    private StoredTensor[]? bestWeights;

    /// <summary>Prepares a training.</summary>
    /// <param name="recipe">Features, network and schedule.</param>
    /// <param name="inventory">The phones to tell apart.</param>
    /// <param name="train">What to learn from.</param>
    /// <param name="dev">What to choose the best model by.</param>
    /// <param name="team">Threads to share the work; all processors where left out.</param>
    /// <exception cref="ArgumentException">The recipe has mistakes, or nothing of the data can be used; the message says why.</exception>
    /// <exception cref="InvalidSpecException">The network has mistakes.</exception>
    public TrainingRun(Recipe recipe, PhoneInventory inventory, SpeechDataset train, SpeechDataset dev, ThreadTeam? team = null)
    {
        foreach (var (data, name) in new[] { (train, "training"), (dev, "dev") })
            if (data.Count == 0)
                throw new ArgumentException($"nothing of the {name} data can be used{string.Concat(data.LeftOut.Take(3).Select(left => $"; {left}"))}");
        model = SpeechModel.Create(recipe.Network, recipe.Features, inventory, recipe.Training.Seed);
        foreach (var (data, name) in new[] { (train, "training"), (dev, "dev") })
            if (Infeasible(data).Count() == data.Count)
                throw new ArgumentException($"no utterance of the {name} data has enough frames for its phones behind the network's subsampling of {model.Times.Stride}; first {Infeasible(data).First()}");
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
    /// <exception cref="ArgumentException">The recipe has mistakes, or nothing of the data can be used; the message says why.</exception>
    /// <exception cref="FormatException">The corpus has nothing to train on or to judge by.</exception>
    public static TrainingRun Prepare(Recipe recipe, Corpus corpus, Corpus? dev = null, IReadOnlyList<Lexicon>? lexicons = null, ThreadTeam? team = null, CancellationToken cancellation = default, FeatureCache? cache = null)
    {
        recipe = recipe.For(corpus);
        var inventory = PhoneInventory.Arpabet;
        var (train, judge) = dev is null ? corpus.TrainAndDev(recipe.Training.Seed) : (corpus.Split("train") is { Count: > 0 } named ? named : corpus.Utterances, dev.Utterances);
        var extractor = new FeatureExtractor(recipe.Features);
        var pronouncer = new Pronouncer(lexicons is { Count: > 0 } ? lexicons : [Lexicon.BuiltIn]);
        return new TrainingRun(recipe, inventory,
            SpeechDataset.Load(train, extractor, inventory, pronouncer, cancellation, cache),
            SpeechDataset.Load(judge, extractor, inventory, pronouncer, cancellation, cache), team);
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
    public IEnumerable<LeftOut> Infeasible(SpeechDataset data)
    {
        for (var i = 0; i < data.Count; i++)
        {
            var (needed, available) = (CtcFeasibility.FramesNeeded(data.Labels(i)), model.Network.OutputLength(data.Frames(i)));
            if (needed > available) yield return new LeftOut(data.Id(i), $"needs {needed} frames, has {available}");
        }
    }

    /// <summary>Trains and returns the model that was best on the dev data.</summary>
    /// <param name="limit">The time over which to stretch the schedule; null to run the recipe's epochs.</param>
    /// <param name="folder">Where to keep the best model and a checkpoint after every pass; null to keep nothing.</param>
    /// <param name="progress">Is told of every step.</param>
    /// <param name="epochEnded">Is told of every pass.</param>
    /// <param name="cancellation">Stops between steps; files written so far stay usable.</param>
    /// <exception cref="TrainingDivergedException">A loss is not finite; files written so far stay usable.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    /// <exception cref="IOException">A file cannot be written; those written so far stay usable.</exception>
    public SpeechModel Run(TimeSpan? limit = null, string? folder = null, IProgress<TrainingProgress>? progress = null, Action<EpochReport>? epochEnded = null, CancellationToken cancellation = default)
    {
        if (folder is not null) Directory.CreateDirectory(folder);
        trainer.Run(limit, progress, Keep, cancellation);
        return new SpeechModel(new Network<float>(Recipe.Network, bestWeights!), model.Inventory, model.Features);

        void Keep(EpochReport report)
        {
            var isBest = ReferenceEquals(report, trainer.State.Best);
            if (isBest) bestWeights = [.. model.Network.Save()];
            if (folder is not null)
            {
                if (isBest) model.Save(Path.Combine(folder, ModelName));
                var checkpoint = Path.Combine(folder, CheckpointName);
                if (File.Exists(checkpoint)) File.Move(checkpoint, checkpoint + ".previous", overwrite: true);
                Checkpoint.Write(checkpoint, trainer, model.Describe());
            }
            epochEnded?.Invoke(report);
        }
    }
}
