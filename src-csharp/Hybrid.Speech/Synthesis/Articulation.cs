using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Converts timed phones to the articulatory gestures of a speaker.</summary>
internal static class Articulation
{
    private const double SamplesPerSecond = SpokenUtterance.SampleRate;

    // Time constants of formant transitions in seconds; the transition from 10 % to 90 % takes 4.4 of them. Transitions
    // into vowels and glides are slow, those into closures fast.
    private const double GlideMove = 0.018,
        VowelMove = 0.014,
        BreathMove = 0.012,
        FrictionMove = 0.011,
        ClosureMove = 0.010;

    /// <summary>Time constant of the transition inside a diphthong, as a share of its length.</summary>
    private const double DiphthongMove = 0.12;

    /// <summary>
    /// Time of that transition, as a share of the diphthong's length: the first target is held slightly longer than the
    /// second.
    /// </summary>
    private const double DiphthongMiddle = 0.52;

    // Levels of aspiration noise in decibels: next to a vowel, and before a pause.
    private const double BreathLevel = -20,
        EscapingBreathLevel = -28;

    /// <summary>Level of a burst before another obstruent, which reduces the air flow, in decibels.</summary>
    private const double HeldBurst = -5;

    /// <summary>Largest random deviation of the level of friction, in decibels.</summary>
    private const double FrictionVariation = 1.5;

    /// <summary>
    /// Standard deviation of a formant between tokens of a phone by one speaker, relative to its frequency.
    /// </summary>
    private const double TokenVariation = 0.015;

    /// <summary>The share of the way from an unaccented vowel to the neutral one that it is reduced.</summary>
    private const double Reduction = 0.12;

    private static readonly Bandwidths open = new(70, 100, 160);
    private static readonly Bandwidths nasal = new(80, 180, 220);
    private static readonly Bandwidths constricted = new(90, 140, 220);

    // An open glottis damps the resonances, the lowest most.
    private static readonly Bandwidths breathing = new(220, 160, 220);

    /// <summary>The gestures of a sentence, in order of time.</summary>
    public static List<Gesture> Gestures(List<TimedPhone> phones, SpeakerVoice voice, CounterRandom random)
    {
        var draw = random.Stream();
        var gestures = new List<Gesture>(2 * phones.Count);
        for (var i = 0; i < phones.Count; i++)
        {
            var previous = i > 0 ? phones[i - 1].Target : PhoneTargets.Pause;
            var next = i < phones.Count - 1 ? phones[i + 1].Target : PhoneTargets.Pause;
            var speaker = new PhoneSpeaker(phones[i], previous, next, voice, draw);
            gestures.AddRange(speaker.Gestures());
        }
        return gestures;
    }

    /// <summary>Gestures of a phone of a speaker, between its two neighbors.</summary>
    private readonly struct PhoneSpeaker(
        TimedPhone phone,
        PhoneTarget previous,
        PhoneTarget next,
        SpeakerVoice voice,
        RandomStream draw
    )
    {
        private PhoneTarget Target => phone.Target;

        public IEnumerable<Gesture> Gestures() =>
            Target.Manner switch
            {
                Manner.Silence => [Silence()],
                Manner.Vowel => Target.Onset == Target.Offset ? [Monophthong()] : Diphthong(),
                Manner.Glide => [Glide()],
                Manner.Nasal => [Nasal()],
                Manner.Fricative => [Fricative()],
                Manner.Aspirate => [Aspirate()],
                Manner.Stop => Stop(),
                Manner.Affricate => Affricate(),
                _ => throw new InvalidOperationException($"No gestures for the manner {Target.Manner}."),
            };

        private Gesture Silence() =>
            Part(0, phone.Hold, Target.Onset, VowelMove) with
            {
                TonguePull = Target.TonguePull,
                JawPull = Target.TonguePull,
                FadeIn = 0.008,
                FadeOut = 0.004,
            };

        private Gesture Monophthong() => Sonorant(0, phone.Hold, Reduced(Target.Onset), VowelMove);

        private Gesture[] Diphthong()
        {
            var middle = (int)(DiphthongMiddle * phone.Hold);
            var slide = DiphthongMove * phone.Hold / SamplesPerSecond;
            return
            [
                Sonorant(0, middle, Target.Onset, VowelMove) with
                {
                    MoveOut = slide,
                },
                Sonorant(middle, phone.Hold, Target.Offset, VowelMove) with
                {
                    MoveIn = slide,
                },
            ];
        }

        private Gesture Glide() => Sonorant(0, phone.Hold, Target.Onset, GlideMove) with { JawPull = 1.2 };

        private Gesture Nasal() =>
            Sonorant(0, phone.Hold, Target.Onset, ClosureMove) with
            {
                Bandwidths = nasal,
                JawPull = 2,
                NasalZeroHertz = Target.NasalZeroHertz * voice.VocalTractScale,
                FadeIn = 0.004,
                FadeOut = 0.004,
            };

        private Gesture Fricative() => Friction(0, phone.Hold, 0) with { FadeIn = 0.008, FadeOut = 0.007 };

        private Gesture Aspirate() =>
            Breath(0, phone.Hold, BreathLevel) with
            {
                TonguePull = Target.TonguePull,
                JawPull = Target.TonguePull,
                FadeIn = 0.010,
            };

        private IEnumerable<Gesture> Stop()
        {
            yield return Closure();
            var burstEnd = phone.Hold + phone.Release;
            var burst = Friction(phone.Hold, burstEnd, next.IsObstruent ? HeldBurst : 0);
            yield return burst with
            {
                Voicing = 0.5 * burst.Voicing,
                FadeIn = 0.0006,
                FadeOut = 0.003,
                JawPull = 0.7,
            };
            if (phone.Aspiration == 0)
                yield break;
            // During aspiration, the formants already move to those of the vowel.
            var breath = Breath(
                burstEnd,
                phone.End - phone.Start,
                next.Manner == Manner.Silence ? EscapingBreathLevel : BreathLevel
            );
            yield return breath with
            {
                TonguePull = 0.25 * Target.TonguePull,
            };
        }

        private Gesture[] Affricate() =>
            [Closure(), Friction(phone.Hold, phone.Hold + phone.Release, 0) with { FadeIn = 0.0015, FadeOut = 0.006 }];

        private Gesture Closure() =>
            Part(0, phone.Hold, Target.Onset, ClosureMove) with
            {
                Bandwidths = constricted,
                TonguePull = Target.TonguePull,
                JawPull = 2,
                Voicing = Voicing(),
                TiltDecibels = Target.TiltDecibels,
                FadeIn = 0.0025,
                FadeOut = 0.0015,
            };

        private Gesture Friction(int from, int to, double decibels) =>
            Part(from, to, Target.Onset, FrictionMove) with
            {
                Bandwidths = Target.IsVoiced ? constricted : breathing,
                TonguePull = Target.TonguePull,
                JawPull = 1.6,
                Voicing = Voicing(),
                TiltDecibels = Target.TiltDecibels,
                Noise = voice.Adapt(Target.Phone, Target.Noise!),
                Frication = Decibels.ToAmplitude(
                    Target.NoiseDecibels!.Value
                        + voice.FricationDecibels
                        + decibels
                        + draw.Uniform(-FrictionVariation, FrictionVariation)
                ),
            };

        private Gesture Breath(int from, int to, double decibels) =>
            Part(from, to, Target.Onset, BreathMove) with
            {
                Bandwidths = breathing,
                JawPull = 0.3,
                Aspiration = Decibels.ToAmplitude(decibels + voice.FricationDecibels),
                FadeIn = 0.003,
                FadeOut = 0.005,
            };

        private Gesture Sonorant(int from, int to, Formants formants, double move) =>
            Part(from, to, formants, move) with
            {
                TonguePull = Target.TonguePull,
                Voicing = Voicing(),
                TiltDecibels = Target.TiltDecibels,
                // The voice fades slowly before a pause and starts softly after one.
                FadeIn = previous.Manner == Manner.Silence ? 0.007 : 0.004,
                FadeOut = next.Manner == Manner.Silence ? 0.015 : 0.004,
            };

        private Gesture Part(int from, int to, Formants formants, double move) =>
            new()
            {
                Start = (phone.Start + from) / SamplesPerSecond,
                End = (phone.Start + to) / SamplesPerSecond,
                Formants = voice.Adapt(Target.Phone, formants).Times(Token(), Token(), Token()),
                Bandwidths = open,
                MoveIn = move * voice.CoarticulationScale,
                MoveOut = move * voice.CoarticulationScale,
                FadeIn = 0.004,
                FadeOut = 0.004,
            };

        private Formants Reduced(Formants formants) =>
            phone.IsAccented ? formants : formants.Towards(PhoneTargets.Neutral, Reduction);

        private double Voicing() =>
            Target.VoicingDecibels is { } decibels ? Decibels.ToAmplitude(decibels + (phone.IsAccented ? 1.5 : 0)) : 0;

        private double Token() => Math.Exp(TokenVariation * draw.Normal());
    }
}
