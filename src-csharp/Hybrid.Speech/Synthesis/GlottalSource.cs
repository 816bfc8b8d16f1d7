using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The glottal source: the derivative of the air flow through the vocal folds, by periods.
/// </summary>
/// <remarks>
/// The pulse is KLGLOTT88 (Klatt and Klatt, JASA 1990): while the folds are open, for a share OQ of the period, the
/// flow is 27/4 (x^2 - x^3) with x from 0 to 1, then 0; here it is scaled to a closing slope of 1. It rises slowly and
/// ends in a sharp edge, which excites the formants. A one-pole low-pass filter smooths the edge (spectral tilt).
/// </remarks>
internal sealed class GlottalSource(SpeakerVoice voice, RandomStream random)
{
    private double phase,
        flow,
        tilted,
        periodFactor = 1,
        strength = 1;

    /// <summary>Whether the vocal folds are open at the last sample; aspiration noise is strongest then.</summary>
    public bool IsOpen => phase < voice.OpenQuotient;

    /// <summary>The pole of the filter with an attenuation at 3 kHz, in decibels, at least 0.</summary>
    public static double TiltPole(double decibels)
    {
        // (1 - p)^2 = g (1 - 2 p cos w + p^2), the power gain g of the filter at 3 kHz, solved for the pole p.
        var power = Math.Pow(10, -Math.Max(decibels, 0.01) / 10);
        var half = 1 - power * Math.Cos(2 * Math.PI * 3000 / SpokenUtterance.SampleRate);
        return (half - Math.Sqrt(half * half - (1 - power) * (1 - power))) / (1 - power);
    }

    /// <summary>The next sample; without tilt, the peaks are about 1 at any pitch.</summary>
    /// <param name="pitchHertz">Fundamental frequency in hertz.</param>
    /// <param name="tiltPole">Spectral tilt, from <see cref="TiltPole"/>.</param>
    public double Next(double pitchHertz, double tiltPole)
    {
        var step = pitchHertz * periodFactor / SpokenUtterance.SampleRate;
        phase += step;
        if (phase >= 1)
        {
            phase -= 1;
            periodFactor = 1 + voice.JitterFraction * random.Normal();
            strength = 1 + voice.ShimmerFraction * random.Normal();
        }
        var x = phase / voice.OpenQuotient;
        var before = flow;
        flow = x < 1 ? x * x * (1 - x) : 0;
        // The difference of the flow is its derivative averaged over one sample, which reduces the aliasing of the
        // closing edge.
        var derivative = (flow - before) * voice.OpenQuotient / step;
        tilted = (1 - tiltPole) * strength * derivative + tiltPole * tilted;
        return tilted;
    }
}
