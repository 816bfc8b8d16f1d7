namespace Hybrid.Speech;

/// <summary>
/// The spectrum of friction noise, shaped by the cavity in front of the constriction: two resonances with unit gain at
/// their peaks, and a flat part.
/// </summary>
/// <param name="Peak1">Center of the lower resonance in hertz, or <see cref="AtF2"/> for that of F2.</param>
/// <param name="Width1">Its bandwidth in hertz.</param>
/// <param name="Level1">Its level in decibels.</param>
/// <param name="Peak2">Center of the upper resonance in hertz.</param>
/// <param name="Width2">Its bandwidth in hertz.</param>
/// <param name="Level2">Its level in decibels.</param>
/// <param name="FlatLevel">Level of the unfiltered part in decibels.</param>
internal sealed record NoiseColor(
    double Peak1,
    double Width1,
    double Level1,
    double Peak2,
    double Width2,
    double Level2,
    double FlatLevel
)
{
    /// <summary>The value of <see cref="Peak1"/> for a resonance at F2.</summary>
    public const double AtF2 = 0;

    /// <summary>The highest center of a resonance below half the sample rate, in hertz.</summary>
    private const double HighestPeak = 7400;

    /// <summary>The spectrum of gestures without noise.</summary>
    public static readonly NoiseColor None = new(3000, 1000, 0, 5000, 1000, 0, 0);

    // By place of constriction; a shorter cavity in front of it has higher resonances.
    //                                                          peak1 width1 level1 peak2 width2 level2 flat
    public static readonly NoiseColor Lips = new(700, 700, 0, 1900, 1600, -9, -24);
    public static readonly NoiseColor LipAndTeeth = new(1400, 1400, -6, 7000, 3500, -2, -8);
    public static readonly NoiseColor Teeth = new(3600, 2500, 0, 5500, 3000, -4, -16);
    public static readonly NoiseColor TongueTip = new(3900, 1400, 0, 5800, 2200, -3, -22);
    public static readonly NoiseColor Ridge = new(5200, 1100, 0, 6800, 1600, 0, -30);
    public static readonly NoiseColor Palate = new(2750, 500, 0, 4000, 1500, -5, -32);
    public static readonly NoiseColor TongueBack = new(AtF2, 350, 2, 4500, 1800, -14, -28);

    /// <summary>The spectrum of a vocal tract whose resonances are higher by a factor.</summary>
    public NoiseColor Scaled(double factor) =>
        this with
        {
            Peak1 = Math.Min(Peak1 * factor, HighestPeak),
            Peak2 = Math.Min(Peak2 * factor, HighestPeak),
        };
}
