namespace Hybrid.Speech;

/// <summary>Levels and amplitudes.</summary>
internal static class Decibels
{
    /// <summary>The amplitude that belongs to a level in decibels; 0 dB is 1.</summary>
    public static double ToAmplitude(double decibels) => Math.Pow(10, decibels / 20);
}
