namespace Hybrid.Speech;

/// <summary>A recording, a piece of one, or its precomputed features, with its transcript.</summary>
/// <param name="Id">Name of the utterance, unique in the corpus.</param>
/// <param name="AudioPath">The sound file; empty for precomputed features.</param>
/// <param name="Speaker">The speaker; empty if unknown.</param>
/// <param name="Split">The part of the corpus, such as train or dev; empty if none is named.</param>
/// <param name="Text">The words; null if only phones are given, or no transcript.</param>
/// <param name="Phones">The phones; null if they follow from the words, or there is no transcript.</param>
public sealed record Utterance(
    string Id,
    string AudioPath,
    string Speaker,
    string Split,
    string? Text,
    IReadOnlyList<string>? Phones
)
{
    /// <summary>
    /// A <c>.npy</c> file with precomputed features, [frames, coefficients], instead of audio; empty if there is audio.
    /// </summary>
    public string FeaturesPath { get; init; } = "";

    /// <summary>The corpus of the utterance, where several are mixed; empty if unknown.</summary>
    public string Corpus { get; init; } = "";

    /// <summary>Start of the utterance in its sound file, in seconds.</summary>
    public double OffsetSeconds { get; init; }

    /// <summary>Length of the utterance in its sound file, in seconds; null if it extends to the end.</summary>
    public double? DurationSeconds { get; init; }

    /// <summary>Index of the channel in the sound file, from 0; null for the mean of all channels.</summary>
    public int? Channel { get; init; }

    /// <summary>The utterance with a channel, unless it names one.</summary>
    /// <param name="channel">Index of the channel in the sound file, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The channel is negative.</exception>
    public Utterance WithChannel(int channel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(channel);
        return this with { Channel = Channel ?? channel };
    }

    /// <summary>The factor of <see cref="AudioClip.PerturbSpeed"/>.</summary>
    internal double Speed { get; init; } = 1;

    /// <summary>The file with the features or the audio.</summary>
    internal string SourcePath => FeaturesPath.Length > 0 ? FeaturesPath : AudioPath;

    /// <summary>The part of the sound file.</summary>
    internal AudioPiece Piece => new(OffsetSeconds, DurationSeconds, Channel);

    /// <summary>
    /// Reads the audio: the piece and the channel of the sound file. Times of results are relative to the start of the
    /// piece.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Offset, duration or channel is out of its range.</exception>
    /// <exception cref="AudioFormatException">
    /// The sound file is damaged, of an unsupported format, or has no such piece or channel; the message has the file.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is not a regular file, or cannot be read.</exception>
    public AudioClip ReadAudio()
    {
        CorpusFiles.RequireRegular(AudioPath);
        return AudioClip.Read(AudioPath, Piece.Validated());
    }
}
