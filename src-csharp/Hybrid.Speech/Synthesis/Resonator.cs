namespace Hybrid.Speech;

/// <summary>The three numbers of a digital filter of second order: for the input, and for the values one and two samples before.</summary>
/// <remarks>Klatt (JASA 1980), equations 1 to 4; the parallel form has zeros at 0 Hz and at half the sample rate besides.</remarks>
internal readonly record struct ResonatorCoefficients(double Gain, double Near, double Far)
{
    /// <summary>A formant in cascade: unit gain at 0 Hz, so that formants need no amplitudes of their own.</summary>
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

    /// <summary>A formant in parallel: unit gain at its peak, none at 0 Hz and at half the sample rate.</summary>
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
/// A resonance of the vocal tract, or its opposite, that can move: coefficients glide from sample to sample, because a step in
/// them is heard as a click.
/// </summary>
/// <remarks>Between two stable settings the glide is stable: in the plane of (near, far) stable filters fill a triangle.</remarks>
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

    /// <summary>Sets the resonance at once.</summary>
    public void Set(ResonatorCoefficients coefficients)
    {
        (gain, near, far) = (coefficients.Gain, coefficients.Near, coefficients.Far);
        gainStep = nearStep = farStep = 0;
    }

    /// <summary>Moves the resonance in equal steps over a number of samples.</summary>
    public void GlideTo(ResonatorCoefficients coefficients, int samples)
    {
        gainStep = (coefficients.Gain - gain) / samples;
        nearStep = (coefficients.Near - near) / samples;
        farStep = (coefficients.Far - far) / samples;
    }

    /// <summary>One sample through a formant in cascade.</summary>
    public double Formant(double input)
    {
        Step();
        var output = gain * input + near * last + far * secondLast;
        (secondLast, last) = (last, output);
        return output;
    }

    /// <summary>One sample through a formant in parallel, given the input and the input two samples before.</summary>
    public double Peak(double input, double inputTwoBefore) => Formant(input - inputTwoBefore);

    /// <summary>One sample through an antiformant.</summary>
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
