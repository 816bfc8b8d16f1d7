using System.Text;

namespace Hybrid.Speech;

/// <summary>Audio that is torn, or in a form that Hybrid does not know.</summary>
public sealed class AudioFormatException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>About a file whose first bytes are of no format that Hybrid reads.</summary>
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
            [(byte)'R', (byte)'I', (byte)'F', (byte)'X', ..] => "WAV with the highest byte first",
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => "MP4",
            [0xFF, >= 0xE0, ..] => "MP3",
            _ => null,
        };
        return new(
            $"the file begins with \"{Printable(head)}\"{(name is null ? "" : $" ({name})")}; Hybrid reads WAV and FLAC: convert it, for instance with sox or ffmpeg"
        );
    }

    /// <summary>Up to 12 bytes as they may stand in a message: others than letters, digits, blanks and common signs are dots.</summary>
    internal static string Printable(ReadOnlySpan<byte> bytes) =>
        string.Concat(
            Encoding.Latin1.GetString(bytes[..Math.Min(12, bytes.Length)]).Select(c => c is >= ' ' and <= '~' ? c : '.')
        );
}
