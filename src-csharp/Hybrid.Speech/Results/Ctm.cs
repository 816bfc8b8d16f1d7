using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>One line of a CTM file.</summary>
/// <param name="Recording">Name of the recording.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Interval">Label, times in seconds, and confidence.</param>
public readonly record struct CtmLine(string Recording, string Channel, Interval Interval);

/// <summary>
/// CTM, time-marked conversation files (NIST sclite): one line <c>recording channel start duration label confidence</c>
/// for each label, times in seconds.
/// </summary>
/// <remarks>
/// White space and control characters in names and labels are percent-encoded as in URLs, as is the first character of
/// a field that starts with <c>;;</c>, which begins a comment. An empty name or label is <c>@</c>, sclite's null word.
/// All names and labels read back equal.
/// </remarks>
public static class Ctm
{
    private const string Comment = ";;",
        Empty = "@",
        Channel = "1";

    /// <summary>The lines of the labels of a recording; times are rounded to 0.1 ms.</summary>
    public static string Write(string recording, IEnumerable<Interval> labels)
    {
        var text = new StringBuilder();
        var name = Field(recording);
        foreach (var label in labels)
        {
            // The duration is the difference of rounded times, so that a label does not overlap the next one.
            var (start, end) = (Math.Round(label.StartSeconds, 4), Math.Round(label.EndSeconds, 4));
            text.Append(
                CultureInfo.InvariantCulture,
                $"{name} {Channel} {start:F4} {end - start:F4} {Field(label.Label)} {label.Confidence:F4}\n"
            );
        }
        return text.ToString();
    }

    /// <summary>Reads lines. Comments and empty lines are skipped; a missing confidence is 1.</summary>
    /// <exception cref="FormatException">A line is malformed; the message has its number.</exception>
    public static IReadOnlyList<CtmLine> Read(TextReader text)
    {
        var lines = new List<CtmLine>();
        for (var number = 1; text.ReadLine() is { } line; number++)
            if (!string.IsNullOrWhiteSpace(line) && !line.StartsWith(Comment, StringComparison.Ordinal))
                lines.Add(ReadLine(line, number));
        return lines;
    }

    private static CtmLine ReadLine(string line, int number)
    {
        var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length is not (5 or 6))
            throw new FormatException(
                $"line {number}: {Quoted.Text(line)} is not "
                    + "recording, channel, start, duration, label and optional confidence"
            );
        var (start, duration) = (Number(2, "time in seconds", 1e9), Number(3, "time in seconds", 1e9));
        var confidence = fields.Length == 6 ? Number(5, "confidence in 0..1", 1) : 1;
        var interval = new Interval(Text(fields[4]), start, start + duration, confidence);
        return new CtmLine(Text(fields[0]), FieldText.Decode(fields[1]), interval);

        double Number(int i, string kind, double most) =>
            double.TryParse(fields[i], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && value >= 0
            && value <= most
                ? value
                : throw new FormatException($"line {number}: {Quoted.Unless(fields[i])} is not a {kind}");
    }

    private static string Field(string text)
    {
        if (text.Length == 0)
            return Empty;
        var field = FieldText.EncodeField(text);
        return field == Empty || field.StartsWith(Comment, StringComparison.Ordinal)
            ? FieldText.Escape(field[0]) + field[1..]
            : field;
    }

    private static string Text(string field) => field == Empty ? "" : FieldText.Decode(field);
}
