namespace Hybrid.Speech;

/// <summary>Bandwidths of the three lowest formants, in hertz.</summary>
internal readonly record struct Bandwidths(double B1, double B2, double B3);

/// <summary>
/// One thing the mouth does: a vowel, half a diphthong, the closure of a stop, its burst. A gesture states where it wants to go;
/// <see cref="ControlTrack"/> decides how far it gets.
/// </summary>
internal sealed record Gesture
{
    /// <summary>Beginning in seconds.</summary>
    public required double Start { get; init; }

    /// <summary>End in seconds.</summary>
    public required double End { get; init; }

    /// <summary>Formants aimed at.</summary>
    public required Formants Formants { get; init; }

    /// <summary>Bandwidths aimed at.</summary>
    public required Bandwidths Bandwidths { get; init; }

    /// <summary>Weight against the neighbors in the contest for F2 and F3.</summary>
    public double TonguePull { get; init; } = 1;

    /// <summary>Weight against the neighbors in the contest for F1.</summary>
    public double JawPull { get; init; } = 1;

    /// <summary>Time constant of the formant transition at the beginning, in seconds.</summary>
    public required double MoveIn { get; init; }

    /// <summary>Time constant of the formant transition at the end, in seconds.</summary>
    public required double MoveOut { get; init; }

    /// <summary>Time constant with which sound sources start at the beginning, in seconds.</summary>
    public required double FadeIn { get; init; }

    /// <summary>Time constant with which sound sources stop at the end, in seconds.</summary>
    public required double FadeOut { get; init; }

    /// <summary>Amplitude of the voice.</summary>
    public double Voicing { get; init; }

    /// <summary>Loss of the voice at 3 kHz beyond the speaker's own, in decibels.</summary>
    public double TiltDecibels { get; init; }

    /// <summary>Amplitude of breath noise at the larynx.</summary>
    public double Aspiration { get; init; }

    /// <summary>Amplitude of noise at the constriction.</summary>
    public double Frication { get; init; }

    /// <summary>Color of that noise; null when there is none.</summary>
    public NoiseColor? Noise { get; init; }

    /// <summary>Frequency of the antiformant in hertz; null when the nose is shut.</summary>
    public double? NasalZeroHertz { get; init; }
}
