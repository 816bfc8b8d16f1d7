using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Speech;

/// <summary>
/// Power spectra of real signals by a radix-4 fast Fourier transform (Cooley and Tukey 1965): the N real samples are
/// transformed as N / 2 complex ones, and the spectra of even and odd samples are separated afterwards. Eight signals
/// are transformed at once, one in each lane of a SIMD register.
/// </summary>
internal sealed unsafe class RealFft
{
    private readonly int half;
    private readonly int[] places; // digit-reversed index of a frequency after the passes
    private readonly double[] cos,
        sin; // of w^i, w = exp(-2 pi i / N)

    /// <param name="size">N, a power of two, at least 4.</param>
    public RealFft(int size)
    {
        if (size < 4 || !int.IsPow2(size))
            throw new ArgumentOutOfRangeException(
                nameof(size),
                size,
                "the size of a transform must be a power of two, at least 4"
            );
        half = size / 2;
        places = new int[half];
        for (var k = 0; k < half; k++)
        {
            var (rest, length) = (k, half);
            while (length > 1)
            {
                var parts = Math.Min(4, length);
                length /= parts;
                places[k] += rest % parts * length;
                rest /= parts;
            }
        }
        cos = new double[size];
        sin = new double[size];
        for (var i = 0; i < size; i++)
            (sin[i], cos[i]) = Math.SinCos(-2 * Math.PI * i / size);
    }

    /// <summary>power[k] = |X(k)|^2 for k = 0 .. N/2, of one signal.</summary>
    /// <param name="signal">[N]</param>
    /// <param name="power">[N/2 + 1]</param>
    public void Power(ReadOnlySpan<double> signal, Span<double> power)
    {
        Span<Vector512<double>> signals = new Vector512<double>[2 * half],
            powers = new Vector512<double>[half + 1];
        for (var i = 0; i < signals.Length; i++)
            signals[i] = Vector512.CreateScalar(signal[i]);
        Power(signals, powers);
        for (var k = 0; k < powers.Length; k++)
            power[k] = powers[k].ToScalar();
    }

    /// <summary>power[k] = |X(k)|^2 for k = 0 .. N/2, of the signal in each lane.</summary>
    /// <param name="signal">[N], overwritten.</param>
    /// <param name="power">[N/2 + 1]</param>
    public void Power(Span<Vector512<double>> signal, Span<Vector512<double>> power)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(signal.Length, 2 * half);
        ArgumentOutOfRangeException.ThrowIfNotEqual(power.Length, half + 1);
        fixed (
            Vector512<double>* z = signal,
                p = power
        )
        {
            var length = half;
            for (; length >= 4; length /= 4)
                Quarters(z, length);
            if (length == 2)
                Halves(z);
            Squares(z, p);
        }
    }

    /// <summary>
    /// A radix-4 pass: splits each transform into four of a quarter of the length, decimation in frequency.
    /// </summary>
    private void Quarters(Vector512<double>* z, int length)
    {
        int quarter = length / 4,
            step = 2 * half / length; // w_length^j = w^(j step)
        for (var j = 0; j < quarter; j++)
        {
            Vector512<double> cos1 = Vector512.Create(cos[j * step]),
                cos2 = Vector512.Create(cos[2 * j * step]),
                cos3 = Vector512.Create(cos[3 * j * step]);
            Vector512<double> sin1 = Vector512.Create(sin[j * step]),
                sin2 = Vector512.Create(sin[2 * j * step]),
                sin3 = Vector512.Create(sin[3 * j * step]);
            Vector512<double> minusSin1 = -sin1,
                minusSin2 = -sin2,
                minusSin3 = -sin3;
            for (var a = z + 2 * j; a < z + 2 * half; a += 2 * length)
            {
                Vector512<double>* b = a + 2 * quarter,
                    c = b + 2 * quarter,
                    d = c + 2 * quarter;
                Vector512<double> sumR = a[0] + c[0],
                    sumI = a[1] + c[1],
                    differenceR = a[0] - c[0],
                    differenceI = a[1] - c[1];
                Vector512<double> otherR = b[0] + d[0],
                    otherI = b[1] + d[1],
                    turnedR = b[1] - d[1],
                    turnedI = d[0] - b[0]; // -i (b - d)
                a[0] = sumR + otherR;
                a[1] = sumI + otherI;
                Turn(differenceR + turnedR, differenceI + turnedI, cos1, sin1, minusSin1, b);
                Turn(sumR - otherR, sumI - otherI, cos2, sin2, minusSin2, c);
                Turn(differenceR - turnedR, differenceI - turnedI, cos3, sin3, minusSin3, d);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(
        Vector512<double> real,
        Vector512<double> imaginary,
        Vector512<double> cos,
        Vector512<double> sin,
        Vector512<double> minusSin,
        Vector512<double>* result
    )
    {
        result[0] = Vector512.FusedMultiplyAdd(imaginary, minusSin, real * cos);
        result[1] = Vector512.FusedMultiplyAdd(imaginary, cos, real * sin);
    }

    private void Halves(Vector512<double>* z)
    {
        for (var a = z; a < z + 2 * half; a += 4)
        {
            (a[0], a[2]) = (a[0] + a[2], a[0] - a[2]);
            (a[1], a[3]) = (a[1] + a[3], a[1] - a[3]);
        }
    }

    /// <summary>
    /// The power spectrum from the complex spectrum Z, which contains E and O, the spectra of even and odd samples:
    /// X(k) = E(k) + w^k O(k) and X(N/2 - k) = (E(k) - w^k O(k))*.
    /// </summary>
    private void Squares(Vector512<double>* z, Vector512<double>* power)
    {
        power[0] = Square(z[0] + z[1], Vector512<double>.Zero);
        power[half] = Square(z[0] - z[1], Vector512<double>.Zero);
        for (var k = 1; k <= half / 2; k++)
        {
            Vector512<double>* a = z + 2 * places[k],
                b = z + 2 * places[half - k];
            // 2 E and 2 O.
            Vector512<double> evenR = a[0] + b[0],
                evenI = a[1] - b[1],
                oddR = a[1] + b[1],
                oddI = b[0] - a[0];
            Vector512<double> c = Vector512.Create(cos[k]),
                s = Vector512.Create(sin[k]);
            var turnedR = oddR * c - oddI * s;
            var turnedI = Vector512.FusedMultiplyAdd(oddI, c, oddR * s);
            power[k] = Square(evenR + turnedR, evenI + turnedI) * 0.25;
            power[half - k] = Square(evenR - turnedR, evenI - turnedI) * 0.25;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Square(Vector512<double> real, Vector512<double> imaginary) =>
        Vector512.FusedMultiplyAdd(real, real, imaginary * imaginary);
}
