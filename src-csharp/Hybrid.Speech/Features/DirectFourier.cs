using System.Runtime.Intrinsics;

namespace Hybrid.Speech;

/// <summary>
/// Power spectra of real signals by the definition, for sizes that are not a power of two: X(k) = sum over n of x(n)
/// exp(-2 pi i k n / N). Eight signals are transformed at once, one in each lane of a SIMD register.
/// </summary>
internal sealed class DirectFourier
{
    private readonly double[] cos,
        sin;

    /// <param name="size">N, at least 1.</param>
    public DirectFourier(int size)
    {
        (cos, sin) = (new double[size], new double[size]);
        for (var i = 0; i < size; i++)
            (sin[i], cos[i]) = Math.SinCos(2 * Math.PI * i / size);
    }

    /// <summary>power[k] = |X(k)|^2 for k = 0 .. N/2, in every lane.</summary>
    /// <param name="signal">[N]</param>
    /// <param name="power">[N/2 + 1]</param>
    public void Power(Span<Vector512<double>> signal, Span<Vector512<double>> power)
    {
        for (var k = 0; k < power.Length; k++)
        {
            Vector512<double> real = Vector512<double>.Zero,
                imaginary = Vector512<double>.Zero;
            var angle = 0;
            foreach (var x in signal)
            {
                real += x * cos[angle];
                imaginary += x * sin[angle];
                angle += k;
                if (angle >= cos.Length)
                    angle -= cos.Length;
            }
            power[k] = real * real + imaginary * imaginary;
        }
    }
}
