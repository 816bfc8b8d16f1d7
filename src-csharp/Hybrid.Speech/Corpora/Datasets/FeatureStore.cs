namespace Hybrid.Speech;

/// <summary>The features of a dataset's utterances: in memory as far as a cache allows, the rest on disk. Safe for use by several threads.</summary>
/// <param name="extractor">What the features are.</param>
/// <param name="cache">Where they are kept; null to hold all in memory.</param>
internal sealed class FeatureStore(FeatureExtractor extractor, FeatureCache? cache)
{
    private readonly int width = extractor.Preset.Width;
    private long held;

    /// <summary>Finds or computes the features of an utterance.</summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public StoredFeatures Take(Utterance utterance)
    {
        var key = cache is null ? "" : FeatureCache.Key(utterance, extractor.Preset);
        if (cache?.Find(key, width) is { } info)
        {
            var stored = new StoredFeatures(
                utterance,
                key,
                info,
                MayHold(info) ? new float[info.Frames * width] : null
            );
            if (stored.Features is not null)
                Read(stored, stored.Features);
            return stored;
        }
        var (features, duration) = Compute(utterance, key);
        info = new FeatureInfo(features.Length / width, duration);
        return new StoredFeatures(utterance, key, info, MayHold(info) ? features : null);
    }

    /// <summary>Copies features to a place of just their size, [frames, width].</summary>
    /// <exception cref="IOException">They are no longer kept, and their source has changed or is gone.</exception>
    public void Copy(StoredFeatures stored, Span<float> destination)
    {
        if (stored.Features is { } features)
            features.CopyTo(destination);
        else
            Read(stored, destination);
    }

    private void Read(StoredFeatures stored, Span<float> destination)
    {
        if (cache!.TryRead(stored.Key, width, destination))
            return;
        if (FeatureCache.Key(stored.Utterance, extractor.Preset) != stored.Key)
            throw new IOException(
                $"{stored.Utterance.SourcePath} has changed since the data were loaded: load them again"
            );
        Compute(stored.Utterance, stored.Key).Features.CopyTo(destination);
    }

    private (float[] Features, double DurationSeconds) Compute(Utterance utterance, string key)
    {
        var (features, duration) = extractor.Extract(utterance);
        cache?.Write(key, width, features, duration);
        return (features, duration);
    }

    private bool MayHold(FeatureInfo info)
    {
        var bytes = (long)info.Frames * width * sizeof(float);
        if (cache is null || Interlocked.Add(ref held, bytes) <= cache.MemoryBytes)
            return true;
        Interlocked.Add(ref held, -bytes);
        return false;
    }
}

/// <summary>An utterance's features, or where they are to be had.</summary>
/// <param name="Utterance">Where they come from.</param>
/// <param name="Key">Under which a cache keeps them.</param>
/// <param name="Info">How many frames, how many seconds.</param>
/// <param name="Features">[frames, width]; null where they are on disk.</param>
internal sealed record StoredFeatures(Utterance Utterance, string Key, FeatureInfo Info, float[]? Features);
