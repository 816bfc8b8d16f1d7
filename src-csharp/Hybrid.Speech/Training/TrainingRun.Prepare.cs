using Hybrid.Core;

namespace Hybrid.Speech;

// Preparation from a corpus, and the overfit check.
public sealed partial class TrainingRun
{
    /// <summary>Prepares a training on a corpus: chooses the splits, reads the audio and looks up the words.</summary>
    /// <param name="recipe">Features, network and schedule.</param>
    /// <param name="corpus">Recordings with transcripts.</param>
    /// <param name="dev">
    /// A corpus whose utterances all are dev data; if null, <paramref name="corpus"/> provides them.
    /// </param>
    /// <param name="lexicons">Pronunciations, tried in order; the built-in ones if null or empty.</param>
    /// <param name="team">Threads that share the work; all processors if null.</param>
    /// <param name="cancellation">Stops between recordings.</param>
    /// <param name="cache">Cache of features on disk; null to keep all in memory.</param>
    /// <param name="initial">
    /// A model whose weights are the initial ones where they fit; null for random weights.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The recipe has problems, or no utterance is usable; the message says why.
    /// </exception>
    /// <exception cref="FormatException">The corpus has no training or no dev data.</exception>
    public static TrainingRun Prepare(
        Recipe recipe,
        Corpus corpus,
        Corpus? dev = null,
        IReadOnlyList<Lexicon>? lexicons = null,
        ThreadTeam? team = null,
        CancellationToken cancellation = default,
        FeatureCache? cache = null,
        SpeechModel? initial = null
    )
    {
        recipe = recipe.For(corpus);
        if (recipe.Training.Speeds is not null && recipe.Features.Kind == FeatureKind.Precomputed)
            throw new ArgumentException(
                "the schedule has speeds, but this corpus has precomputed features instead of audio: leave speeds out "
                    + "of the schedule"
            );
        var inventory = PhoneInventory.Arpabet;
        var (train, held) = dev is null ? corpus.TrainAndDev(recipe.Training.Seed) : (corpus.Train(), dev.Utterances);
        var extractor = new FeatureExtractor(recipe.Features);
        var pronouncer = Pronouncer.Of(lexicons);
        return new TrainingRun(
            recipe,
            inventory,
            SpeechDataset.Load(
                train,
                extractor,
                inventory,
                pronouncer,
                cancellation,
                cache,
                recipe.Training.Speeds,
                team
            ),
            SpeechDataset.Load(held, extractor, inventory, pronouncer, cancellation, cache, team: team),
            team,
            initial
        );
    }

    /// <summary>
    /// Overfit sanity check: trains and validates on the same few feasible utterances, without masks, dropout, phases,
    /// averaging and speeds, at a constant learning rate after a warm-up. A network that cannot overfit them cannot
    /// learn more.
    /// </summary>
    /// <param name="utterances">Number of utterances, the first feasible ones of the training data.</param>
    /// <param name="epochs">Maximum number of epochs.</param>
    /// <param name="team">Threads that share the work; all processors if null.</param>
    public TrainingRun Overfit(int utterances, int epochs, ThreadTeam? team = null)
    {
        var network = Recipe.Network with
        {
            Encoder = WithoutDropout(Recipe.Network.Encoder),
            Decoder = WithoutDropout(Recipe.Network.Decoder),
        };
        var schedule = Recipe.Training with
        {
            Epochs = epochs,
            Batch = Recipe.Training.Batch with { Utterances = Math.Min(utterances, 4) },
            LearningRate = new WarmUp(Math.Clamp(epochs, 1, 5), new ConstantRate()),
            Phases = null,
            Augmentation = null,
            Averaging = null,
            Patience = null,
            Speeds = null,
        };
        var infeasible = Infeasible(Train).Select(skipped => skipped.Id).ToHashSet();
        var few = Train.Where(id => !infeasible.Contains(id)).Take(utterances);
        return new TrainingRun(
            Recipe with
            {
                Network = network,
                Training = schedule,
            },
            model.Inventory,
            few,
            few,
            team,
            initial
        );
    }

    private static IReadOnlyList<LayerSpec> WithoutDropout(IEnumerable<LayerSpec> layers) =>
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
                        ResidualSpec residual => residual with { Body = WithoutDropout(residual.Body) },
                        _ => layer,
                    }
                ),
        ];
}
