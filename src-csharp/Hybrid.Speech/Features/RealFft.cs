namespace Hybrid.Speech;

/// <summary>
/// The power spectrum of a real signal by a fast Fourier transform (Cooley and Tukey 1965): the N real samples are taken as
/// N / 2 complex ones, transformed, and taken apart again.
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

    /// <summary>power[k] = |X(k)|^2 for k = 0 .. N/2.</summary>
    /// <param name="signal">[N], used as working space.</param>
    /// <param name="power">[N/2 + 1].</param>
    public void Power(Span<double> signal, Span<double> power)
    {
        Reorder(signal);
        for (var length = 2; length <= half; length *= 2) Butterflies(signal, length);

        // X(k) = E(k) + w^k O(k): E and O are the spectra of even and odd samples, both contained in Z.
        power[0] = Square(signal[0] + signal[1]);
        power[half] = Square(signal[0] - signal[1]);
        for (var k = 1; k < half; k++)
        {
            double zr = signal[2 * k], zi = signal[2 * k + 1], cr = signal[2 * (half - k)], ci = -signal[2 * (half - k) + 1];
            double er = (zr + cr) / 2, ei = (zi + ci) / 2, or = (zi - ci) / 2, oi = (cr - zr) / 2;
            power[k] = Square(er + cos[k] * or - sin[k] * oi) + Square(ei + cos[k] * oi + sin[k] * or);
        }
    }

    private void Reorder(Span<double> z)
    {
        for (var i = 0; i < half; i++)
        {
            var j = order[i];
            if (j <= i) continue;
            (z[2 * i], z[2 * j]) = (z[2 * j], z[2 * i]);
            (z[2 * i + 1], z[2 * j + 1]) = (z[2 * j + 1], z[2 * i + 1]);
        }
    }

    private void Butterflies(Span<double> z, int length)
    {
        var step = 2 * half / length; // w_length^i = w_N^(i N / length)
        for (var start = 0; start < half; start += length)
            for (var i = 0; i < length / 2; i++)
            {
                int a = 2 * (start + i), b = a + length;
                double wr = cos[i * step], wi = sin[i * step];
                double r = z[b] * wr - z[b + 1] * wi, m = z[b] * wi + z[b + 1] * wr;
                (z[b], z[b + 1]) = (z[a] - r, z[a + 1] - m);
                (z[a], z[a + 1]) = (z[a] + r, z[a + 1] + m);
            }
    }

    private static double Square(double x) => x * x;
}
