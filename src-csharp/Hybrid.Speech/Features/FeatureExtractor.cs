namespace Hybrid.Speech;

/// <summary>
/// Mel-frequency cepstral coefficients after Kaldi. A frame goes: samples -> minus mean -> pre-emphasis -> Povey window ->
/// power spectrum -> mel filters -> logarithm -> cosine transform -> lifter. Safe for use by several threads.
/// </summary>
/// <remarks>
/// All in double: in single precision the rounding of a loud tone drowns the bands that it leaves empty, and coefficients
/// are off by 2 %.
/// </remarks>
public sealed class FeatureExtractor
{
    // Kaldi and torchaudio floor filter energies at the float epsilon, with samples in the range of 16-bit integers.
    private const double EnergyFloor = 1.1920928955078125e-7;
    private const double SampleScale = 32768;

    private readonly double[] window;
    private readonly RealFft fft;
    private readonly int fftSize;
    private readonly (int First, double[] Weights)[] filters;
    private readonly double[] cosines;

    /// <summary>Prepares windows, filters and transforms.</summary>
    /// <exception cref="ArgumentException">The preset has mistakes.</exception>
    public FeatureExtractor(FeaturePreset preset)
    {
        if (preset.Validate() is { Count: > 0 } problems) throw new ArgumentException(string.Join("; ", problems), nameof(preset));
        Preset = preset;
        var length = preset.WindowSamples;
        window = [.. Enumerable.Range(0, length).Select(i => Math.Pow(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / (length - 1)), 0.85))];
        fftSize = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, length));
        fft = new RealFft(fftSize);
        filters = MelFilters(preset, fftSize);
        cosines = CosineTransform(preset);
    }

    /// <summary>What is computed.</summary>
    public FeaturePreset Preset { get; }

    /// <summary>
    /// Features of an utterance, [frames, coefficients], normalised over the utterance; a clip of another sample rate than the
    /// preset's is resampled first.
    /// </summary>
    /// <exception cref="ArgumentException">The clip's sample rate is outside 8000 to 48000.</exception>
    public float[] Extract(AudioClip clip)
    {
        var features = ExtractRaw(clip.At(Preset.SampleRate));
        Normalize(features, Preset.Coefficients, Preset.NormalizeVariance);
        return features;
    }

    /// <summary>The same without resampling and normalisation, as other toolkits give them.</summary>
    /// <exception cref="ArgumentException">The clip has another sample rate than the preset.</exception>
    public float[] ExtractRaw(AudioClip clip)
    {
        if (clip.SampleRate != Preset.SampleRate)
            throw new ArgumentException($"the audio has {clip.SampleRate} samples per second, the features take {Preset.SampleRate}: resample it with At({Preset.SampleRate})", nameof(clip));
        var frames = Preset.FrameCount(clip.Samples.Length);
        var features = new float[frames * Preset.Coefficients];
        var signal = new double[fftSize];
        var power = new double[fftSize / 2 + 1];
        var energies = new double[Preset.MelBins];
        for (var t = 0; t < frames; t++)
        {
            Frame(clip.Samples.AsSpan(t * Preset.HopSamples, Preset.WindowSamples), signal);
            fft.Power(signal, power);
            for (var m = 0; m < energies.Length; m++)
            {
                var (first, weights) = filters[m];
                var energy = 0.0;
                for (var i = 0; i < weights.Length; i++) energy += weights[i] * power[first + i];
                energies[m] = Math.Log(Math.Max(energy, EnergyFloor));
            }
            for (var c = 0; c < Preset.Coefficients; c++)
            {
                var sum = 0.0;
                for (var m = 0; m < energies.Length; m++) sum += cosines[c * energies.Length + m] * energies[m];
                features[t * Preset.Coefficients + c] = (float)sum;
            }
        }
        return features;
    }

    private void Frame(ReadOnlySpan<float> samples, Span<double> signal)
    {
        var mean = 0.0;
        foreach (var sample in samples) mean += sample;
        mean /= samples.Length;
        for (var i = 0; i < samples.Length; i++) signal[i] = (samples[i] - mean) * SampleScale;
        for (var i = samples.Length - 1; i > 0; i--) signal[i] -= Preset.PreEmphasis * signal[i - 1];
        signal[0] -= Preset.PreEmphasis * signal[0];
        for (var i = 0; i < samples.Length; i++) signal[i] *= window[i];
        signal[samples.Length..].Clear();
    }

    /// <summary>Triangles that are equally wide on the mel scale 1127 ln(1 + f / 700), weights linear in mel, as in Kaldi.</summary>
    private static (int First, double[] Weights)[] MelFilters(FeaturePreset preset, int fftSize)
    {
        double Mel(double hertz) => 1127 * Math.Log(1 + hertz / 700);
        double low = Mel(preset.LowHertz), step = (Mel(preset.SampleRate / 2.0) - low) / (preset.MelBins + 1);
        var result = new (int, double[])[preset.MelBins];
        for (var m = 0; m < preset.MelBins; m++)
        {
            double left = low + m * step, center = left + step, right = center + step;
            var weights = Enumerable.Range(0, fftSize / 2)
                .Select(k => Mel((double)k * preset.SampleRate / fftSize))
                .Select(mel => Math.Max(0, Math.Min((mel - left) / step, (right - mel) / step))).ToArray();
            var first = Array.FindIndex(weights, weight => weight > 0);
            result[m] = first < 0 ? (0, []) : (first, weights[first..(Array.FindLastIndex(weights, weight => weight > 0) + 1)]);
        }
        return result;
    }

    /// <summary>[coefficients, mel bins]: the orthonormal cosine transform (DCT-II) times the lifter.</summary>
    private static double[] CosineTransform(FeaturePreset preset)
    {
        var matrix = new double[preset.Coefficients * preset.MelBins];
        for (var c = 0; c < preset.Coefficients; c++)
        {
            var scale = Math.Sqrt((c == 0 ? 1.0 : 2.0) / preset.MelBins);
            if (preset.Lifter > 0) scale *= 1 + preset.Lifter / 2 * Math.Sin(Math.PI * c / preset.Lifter);
            for (var m = 0; m < preset.MelBins; m++)
                matrix[c * preset.MelBins + m] = scale * Math.Cos(Math.PI / preset.MelBins * (m + 0.5) * c);
        }
        return matrix;
    }

    /// <summary>Mean 0 and, if asked, variance 1 of every coefficient over the frames; a constant coefficient becomes 0.</summary>
    private static void Normalize(Span<float> features, int coefficients, bool variance)
    {
        var frames = features.Length / coefficients;
        for (var c = 0; c < coefficients; c++)
        {
            double sum = 0, squares = 0;
            for (var t = 0; t < frames; t++) sum += features[t * coefficients + c];
            var mean = sum / frames;
            for (var t = 0; t < frames; t++)
            {
                var deviation = features[t * coefficients + c] - mean;
                squares += deviation * deviation;
            }
            var scale = variance ? 1 / Math.Sqrt(squares / frames + 1e-10) : 1;
            for (var t = 0; t < frames; t++) features[t * coefficients + c] = (float)((features[t * coefficients + c] - mean) * scale);
        }
    }
}
