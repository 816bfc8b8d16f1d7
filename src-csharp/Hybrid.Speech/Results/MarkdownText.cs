using System.Text;

namespace Hybrid.Speech;

/// <summary>Text of untrusted files in Markdown.</summary>
internal static class MarkdownText
{
    // Characters that would begin code, HTML, a link or another cell, or change the text as emphasis. An underscore is
    // not among them: within words, as in ids, it is none.
    private const string Escaped = "\\`*|~";

    /// <summary>
    /// The text as one cell of a table: unsafe characters become spaces, HTML becomes entities, and Markdown is
    /// escaped.
    /// </summary>
    public static string Cell(string text)
    {
        var cell = new StringBuilder(text.Length);
        foreach (var rune in text.Trim().EnumerateRunes())
            _ = rune.Value switch
            {
                '<' => cell.Append("&lt;"),
                '>' => cell.Append("&gt;"),
                '&' => cell.Append("&amp;"),
                // A link is a text in brackets with an address in parentheses.
                '(' when cell is [.., ']'] => cell.Append("\\("),
                var c when c < 128 && Escaped.Contains((char)c) => cell.Append('\\').Append((char)c),
                _ when FieldText.IsUnsafe(rune) => cell.Append(' '),
                _ => cell.Append(rune.ToString()),
            };
        return cell.ToString();
    }
}
