using System.Text;

namespace Hybrid.Speech;

/// <summary>Audio that is damaged or in an unsupported format, or that has no such piece or channel.</summary>
public sealed class AudioFormatException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>
    /// Whether the channels are in opposite phase, so that their mean is silence, and one of them must be selected.
    /// </summary>
    public bool NeedsChannel { get; private init; } = inner is AudioFormatException { NeedsChannel: true };

    /// <summary>Whether the end of the bytes was reached, so that the same with more bytes may succeed.</summary>
    internal bool NeedsMoreBytes { get; private init; }

    /// <summary>An error about bytes that end too early.</summary>
    internal static AudioFormatException Truncated(string message) => new(message) { NeedsMoreBytes = true };

    /// <summary>An error about channels whose mean is silence.</summary>
    internal static AudioFormatException Cancelled(int channels) =>
        new(
            $"its {channels} channels are in opposite phase, so that their mean cancels the sound: "
                + $"read one of them, channel 0 to {channels - 1}"
        )
        {
            NeedsChannel = true,
        };

    /// <summary>An error about more samples than are read at once.</summary>
    internal static AudioFormatException TooLong(long samples) =>
        new(
            $"{samples} samples are more than Hybrid reads at once, {AudioClip.LargestLength}: "
                + "cut the recording into pieces"
        );

    /// <summary>An error about a file whose first bytes are of no supported format.</summary>
    internal static AudioFormatException Unknown(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
            return new("the file is empty");
        var name = head switch
        {
            [(byte)'N', (byte)'I', (byte)'S', (byte)'T', ..] => "NIST SPHERE, as in TIMIT",
            [(byte)'O', (byte)'g', (byte)'g', (byte)'S', ..] => "Ogg: Opus, Vorbis",
            [(byte)'F', (byte)'O', (byte)'R', (byte)'M', ..] => "AIFF",
            [(byte)'.', (byte)'s', (byte)'n', (byte)'d', ..] => "Sun AU",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'X', ..] => "big-endian WAV",
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => "MP4",
            [0xFF, >= 0xE0, ..] => "MP3",
            _ => null,
        };
        return new(
            $"the file begins with \"{Printable(head)}\"{(name is null ? "" : $" ({name})")}; "
                + "Hybrid reads WAV and FLAC: convert it, for instance with sox or ffmpeg"
        );
    }

    /// <summary>Up to 12 bytes as text for a message; bytes other than printable ASCII become dots.</summary>
    internal static string Printable(ReadOnlySpan<byte> bytes) =>
        string.Concat(
            Encoding.Latin1.GetString(bytes[..Math.Min(12, bytes.Length)]).Select(c => c is >= ' ' and <= '~' ? c : '.')
        );
}
