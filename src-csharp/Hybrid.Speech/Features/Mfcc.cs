using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Mel-frequency cepstral coefficients, or the log mel energies before the cosine transform. The steps for a frame, as
/// far as the preset has them: samples -> minus mean -> pre-emphasis -> window -> power spectrum -> mel filters ->
/// logarithm -> cosine transform -> lifter. Safe for use by several threads.
/// </summary>
/// <remarks>
/// All in double: in single precision the rounding error of a loud tone exceeds the energy of empty bands, and
/// coefficients are off by 2 %. Eight adjacent frames are computed at once, one in each lane of a SIMD register; the
/// result of a frame does not depend on its lane.
/// </remarks>
internal sealed unsafe class Mfcc
{
    // The floor of filter energies: the float epsilon in Kaldi, 1e-10 in librosa and torchaudio, which use decibels.
    private const double LowestEnergy = 1.1920928955078125e-7,
        LowestEnergyInDecibels = 1e-10;

    private static int Lanes => Vector512<double>.Count;

    private delegate void PowerSpectrum(Span<Vector512<double>> signal, Span<Vector512<double>> power);

    /// <summary>Intermediate results of eight frames, one in each lane.</summary>
    private readonly ref struct Work
    {
        public readonly Span<Vector512<double>> Signal,
            Power,
            Energies,
            Folded,
            Cepstra;

        public Work(Vector512<double>* memory, FeaturePreset preset, int fftSize)
        {
            Signal = new(memory, fftSize);
            Power = new(memory += fftSize, fftSize / 2 + 1);
            Energies = new(memory += Power.Length, preset.MelBins);
            Folded = new(memory += Energies.Length, IntMath.RoundUp(preset.MelBins, 2));
            Cepstra = new(memory + Folded.Length, IntMath.RoundUp(preset.Coefficients, 4));
        }

        public static int Size(FeaturePreset preset, int fftSize) =>
            fftSize
            + fftSize / 2
            + 1
            + preset.MelBins
            + IntMath.RoundUp(preset.MelBins, 2)
            + IntMath.RoundUp(preset.Coefficients, 4);
    }

    private readonly FeaturePreset preset;
    private readonly double[] window;
    private readonly PowerSpectrum spectrum;
    private readonly int fftSize;
    private readonly (int First, double[] Weights)[] filters;
    private readonly double[] cosines;

    /// <summary>Prepares window, filters and transforms for a valid preset.</summary>
    public Mfcc(FeaturePreset preset)
    {
        this.preset = preset;
        var length = preset.WindowSamples;
        double Hann(int i, int period) => 0.5 - 0.5 * Math.Cos(2 * Math.PI * i / period);
        window =
        [
            .. Enumerable
                .Range(0, length)
                .Select(i => preset.Window == FrameWindow.Hann ? Hann(i, length) : Math.Pow(Hann(i, length - 1), 0.85)),
        ];
        fftSize =
            preset.FftSize > 0
                ? preset.FftSize
                : (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, length));
        spectrum = fftSize >= 4 && int.IsPow2(fftSize) ? new RealFft(fftSize).Power : new DirectFourier(fftSize).Power;
        filters = MelFilters(preset, fftSize);
        for (var i = 0; i < length; i++)
            window[i] *= preset.SampleScale;
        cosines = preset.Kind == FeatureKind.Mfcc ? CosineTransform(preset) : [];
    }

    /// <summary>Coefficients of samples at the preset's rate, [frames, coefficients].</summary>
    /// <exception cref="ArgumentException">
    /// The features with their differences are more than an array holds.
    /// </exception>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var frames = preset.FrameCount(samples.Length);
        if (frames == 0)
            return [];
        if ((long)frames * preset.Width > Array.MaxLength)
            throw new ArgumentException(
                $"{frames} frames of {preset.Width} features are more than an array holds: "
                    + "cut the recording into pieces"
            );
        samples = Padded(samples);
        var features = new float[frames * preset.Coefficients];
        var memory = new Vector512<double>[1 + Work.Size(preset, fftSize)];
        fixed (Vector512<double>* start = memory)
        {
            // Registers that cross a cache line take twice as long to load and store.
            var work = new Work((Vector512<double>*)IntMath.RoundUp((nint)start, 64), preset, fftSize);
            var lowest = double.NegativeInfinity;
            if (preset.RangeDecibels > 0)
            {
                var highest = lowest;
                for (var t = 0; t < frames; t += Lanes)
                {
                    LogEnergies(samples[(t * preset.HopSamples)..], work);
                    foreach (var energy in work.Energies)
                        for (var i = 0; i < Math.Min(Lanes, frames - t); i++)
                            highest = Math.Max(highest, energy[i]);
                }
                lowest = highest - preset.RangeDecibels;
            }
            for (var t = 0; t < frames; t += Lanes)
            {
                LogEnergies(samples[(t * preset.HopSamples)..], work);
                foreach (ref var energy in work.Energies)
                    energy = Vector512.Max(energy, Vector512.Create(lowest));
                var coefficients = preset.Kind == FeatureKind.Mfcc ? Cepstra(work) : work.Energies;
                Store(coefficients, features.AsSpan(t * preset.Coefficients), Math.Min(Lanes, frames - t));
            }
        }
        return features;
    }

    /// <summary>The cosine transform and the lifter.</summary>
    private Span<Vector512<double>> Cepstra(Work work)
    {
        Span<Vector512<double>> energies = work.Energies,
            folded = work.Folded;
        for (var m = 0; m < folded.Length / 2; m++)
        {
            Vector512<double> first = energies[m],
                last = energies[^(m + 1)];
            folded[2 * m] = first + last;
            folded[2 * m + 1] = first - last;
        }
        fixed (double* table = cosines)
        fixed (
            Vector512<double>* from = folded,
                to = work.Cepstra
        )
        {
            var weight = table;
            for (var c = 0; c < work.Cepstra.Length; c += 4)
            {
                Vector512<double> sum0 = Vector512<double>.Zero,
                    sum1 = sum0,
                    sum2 = sum0,
                    sum3 = sum0;
                for (var m = 0; m < folded.Length; m += 2, weight += 4)
                {
                    sum0 = Vector512.FusedMultiplyAdd(from[m], Vector512.Create(weight[0]), sum0);
                    sum1 = Vector512.FusedMultiplyAdd(from[m + 1], Vector512.Create(weight[1]), sum1);
                    sum2 = Vector512.FusedMultiplyAdd(from[m], Vector512.Create(weight[2]), sum2);
                    sum3 = Vector512.FusedMultiplyAdd(from[m + 1], Vector512.Create(weight[3]), sum3);
                }
                (to[c], to[c + 1], to[c + 2], to[c + 3]) = (sum0, sum1, sum2, sum3);
            }
        }
        return work.Cepstra[..preset.Coefficients];
    }

    private static void Store(Span<Vector512<double>> coefficients, Span<float> features, int frames)
    {
        var lanes = MemoryMarshal.Cast<Vector512<double>, double>(coefficients);
        for (var i = 0; i < frames; i++)
        {
            var frame = features.Slice(i * coefficients.Length, coefficients.Length);
            for (var c = 0; c < frame.Length; c++)
                frame[c] = (float)lanes[c * Lanes + i];
        }
    }

    /// <summary>The samples with the padding of the preset at both ends.</summary>
    private ReadOnlySpan<float> Padded(ReadOnlySpan<float> samples)
    {
        var (n, padding) = (samples.Length, preset.Padding);
        if (padding == 0)
            return samples;
        var padded = new float[n + 2 * padding];
        samples.CopyTo(padded.AsSpan(padding));
        if (preset.Edges == FrameEdges.Reflect)
            for (var i = 1; i <= padding; i++)
                (padded[padding - i], padded[padding + n - 1 + i]) = (samples[i], samples[n - 1 - i]);
        return padded;
    }

    /// <summary>Log filter energies of eight frames; the first frame begins with the first sample.</summary>
    private void LogEnergies(ReadOnlySpan<float> samples, Work work)
    {
        var needed = (Lanes - 1) * preset.HopSamples + window.Length;
        if (samples.Length < needed)
            samples = (float[])[.. samples, .. new float[needed - samples.Length]];
        fixed (float* first = samples)
        fixed (Vector512<double>* signal = work.Signal)
        {
            var mean = Gather(first, preset.HopSamples, window.Length, signal) * (1.0 / window.Length);
            Weigh(signal, preset.RemoveMean ? mean : Vector512<double>.Zero);
        }
        spectrum(work.Signal, work.Power);
        Span<Vector512<double>> power = work.Power,
            energies = work.Energies;
        var inDecibels = preset.RangeDecibels > 0;
        var lowest = Vector512.Create(inDecibels ? LowestEnergyInDecibels : LowestEnergy);
        for (var m = 0; m < energies.Length; m++)
        {
            var (begin, weights) = filters[m];
            var sum = Vector512<double>.Zero;
            for (var i = 0; i < weights.Length; i++)
                sum = Vector512.FusedMultiplyAdd(power[begin + i], Vector512.Create(weights[i]), sum);
            energies[m] = Vector512.Max(sum, lowest);
        }
        var logarithms = MemoryMarshal.Cast<Vector512<double>, double>(energies);
        TensorPrimitives.Log(logarithms, logarithms);
        if (inDecibels)
            TensorPrimitives.Multiply(logarithms, 10 / Math.Log(10), logarithms);
    }

    /// <summary>Transposes eight frames, one into each lane; returns the sum of each frame.</summary>
    private static Vector512<double> Gather(float* samples, nint hop, int length, Vector512<double>* signal)
    {
        nint hop2 = 2 * hop,
            hop3 = 3 * hop,
            hop4 = 4 * hop,
            hop5 = 5 * hop,
            hop6 = 6 * hop,
            hop7 = 7 * hop;
        var sum = Vector512<double>.Zero;
        for (float* s = samples, end = samples + length; s < end; s++, signal++)
        {
            *signal = Vector512.WidenLower(
                Vector256.Create(*s, s[hop], s[hop2], s[hop3], s[hop4], s[hop5], s[hop6], s[hop7]).ToVector512Unsafe()
            );
            sum += *signal;
        }
        return sum;
    }

    /// <summary>Subtracts the mean, applies pre-emphasis and window, and pads with zeros.</summary>
    private void Weigh(Vector512<double>* signal, Vector512<double> mean)
    {
        var emphasis = Vector512.Create(-preset.PreEmphasis);
        var before = *signal - mean;
        var last = signal + fftSize;
        foreach (var weight in window)
        {
            var sample = *signal - mean;
            *signal++ = Vector512.FusedMultiplyAdd(before, emphasis, sample) * weight;
            before = sample;
        }
        while (signal < last)
            *signal++ = Vector512<double>.Zero;
    }

    // Slaney's scale: 3 mel for 200 Hz up to 1 kHz, above it 27 mel for a factor of 6.4.
    private const double LinearHertz = 200.0 / 3,
        BreakHertz = 1000,
        BreakMel = BreakHertz / LinearHertz;
    private static readonly double LogStep = Math.Log(6.4) / 27;

    private static double ToMel(double hertz, MelScale scale) =>
        scale != MelScale.Slaney ? 1127 * Math.Log(1 + hertz / 700)
        : hertz < BreakHertz ? hertz / LinearHertz
        : BreakMel + Math.Log(hertz / BreakHertz) / LogStep;

    private static double ToHertz(double mel, MelScale scale) =>
        scale != MelScale.Slaney ? 700 * (Math.Exp(mel / 1127) - 1)
        : mel < BreakMel ? mel * LinearHertz
        : BreakHertz * Math.Exp((mel - BreakMel) * LogStep);

    /// <summary>
    /// Triangular filters, equally spaced on the mel scale: the first bin of each and the weights from there on.
    /// </summary>
    private static (int First, double[] Weights)[] MelFilters(FeaturePreset preset, int fftSize)
    {
        var scale = preset.Mel;
        double low = ToMel(preset.LowHertz, scale),
            step = (ToMel(preset.SampleRate / 2.0, scale) - low) / (preset.MelBins + 1);
        // On the axis on which the triangles have straight sides: mel or hertz.
        double[] corners =
        [
            .. Enumerable
                .Range(0, preset.MelBins + 2)
                .Select(m => low + m * step)
                .Select(mel => scale == MelScale.Kaldi ? mel : ToHertz(mel, scale)),
        ];
        double[] bins =
        [
            .. Enumerable
                .Range(0, fftSize / 2)
                .Select(k => (double)k * preset.SampleRate / fftSize)
                .Select(hertz => scale == MelScale.Kaldi ? ToMel(hertz, scale) : hertz),
        ];
        var result = new (int, double[])[preset.MelBins];
        for (var m = 0; m < preset.MelBins; m++)
        {
            double left = corners[m],
                center = corners[m + 1],
                right = corners[m + 2];
            var height = scale == MelScale.Slaney ? 2 / (right - left) : 1;
            var weights = bins.Select(x =>
                    height * Math.Max(0, Math.Min((x - left) / (center - left), (right - x) / (right - center)))
                )
                .ToArray();
            var first = Array.FindIndex(weights, weight => weight > 0);
            result[m] =
                first < 0 ? (0, []) : (first, weights[first..(Array.FindLastIndex(weights, weight => weight > 0) + 1)]);
        }
        return result;
    }

    /// <summary>
    /// The orthonormal cosine transform (DCT-II) times the lifter, [coefficients / 4, mel bins / 2, 4]. Cosines of even
    /// coefficients are symmetric and multiply sums of two energies, those of odd coefficients are antisymmetric and
    /// multiply differences. The weight of a middle energy is halved, because its sum is twice the energy.
    /// </summary>
    private static double[] CosineTransform(FeaturePreset preset)
    {
        var half = IntMath.RoundUp(preset.MelBins, 2) / 2;
        var table = new double[IntMath.RoundUp(preset.Coefficients, 4) * half];
        for (var c = 0; c < preset.Coefficients; c++)
        {
            var scale = Math.Sqrt((c == 0 ? 1.0 : 2.0) / preset.MelBins);
            if (preset.Lifter > 0)
                scale *= 1 + preset.Lifter / 2 * Math.Sin(Math.PI * c / preset.Lifter);
            for (var m = 0; m < half; m++)
                table[(c / 4 * half + m) * 4 + c % 4] =
                    scale
                    * Math.Cos(Math.PI / preset.MelBins * (m + 0.5) * c)
                    * (2 * m + 1 == preset.MelBins ? 0.5 : 1);
        }
        return table;
    }
}
