namespace Hybrid.Speech;

/// <summary>Manner of articulation; it determines the sequence of gestures of a phone.</summary>
internal enum Manner
{
    Silence,
    Vowel,
    Glide,
    Nasal,
    Stop,
    Affricate,
    Fricative,
    Aspirate,
}

/// <summary>The three lowest resonances of the vocal tract, in hertz.</summary>
internal readonly record struct Formants(double F1, double F2, double F3)
{
    /// <summary>Interpolation to other formants on a logarithmic frequency scale; the share is 0 to 1.</summary>
    public Formants Towards(Formants other, double share) =>
        new(
            F1 * Math.Pow(other.F1 / F1, share),
            F2 * Math.Pow(other.F2 / F2, share),
            F3 * Math.Pow(other.F3 / F3, share)
        );

    /// <summary>The formants, each multiplied by a factor.</summary>
    public Formants Times(double factor1, double factor2, double factor3) =>
        new(F1 * factor1, F2 * factor2, F3 * factor3);
}

/// <summary>The targets of a phone, for an average adult male (vocal-tract scale 1).</summary>
internal sealed record PhoneTarget(
    string Phone,
    Manner Manner,
    double HoldMilliseconds,
    Formants Onset,
    Formants Offset
)
{
    /// <summary>Length of the burst of a stop or of the friction of an affricate, after the closure.</summary>
    public double ReleaseMilliseconds { get; init; }

    /// <summary>Length of the aspiration between the burst and the voicing of an accented vowel.</summary>
    public double AspirationMilliseconds { get; init; }

    /// <summary>Weight of the targets of F2 and F3 relative to those of the neighbors; 1 for a vowel.</summary>
    public double TonguePull { get; init; } = 1;

    /// <summary>Level of voicing, in decibels relative to a vowel; null if voiceless.</summary>
    public double? VoicingDecibels { get; init; }

    /// <summary>Spectral tilt: attenuation of the voice at 3 kHz beyond the speaker's, in decibels.</summary>
    public double TiltDecibels { get; init; }

    /// <summary>Level of friction noise in decibels; null if there is none.</summary>
    public double? NoiseDecibels { get; init; }

    /// <summary>Spectrum of friction noise; null if there is none.</summary>
    public NoiseColor? Noise { get; init; }

    /// <summary>Frequency of the antiformant of the closed mouth of a nasal, in hertz; null for other phones.</summary>
    public double? NasalZeroHertz { get; init; }

    /// <summary>Whether the phone is voiced.</summary>
    public bool IsVoiced => VoicingDecibels is not null;

    /// <summary>Whether the phone is an obstruent: a stop, an affricate or a fricative.</summary>
    public bool IsObstruent => Manner is Manner.Stop or Manner.Affricate or Manner.Fricative;
}

/// <summary>
/// The targets of the 39 ARPAbet phones without stress and of silence.
/// </summary>
/// <remarks>
/// Vowels follow the male averages of Peterson and Barney (JASA 1952) and Hillenbrand et al. (JASA 1995); consonant
/// loci and the split between cascade and noise branch follow Klatt (JASA 1980); the dependence of a stop's F2 on the
/// vowel (strong for labials and velars, weak for alveolars) follows the locus equations of Sussman et al. (JASA 1991);
/// noise spectra follow Jongman et al. (JASA 2000). All values are rounded, and adjusted to make phones distinguishable
/// by listeners and recognisers.
/// </remarks>
internal static class PhoneTargets
{
    /// <summary>The neutral vowel, to which unaccented vowels are reduced.</summary>
    public static readonly Formants Neutral = new(500, 1450, 2500);

    private static readonly Dictionary<string, PhoneTarget> targets = Build();

    /// <summary>All 39 phones, sorted by name.</summary>
    public static IReadOnlyList<string> Phones { get; } =
    [.. targets.Keys.Where(phone => phone != PhoneInventory.Silence).Order(StringComparer.Ordinal)];

    /// <summary>The target of a phone; null if the phone is unknown.</summary>
    public static PhoneTarget? Find(string phone) => targets.GetValueOrDefault(phone);

    /// <summary>The target of silence.</summary>
    public static PhoneTarget Pause => targets[PhoneInventory.Silence];

    private static Dictionary<string, PhoneTarget> Build()
    {
        PhoneTarget[] rows =
        [
            // Monophthongs    ms    F1    F2    F3
            Vowel("AA", 125, 740, 1130, 2450),
            Vowel("AE", 130, 690, 1720, 2430),
            Vowel("AH", 85, 620, 1230, 2480),
            Vowel("AO", 130, 580, 860, 2450),
            Vowel("EH", 100, 550, 1830, 2530),
            Vowel("ER", 120, 480, 1330, 1680),
            Vowel("IH", 85, 410, 2020, 2600),
            Vowel("IY", 110, 285, 2300, 3000),
            Vowel("UH", 90, 450, 1200, 2320),
            Vowel("UW", 115, 310, 900, 2250),
            // Diphthongs          ms    F1    F2    F3     F1    F2    F3
            Diphthong("AW", 165, 740, 1400, 2450, 430, 900, 2350),
            Diphthong("AY", 165, 710, 1150, 2450, 380, 2080, 2650),
            Diphthong("EY", 140, 500, 1950, 2550, 330, 2250, 2850),
            Diphthong("OW", 140, 520, 1020, 2400, 370, 800, 2300),
            Diphthong("OY", 175, 540, 830, 2400, 380, 2020, 2600),
            // Glides and liquids  ms    F1    F2    F3   pull  voice  tilt
            Glide("L", 70, 340, 980, 2850, 1.1, -4, 2),
            Glide("R", 70, 330, 1090, 1430, 1.2, -3, 2),
            Glide("W", 70, 290, 640, 2150, 1.2, -4, 4),
            Glide("Y", 65, 260, 2250, 3050, 1.2, -4, 2),
            // Nasals              ms    F1    F2    F3   pull  zero
            Nasal("M", 75, 270, 1050, 2100, 0.9, 750),
            Nasal("N", 70, 270, 1700, 2600, 1.3, 1750),
            Nasal("NG", 80, 270, 2250, 2600, 0.6, 2900),
            // Stops          hold  burst  asp    F1    F2    F3   pull  voice  noise  color
            Stop("B", 60, 8, 0, 200, 900, 2150, 0.7, -14, -16, NoiseColor.Lips),
            Stop("D", 55, 10, 0, 200, 1750, 2650, 1.4, -14, -9, NoiseColor.TongueTip),
            Stop("G", 55, 18, 0, 200, 2000, 2400, 0.4, -14, -8, NoiseColor.TongueBack),
            Stop("P", 75, 8, 45, 300, 900, 2150, 0.7, null, -12, NoiseColor.Lips),
            Stop("T", 65, 14, 50, 300, 1750, 2650, 1.4, null, -4, NoiseColor.TongueTip),
            Stop("K", 65, 22, 50, 300, 2000, 2400, 0.4, null, -4, NoiseColor.TongueBack),
            // Affricates     hold fricat.        F1    F2    F3   pull  voice  noise  color
            Affricate("CH", 55, 70, 300, 1850, 2700, 1.3, null, -4, NoiseColor.Palate),
            Affricate("JH", 50, 50, 200, 1850, 2700, 1.3, -14, -9, NoiseColor.Palate),
            // Fricatives          ms    F1    F2    F3   pull  voice  noise  color
            Fricative("F", 100, 330, 1000, 2150, 0.8, null, -15, NoiseColor.LipAndTeeth),
            Fricative("V", 65, 240, 1000, 2150, 0.8, -7, -21, NoiseColor.LipAndTeeth),
            Fricative("TH", 95, 330, 1400, 2600, 1.2, null, -16, NoiseColor.Teeth),
            Fricative("DH", 55, 260, 1400, 2600, 1.2, -6, -23, NoiseColor.Teeth),
            Fricative("S", 105, 320, 1600, 2600, 1.3, null, -2, NoiseColor.Ridge),
            Fricative("Z", 85, 240, 1600, 2600, 1.3, -9, -8, NoiseColor.Ridge),
            Fricative("SH", 110, 310, 1850, 2700, 1.3, null, -1, NoiseColor.Palate),
            Fricative("ZH", 85, 240, 1850, 2700, 1.3, -9, -7, NoiseColor.Palate),
            // HH has the formants of its neighbors: its own have almost no weight.
            new("HH", Manner.Aspirate, 65, Neutral, Neutral) { TonguePull = 0.03 },
            new(PhoneInventory.Silence, Manner.Silence, 150, Neutral, Neutral) { TonguePull = 0.03 },
        ];
        return rows.ToDictionary(row => row.Phone);
    }

    private static PhoneTarget Vowel(string phone, double ms, double f1, double f2, double f3) =>
        Diphthong(phone, ms, f1, f2, f3, f1, f2, f3);

    private static PhoneTarget Diphthong(
        string phone,
        double ms,
        double f1,
        double f2,
        double f3,
        double endF1,
        double endF2,
        double endF3
    ) => new(phone, Manner.Vowel, ms, new(f1, f2, f3), new(endF1, endF2, endF3)) { VoicingDecibels = 0 };

    private static PhoneTarget Glide(
        string phone,
        double ms,
        double f1,
        double f2,
        double f3,
        double pull,
        double voice,
        double tilt
    ) =>
        new(phone, Manner.Glide, ms, new(f1, f2, f3), new(f1, f2, f3))
        {
            TonguePull = pull,
            VoicingDecibels = voice,
            TiltDecibels = tilt,
        };

    private static PhoneTarget Nasal(
        string phone,
        double ms,
        double f1,
        double f2,
        double f3,
        double pull,
        double zero
    ) =>
        new(phone, Manner.Nasal, ms, new(f1, f2, f3), new(f1, f2, f3))
        {
            TonguePull = pull,
            VoicingDecibels = -4,
            NasalZeroHertz = zero,
        };

    private static PhoneTarget Stop(
        string phone,
        double hold,
        double burst,
        double aspiration,
        double f1,
        double f2,
        double f3,
        double pull,
        double? voice,
        double noise,
        NoiseColor color
    ) =>
        new(phone, Manner.Stop, hold, new(f1, f2, f3), new(f1, f2, f3))
        {
            ReleaseMilliseconds = burst,
            AspirationMilliseconds = aspiration,
            TonguePull = pull,
            VoicingDecibels = voice,
            TiltDecibels = ClosureTilt,
            NoiseDecibels = noise,
            Noise = color,
        };

    private static PhoneTarget Affricate(
        string phone,
        double hold,
        double friction,
        double f1,
        double f2,
        double f3,
        double pull,
        double? voice,
        double noise,
        NoiseColor color
    ) => Stop(phone, hold, friction, 0, f1, f2, f3, pull, voice, noise, color) with { Manner = Manner.Affricate };

    private static PhoneTarget Fricative(
        string phone,
        double ms,
        double f1,
        double f2,
        double f3,
        double pull,
        double? voice,
        double noise,
        NoiseColor color
    ) =>
        new(phone, Manner.Fricative, ms, new(f1, f2, f3), new(f1, f2, f3))
        {
            TonguePull = pull,
            VoicingDecibels = voice,
            TiltDecibels = 8,
            NoiseDecibels = noise,
            Noise = color,
        };

    /// <summary>
    /// During a closure the voice radiates through the walls of the throat, which attenuate above 500 Hz.
    /// </summary>
    private const double ClosureTilt = 25;
}
