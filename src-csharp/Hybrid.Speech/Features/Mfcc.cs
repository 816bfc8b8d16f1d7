using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Speech;

/// <summary>
/// Mel-frequency cepstral coefficients after Kaldi. A frame goes: samples -> minus mean -> pre-emphasis -> Povey window ->
/// power spectrum -> mel filters -> logarithm -> cosine transform -> lifter. Safe for use by several threads.
/// </summary>
/// <remarks>
/// All in double: in single precision the rounding of a loud tone drowns the bands that it leaves empty, and coefficients
/// are off by 2 %. Eight neighbouring frames are computed side by side, one in each lane of a register; a frame's result does
/// not depend on its lane.
/// </remarks>
internal sealed class Mfcc
{
    // Kaldi and torchaudio floor filter energies at the float epsilon, with samples in the range of 16-bit integers.
    private const double EnergyFloor = 1.1920928955078125e-7;
    private const double SampleScale = 32768;

    private readonly FeaturePreset preset;
    private readonly double[] window;
    private readonly RealFft fft;
    private readonly int fftSize;
    private readonly (int First, double[] Weights)[] filters;
    private readonly double[] cosines;

    /// <summary>Prepares windows, filters and transforms for a preset without mistakes.</summary>
    public Mfcc(FeaturePreset preset)
    {
        this.preset = preset;
        var length = preset.WindowSamples;
        window = [.. Enumerable.Range(0, length).Select(i => Math.Pow(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / (length - 1)), 0.85))];
        fftSize = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, length));
        fft = new RealFft(fftSize);
        filters = MelFilters(preset, fftSize);
        cosines = CosineTransform(preset);
    }

    /// <summary>Coefficients of samples at the preset's rate, [frames, coefficients].</summary>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var frames = preset.FrameCount(samples.Length);
        var features = new float[frames * preset.Coefficients];
        var signal = new Vector512<double>[fftSize];
        var power = new Vector512<double>[fftSize / 2 + 1];
        var energies = new Vector512<double>[preset.MelBins];
        for (var t = 0; t < frames; t += Vector512<double>.Count)
        {
            var count = Math.Min(Vector512<double>.Count, frames - t);
            Frames(samples[(t * preset.HopSamples)..], count, signal);
            fft.Power(signal, power);
            for (var m = 0; m < energies.Length; m++)
            {
                var (first, weights) = filters[m];
                var sum = Vector512<double>.Zero;
                for (var i = 0; i < weights.Length; i++) sum += power[first + i] * weights[i];
                energies[m] = Vector512.Max(sum, Vector512.Create(EnergyFloor));
            }
            var logarithms = MemoryMarshal.Cast<Vector512<double>, double>(energies.AsSpan());
            TensorPrimitives.Log(logarithms, logarithms);
            for (var c = 0; c < preset.Coefficients; c++)
            {
                var sum = Vector512<double>.Zero;
                for (var m = 0; m < energies.Length; m++) sum += energies[m] * cosines[c * energies.Length + m];
                for (var i = 0; i < count; i++) features[(t + i) * preset.Coefficients + c] = (float)sum[i];
            }
        }
        return features;
    }

    /// <summary>The first frames of samples, one in each lane: minus mean, pre-emphasised, windowed, filled up with zeros.</summary>
    private void Frames(ReadOnlySpan<float> samples, int count, Span<Vector512<double>> signal)
    {
        var lanes = MemoryMarshal.Cast<Vector512<double>, double>(signal);
        for (var frame = 0; frame < count; frame++)
        {
            var own = samples.Slice(frame * preset.HopSamples, window.Length);
            for (var i = 0; i < own.Length; i++) lanes[i * Vector512<double>.Count + frame] = own[i];
        }
        var sum = Vector512<double>.Zero;
        foreach (var sample in signal[..window.Length]) sum += sample;
        var mean = sum * (1.0 / window.Length);
        var emphasis = preset.PreEmphasis;
        for (var i = window.Length - 1; i >= 0; i--)
            signal[i] = (signal[i] - mean - (signal[Math.Max(0, i - 1)] - mean) * emphasis) * (SampleScale * window[i]);
        signal[window.Length..].Clear();
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
}
