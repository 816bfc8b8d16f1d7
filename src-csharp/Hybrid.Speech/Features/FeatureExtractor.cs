using System.Numerics.Tensors;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Features of a preset: computed from audio, or read from files of precomputed features. Safe for use by several
/// threads.
/// </summary>
public sealed class FeatureExtractor
{
    // Silence at the ends is this far below the loudest frame, and at most this much of it counts for the
    // normalisation. Digital silence is this far below the loudest frame.
    private const double EdgeDecibels = 30,
        EdgeSeconds = 0.5,
        DigitalSilenceDecibels = 90;

    // That of WAV files: larger samples would overflow.
    private const float LargestSample = 2147483648f;

    private readonly Mfcc? mfcc;

    /// <summary>Prepares the computation.</summary>
    /// <exception cref="ArgumentException">The preset has problems; the message has all of them.</exception>
    public FeatureExtractor(FeaturePreset preset)
    {
        if (preset.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(preset));
        Preset = preset;
        mfcc = preset.Kind == FeatureKind.Precomputed ? null : new Mfcc(preset);
    }

    /// <summary>The settings of the features.</summary>
    public FeaturePreset Preset { get; }

    /// <summary>
    /// Precomputed features of a <c>.npy</c> file, [frames, coefficients], normalised over the utterance.
    /// </summary>
    /// <returns>Features, [frames, width of the preset], and the length in seconds.</returns>
    /// <exception cref="FormatException">
    /// The file does not have the shape of the preset, or a number that is not finite; the message has file, frame and
    /// coefficient.
    /// </exception>
    /// <exception cref="InvalidOperationException">The preset computes features from audio.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public (float[] Features, double DurationSeconds) ExtractPrecomputed(string path)
    {
        if (mfcc is not null)
            throw new InvalidOperationException(
                "the preset computes features from audio and takes no precomputed ones"
            );
        var coefficients = ReadPrecomputed(path);
        return (Normalized(coefficients), coefficients.Length / Preset.Coefficients * Preset.HopSeconds);
    }

    /// <summary>
    /// Features of a clip, [frames, width of the preset], normalised over the clip. A clip of another sample rate than
    /// the preset's is resampled first.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The clip's sample rate is outside 8000 to 48000, a sample is not finite (the message has its index), or the clip
    /// is too long.
    /// </exception>
    /// <exception cref="InvalidOperationException">The features are precomputed.</exception>
    public float[] Extract(AudioClip clip)
    {
        var computation = Computation;
        CheckFinite(clip);
        return Normalized(computation.Compute(clip.Resample(Preset.SampleRate).Samples));
    }

    /// <summary>Features of a clip without resampling and normalisation, as other toolkits compute them.</summary>
    /// <exception cref="ArgumentException">
    /// The clip has another sample rate than the preset, a sample is not finite (the message has its index), or the
    /// clip is too long.
    /// </exception>
    /// <exception cref="InvalidOperationException">The features are precomputed.</exception>
    public float[] ExtractRaw(AudioClip clip)
    {
        var computation = Computation;
        if (clip.SampleRate != Preset.SampleRate)
            throw new ArgumentException(
                $"the audio has {clip.SampleRate} samples per second, the features need {Preset.SampleRate}: "
                    + $"resample it with Resample({Preset.SampleRate})",
                nameof(clip)
            );
        CheckFinite(clip);
        return Deltas.Append(computation.Compute(clip.Samples), Preset);
    }

    /// <summary>
    /// Names the first feature that is not finite, with frame, coefficient and value; null if all are.
    /// </summary>
    /// <param name="features">[frames, <paramref name="width"/>]</param>
    /// <param name="width">Length of a feature vector.</param>
    internal static string? FirstNotFinite(ReadOnlySpan<float> features, int width) =>
        IndexOfNotFinite(features) is var index and >= 0
            ? FormattableString.Invariant(
                $"coefficient {index % width} of frame {index / width} is {features[index]}, must be finite"
            )
            : null;

    private static void CheckFinite(AudioClip clip)
    {
        for (var i = 0; i < clip.Samples.Length; i++)
            if (!(Math.Abs(clip.Samples[i]) <= LargestSample))
            {
                var (sample, seconds) = (clip.Samples[i], (double)i / clip.SampleRate);
                var remedy = float.IsFinite(sample) ? "must be about -1 to 1" : "must be finite";
                throw new ArgumentException(
                    FormattableString.Invariant($"sample {i}, at {seconds:0.####} s, is {sample}, {remedy}")
                );
            }
    }

    private static int IndexOfNotFinite(ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll(values))
            return -1;
        for (var i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i]))
                return i;
        return -1;
    }

    private Mfcc Computation =>
        mfcc
        ?? throw new InvalidOperationException(
            $"the model takes precomputed features, {Preset.Coefficients} per frame, and no audio; "
                + "for audio, train a model with features that are computed from it"
        );

    private float[] ReadPrecomputed(string path)
    {
        var array = NpyArray.Read(path);
        if (array.Type.Kind != NpyKind.Float || array.Shape.Count != 2 || array.Shape[1] != Preset.Coefficients)
            throw new FormatException(
                $"{Quoted.Path(path)}: {array.Type} of shape ({Quoted.List(array.Shape)}), must be floats of shape "
                    + $"(frames, {Preset.Coefficients})"
            );
        var features = array.ToSingles();
        if (FirstNotFinite(features, Preset.Coefficients) is { } problem)
            throw new FormatException($"{Quoted.Path(path)}: {problem}");
        return features;
    }

    /// <summary>
    /// Appends differences to coefficients and normalises both: mean 0 and, if the preset says so, variance 1 over the
    /// frames of <see cref="SpeechSpan"/>. A constant coefficient becomes 0.
    /// </summary>
    private float[] Normalized(float[] coefficients)
    {
        var width = Preset.Width;
        var (first, end) = mfcc is null ? (0, coefficients.Length / Preset.Coefficients) : SpeechSpan(coefficients);
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
    /// The frames that count for the normalisation. Otherwise long silence at the ends would dominate mean and
    /// variance, and so would digital silence: its level is below that of any room, and its frames are replaced by the
    /// quietest frame with sound.
    /// </summary>
    private (int First, int End) SpeechSpan(float[] features)
    {
        var coefficients = Preset.Coefficients;
        var decibels = Preset.RangeDecibels > 0 ? 1 : 10 / Math.Log(10);
        var levels = new double[features.Length / coefficients];
        for (var t = 0; t < levels.Length; t++)
        {
            var frame = features.AsSpan(t * coefficients, coefficients);
            // Coefficient 0 of the orthonormal cosine transform is the mean log energy of the filters, times the root
            // of their number.
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
        var quietest = -1;
        for (var t = 0; t < levels.Length; t++)
            if (levels[t] > loudest - DigitalSilenceDecibels && (quietest < 0 || levels[t] < levels[quietest]))
                quietest = t;
        for (var t = 0; t < levels.Length; t++)
            if (levels[t] <= loudest - DigitalSilenceDecibels)
                features.AsSpan(quietest * coefficients, coefficients).CopyTo(features.AsSpan(t * coefficients));

        var margin = (int)(EdgeSeconds / Preset.HopSeconds);
        var first = Array.FindIndex(levels, level => level > loudest - EdgeDecibels);
        var last = Array.FindLastIndex(levels, level => level > loudest - EdgeDecibels);
        return (Math.Max(0, first - margin), Math.Min(levels.Length, last + 1 + margin));
    }
}
