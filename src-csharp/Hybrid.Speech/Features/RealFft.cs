using System.Runtime.Intrinsics;

namespace Hybrid.Speech;

/// <summary>
/// Power spectra of real signals by a fast Fourier transform (Cooley and Tukey 1965): the N real samples are taken as N / 2
/// complex ones, transformed, and taken apart again. Eight signals go through side by side, one in each lane of a register.
/// </summary>
internal sealed class RealFft
{
    private readonly int half;
    private readonly int[] order;
    private readonly double[] cos, sin;

    /// <param name="size">N, a power of two, at least 4.</param>
    public RealFft(int size)
    {
        if (size < 4 || (size & (size - 1)) != 0) throw new ArgumentOutOfRangeException(nameof(size), size, "the size of a transform is a power of two, at least 4");
        half = size / 2;
        order = new int[half];
        var bits = int.Log2(half);
        for (var i = 0; i < half; i++)
            for (var bit = 0; bit < bits; bit++) order[i] |= (i >> bit & 1) << (bits - 1 - bit);
        cos = new double[half];
        sin = new double[half];
        for (var i = 0; i < half; i++)
        {
            (sin[i], cos[i]) = Math.SinCos(-2 * Math.PI * i / size);
        }
    }

    /// <summary>power[k] = |X(k)|^2 for k = 0 .. N/2, of one signal.</summary>
    /// <param name="signal">[N]</param>
    /// <param name="power">[N/2 + 1]</param>
    public void Power(ReadOnlySpan<double> signal, Span<double> power)
    {
        Span<Vector512<double>> signals = new Vector512<double>[2 * half], powers = new Vector512<double>[half + 1];
        for (var i = 0; i < signals.Length; i++) signals[i] = Vector512.CreateScalar(signal[i]);
        Power(signals, powers);
        for (var k = 0; k < powers.Length; k++) power[k] = powers[k].ToScalar();
    }

    /// <summary>The same for every lane.</summary>
    /// <param name="signal">[N], used as working space.</param>
    /// <param name="power">[N/2 + 1]</param>
    public void Power(Span<Vector512<double>> signal, Span<Vector512<double>> power)
    {
        Reorder(signal);
        for (var length = 2; length <= half; length *= 2) Butterflies(signal, length);

        // X(k) = E(k) + w^k O(k): E and O are the spectra of even and odd samples, both contained in Z.
        power[0] = Square(signal[0] + signal[1]);
        power[half] = Square(signal[0] - signal[1]);
        for (var k = 1; k < half; k++)
        {
            Vector512<double> zr = signal[2 * k], zi = signal[2 * k + 1], cr = signal[2 * (half - k)], ci = -signal[2 * (half - k) + 1];
            Vector512<double> er = (zr + cr) * 0.5, ei = (zi + ci) * 0.5, or = (zi - ci) * 0.5, oi = (cr - zr) * 0.5;
            power[k] = Square(er + or * cos[k] - oi * sin[k]) + Square(ei + oi * cos[k] + or * sin[k]);
        }
    }

    private void Reorder(Span<Vector512<double>> z)
    {
        for (var i = 0; i < half; i++)
        {
            var j = order[i];
            if (j <= i) continue;
            (z[2 * i], z[2 * j]) = (z[2 * j], z[2 * i]);
            (z[2 * i + 1], z[2 * j + 1]) = (z[2 * j + 1], z[2 * i + 1]);
        }
    }

    private void Butterflies(Span<Vector512<double>> z, int length)
    {
        var step = 2 * half / length; // w_length^i = w_N^(i N / length)
        for (var start = 0; start < half; start += length)
        {
            Span<Vector512<double>> top = z.Slice(2 * start, length), bottom = z.Slice(2 * start + length, length);
            for (var i = 0; i + 1 < top.Length && i + 1 < bottom.Length; i += 2)
            {
                double wr = cos[i / 2 * step], wi = sin[i / 2 * step];
                Vector512<double> r = bottom[i] * wr - bottom[i + 1] * wi, m = bottom[i] * wi + bottom[i + 1] * wr;
                (bottom[i], bottom[i + 1]) = (top[i] - r, top[i + 1] - m);
                (top[i], top[i + 1]) = (top[i] + r, top[i + 1] + m);
            }
        }
    }

    private static Vector512<double> Square(Vector512<double> x) => x * x;
}
