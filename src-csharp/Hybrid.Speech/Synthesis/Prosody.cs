using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A phone with its times, in samples, which depend on its neighbors.</summary>
/// <param name="Target">The targets of the phone.</param>
/// <param name="Start">First sample.</param>
/// <param name="Hold">Samples of the steady part; of a stop or affricate, the closure.</param>
/// <param name="Release">Samples of the burst of a stop or the friction of an affricate.</param>
/// <param name="Aspiration">Samples of the aspiration after the burst.</param>
/// <param name="IsAccented">Whether the phone is the accented vowel of its word.</param>
internal readonly record struct TimedPhone(
    PhoneTarget Target,
    int Start,
    int Hold,
    int Release,
    int Aspiration,
    bool IsAccented
)
{
    /// <summary>First sample after the phone.</summary>
    public int End => Start + Hold + Release + Aspiration;
}

/// <summary>Determines start and duration of each phone.</summary>
/// <remarks>
/// A subset of the duration rules of Klatt (1979, in "Frontiers of Speech Communication Research"): an inherent
/// duration times factors for accent, clusters and the end of a phrase, with a minimum share of it.
/// </remarks>
internal static class Prosody
{
    private const double DurationVariation = 0.12;
    private const double ShortestShare = 0.45;

    /// <summary>A phone with the properties that the duration rules use.</summary>
    private readonly record struct PlacedPhone(
        PhoneTarget Target,
        int WordIndex,
        bool IsAccented,
        bool EndsPhrase,
        bool InCluster
    );

    /// <summary>The timed phones of a sentence, with pauses at both ends and sometimes between words.</summary>
    public static List<TimedPhone> Plan(IReadOnlyList<Word> sentence, SpeakerVoice voice, CounterRandom random)
    {
        var draw = random.Stream();
        var placed = Place(sentence, voice, draw);
        var timed = new List<TimedPhone>(placed.Count);
        var start = 0;
        for (var i = 0; i < placed.Count; i++)
        {
            var phone = placed[i];
            var (hold, release, aspiration) = Durations(placed, i);
            var factor = phone.Target.Manner == Manner.Silence ? draw.Uniform(0.55, 1.6) : Factor(phone, voice, draw);
            // Bursts depend little on the speaking rate.
            timed.Add(
                new TimedPhone(
                    phone.Target,
                    start,
                    Samples(hold * factor),
                    Samples(release * Math.Sqrt(factor)),
                    Samples(aspiration * factor),
                    phone.IsAccented
                )
            );
            start = timed[^1].End;
        }
        return timed;
    }

    private static List<PlacedPhone> Place(IReadOnlyList<Word> sentence, SpeakerVoice voice, RandomStream draw)
    {
        var pause = new PlacedPhone(PhoneTargets.Pause, -1, false, false, false);
        var placed = new List<PlacedPhone> { pause };
        for (var w = 0; w < sentence.Count; w++)
        {
            var targets = sentence[w].Phones.Select(phone => PhoneTargets.Find(phone)!).ToArray();
            var pauseFollows = w == sentence.Count - 1 || draw.Uniform() < voice.PauseProbability;
            var accented = AccentedVowel(targets);
            var lastVowel = Array.FindLastIndex(targets, target => target.Manner == Manner.Vowel);
            for (var p = 0; p < targets.Length; p++)
            {
                var inCluster = IsConsonant(targets, p) && (IsConsonant(targets, p - 1) || IsConsonant(targets, p + 1));
                placed.Add(new PlacedPhone(targets[p], w, p == accented, pauseFollows && p >= lastVowel, inCluster));
            }
            if (pauseFollows)
                placed.Add(pause);
        }
        return placed;
    }

    /// <summary>
    /// The index of the first vowel that is not often reduced, else of the first vowel: without stress marks, the best
    /// guess for English.
    /// </summary>
    private static int AccentedVowel(PhoneTarget[] targets)
    {
        var full = Array.FindIndex(targets, target =>
            target.Manner == Manner.Vowel && target.Phone is not ("AH" or "ER" or "IH")
        );
        return full >= 0 ? full : Array.FindIndex(targets, target => target.Manner == Manner.Vowel);
    }

    private static bool IsConsonant(PhoneTarget[] targets, int index) =>
        index >= 0 && index < targets.Length && targets[index].Manner != Manner.Vowel;

    private static double Factor(PlacedPhone phone, SpeakerVoice voice, RandomStream draw)
    {
        var factor = Math.Exp(DurationVariation * draw.Normal()) / voice.SpeakingRate;
        if (phone.Target.Manner == Manner.Vowel)
            factor *= phone.IsAccented ? 1.15 : 0.9;
        if (phone.InCluster)
            factor *= 0.85;
        if (phone.EndsPhrase)
            factor *= 1.3;
        return Math.Max(factor, ShortestShare);
    }

    /// <summary>
    /// The inherent durations of the parts of a phone in milliseconds; those of a stop depend on the next phone.
    /// </summary>
    private static (double Hold, double Release, double Aspiration) Durations(List<PlacedPhone> placed, int index)
    {
        var target = placed[index].Target;
        if (target.AspirationMilliseconds == 0)
            return (target.HoldMilliseconds, target.ReleaseMilliseconds, 0);

        var before = placed[index - 1];
        var after = placed[index + 1];
        // As in "spin": the vocal folds close before the lips open, and there is hardly any aspiration.
        var followsS = before.Target.Phone == "S" && before.WordIndex == placed[index].WordIndex;
        var share = after.Target.Manner switch
        {
            Manner.Vowel or Manner.Glide => followsS ? 0.2
            : after.IsAccented || after.Target.Manner == Manner.Glide ? 1
            : 0.6,
            Manner.Silence => 0.8,
            _ => 0.2,
        };
        return (target.HoldMilliseconds, target.ReleaseMilliseconds, target.AspirationMilliseconds * share);
    }

    private static int Samples(double milliseconds) =>
        (int)Math.Round(milliseconds * SpokenUtterance.SampleRate / 1000);
}
