namespace Hybrid.Speech;

/// <summary>Settings of the synthesizer's sources and resonators at a time.</summary>
internal struct ControlFrame
{
    /// <summary>Formants in hertz.</summary>
    public Formants Formants;

    /// <summary>Bandwidths in hertz.</summary>
    public Bandwidths Bandwidths;

    /// <summary>Fundamental frequency in hertz.</summary>
    public double PitchHertz;

    /// <summary>Amplitudes of voicing and of aspiration noise.</summary>
    public double Voicing,
        Aspiration;

    /// <summary>Spectral tilt: attenuation of the voice at 3 kHz, in decibels.</summary>
    public double TiltDecibels;

    /// <summary>
    /// Frequency of the nasal antiformant in hertz; equal to that of the nasal formant, which it cancels, if the phone
    /// is not nasal.
    /// </summary>
    public double NasalZeroHertz;

    /// <summary>Centers and bandwidths of the two noise resonances in hertz.</summary>
    public double Peak1Hertz,
        Width1Hertz,
        Peak2Hertz,
        Width2Hertz;

    /// <summary>Amplitudes of the two noise resonances and of the flat noise.</summary>
    public double Peak1Gain,
        Peak2Gain,
        FlatGain;
}

/// <summary>
/// Blends the gestures of an utterance into tracks of the synthesizer's controls.
/// </summary>
/// <remarks>
/// Each gesture has a weight that rises at its start and falls at its end as a logistic function; a control is the
/// weighted average of the targets of the gestures. So tracks are smooth, short gestures undershoot their targets, and
/// a gesture of small weight takes the formants of its neighbors: the dominance model of coarticulation of Löfqvist
/// (1990) and Cohen and Massaro (1993). Frequencies are averaged as logarithms, amplitudes linearly.
/// </remarks>
internal static class ControlTrack
{
    /// <summary>Frequency of the nasal formant in hertz, before scaling by the vocal tract.</summary>
    public const double NasalPoleHertz = 900;

    /// <summary>Samples between frames: 2 ms.</summary>
    public const int FrameSamples = 32;

    /// <summary>Gestures farther away than this are ignored.</summary>
    private const double ReachSeconds = 0.3;

    /// <summary>Weight of a gesture without noise in the spectrum of noise.</summary>
    private const double Mute = 1e-6;

    /// <summary>The control frames from time 0 to the end of the last gesture, both ends included.</summary>
    public static ControlFrame[] Frames(List<Gesture> gestures, PitchContour pitch, SpeakerVoice voice)
    {
        var seconds = gestures[^1].End;
        var frames = new ControlFrame[(int)Math.Ceiling(seconds * SpokenUtterance.SampleRate / FrameSamples) + 1];
        var first = 0;
        for (var i = 0; i < frames.Length; i++)
        {
            var time = (double)i * FrameSamples / SpokenUtterance.SampleRate;
            while (gestures[first].End < time - ReachSeconds)
                first++;
            frames[i].PitchHertz = pitch.At(time);
            PlaceFormants(ref frames[i], gestures, first, time);
            MixSources(ref frames[i], gestures, first, time, voice);
        }
        return frames;
    }

    private static void PlaceFormants(ref ControlFrame frame, List<Gesture> gestures, int first, double time)
    {
        Mean f1 = default,
            f2 = default,
            f3 = default,
            b1 = default,
            b2 = default,
            b3 = default;
        for (var g = first; g < gestures.Count && gestures[g].Start < time + ReachSeconds; g++)
        {
            var gesture = gestures[g];
            var moved =
                Logistic((time - gesture.Start) / gesture.MoveIn) * Logistic((gesture.End - time) / gesture.MoveOut);
            var jaw = moved * gesture.JawPull;
            var tongue = moved * gesture.TonguePull;
            f1.AddLog(gesture.Formants.F1, jaw);
            f2.AddLog(gesture.Formants.F2, tongue);
            f3.AddLog(gesture.Formants.F3, tongue);
            b1.AddLog(gesture.Bandwidths.B1, jaw);
            b2.AddLog(gesture.Bandwidths.B2, jaw);
            b3.AddLog(gesture.Bandwidths.B3, jaw);
        }
        frame.Formants = new Formants(f1.ValueOfLogs, f2.ValueOfLogs, f3.ValueOfLogs);
        frame.Bandwidths = new Bandwidths(b1.ValueOfLogs, b2.ValueOfLogs, b3.ValueOfLogs);
    }

    private static void MixSources(
        ref ControlFrame frame,
        List<Gesture> gestures,
        int first,
        double time,
        SpeakerVoice voice
    )
    {
        Mean voicing = default,
            aspiration = default,
            tilt = default,
            zero = default;
        Mean peak1 = default,
            width1 = default,
            gain1 = default,
            peak2 = default,
            width2 = default,
            gain2 = default,
            flat = default;
        var nasalPole = NasalPoleHertz * voice.VocalTractScale;
        for (var g = first; g < gestures.Count && gestures[g].Start < time + ReachSeconds; g++)
        {
            var gesture = gestures[g];
            var faded =
                Logistic((time - gesture.Start) / gesture.FadeIn) * Logistic((gesture.End - time) / gesture.FadeOut);
            voicing.Add(gesture.Voicing, faded);
            aspiration.Add(gesture.Aspiration, faded);
            tilt.Add(gesture.TiltDecibels, faded);
            zero.AddLog(gesture.NasalZeroHertz ?? nasalPole, faded);
            var color = gesture.Noise ?? NoiseColor.None;
            gain1.Add(gesture.Frication * Decibels.ToAmplitude(color.Level1), faded);
            gain2.Add(gesture.Frication * Decibels.ToAmplitude(color.Level2), faded);
            flat.Add(gesture.Frication * Decibels.ToAmplitude(color.FlatLevel), faded);
            var heard = faded * (gesture.Frication + Mute);
            peak1.AddLog(color.Peak1 == NoiseColor.AtF2 ? frame.Formants.F2 : color.Peak1, heard);
            width1.AddLog(color.Width1, heard);
            peak2.AddLog(color.Peak2, heard);
            width2.AddLog(color.Width2, heard);
        }
        frame.Voicing = voicing.Value;
        frame.Aspiration = aspiration.Value;
        frame.TiltDecibels = voice.SpectralTiltDecibels + tilt.Value;
        frame.NasalZeroHertz = zero.ValueOfLogs;
        (frame.Peak1Hertz, frame.Width1Hertz, frame.Peak1Gain) = (peak1.ValueOfLogs, width1.ValueOfLogs, gain1.Value);
        (frame.Peak2Hertz, frame.Width2Hertz, frame.Peak2Gain) = (peak2.ValueOfLogs, width2.ValueOfLogs, gain2.Value);
        frame.FlatGain = flat.Value;
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>Accumulates a weighted average.</summary>
    private struct Mean
    {
        private double sum,
            weight;

        public readonly double Value => sum / weight;

        public readonly double ValueOfLogs => Math.Exp(Value);

        public void Add(double value, double itsWeight)
        {
            sum += value * itsWeight;
            weight += itsWeight;
        }

        public void AddLog(double value, double itsWeight) => Add(Math.Log(value), itsWeight);
    }
}
