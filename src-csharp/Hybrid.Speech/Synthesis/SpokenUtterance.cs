namespace Hybrid.Speech;

/// <summary>Synthesized speech with transcript and exact phone boundaries.</summary>
/// <param name="Text">The words, separated by spaces.</param>
/// <param name="Phones">The phones in order, without pauses.</param>
/// <param name="Segments">The phones and pauses with their times, contiguous from 0 to the end of the audio.</param>
/// <param name="Samples">The audio: [samples], mono, <see cref="SampleRate"/> samples per second, in [-1, 1].</param>
public sealed record SpokenUtterance(
    string Text,
    IReadOnlyList<string> Phones,
    IReadOnlyList<Interval> Segments,
    float[] Samples
)
{
    /// <summary>Samples per second of all synthesized speech.</summary>
    public const int SampleRate = 16000;

    /// <summary>Length of the audio in seconds.</summary>
    public double Seconds => (double)Samples.Length / SampleRate;
}
