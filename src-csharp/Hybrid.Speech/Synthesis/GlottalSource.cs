using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The voice at the larynx: the derivative of the air flow through the vocal folds, period by period.
/// </summary>
/// <remarks>
/// The pulse is KLGLOTT88 (Klatt and Klatt, JASA 1990): while the folds are open, for a share OQ of the period, the flow is
/// 27/4 (x^2 - x^3) with x from 0 to 1, then 0; here it is scaled to a closing slope of 1. It rises slowly and ends in the
/// sharp edge that excites the formants. A one-pole low-pass filter rounds the edge (spectral tilt).
/// </remarks>
internal sealed class GlottalSource(SpeakerVoice voice, RandomStream random)
{
    private double phase,
        flow,
        tilted,
        periodFactor = 1,
        strength = 1;

    /// <summary>Whether the vocal folds are apart at the last sample; breath noise is strongest then.</summary>
    public bool IsOpen => phase < voice.OpenQuotient;

    /// <summary>The pole of the filter that loses a given number of decibels, 0 or more, at 3 kHz.</summary>
    public static double TiltPole(double decibels)
    {
        // (1 - p)^2 = g (1 - 2 p cos w + p^2), the power gain g of the filter at 3 kHz, solved for the pole p.
        var power = Math.Pow(10, -Math.Max(decibels, 0.01) / 10);
        var half = 1 - power * Math.Cos(2 * Math.PI * 3000 / SpokenUtterance.SampleRate);
        return (half - Math.Sqrt(half * half - (1 - power) * (1 - power))) / (1 - power);
    }

    /// <summary>The next sample; without tilt, its highest peaks are about 1 whatever the pitch.</summary>
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
        // The difference of the flow is its derivative averaged over one sample, which tames the aliasing of the closing edge.
        var derivative = (flow - before) * voice.OpenQuotient / step;
        tilted = (1 - tiltPole) * strength * derivative + tiltPole * tilted;
        return tilted;
    }
}
