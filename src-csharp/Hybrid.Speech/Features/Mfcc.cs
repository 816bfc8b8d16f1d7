using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Speech;

/// <summary>
/// Mel-frequency cepstral coefficients, or the logarithms of energies that they are made of. A frame goes: samples -> minus mean
/// -> pre-emphasis -> window -> power spectrum -> mel filters -> logarithm -> cosine transform -> lifter, as far as the preset
/// has these steps. Safe for use by several threads.
/// </summary>
/// <remarks>
/// All in double: in single precision the rounding of a loud tone drowns the bands that it leaves empty, and coefficients
/// are off by 2 %. Eight neighbouring frames are computed side by side, one in each lane of a register; a frame's result does
/// not depend on its lane.
/// </remarks>
internal sealed class Mfcc
{
    // Where filter energies end below: Kaldi at the float epsilon, librosa and torchaudio where they use decibels at 1e-10.
    private const double LowestEnergy = 1.1920928955078125e-7, LowestEnergyInDecibels = 1e-10;

    private delegate void PowerSpectrum(Span<Vector512<double>> signal, Span<Vector512<double>> power);

    private readonly FeaturePreset preset;
    private readonly double[] window;
    private readonly PowerSpectrum spectrum;
    private readonly int fftSize;
    private readonly (int First, double[] Weights)[] filters;
    private readonly double[] cosines;

    /// <summary>Prepares windows, filters and transforms for a preset without mistakes.</summary>
    public Mfcc(FeaturePreset preset)
    {
        this.preset = preset;
        var length = preset.WindowSamples;
        double Hann(int i, int period) => 0.5 - 0.5 * Math.Cos(2 * Math.PI * i / period);
        window = [.. Enumerable.Range(0, length).Select(i => preset.Window == FrameWindow.Hann ? Hann(i, length) : Math.Pow(Hann(i, length - 1), 0.85))];
        fftSize = preset.FftSize > 0 ? preset.FftSize : (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, length));
        spectrum = fftSize >= 4 && int.IsPow2(fftSize) ? new RealFft(fftSize).Power : new DirectFourier(fftSize).Power;
        filters = MelFilters(preset, fftSize);
        cosines = preset.Kind == FeatureKind.Mfcc ? CosineTransform(preset) : [];
    }

    /// <summary>Coefficients of samples at the preset's rate, [frames, coefficients].</summary>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var frames = preset.FrameCount(samples.Length);
        if (frames == 0) return [];
        samples = Padded(samples);
        var features = new float[frames * preset.Coefficients];
        var signal = new Vector512<double>[fftSize];
        var power = new Vector512<double>[fftSize / 2 + 1];
        var energies = new Vector512<double>[preset.MelBins];
        var lowest = double.NegativeInfinity;
        if (preset.RangeDecibels > 0)
        {
            var highest = lowest;
            for (var t = 0; t < frames; t += Vector512<double>.Count)
            {
                var count = LogEnergies(samples, t, frames, signal, power, energies);
                foreach (var energy in energies)
                    for (var i = 0; i < count; i++) highest = Math.Max(highest, energy[i]);
            }
            lowest = highest - preset.RangeDecibels;
        }
        for (var t = 0; t < frames; t += Vector512<double>.Count)
        {
            var count = LogEnergies(samples, t, frames, signal, power, energies);
            for (var m = 0; m < energies.Length; m++) energies[m] = Vector512.Max(energies[m], Vector512.Create(lowest));
            for (var c = 0; c < preset.Coefficients; c++)
            {
                var value = preset.Kind == FeatureKind.Mfcc ? Cepstral(energies, c) : energies[c];
                for (var i = 0; i < count; i++) features[(t + i) * preset.Coefficients + c] = (float)value[i];
            }
        }
        return features;
    }

    private Vector512<double> Cepstral(ReadOnlySpan<Vector512<double>> energies, int c)
    {
        var sum = Vector512<double>.Zero;
        for (var m = 0; m < energies.Length; m++) sum += energies[m] * cosines[c * energies.Length + m];
        return sum;
    }

    /// <summary>The sound with what the preset puts before and behind it.</summary>
    private ReadOnlySpan<float> Padded(ReadOnlySpan<float> samples)
    {
        var (n, padding) = (samples.Length, preset.Padding);
        if (padding == 0) return samples;
        var padded = new float[n + 2 * padding];
        samples.CopyTo(padded.AsSpan(padding));
        if (preset.Edges == FrameEdges.Reflect)
            for (var i = 1; i <= padding; i++) (padded[padding - i], padded[padding + n - 1 + i]) = (samples[i], samples[n - 1 - i]);
        return padded;
    }

    /// <summary>Logarithms of the filter energies of up to eight frames from frame <paramref name="t"/> on; how many frames.</summary>
    private int LogEnergies(ReadOnlySpan<float> samples, int t, int frames, Span<Vector512<double>> signal, Span<Vector512<double>> power, Span<Vector512<double>> energies)
    {
        var count = Math.Min(Vector512<double>.Count, frames - t);
        Frames(samples[(t * preset.HopSamples)..], count, signal);
        spectrum(signal, power);
        var inDecibels = preset.RangeDecibels > 0;
        var lowest = Vector512.Create(inDecibels ? LowestEnergyInDecibels : LowestEnergy);
        for (var m = 0; m < energies.Length; m++)
        {
            var (first, weights) = filters[m];
            var sum = Vector512<double>.Zero;
            for (var i = 0; i < weights.Length; i++) sum += power[first + i] * weights[i];
            energies[m] = Vector512.Max(sum, lowest);
        }
        var logarithms = MemoryMarshal.Cast<Vector512<double>, double>(energies);
        TensorPrimitives.Log(logarithms, logarithms);
        if (inDecibels) TensorPrimitives.Multiply(logarithms, 10 / Math.Log(10), logarithms);
        return count;
    }

    /// <summary>The first frames of samples, one in each lane, windowed and filled up with zeros.</summary>
    private void Frames(ReadOnlySpan<float> samples, int count, Span<Vector512<double>> signal)
    {
        var lanes = MemoryMarshal.Cast<Vector512<double>, double>(signal);
        for (var frame = 0; frame < count; frame++)
        {
            var own = samples.Slice(frame * preset.HopSamples, window.Length);
            for (var i = 0; i < own.Length; i++) lanes[i * Vector512<double>.Count + frame] = own[i];
        }
        var sum = Vector512<double>.Zero;
        if (preset.RemoveMean)
            foreach (var sample in signal[..window.Length]) sum += sample;
        var mean = sum * (1.0 / window.Length);
        var emphasis = preset.PreEmphasis;
        for (var i = window.Length - 1; i >= 0; i--)
            signal[i] = (signal[i] - mean - (signal[Math.Max(0, i - 1)] - mean) * emphasis) * (preset.SampleScale * window[i]);
        signal[window.Length..].Clear();
    }

    // Slaney's scale: 3 mel for 200 Hz up to 1 kHz, above it 27 mel for a factor of 6.4.
    private const double LinearHertz = 200.0 / 3, BreakHertz = 1000, BreakMel = BreakHertz / LinearHertz;
    private static readonly double LogStep = Math.Log(6.4) / 27;

    private static double ToMel(double hertz, MelScale scale) =>
        scale != MelScale.Slaney ? 1127 * Math.Log(1 + hertz / 700)
        : hertz < BreakHertz ? hertz / LinearHertz
        : BreakMel + Math.Log(hertz / BreakHertz) / LogStep;

    private static double ToHertz(double mel, MelScale scale) =>
        scale != MelScale.Slaney ? 700 * (Math.Exp(mel / 1127) - 1)
        : mel < BreakMel ? mel * LinearHertz
        : BreakHertz * Math.Exp((mel - BreakMel) * LogStep);

    /// <summary>Triangles that are equally spaced on the mel scale, each as its first bin and the weights from there on.</summary>
    private static (int First, double[] Weights)[] MelFilters(FeaturePreset preset, int fftSize)
    {
        var scale = preset.Mel;
        double low = ToMel(preset.LowHertz, scale), step = (ToMel(preset.SampleRate / 2.0, scale) - low) / (preset.MelBins + 1);
        // On the axis on which the sides are straight lines: mel or hertz.
        double[] corners = [.. Enumerable.Range(0, preset.MelBins + 2).Select(m => low + m * step).Select(mel => scale == MelScale.Kaldi ? mel : ToHertz(mel, scale))];
        double[] bins = [.. Enumerable.Range(0, fftSize / 2).Select(k => (double)k * preset.SampleRate / fftSize).Select(hertz => scale == MelScale.Kaldi ? ToMel(hertz, scale) : hertz)];
        var result = new (int, double[])[preset.MelBins];
        for (var m = 0; m < preset.MelBins; m++)
        {
            double left = corners[m], center = corners[m + 1], right = corners[m + 2];
            var height = scale == MelScale.Slaney ? 2 / (right - left) : 1;
            var weights = bins.Select(x => height * Math.Max(0, Math.Min((x - left) / (center - left), (right - x) / (right - center)))).ToArray();
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
}
