using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>What of a corpus can be used: features and labels, and what had to be left out.</summary>
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

    /// <summary>Utterances that could not be used, in the order of the corpus.</summary>
    public IReadOnlyList<SkippedUtterance> Skipped { get; }

    /// <summary>The speeds that <see cref="Drawn"/> draws from; none where there is but the recorded one.</summary>
    public IReadOnlyList<double> Speeds { get; }

    /// <summary>Length of all utterances in hours, as recorded.</summary>
    public double Hours => items.Sum(item => item.Stored.Info.DurationSeconds) / 3600;

    /// <summary>Reads or computes features and labels of utterances on all processors.</summary>
    /// <param name="utterances">What to read.</param>
    /// <param name="extractor">What the features are.</param>
    /// <param name="inventory">The phones that there are.</param>
    /// <param name="pronouncer">How words become phones.</param>
    /// <param name="cancellation">Stops between utterances.</param>
    /// <param name="cache">Keeps features for the next time, and those that do not fit into its share of the memory; null to hold all in memory.</param>
    /// <param name="speeds">At which speeds utterances are wanted beside the recorded one; none where null.</param>
    public static SpeechDataset Load(
        IReadOnlyList<Utterance> utterances,
        FeatureExtractor extractor,
        PhoneInventory inventory,
        Pronouncer pronouncer,
        CancellationToken cancellation = default,
        FeatureCache? cache = null,
        IReadOnlyList<double>? speeds = null
    )
    {
        speeds ??= [];
        var store = new FeatureStore(extractor, cache);
        var items = new Item?[utterances.Count];
        var reasons = new string?[utterances.Count];
        var options = new ParallelOptions { CancellationToken = cancellation };
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
                reasons[i] = error.Message;
            }
        });
        var skipped = utterances
            .Select((u, i) => (u.Id, Reason: reasons[i]))
            .Where(u => u.Reason is not null)
            .Select(u => new SkippedUtterance(u.Id, u.Reason!));
        return new SpeechDataset(extractor.Preset.Width, [.. items.OfType<Item>()], store, [.. skipped], speeds);
    }

    /// <summary>The utterances whose names fulfil a condition.</summary>
    public SpeechDataset Where(Func<string, bool> condition) =>
        new(Features, [.. items.Where(item => condition(item.Stored.Utterance.Id))], store, [], Speeds);

    /// <summary>The first utterances, at most so many.</summary>
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
    /// <exception cref="IOException">The features were on disk, are no longer, and their source has changed or is gone.</exception>
    public void CopyFeatures(int index, Span<float> destination) => store.Copy(items[index].Stored, destination);

    private sealed record Item(int[] Labels, StoredFeatures Stored, StoredFeatures[] Versions);
}
