using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A small cascade/parallel formant synthesizer after Klatt (JASA 1980): speech of many random speakers with known
/// phone boundaries, to demonstrate and test recognisers without data. It does not replace recorded speech: accuracy on
/// it does not predict accuracy on human speech.
/// </summary>
/// <remarks>
/// Four steps: <see cref="Prosody"/> determines the times of phones, <see cref="Articulation"/> converts them to
/// gestures, <see cref="ControlTrack"/> blends the gestures into smooth controls, and <see cref="VocalTract"/>
/// generates the audio.
/// </remarks>
public static class Synthesizer
{
    /// <summary>The largest amplitude; an utterance is scaled down from its speaker's level to keep it.</summary>
    private const double HighestPeak = 0.95;

    /// <summary>Synthesizes a sentence. Equal arguments give bit-identical samples on one machine.</summary>
    /// <param name="sentence">The words, at least one.</param>
    /// <param name="voice">The voice.</param>
    /// <param name="random">The random generator of durations, pauses, pitch and noise.</param>
    /// <exception cref="ArgumentException">
    /// The sentence is empty, a word has no phones or an unknown one, or a setting of the voice is out of range.
    /// </exception>
    public static SpokenUtterance Speak(IReadOnlyList<Word> sentence, SpeakerVoice voice, CounterRandom random)
    {
        Check(sentence, voice);
        var phones = Prosody.Plan(sentence, voice, random.Fork("durations"));
        var gestures = Articulation.Gestures(phones, voice, random.Fork("articulation"));
        var pitch = new PitchContour(phones, voice, random.Fork("pitch"));
        var frames = ControlTrack.Frames(gestures, pitch, voice);

        var speech = new double[phones[^1].End];
        new VocalTract(voice, random.Fork("sound")).Speak(frames, speech);
        AddBackground(
            speech,
            Decibels.ToAmplitude(voice.BackgroundDecibels) * RootMeanSquare(speech),
            random.Fork("background")
        );
        return new SpokenUtterance(
            string.Join(' ', sentence.Select(word => word.Spelling)),
            [.. sentence.SelectMany(word => word.Phones)],
            [.. phones.Select(phone => new Interval(phone.Target.Phone, Seconds(phone.Start), Seconds(phone.End)))],
            AtLevel(speech, voice.LevelDecibels)
        );
    }

    private static void Check(IReadOnlyList<Word> sentence, SpeakerVoice voice)
    {
        ArgumentNullException.ThrowIfNull(sentence);
        ArgumentNullException.ThrowIfNull(voice);
        if (sentence.Count == 0)
            throw new ArgumentException("a sentence needs at least one word", nameof(sentence));
        foreach (var word in sentence)
        {
            if (word.Phones is not { Count: > 0 })
                throw new ArgumentException($"the word {Quoted.Text(word.Spelling)} has no phones", nameof(sentence));
            foreach (var phone in word.Phones)
            {
                if (phone == PhoneInventory.Silence || PhoneTargets.Find(phone) is null)
                {
                    throw new ArgumentException(
                        $"the word {Quoted.Text(word.Spelling)} has the unknown phone {Quoted.Text(phone)}; "
                            + $"known are {string.Join(' ', PhoneTargets.Phones)}",
                        nameof(sentence)
                    );
                }
            }
        }
        if (voice.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(
                $"the voice {Quoted.Text(voice.Name)} has invalid settings: {string.Join("; ", problems)}",
                nameof(voice)
            );
    }

    private static double Seconds(int sample) => (double)sample / SpokenUtterance.SampleRate;

    private static double RootMeanSquare(double[] speech) =>
        Math.Sqrt(speech.Sum(sample => sample * sample) / speech.Length);

    /// <summary>Adds background noise: stationary, low-pass filtered.</summary>
    private static void AddBackground(double[] speech, double level, CounterRandom random)
    {
        const double pole = 0.85;
        // Unit power of the uniform noise, and of the filtered noise: 1 / (1 - pole^2).
        var gain = level * Math.Sqrt(12 * (1 - pole * pole));
        var hum = 0.0;
        for (var n = 0; n < speech.Length; n++)
        {
            hum = pole * hum + random.Uniform((ulong)n) - 0.5;
            speech[n] += gain * hum;
        }
    }

    private static float[] AtLevel(double[] speech, double decibels)
    {
        var gain = Decibels.ToAmplitude(decibels) / RootMeanSquare(speech);
        var peak = speech.Max(Math.Abs);
        gain = Math.Min(gain, HighestPeak / peak);
        return Array.ConvertAll(speech, sample => (float)(gain * sample));
    }
}
