namespace Hybrid.Speech;

/// <summary>
/// The coefficients of a second-order digital filter: those of the input, and of the output one and two samples before.
/// </summary>
/// <remarks>
/// Klatt (JASA 1980), equations 1 to 4; the parallel form also has zeros at 0 Hz and at half the sample rate.
/// </remarks>
internal readonly record struct ResonatorCoefficients(double Gain, double Near, double Far)
{
    /// <summary>A formant in cascade: unit gain at 0 Hz, so that formants need no separate amplitudes.</summary>
    public static ResonatorCoefficients Formant(double hertz, double bandwidthHertz)
    {
        var (near, far) = Poles(hertz, bandwidthHertz);
        return new(1 - near - far, near, far);
    }

    /// <summary>An antiformant: the exact inverse of a formant in cascade.</summary>
    public static ResonatorCoefficients Antiformant(double hertz, double bandwidthHertz)
    {
        var (near, far) = Poles(hertz, bandwidthHertz);
        return new(1 / (1 - near - far), near, far);
    }

    /// <summary>A formant in parallel: unit gain at its peak, zero gain at 0 Hz and at half the sample rate.</summary>
    public static ResonatorCoefficients Peak(double hertz, double bandwidthHertz)
    {
        var (near, far) = Poles(hertz, bandwidthHertz);
        return new((1 + far) / 2, near, far);
    }

    private static (double Near, double Far) Poles(double hertz, double bandwidthHertz)
    {
        var radius = Math.Exp(-Math.PI * bandwidthHertz / SpokenUtterance.SampleRate);
        return (2 * radius * Math.Cos(2 * Math.PI * hertz / SpokenUtterance.SampleRate), -radius * radius);
    }
}

/// <summary>
/// A resonance of the vocal tract, or its inverse, of varying frequency: coefficients are interpolated linearly between
/// samples, because a step is audible as a click.
/// </summary>
/// <remarks>
/// The interpolation of two stable filters is stable: in the plane of (near, far) stable filters fill a triangle.
/// </remarks>
internal struct Resonator
{
    private double gain,
        near,
        far;
    private double gainStep,
        nearStep,
        farStep;
    private double last,
        secondLast;

    /// <summary>Sets the coefficients without interpolation.</summary>
    public void Set(ResonatorCoefficients coefficients)
    {
        (gain, near, far) = (coefficients.Gain, coefficients.Near, coefficients.Far);
        gainStep = nearStep = farStep = 0;
    }

    /// <summary>Interpolates to other coefficients over a number of samples.</summary>
    public void GlideTo(ResonatorCoefficients coefficients, int samples)
    {
        gainStep = (coefficients.Gain - gain) / samples;
        nearStep = (coefficients.Near - near) / samples;
        farStep = (coefficients.Far - far) / samples;
    }

    /// <summary>Filters a sample by a formant in cascade.</summary>
    public double Formant(double input)
    {
        Step();
        var output = gain * input + near * last + far * secondLast;
        (secondLast, last) = (last, output);
        return output;
    }

    /// <summary>Filters a sample by a formant in parallel, from the input and the input two samples before.</summary>
    public double Peak(double input, double inputTwoBefore) => Formant(input - inputTwoBefore);

    /// <summary>Filters a sample by an antiformant.</summary>
    public double Antiformant(double input)
    {
        Step();
        var output = gain * (input - near * last - far * secondLast);
        (secondLast, last) = (last, input);
        return output;
    }

    private void Step()
    {
        gain += gainStep;
        near += nearStep;
        far += farStep;
    }
}
