using System.Text;

namespace Hybrid.Core;

/// <summary>
/// Text from files and users inside messages: on one line, of bounded length, without characters that a terminal
/// obeys.
/// </summary>
internal static class Quoted
{
    /// <summary>The longest message, in UTF-16 code units.</summary>
    public const int LongestLine = 480;

    private const int LongestText = 120,
        LongestCause = 240,
        LongestPath = 160,
        LongestList = 200;

    /// <summary>
    /// In quotation marks, trimmed; unsafe characters become dots, text beyond 120 characters is cut.
    /// </summary>
    public static string Text(string text)
    {
        var trimmed = text.AsSpan().Trim();
        return trimmed.Length <= LongestText
            ? $"\"{Clean(trimmed, '.')}\""
            : $"\"{Clean(trimmed[..LongestText], '.')}...\"";
    }

    /// <summary>A short name without unsafe characters, unchanged; any other as <see cref="Text"/>.</summary>
    public static string Unless(string name) =>
        name.Length is > 0 and <= LongestText && Clean(name, '.') == name ? name : Text(name);

    /// <summary>A path; unsafe characters become dots, the middle of a long path is left out.</summary>
    public static string Path(string path) => Shorten(path, LongestPath, '.');

    /// <summary>As many items as fit into 200 characters, and the number of all if some are left out.</summary>
    public static string List<T>(IReadOnlyCollection<T> items, string separator = ", ")
    {
        var list = new StringBuilder();
        var shown = 0;
        foreach (var item in items)
        {
            var text = Unless(FormattableString.Invariant($"{item}"));
            if (shown > 0 && list.Length + separator.Length + text.Length > LongestList)
                return list.Append(FormattableString.Invariant($"{separator}... ({items.Count} in all)")).ToString();
            list.Append(shown++ > 0 ? separator : "").Append(text);
        }
        return list.ToString();
    }

    /// <summary>A whole message; unsafe characters become spaces, the middle of a long message is left out.</summary>
    public static string Line(string message) => Shorten(message, LongestLine, ' ');

    /// <summary>The message of an exception as a part of another message, shortened to 240 characters.</summary>
    public static string Message(Exception error) => Shorten(error.Message, LongestCause, ' ');

    private static string Shorten(string text, int longest, char replacement)
    {
        const string gap = " ... ";
        if (text.Length <= longest)
            return Clean(text, replacement);
        var half = (longest - gap.Length) / 2;
        return $"{Clean(text.AsSpan(0, half), replacement)}{gap}{Clean(text.AsSpan(text.Length - half), replacement)}";
    }

    private static string Clean(ReadOnlySpan<char> text, char replacement)
    {
        var clean = new StringBuilder(text.Length);
        // Half of a surrogate pair is enumerated as the replacement character.
        foreach (var rune in text.EnumerateRunes())
            if (IsUnsafe(rune))
                clean.Append(replacement);
            else
                clean.Append(rune.ToString());
        return clean.ToString();
    }

    /// <summary>
    /// Control characters, line and paragraph separators, and the marks that change the direction of text (Unicode
    /// Standard Annex 9): they forge lines, or make a terminal show another text.
    /// </summary>
    public static bool IsUnsafe(Rune rune) =>
        Rune.IsControl(rune)
        || rune.Value is 0x061C or 0x200E or 0x200F or (>= 0x2028 and <= 0x202E) or (>= 0x2066 and <= 0x2069);
}
