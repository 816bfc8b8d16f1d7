using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>An utterance that could not be used, and why.</summary>
public readonly record struct LeftOut(string Id, string Reason)
{
    /// <summary>Id and reason.</summary>
    public override string ToString() => $"{Id}: {Reason}";
}

/// <summary>What of a corpus can be used: features and labels in memory, and what had to be left out.</summary>
public sealed class SpeechDataset : IDataset
{
    private readonly Item[] items;

    private SpeechDataset(int features, Item[] items, IReadOnlyList<LeftOut> leftOut) => (Features, this.items, LeftOut) = (features, items, leftOut);

    /// <inheritdoc/>
    public int Count => items.Length;

    /// <inheritdoc/>
    public int Features { get; }

    /// <summary>Utterances that could not be used, in the order of the corpus.</summary>
    public IReadOnlyList<LeftOut> LeftOut { get; }

    /// <summary>Length of all audio in hours.</summary>
    public double Hours => items.Sum(item => item.DurationSeconds) / 3600;

    /// <summary>Computes features and labels of utterances on all processors.</summary>
    /// <param name="utterances">What to read.</param>
    /// <param name="extractor">How sound becomes features.</param>
    /// <param name="inventory">The phones that there are.</param>
    /// <param name="pronouncer">How words become phones.</param>
    /// <param name="cancellation">Stops between utterances.</param>
    public static SpeechDataset Load(IReadOnlyList<Utterance> utterances, FeatureExtractor extractor, PhoneInventory inventory, Pronouncer pronouncer, CancellationToken cancellation = default)
    {
        var items = new Item?[utterances.Count];
        var reasons = new string?[utterances.Count];
        var options = new ParallelOptions { CancellationToken = cancellation };
        Parallel.For(0, utterances.Count, options, i =>
        {
            try
            {
                items[i] = Read(utterances[i], extractor, inventory, pronouncer);
            }
            catch (Exception error) when (error is IOException or FormatException or AudioFormatException or ArgumentException or UnauthorizedAccessException)
            {
                reasons[i] = error.Message;
            }
        });
        var leftOut = utterances.Select((u, i) => (u.Id, Reason: reasons[i])).Where(u => u.Reason is not null).Select(u => new LeftOut(u.Id, u.Reason!));
        return new SpeechDataset(extractor.Preset.Coefficients, [.. items.OfType<Item>()], [.. leftOut]);
    }

    /// <summary>The utterances whose names fulfil a condition.</summary>
    public SpeechDataset Where(Func<string, bool> condition) => new(Features, [.. items.Where(item => condition(item.Id))], []);

    /// <summary>The first utterances, at most so many.</summary>
    public SpeechDataset Take(int count) => new(Features, [.. items.Take(count)], []);

    /// <inheritdoc/>
    public string Id(int index) => items[index].Id;

    /// <inheritdoc/>
    public int Frames(int index) => items[index].Features.Length / Features;

    /// <inheritdoc/>
    public int[] Labels(int index) => items[index].Labels;

    /// <inheritdoc/>
    public void CopyFeatures(int index, Span<float> destination) => items[index].Features.CopyTo(destination);

    /// <summary>The phones of an utterance: those given, or those of its words.</summary>
    /// <exception cref="FormatException">Words have no pronunciation; the message names all of them.</exception>
    public static IReadOnlyList<string> Transcribe(Utterance utterance, Pronouncer pronouncer)
    {
        if (utterance.Phones is not null) return utterance.Phones;
        var (words, missing) = pronouncer.Pronounce(utterance.Text ?? "");
        if (missing.Count > 0)
            throw new FormatException($"no pronunciation of {string.Join(", ", missing)}: give a lexicon that has {(missing.Count > 1 ? "them" : "it")}");
        return [.. words.SelectMany(word => word.Phones)];
    }

    private static Item Read(Utterance utterance, FeatureExtractor extractor, PhoneInventory inventory, Pronouncer pronouncer)
    {
        var labels = inventory.Labels(Transcribe(utterance, pronouncer));
        var clip = AudioClip.Read(utterance.AudioPath);
        return new Item(utterance.Id, extractor.Extract(clip), labels, clip.DurationSeconds);
    }

    private sealed record Item(string Id, float[] Features, int[] Labels, double DurationSeconds);
}
