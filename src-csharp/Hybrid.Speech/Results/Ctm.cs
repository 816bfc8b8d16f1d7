using System.Globalization;
using System.Text;

namespace Hybrid.Speech;

/// <summary>A line of a CTM file.</summary>
/// <param name="Recording">The recording's name.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Interval">Label and times.</param>
public readonly record struct CtmLine(string Recording, string Channel, Interval Interval);

/// <summary>
/// Time-marked conversation files (NIST sclite): <c>recording channel start duration label confidence</c>, a line for
/// each label, times in seconds.
/// </summary>
public static class Ctm
{
    /// <summary>The lines of labels of a recording.</summary>
    public static string Write(string recording, IEnumerable<Interval> labels)
    {
        var text = new StringBuilder();
        var name = NoSpaces(recording);
        foreach (var label in labels)
        {
            // A duration is that between rounded times, so that a label does not reach into the next one.
            var (start, end) = (Math.Round(label.StartSeconds, 4), Math.Round(label.EndSeconds, 4));
            text.Append(
                CultureInfo.InvariantCulture,
                $"{name} 1 {start:F4} {end - start:F4} {NoSpaces(label.Label)} {label.Confidence:F4}\n"
            );
        }
        return text.ToString();
    }

    /// <summary>Reads lines; comments begin with ;; and a confidence may be missing.</summary>
    /// <exception cref="FormatException">A line is malformed; the message has its number.</exception>
    public static IReadOnlyList<CtmLine> Read(TextReader text)
    {
        var lines = new List<CtmLine>();
        for (var number = 1; text.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith(";;", StringComparison.Ordinal))
                continue;
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length is not (5 or 6))
                throw new FormatException(
                    $"line {number}: {Core.Quoted.Text(line)} is not recording, channel, start, duration, label and perhaps confidence"
                );
            double Number(int i, double most) =>
                double.TryParse(fields[i], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                && value >= 0
                && value <= most
                    ? value
                    : throw new FormatException(
                        $"line {number}: {Core.Quoted.Unless(fields[i])} is not a {(most == 1 ? "confidence in 0..1" : "time in seconds")}"
                    );
            var (start, duration) = (Number(2, 1e9), Number(3, 1e9));
            lines.Add(
                new CtmLine(
                    fields[0],
                    fields[1],
                    new Interval(fields[4], start, start + duration, fields.Length == 6 ? Number(5, 1) : 1)
                )
            );
        }
        return lines;
    }

    private static string NoSpaces(string text) => string.Concat(text.Select(c => char.IsWhiteSpace(c) ? '_' : c));
}
