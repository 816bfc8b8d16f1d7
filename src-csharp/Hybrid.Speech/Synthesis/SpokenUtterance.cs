namespace Hybrid.Speech;

/// <summary>A word to be spoken.</summary>
/// <param name="Spelling">The word as written, upper case.</param>
/// <param name="Phones">Its pronunciation in stress-less ARPAbet, at least one phone.</param>
public readonly record struct Word(string Spelling, IReadOnlyList<string> Phones)
{
    /// <summary>The spelling.</summary>
    public override string ToString() => Spelling;
}

/// <summary>A phone and the time it takes.</summary>
/// <param name="Phone">A stress-less ARPAbet phone, or <c>[SIL]</c> for a pause.</param>
/// <param name="StartSeconds">Where it begins, in seconds from the beginning of the audio; a whole number of samples.</param>
/// <param name="EndSeconds">Where it ends, in seconds; equal to the start of the next segment.</param>
public readonly record struct PhoneSegment(string Phone, double StartSeconds, double EndSeconds);

/// <summary>Synthesized speech with its exact transcript.</summary>
/// <param name="Text">The words, separated by spaces.</param>
/// <param name="Phones">The phones in order, without pauses.</param>
/// <param name="Segments">The phones and pauses with their times, without gaps from 0 to the end of the audio.</param>
/// <param name="Samples">The audio: mono, <see cref="SampleRate"/> samples per second, between -1 and 1.</param>
public sealed record SpokenUtterance(
    string Text,
    IReadOnlyList<string> Phones,
    IReadOnlyList<PhoneSegment> Segments,
    float[] Samples
)
{
    /// <summary>Samples per second of all synthesized speech.</summary>
    public const int SampleRate = 16000;

    /// <summary>Length of the audio in seconds.</summary>
    public double Seconds => (double)Samples.Length / SampleRate;
}
