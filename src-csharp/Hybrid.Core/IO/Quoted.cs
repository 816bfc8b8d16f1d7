namespace Hybrid.Core;

/// <summary>Text of files from strangers, for messages: on one line, not too long.</summary>
public static class Quoted
{
    private const int Most = 120,
        MostOfMessage = 400;

    /// <summary>In quotation marks; a control character becomes a dot, what is too long is cut.</summary>
    public static string Text(string text)
    {
        var line = string.Concat(text.Trim().Take(Most).Select(c => char.IsControl(c) ? '.' : c));
        return $"\"{line}{(text.Trim().Length > Most ? "..." : "")}\"";
    }

    /// <summary>A name that is harmless as it stands, such as that of a tensor; any other in quotation marks.</summary>
    public static string Unless(string name) =>
        name.Length is > 0 and <= Most && !name.Any(char.IsControl) ? name : Text(name);

    /// <summary>What another library says of a file, which may quote much of it; where it is too long, its middle is left out.</summary>
    public static string Message(Exception error)
    {
        var line = string.Concat(error.Message.Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= MostOfMessage
            ? line
            : $"{line[..(MostOfMessage / 2)]} ... {line[^(MostOfMessage / 2)..]}";
    }
}
