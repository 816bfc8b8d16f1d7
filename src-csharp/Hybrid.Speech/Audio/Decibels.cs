namespace Hybrid.Speech;

/// <summary>Conversions of levels in decibels.</summary>
internal static class Decibels
{
    /// <summary>The amplitude of a level, 10^(dB / 20); that of 0 dB is 1.</summary>
    public static double ToAmplitude(double decibels) => Math.Pow(10, decibels / 20);
}
