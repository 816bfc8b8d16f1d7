using Hybrid.Core;
using static Hybrid.Speech.ResonatorCoefficients;

namespace Hybrid.Speech;

/// <summary>
/// The vocal tract: sound sources filtered by resonators, after the cascade/parallel synthesizer of Klatt (JASA 1980).
/// </summary>
/// <remarks>
/// <code>
/// glottal pulses --+--> nasal zero and pole --> F1 --> F2 --> F3 --> F4 .. (cascade) --+--> speech
/// aspiration ------+                                                                   |
/// friction noise --> two resonances and a direct path (parallel) ----------------------+
/// </code>
/// </remarks>
internal sealed class VocalTract
{
    /// <summary>Resonances above F3 are constant; a uniform tube of 17 cm has one every 1000 Hz.</summary>
    private const double FourthFormant = 3500,
        FormantSpacing = 1000,
        HighestFormant = 7700;

    /// <summary>
    /// Bandwidth of the nasal formant and antiformant in hertz; equal, so that they cancel in phones that are not
    /// nasal.
    /// </summary>
    private const double NasalBandwidth = 120;

    /// <summary>The share of noise that passes while the vocal folds are closed.</summary>
    private const double ClosedBreath = 0.4;

    private readonly GlottalSource glottis;
    private readonly CounterRandom noise;
    private readonly double breathiness;
    private readonly Resonator[] high;
    private Resonator nasalPole,
        nasalZero,
        first,
        second,
        third,
        peak1,
        peak2;
    private ulong noisePlace;
    private double lastFriction,
        secondLastFriction;

    /// <summary>The vocal tract of a speaker, initially silent.</summary>
    public VocalTract(SpeakerVoice voice, CounterRandom random)
    {
        glottis = new GlottalSource(voice, random.Fork("glottis").Stream());
        noise = random.Fork("noise");
        breathiness = Decibels.ToAmplitude(voice.BreathinessDecibels);
        nasalPole.Set(Formant(ControlTrack.NasalPoleHertz * voice.VocalTractScale, NasalBandwidth));

        // A short vocal tract has fewer resonances below half the sample rate.
        var spacing = FormantSpacing * voice.VocalTractScale;
        var fourth = FourthFormant * voice.VocalTractScale;
        high = new Resonator[1 + (int)((HighestFormant - fourth) / spacing)];
        for (var i = 0; i < high.Length; i++)
            high[i].Set(Formant(fourth + i * spacing, 180 + 60 * i));
    }

    /// <summary>Generates speech from control frames.</summary>
    /// <param name="frames">The controls, every <see cref="ControlTrack.FrameSamples"/> samples.</param>
    /// <param name="speech">[samples], written.</param>
    public void Speak(ReadOnlySpan<ControlFrame> frames, Span<double> speech)
    {
        // The resonators start with zero gain and reach their settings within the first frame, which is silent.
        for (var i = 0; i < frames.Length - 1; i++)
        {
            var from = i * ControlTrack.FrameSamples;
            GlideTo(in frames[i + 1]);
            SpeakFrame(
                in frames[i],
                in frames[i + 1],
                speech[from..Math.Min(from + ControlTrack.FrameSamples, speech.Length)]
            );
        }
    }

    private void GlideTo(in ControlFrame frame)
    {
        const int samples = ControlTrack.FrameSamples;
        nasalZero.GlideTo(Antiformant(frame.NasalZeroHertz, NasalBandwidth), samples);
        first.GlideTo(Formant(frame.Formants.F1, frame.Bandwidths.B1), samples);
        second.GlideTo(Formant(frame.Formants.F2, frame.Bandwidths.B2), samples);
        third.GlideTo(Formant(frame.Formants.F3, frame.Bandwidths.B3), samples);
        peak1.GlideTo(Peak(frame.Peak1Hertz, frame.Width1Hertz), samples);
        peak2.GlideTo(Peak(frame.Peak2Hertz, frame.Width2Hertz), samples);
    }

    private void SpeakFrame(in ControlFrame now, in ControlFrame later, Span<double> speech)
    {
        var nowTilt = GlottalSource.TiltPole(now.TiltDecibels);
        var laterTilt = GlottalSource.TiltPole(later.TiltDecibels);
        for (var n = 0; n < speech.Length; n++)
        {
            // Amplitudes are interpolated between frames: a step would be audible as a click.
            var share = (double)n / ControlTrack.FrameSamples;
            var voicing = Interpolate(now.Voicing, later.Voicing, share);
            var aspiration = Interpolate(now.Aspiration, later.Aspiration, share);

            var pulse =
                voicing
                * glottis.Next(
                    Interpolate(now.PitchHertz, later.PitchHertz, share),
                    Interpolate(nowTilt, laterTilt, share)
                );
            // Without voicing the vocal folds are always open, independent of the phase of the source.
            var breathes = glottis.IsOpen || voicing < 1e-3 ? 1 : ClosedBreath;
            var breath = breathes * (aspiration + breathiness * voicing) * Noise();
            var sound = nasalPole.Formant(nasalZero.Antiformant(pulse + breath));
            sound = third.Formant(second.Formant(first.Formant(sound)));
            foreach (ref var formant in high.AsSpan())
                sound = formant.Formant(sound);

            var friction = breathes * Noise();
            // Adjacent resonances in parallel have opposite signs; otherwise they would cancel between their peaks.
            sound +=
                Interpolate(now.Peak1Gain, later.Peak1Gain, share) * peak1.Peak(friction, secondLastFriction)
                - Interpolate(now.Peak2Gain, later.Peak2Gain, share) * peak2.Peak(friction, secondLastFriction)
                + Interpolate(now.FlatGain, later.FlatGain, share) * friction;
            (secondLastFriction, lastFriction) = (lastFriction, friction);
            speech[n] = sound;
        }
    }

    private static double Interpolate(double from, double to, double share) => from + (to - from) * share;

    /// <summary>White noise of unit power.</summary>
    private double Noise() => Math.Sqrt(12) * (noise.Uniform(noisePlace++) - 0.5);
}
