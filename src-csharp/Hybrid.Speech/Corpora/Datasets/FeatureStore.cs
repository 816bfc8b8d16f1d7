using System.Collections.Concurrent;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The features of a dataset: in memory up to the limit of a cache, the rest on disk. Safe for use by several threads.
/// </summary>
/// <param name="extractor">The kind of features.</param>
/// <param name="cache">The cache on disk; null to hold all features in memory.</param>
internal sealed class FeatureStore(FeatureExtractor extractor, FeatureCache? cache)
{
    private readonly int width = extractor.Preset.Width;
    private long held;

    // Pieces of one recording, and its speeds, share the hash of the file.
    private readonly ConcurrentDictionary<string, Lazy<string>> contents = new();

    /// <summary>Reads or computes the features of an utterance.</summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public StoredFeatures Take(Utterance utterance)
    {
        var key = cache is null ? "" : FeatureCache.Key(utterance, extractor.Preset, ContentOf(utterance.SourcePath));
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

    /// <summary>Copies features into a span of their size, [frames, width].</summary>
    /// <exception cref="IOException">They are no longer cached, and their source has changed or is missing.</exception>
    public void Copy(StoredFeatures stored, Span<float> destination)
    {
        if (stored.Features is { } features)
            features.CopyTo(destination);
        else
            Read(stored, destination);
    }

    private string ContentOf(string path) =>
        contents.GetOrAdd(path, path => new Lazy<string>(() => FeatureCache.ContentHash(path))).Value;

    private void Read(StoredFeatures stored, Span<float> destination)
    {
        if (cache!.TryRead(stored.Key, width, destination))
            return;
        var path = stored.Utterance.SourcePath;
        if (FeatureCache.Key(stored.Utterance, extractor.Preset, FeatureCache.ContentHash(path)) != stored.Key)
            throw new IOException($"{Quoted.Path(path)} has changed since the data were loaded: load them again");
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

/// <summary>The features of an utterance, or their key on disk.</summary>
/// <param name="Utterance">The utterance.</param>
/// <param name="Key">The key in the cache.</param>
/// <param name="Info">Frames and length.</param>
/// <param name="Features">[frames, width]; null if they are on disk.</param>
internal sealed record StoredFeatures(Utterance Utterance, string Key, FeatureInfo Info, float[]? Features);
