namespace Hybrid.Speech;

/// <summary>Power over time and frequency, for display.</summary>
/// <param name="Decibels">[frames][bins], power in decibels relative to the maximum, at least -80.</param>
/// <param name="Seconds">[frames], the centre of each frame.</param>
/// <param name="Hertz">[bins], the centre of each bin.</param>
public sealed record Spectrogram(float[][] Decibels, double[] Seconds, double[] Hertz)
{
    private const double WindowSeconds = 0.016,
        HopSeconds = 0.008;
    private const float Floor = -80;

    /// <summary>The spectrogram of a clip: Hann windows of 16 ms every 8 ms.</summary>
    public static Spectrogram Of(AudioClip clip)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(clip.SampleRate * WindowSeconds));
        var hop = (int)(clip.SampleRate * HopSeconds);
        var frames = clip.Samples.Length < size ? 0 : 1 + (clip.Samples.Length - size) / hop;
        var fft = new RealFft(size);
        var window = Enumerable
            .Range(0, size)
            .Select(i => 0.5 - 0.5 * Math.Cos(2 * Math.PI * (i + 0.5) / size))
            .ToArray();
        var decibels = new float[frames][];
        var signal = new double[size];
        for (var t = 0; t < frames; t++)
        {
            for (var i = 0; i < size; i++)
                signal[i] = window[i] * clip.Samples[t * hop + i];
            var power = new double[size / 2 + 1];
            fft.Power(signal, power);
            decibels[t] = Array.ConvertAll(power, p => (float)(10 * Math.Log10(p + 1e-12)));
        }
        var loudest = decibels.SelectMany(row => row).DefaultIfEmpty(0).Max();
        foreach (var row in decibels)
            for (var k = 0; k < row.Length; k++)
                row[k] = Math.Max(Floor, row[k] - loudest);
        return new Spectrogram(
            decibels,
            [.. Enumerable.Range(0, frames).Select(t => (t * hop + size / 2.0) / clip.SampleRate)],
            [.. Enumerable.Range(0, size / 2 + 1).Select(k => (double)k * clip.SampleRate / size)]
        );
    }
}
