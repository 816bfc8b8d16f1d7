using System.Buffers;
using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Percent-encoding of labels and names in result files that have lines and fields but no escape sequences of their
/// own. As in URLs, a character becomes <c>%XX</c> for each of its UTF-8 bytes. Encoded are the characters of
/// <see cref="Quoted.IsUnsafe"/> and the byte order mark, in fields also white space; and <c>%</c> where two
/// hexadecimal digits follow, so that every text reads back equal. Lone surrogates become U+FFFD.
/// </summary>
internal static class FieldText
{
    // Characters outside the rules that a format may encode.
    private const string Extras = "%;@";

    /// <summary>Encodes text for one line.</summary>
    public static string EncodeLine(string text) => Encode(text, whiteSpace: false);

    /// <summary>Encodes text for a field between white space; the result may be empty.</summary>
    public static string EncodeField(string text) => Encode(text, whiteSpace: true);

    /// <summary>The percent-encoded form of an ASCII character.</summary>
    public static string Escape(char c) => string.Create(CultureInfo.InvariantCulture, $"%{(int)c:X2}");

    /// <summary>Decodes encoded text. Sequences that the encoder does not write are kept as they are.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%'))
            return text;
        var result = new StringBuilder(text.Length);
        Span<byte> bytes = stackalloc byte[4];
        for (var i = 0; i < text.Length; )
        {
            var count = 0;
            while (count < bytes.Length && TryReadByte(text, i + 3 * count, out bytes[count]))
                count++;
            if (
                count > 0
                && Rune.DecodeFromUtf8(bytes[..count], out var rune, out var used) == OperationStatus.Done
                && IsEncodable(rune)
            )
            {
                result.Append(rune.ToString());
                i += 3 * used;
            }
            else
                result.Append(text[i++]);
        }
        return result.ToString();
    }

    private static string Encode(string text, bool whiteSpace)
    {
        var result = new StringBuilder(text.Length);
        Span<byte> bytes = stackalloc byte[4];
        var place = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsUnsafe(rune) || (whiteSpace && Rune.IsWhiteSpace(rune)) || TryReadByte(text, place, out _))
                foreach (var b in bytes[..rune.EncodeToUtf8(bytes)])
                    result.Append(Escape((char)b));
            else
                result.Append(rune.ToString());
            place += rune.Utf16SequenceLength;
        }
        return result.ToString();
    }

    private static bool IsEncodable(Rune rune) =>
        IsUnsafe(rune) || Rune.IsWhiteSpace(rune) || (rune.IsBmp && Extras.Contains((char)rune.Value));

    /// <summary>
    /// Whether a character could forge lines, direct a terminal, or vanish at the beginning of a file.
    /// </summary>
    public static bool IsUnsafe(Rune rune) => Quoted.IsUnsafe(rune) || rune.Value == 0xFEFF;

    private static bool TryReadByte(string text, int place, out byte value)
    {
        value = 0;
        return place + 2 < text.Length
            && text[place] == '%'
            && byte.TryParse(
                text.AsSpan(place + 1, 2),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out value
            );
    }
}
