using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The voice of a synthetic speaker. The defaults are an average male voice; <see cref="Random"/> generates a voice
/// from a seed.
/// </summary>
public sealed record SpeakerVoice
{
    /// <summary>Name of the speaker in a corpus.</summary>
    public string Name { get; init; } = "average";

    /// <summary>Mean fundamental frequency in hertz, 50 to 400.</summary>
    public double PitchHertz { get; init; } = 120;

    /// <summary>Pitch range in semitones, 0 (monotone) to 24.</summary>
    public double PitchRangeSemitones { get; init; } = 5;

    /// <summary>
    /// Factor on all resonances, 0.7 (long vocal tract) to 1.4 (child); about 1 for men and 1.15 for women.
    /// </summary>
    public double VocalTractScale { get; init; } = 1;

    /// <summary>Factor on the speaking rate, 0.4 to 2.5; at 1 a phone has about 100 ms.</summary>
    public double SpeakingRate { get; init; } = 1;

    /// <summary>
    /// Level of aspiration noise during voicing in decibels relative to the voice, -60 (clear) to -10 (breathy).
    /// </summary>
    public double BreathinessDecibels { get; init; } = -36;

    /// <summary>Share of a glottal period during which the vocal folds are open, 0.3 (pressed) to 0.9 (lax).</summary>
    public double OpenQuotient { get; init; } = 0.6;

    /// <summary>
    /// Spectral tilt: attenuation at 3 kHz beyond that of the glottal pulse in decibels, 0 (bright) to 25 (dull).
    /// </summary>
    public double SpectralTiltDecibels { get; init; } = 4;

    /// <summary>Jitter: standard deviation of the glottal period relative to the mean, 0 to 0.05.</summary>
    public double JitterFraction { get; init; } = 0.007;

    /// <summary>Shimmer: standard deviation of the glottal amplitude relative to the mean, 0 to 0.2.</summary>
    public double ShimmerFraction { get; init; } = 0.04;

    /// <summary>Factor on the duration of formant transitions, 0.4 (crisp) to 2 (slurred).</summary>
    public double CoarticulationScale { get; init; } = 1;

    /// <summary>
    /// Standard deviation of the speaker's formants from the table, relative to their frequency, per phone and formant,
    /// 0 to 0.1.
    /// </summary>
    public double FormantVariation { get; init; } = 0.025;

    /// <summary>Level of friction noise in decibels relative to the average, -10 to 10.</summary>
    public double FricationDecibels { get; init; }

    /// <summary>Probability of a pause after a word inside an utterance, 0 to 1.</summary>
    public double PauseProbability { get; init; } = 0.06;

    /// <summary>Root-mean-square level of an utterance in decibels relative to full scale, -60 to -10.</summary>
    public double LevelDecibels { get; init; } = -21;

    /// <summary>Level of steady background noise in decibels relative to the speech, -120 to 0.</summary>
    public double BackgroundDecibels { get; init; } = -45;

    /// <summary>The random generator of the speaker's deviations from the table.</summary>
    public CounterRandom Habits { get; init; } = new(0);

    /// <summary>A random voice; equal generators give equal voices.</summary>
    /// <param name="name">Name of the speaker; the voice does not depend on it.</param>
    /// <param name="random">The random generator.</param>
    public static SpeakerVoice Random(string name, CounterRandom random)
    {
        ArgumentNullException.ThrowIfNull(name);
        var draw = random.Fork("voice").Stream();
        // Small speakers tend to have short vocal tracts and high voices.
        var smallness = draw.Uniform();
        var pitchPlace = Math.Clamp(smallness + 0.12 * draw.Normal(), 0, 1);
        var tractPlace = Math.Clamp(smallness + 0.12 * draw.Normal(), 0, 1);
        return new SpeakerVoice
        {
            Name = name,
            PitchHertz = 80 * Math.Pow(260.0 / 80, pitchPlace),
            PitchRangeSemitones = draw.Uniform(2, 9),
            VocalTractScale = 0.86 + 0.33 * tractPlace,
            SpeakingRate = draw.Uniform(0.8, 1.2),
            BreathinessDecibels = draw.Uniform(-46, -26),
            OpenQuotient = draw.Uniform(0.45, 0.75),
            SpectralTiltDecibels = draw.Uniform(0, 10),
            JitterFraction = draw.Uniform(0.003, 0.012),
            ShimmerFraction = draw.Uniform(0.02, 0.07),
            CoarticulationScale = draw.Uniform(0.75, 1.3),
            FormantVariation = draw.Uniform(0.015, 0.035),
            FricationDecibels = draw.Uniform(-3, 3),
            PauseProbability = draw.Uniform(0.02, 0.12),
            LevelDecibels = draw.Uniform(-25, -18),
            BackgroundDecibels = draw.Uniform(-60, -35),
            Habits = random.Fork("habits"),
        };
    }

    /// <summary>
    /// All problems of the settings, each a clause with name, range and value; empty if there are none.
    /// </summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        Check(nameof(PitchHertz), PitchHertz, 50, 400);
        Check(nameof(PitchRangeSemitones), PitchRangeSemitones, 0, 24);
        Check(nameof(VocalTractScale), VocalTractScale, 0.7, 1.4);
        Check(nameof(SpeakingRate), SpeakingRate, 0.4, 2.5);
        Check(nameof(BreathinessDecibels), BreathinessDecibels, -60, -10);
        Check(nameof(OpenQuotient), OpenQuotient, 0.3, 0.9);
        Check(nameof(SpectralTiltDecibels), SpectralTiltDecibels, 0, 25);
        Check(nameof(JitterFraction), JitterFraction, 0, 0.05);
        Check(nameof(ShimmerFraction), ShimmerFraction, 0, 0.2);
        Check(nameof(CoarticulationScale), CoarticulationScale, 0.4, 2);
        Check(nameof(FormantVariation), FormantVariation, 0, 0.1);
        Check(nameof(FricationDecibels), FricationDecibels, -10, 10);
        Check(nameof(PauseProbability), PauseProbability, 0, 1);
        Check(nameof(LevelDecibels), LevelDecibels, -60, -10);
        Check(nameof(BackgroundDecibels), BackgroundDecibels, -120, 0);
        return problems;

        void Check(string name, double value, double low, double high)
        {
            if (!(value >= low && value <= high))
                problems.Add(FormattableString.Invariant($"{name} is {value}, must be {low} to {high}"));
        }
    }

    /// <summary>
    /// The speaker's formants of a phone: those of the table, scaled by the vocal tract and the speaker's deviation.
    /// </summary>
    internal Formants Adapt(string phone, Formants formants)
    {
        var habit = Habits.Fork(phone).Stream();
        return formants.Times(Habit(habit), Habit(habit), Habit(habit));
    }

    /// <summary>The speaker's noise spectrum of a phone.</summary>
    internal NoiseColor Adapt(string phone, NoiseColor color) =>
        color.Scaled(Habit(Habits.Fork(phone).Fork("noise").Stream()));

    private double Habit(RandomStream habit) =>
        VocalTractScale * Math.Exp(FormantVariation * Math.Clamp(habit.Normal(), -2, 2));
}
