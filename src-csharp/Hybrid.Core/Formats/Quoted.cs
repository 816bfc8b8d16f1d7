namespace Hybrid.Core;

/// <summary>Text of files from strangers, for messages: in quotation marks, on one line, not too long.</summary>
internal static class Quoted
{
    private const int Most = 120;

    /// <summary>A control character becomes a dot, what is too long is cut.</summary>
    public static string Text(string text)
    {
        var line = string.Concat(text.Trim().Take(Most).Select(c => char.IsControl(c) ? '.' : c));
        return $"\"{line}{(text.Trim().Length > Most ? "..." : "")}\"";
    }
}
