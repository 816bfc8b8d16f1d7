using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Features and labels of the usable utterances of a corpus, and the skipped ones.</summary>
public sealed class SpeechDataset : IVariedDataset
{
    private readonly Item[] items;
    private readonly FeatureStore store;

    private SpeechDataset(
        int features,
        Item[] items,
        FeatureStore store,
        IReadOnlyList<SkippedUtterance> skipped,
        IReadOnlyList<double> speeds
    ) => (Features, this.items, this.store, Skipped, Speeds) = (features, items, store, skipped, speeds);

    /// <inheritdoc/>
    public int Count => items.Length;

    /// <inheritdoc/>
    public int Features { get; }

    /// <summary>Utterances that cannot be used, in the order of the corpus.</summary>
    public IReadOnlyList<SkippedUtterance> Skipped { get; }

    /// <summary>The speeds from which <see cref="Drawn"/> draws; empty for the recorded speed only.</summary>
    public IReadOnlyList<double> Speeds { get; }

    /// <summary>Total length of the utterances at their recorded speed, in hours.</summary>
    public double Hours => items.Sum(item => item.Stored.Info.DurationSeconds) / 3600;

    /// <summary>Reads or computes features and labels of utterances, one on each thread.</summary>
    /// <param name="utterances">The utterances.</param>
    /// <param name="extractor">The kind of features.</param>
    /// <param name="inventory">The known phones.</param>
    /// <param name="pronouncer">The pronunciation of words.</param>
    /// <param name="cancellation">Cancels between utterances.</param>
    /// <param name="cache">
    /// Stores features for the next load, and those that exceed its memory limit; null to hold all in memory.
    /// </param>
    /// <param name="speeds">Speeds for augmentation; null for the recorded speed only.</param>
    /// <param name="team">Its number of threads is used; all processors if null.</param>
    /// <param name="progress">Receives the number of utterances that are done, from any thread.</param>
    public static SpeechDataset Load(
        IReadOnlyList<Utterance> utterances,
        FeatureExtractor extractor,
        PhoneInventory inventory,
        Pronouncer pronouncer,
        CancellationToken cancellation = default,
        FeatureCache? cache = null,
        IReadOnlyList<double>? speeds = null,
        ThreadTeam? team = null,
        IProgress<int>? progress = null
    )
    {
        speeds ??= [];
        var store = new FeatureStore(extractor, cache);
        var items = new Item?[utterances.Count];
        var skipped = new SkippedUtterance?[utterances.Count];
        var done = 0;
        var options = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = (team ?? ThreadTeam.Default).Threads,
        };
        Parallel.For(0, utterances.Count, options, i =>
        {
            try
            {
                var labels = inventory.Labels(utterances[i].Transcribe(pronouncer));
                var recorded = store.Take(utterances[i]);
                items[i] = new Item(
                    labels,
                    recorded,
                    [
                        .. speeds.Select(speed =>
                            speed == 1 ? recorded : store.Take(utterances[i] with { Speed = speed })
                        ),
                    ]
                );
            }
            catch (Exception error) when (SkippedUtterance.CanSkip(error))
            {
                skipped[i] = SkippedUtterance.Of(utterances[i].Id, error);
            }
            progress?.Report(Interlocked.Increment(ref done));
        });
        return new SpeechDataset(
            extractor.Preset.Width,
            [.. items.OfType<Item>()],
            store,
            [.. skipped.OfType<SkippedUtterance>()],
            speeds
        );
    }

    /// <summary>The utterances whose ids satisfy a condition.</summary>
    public SpeechDataset Where(Func<string, bool> condition) =>
        new(Features, [.. items.Where(item => condition(item.Stored.Utterance.Id))], store, [], Speeds);

    /// <summary>The first utterances, at most <paramref name="count"/>.</summary>
    public SpeechDataset Take(int count) => new(Features, [.. items.Take(count)], store, [], Speeds);

    /// <inheritdoc/>
    public IDataset Drawn(CounterRandom random) =>
        Speeds.Count == 0
            ? this
            : new SpeechDataset(
                Features,
                [
                    .. items.Select(
                        (item, i) =>
                            item with
                            {
                                Stored = item.Versions[random.Fork((ulong)i).Stream().Below(Speeds.Count)],
                            }
                    ),
                ],
                store,
                Skipped,
                Speeds
            );

    /// <inheritdoc/>
    public string Id(int index) => items[index].Stored.Utterance.Id;

    /// <inheritdoc/>
    public int Frames(int index) => items[index].Stored.Info.Frames;

    /// <inheritdoc/>
    public int[] Labels(int index) => items[index].Labels;

    /// <inheritdoc/>
    /// <exception cref="IOException">
    /// The features are no longer cached, and their source has changed or is missing.
    /// </exception>
    public void CopyFeatures(int index, Span<float> destination) => store.Copy(items[index].Stored, destination);

    private sealed record Item(int[] Labels, StoredFeatures Stored, StoredFeatures[] Versions);
}
