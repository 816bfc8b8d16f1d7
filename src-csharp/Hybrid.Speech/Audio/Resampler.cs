using System.Runtime.Intrinsics;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Converts audio from one sample rate to another by a linear-phase low-pass filter h that is centred on each output
/// sample: y[n] = sum over k of x[k] h(n in/out - k), with time in input samples. Safe for use by several threads.
/// </summary>
/// <remarks>
/// <para>
/// Aliases and images are above half the lower of both rates, the lower Nyquist frequency F = min(1, out/in) / 2 in
/// cycles per input sample. So the stop band begins at F, the pass band ends at 0.9 F, and the cut-off is between them,
/// at 0.95 F: h(t) = 2 c sinc(2 c t) w(t), c = 0.95 F.
/// </para>
/// <para>
/// w is the Kaiser window I0(b sqrt(1 - (t/r)^2)) / I0(b). For A = 90 dB, b = 0.1102 (A - 8.7), and the filter extends
/// over 2 r = (A - 7.95) / (2.285 * 2 pi * 0.1 F) input samples: 115 of them at the lower rate (Kaiser, Nonrecursive
/// digital filter design using the I0-sinh window function, 1974). Pass-band ripple equals the stop-band level,
/// 10^(-A/20) or 0.0003 dB. A is above the documented 80 dB, because the formula for r is a fit.
/// </para>
/// <para>
/// With out/in = up/down in lowest terms, output times have <c>up</c> positions between input samples, the phases, and
/// h is tabulated for each. More than 1024 phases (ratios such as 44101 to 16000) are interpolated between two of 1024,
/// which adds an error of (pi / 1024)^2 / 8 or -118 dB. So a table has at most 1025 * 2 r numbers, 3 MB.
/// </para>
/// </remarks>
internal sealed class Resampler
{
    private const double PassBand = 0.9,
        StopBandDecibels = 90;
    private const int MaxPhases = 1024;

    private static Resampler? latest;

    private readonly int from,
        to,
        up,
        down,
        phases,
        reach,
        taps;
    private readonly float[] table;

    /// <param name="from">The input rate, in Hz.</param>
    /// <param name="to">The output rate, in Hz.</param>
    private Resampler(int from, int to)
    {
        (this.from, this.to) = (from, to);
        var divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(from, to);
        (up, down) = (to / divisor, from / divisor);
        phases = Math.Min(up, MaxPhases);
        var nyquist = Math.Min(1, (double)to / from) / 2;
        var radius = (StopBandDecibels - 7.95) / (2.285 * 2 * Math.PI * (1 - PassBand) * nyquist) / 2;
        reach = (int)Math.Ceiling(radius);
        taps = 2 * reach;
        table = new float[(phases + 1) * taps];
        var cutOff = (1 + PassBand) / 2 * nyquist;
        var beta = 0.1102 * (StopBandDecibels - 8.7);
        for (var phase = 0; phase <= phases; phase++)
        for (var tap = 0; tap < taps; tap++)
            table[phase * taps + tap] = (float)Filter((double)phase / phases + reach - 1 - tap, cutOff, beta, reach);
    }

    /// <summary>
    /// The resampler between two rates. A corpus mostly has one rate, so the latest resampler is kept.
    /// </summary>
    public static Resampler Between(int from, int to) =>
        Volatile.Read(ref latest) is { } kept && (kept.from, kept.to) == (from, to)
            ? kept
            : latest = new Resampler(from, to);

    /// <summary>
    /// Resamples a signal that is 0 beyond its ends. Output sample n is at time n / out; the output has
    /// ceil(length * out / in) samples, those before the end of the input.
    /// </summary>
    /// <exception cref="ArgumentException">The result is longer than an array.</exception>
    public float[] Apply(ReadOnlySpan<float> samples)
    {
        var length = IntMath.CeilDiv((long)samples.Length * up, down);
        if (length > Array.MaxLength)
            throw new ArgumentException(
                $"{samples.Length} samples at {from} Hz are too many to resample to {to} Hz: "
                    + "cut the recording into pieces",
                nameof(samples)
            );
        var result = new float[length];
        for (var n = 0; n < result.Length; n++)
        {
            var (before, place) = Math.DivRem((long)n * down, up);
            var (phase, rest) = Math.DivRem(place * phases, up);
            var value = Filtered(samples, before, (int)phase);
            if (rest > 0)
                value += (float)rest / up * (Filtered(samples, before, (int)phase + 1) - value);
            result[n] = value;
        }
        return result;
    }

    /// <summary>
    /// The output of the filter, <paramref name="phase"/> phases after input sample <paramref name="before"/>.
    /// </summary>
    private float Filtered(ReadOnlySpan<float> samples, long before, int phase)
    {
        var first = before - reach + 1;
        var (begin, end) = ((int)Math.Max(0, first), (int)Math.Min(samples.Length, first + taps));
        return Dot(samples[begin..end], table.AsSpan(phase * taps + (int)(begin - first)));
    }

    /// <summary>
    /// The sum of a[i] b[i]. The order of summation is the same on every machine, so that features, and weights trained
    /// on them, are bit-identical; TensorPrimitives does not guarantee that.
    /// </summary>
    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        b = b[..a.Length];
        Vector256<float> even = default,
            odd = default;
        var width = Vector256<float>.Count;
        for (; a.Length >= 2 * width; a = a[(2 * width)..], b = b[(2 * width)..])
        {
            even += Vector256.Create(a) * Vector256.Create(b);
            odd += Vector256.Create(a[width..]) * Vector256.Create(b[width..]);
        }
        even += odd;
        var sum = 0f;
        for (var lane = 0; lane < width; lane++)
            sum += even[lane];
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static double Filter(double t, double cutOff, double beta, int reach)
    {
        var x = 2 * Math.PI * cutOff * t;
        var sinc = x == 0 ? 1 : Math.Sin(x) / x;
        var inside = 1 - t * t / ((double)reach * reach);
        return inside <= 0 ? 0 : 2 * cutOff * sinc * BesselI0(beta * Math.Sqrt(inside)) / BesselI0(beta);
    }

    /// <summary>The modified Bessel function of order 0, by its power series: sum over k of ((x/2)^k / k!)^2.</summary>
    private static double BesselI0(double x)
    {
        double sum = 1,
            term = 1;
        for (var k = 1; term > 1e-17 * sum; k++)
        {
            term *= x / (2 * k) * (x / (2 * k));
            sum += term;
        }
        return sum;
    }
}
