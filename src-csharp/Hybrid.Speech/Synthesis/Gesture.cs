namespace Hybrid.Speech;

/// <summary>Bandwidths of the three lowest formants, in hertz.</summary>
internal readonly record struct Bandwidths(double B1, double B2, double B3);

/// <summary>
/// An articulatory gesture: a vowel, half a diphthong, the closure of a stop, its burst. A gesture has targets;
/// <see cref="ControlTrack"/> blends those of overlapping gestures.
/// </summary>
internal sealed record Gesture
{
    /// <summary>Start, in seconds.</summary>
    public required double Start { get; init; }

    /// <summary>End, in seconds.</summary>
    public required double End { get; init; }

    /// <summary>Target formants.</summary>
    public required Formants Formants { get; init; }

    /// <summary>Target bandwidths.</summary>
    public required Bandwidths Bandwidths { get; init; }

    /// <summary>Weight of the targets of F2 and F3 relative to those of the neighbors.</summary>
    public double TonguePull { get; init; } = 1;

    /// <summary>Weight of the target of F1 relative to those of the neighbors.</summary>
    public double JawPull { get; init; } = 1;

    /// <summary>Time constant of the formant transition at the start, in seconds.</summary>
    public required double MoveIn { get; init; }

    /// <summary>Time constant of the formant transition at the end, in seconds.</summary>
    public required double MoveOut { get; init; }

    /// <summary>Time constant of the onset of sound sources, in seconds.</summary>
    public required double FadeIn { get; init; }

    /// <summary>Time constant of the offset of sound sources, in seconds.</summary>
    public required double FadeOut { get; init; }

    /// <summary>Amplitude of voicing.</summary>
    public double Voicing { get; init; }

    /// <summary>Spectral tilt: attenuation of the voice at 3 kHz beyond the speaker's, in decibels.</summary>
    public double TiltDecibels { get; init; }

    /// <summary>Amplitude of aspiration noise at the larynx.</summary>
    public double Aspiration { get; init; }

    /// <summary>Amplitude of friction noise at the constriction.</summary>
    public double Frication { get; init; }

    /// <summary>Spectrum of the friction noise; null if there is none.</summary>
    public NoiseColor? Noise { get; init; }

    /// <summary>Frequency of the nasal antiformant in hertz; null if the gesture is not nasal.</summary>
    public double? NasalZeroHertz { get; init; }
}
