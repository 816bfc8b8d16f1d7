using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The pitch contour of an utterance: a declination line, an accent peak on the accented vowel of each word, and
/// flutter.
/// </summary>
internal sealed class PitchContour
{
    /// <summary>Half the width of an accent peak.</summary>
    private const double PeakSeconds = 0.13;

    private readonly SpeakerVoice voice;
    private readonly double seconds;
    private readonly double flutterPhase;
    private readonly List<(double Center, double Semitones)> peaks = [];

    /// <summary>Draws the accent peaks of an utterance.</summary>
    public PitchContour(List<TimedPhone> phones, SpeakerVoice voice, CounterRandom random)
    {
        this.voice = voice;
        var draw = random.Stream();
        seconds = (double)phones[^1].End / SpokenUtterance.SampleRate;
        flutterPhase = draw.Uniform(0, 100);
        foreach (var phone in phones.Where(phone => phone.IsAccented))
        {
            var center = (phone.Start + phone.End) / 2.0 / SpokenUtterance.SampleRate;
            peaks.Add((center, voice.PitchRangeSemitones * draw.Uniform(0.15, 0.6)));
        }
    }

    /// <summary>Fundamental frequency, in hertz, at a time in seconds.</summary>
    public double At(double time)
    {
        var semitones = voice.PitchRangeSemitones * (0.3 - 0.7 * time / seconds);
        foreach (var (center, height) in peaks)
        {
            var distance = Math.Abs(time - center) / PeakSeconds;
            if (distance < 1)
                semitones += height * 0.5 * (1 + Math.Cos(Math.PI * distance));
        }
        // Flutter, a slow quasi-random drift: Klatt and Klatt (JASA 1990), equation 1.
        var t = time + flutterPhase;
        var flutter =
            (Math.Sin(2 * Math.PI * 12.7 * t) + Math.Sin(2 * Math.PI * 7.1 * t) + Math.Sin(2 * Math.PI * 4.7 * t))
            * 0.004;
        return voice.PitchHertz * (1 + flutter) * Math.Pow(2, semitones / 12);
    }
}
