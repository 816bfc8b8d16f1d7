using System.Numerics.Tensors;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Features of utterances as a preset has them: computed from sound, or read where they are given. Safe for use by several threads.</summary>
public sealed class FeatureExtractor
{
    // Silence at an end: so far below the loudest frame; so much of it counts for the normalisation. No sound at all: so far below.
    private const double EdgeDecibels = 30,
        EdgeSeconds = 0.5,
        NoSoundDecibels = 90;

    private readonly Mfcc? mfcc;

    /// <summary>Prepares the computation.</summary>
    /// <exception cref="ArgumentException">The preset has problems.</exception>
    public FeatureExtractor(FeaturePreset preset)
    {
        if (preset.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(preset));
        Preset = preset;
        mfcc = preset.Kind == FeatureKind.Precomputed ? null : new Mfcc(preset);
    }

    /// <summary>What the features are.</summary>
    public FeaturePreset Preset { get; }

    /// <summary>Precomputed features of a <c>.npy</c> file, [frames, coefficients], normalised over the utterance.</summary>
    /// <returns>Features, [frames, width of the preset], and the length in seconds.</returns>
    /// <exception cref="FormatException">The file does not have the features of the preset; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The preset computes features from sound.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public (float[] Features, double DurationSeconds) ExtractPrecomputed(string path)
    {
        if (mfcc is not null)
            throw new InvalidOperationException(
                "the preset computes features from sound and takes no precomputed ones"
            );
        var coefficients = ReadPrecomputed(path);
        return (Normalized(coefficients), coefficients.Length / Preset.Coefficients * Preset.HopSeconds);
    }

    /// <summary>
    /// Features of a clip, [frames, width of the preset], normalised over the clip; one of another sample rate than the preset's is
    /// resampled first.
    /// </summary>
    /// <exception cref="ArgumentException">The clip's sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="InvalidOperationException">The features are given, not computed from sound.</exception>
    public float[] Extract(AudioClip clip) => Normalized(Computed.Compute(clip.Resample(Preset.SampleRate).Samples));

    /// <summary>The same without resampling and normalisation, as other toolkits give them.</summary>
    /// <exception cref="ArgumentException">The clip has another sample rate than the preset.</exception>
    /// <exception cref="InvalidOperationException">The features are given, not computed from sound.</exception>
    public float[] ExtractRaw(AudioClip clip) =>
        clip.SampleRate == Preset.SampleRate
            ? Deltas.Append(Computed.Compute(clip.Samples), Preset)
            : throw new ArgumentException(
                $"the audio has {clip.SampleRate} samples per second, the features take {Preset.SampleRate}: resample it with Resample({Preset.SampleRate})",
                nameof(clip)
            );

    private Mfcc Computed =>
        mfcc
        ?? throw new InvalidOperationException(
            $"the model takes features that come with a corpus, {Preset.Coefficients} per frame, and no sound; for sound, train one with features (mfcc {Preset.Coefficients}) on recordings"
        );

    private float[] ReadPrecomputed(string path)
    {
        var array = NpyArray.Read(path);
        if (array.Type.Kind != NpyKind.Float || array.Shape.Count != 2 || array.Shape[1] != Preset.Coefficients)
            throw new FormatException(
                $"{path}: {array.Type} of shape ({string.Join(", ", array.Shape)}) where features are floats of shape (frames, {Preset.Coefficients})"
            );
        var features = array.ToSingles();
        if (Array.FindIndex(features, value => !float.IsFinite(value)) is var bad and >= 0)
            throw new FormatException(
                $"{path}: coefficient {bad % Preset.Coefficients} of frame {bad / Preset.Coefficients} is no finite number"
            );
        return features;
    }

    /// <summary>
    /// Appends differences to coefficients, and brings each of both to mean 0 and, if asked, variance 1 over the frames that
    /// <see cref="Span"/> names; a constant one becomes 0.
    /// </summary>
    private float[] Normalized(float[] coefficients)
    {
        var width = Preset.Width;
        var (first, end) = mfcc is null ? (0, coefficients.Length / Preset.Coefficients) : Span(coefficients);
        var features = Deltas.Append(coefficients, Preset);
        for (var c = 0; c < width; c++)
        {
            double sum = 0,
                squares = 0;
            for (var t = first; t < end; t++)
                sum += features[t * width + c];
            var mean = sum / (end - first);
            for (var t = first; t < end; t++)
            {
                var deviation = features[t * width + c] - mean;
                squares += deviation * deviation;
            }
            var scale = Preset.NormalizeVariance ? 1 / Math.Sqrt(squares / (end - first) + 1e-10) : 1;
            for (var i = c; i < features.Length; i += width)
                features[i] = (float)((features[i] - mean) * scale);
        }
        return features;
    }

    /// <summary>
    /// From which frame to which the sound counts for the normalisation. Long silence before and behind would otherwise decide what
    /// is normal, and digital silence, whose level is that of no room, wherever it is; its frames become those of the quietest
    /// frame that has sound.
    /// </summary>
    private (int First, int End) Span(float[] features)
    {
        var coefficients = Preset.Coefficients;
        var decibels = Preset.RangeDecibels > 0 ? 1 : 10 / Math.Log(10);
        var levels = new double[features.Length / coefficients];
        for (var t = 0; t < levels.Length; t++)
        {
            var frame = features.AsSpan(t * coefficients, coefficients);
            // The coefficient 0 of the orthonormal cosine transform is the mean logarithm of the filters' energies times the root of their number.
            levels[t] =
                decibels
                * (
                    Preset.Kind == FeatureKind.Mfcc
                        ? frame[0] / Math.Sqrt(Preset.MelBins)
                        : TensorPrimitives.Average<float>(frame)
                );
        }
        if (levels.Length == 0)
            return (0, 0);

        var loudest = levels.Max();
        // Samples were no numbers: there is no level to go by.
        if (!double.IsFinite(loudest))
            return (0, levels.Length);
        var quietest = -1;
        for (var t = 0; t < levels.Length; t++)
            if (levels[t] > loudest - NoSoundDecibels && (quietest < 0 || levels[t] < levels[quietest]))
                quietest = t;
        for (var t = 0; t < levels.Length; t++)
            if (levels[t] <= loudest - NoSoundDecibels)
                features.AsSpan(quietest * coefficients, coefficients).CopyTo(features.AsSpan(t * coefficients));

        var margin = (int)(EdgeSeconds / Preset.HopSeconds);
        var first = Array.FindIndex(levels, level => level > loudest - EdgeDecibels);
        var last = Array.FindLastIndex(levels, level => level > loudest - EdgeDecibels);
        return (Math.Max(0, first - margin), Math.Min(levels.Length, last + 1 + margin));
    }
}
