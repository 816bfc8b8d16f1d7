using System.Globalization;
using System.Text;

namespace Hybrid.Speech;

/// <summary>One tier of a TextGrid: contiguous labelled intervals.</summary>
/// <param name="Name">Name of the tier.</param>
/// <param name="Intervals">Intervals in order of time; a pause has an empty label.</param>
public sealed record TextGridTier(string Name, IReadOnlyList<Interval> Intervals);

/// <summary>
/// Annotations in the format of Praat (Boersma and Weenink, TextGrid file formats): interval tiers that cover the whole
/// recording, in the long or the short text form, UTF-8.
/// </summary>
/// <remarks>
/// Quotation marks in texts are doubled. Control characters, line breaks included, are percent-encoded as in URLs,
/// because many readers take one line for one value. All texts read back equal.
/// </remarks>
/// <param name="EndSeconds">Duration of the recording, in seconds.</param>
/// <param name="Tiers">Tiers from top to bottom.</param>
public sealed record TextGrid(double EndSeconds, IReadOnlyList<TextGridTier> Tiers)
{
    /// <summary>
    /// A tier <c>words</c>, unless there are none, and a tier <c>phones</c>. Pauses have an empty label.
    /// </summary>
    public static TextGrid Of(Alignment alignment)
    {
        var phones = Tier("phones", alignment.Phones, alignment.DurationSeconds);
        return new TextGrid(
            alignment.DurationSeconds,
            alignment.Words.Count > 0 ? [Tier("words", alignment.Words, alignment.DurationSeconds), phones] : [phones]
        );
    }

    /// <summary>One tier per hypothesis: <c>phones</c>, <c>phones 2</c> and so on.</summary>
    public static TextGrid Of(RecognitionResult recognition)
    {
        var tiers = recognition.Hypotheses.Select(
            (hypothesis, i) =>
                Tier(
                    i == 0 ? "phones" : string.Create(CultureInfo.InvariantCulture, $"phones {i + 1}"),
                    hypothesis.Phones,
                    recognition.DurationSeconds
                )
        );
        return new TextGrid(recognition.DurationSeconds, [.. tiers]);
    }

    /// <summary>The text of a file.</summary>
    /// <param name="shortForm">Whether the values are written without their names, one per line.</param>
    public string Write(bool shortForm = false)
    {
        var text = new StringBuilder("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n");
        Line(0, "xmin = ", "0");
        Line(0, "xmax = ", Number(EndSeconds));
        text.Append(shortForm ? "<exists>\n" : "tiers? <exists>\n");
        Line(0, "size = ", Tiers.Count.ToString(CultureInfo.InvariantCulture));
        Heading(0, $"item []:");
        foreach (var (t, tier) in Tiers.Index())
        {
            Heading(4, $"item [{t + 1}]:");
            Line(8, "class = ", "\"IntervalTier\"");
            Line(8, "name = ", Quoted(tier.Name));
            Line(8, "xmin = ", "0");
            Line(8, "xmax = ", Number(EndSeconds));
            Line(8, "intervals: size = ", tier.Intervals.Count.ToString(CultureInfo.InvariantCulture));
            foreach (var (i, interval) in tier.Intervals.Index())
            {
                Heading(8, $"intervals [{i + 1}]:");
                Line(12, "xmin = ", Number(interval.StartSeconds));
                Line(12, "xmax = ", Number(interval.EndSeconds));
                Line(12, "text = ", Quoted(interval.Label));
            }
        }
        return text.ToString();

        void Line(int indent, string name, string value) =>
            text.Append(shortForm ? "" : new string(' ', indent) + name).Append(value).Append('\n');
        void Heading(int indent, FormattableString heading)
        {
            if (!shortForm)
                text.Append(' ', indent).Append(heading.ToString(CultureInfo.InvariantCulture)).Append('\n');
        }
    }

    /// <summary>Reads the long or the short form. Point tiers are refused.</summary>
    /// <exception cref="FormatException">
    /// The text is not a TextGrid; the message has the line and the expected value.
    /// </exception>
    public static TextGrid Read(string text) => new TextGridReader(text).Read();

    /// <summary>A tier with empty intervals between labels.</summary>
    private static TextGridTier Tier(string name, IReadOnlyList<Interval> intervals, double duration)
    {
        var filled = new List<Interval>();
        var end = 0.0;
        foreach (var interval in intervals)
        {
            if (interval.StartSeconds > end)
                filled.Add(new Interval("", end, interval.StartSeconds));
            filled.Add(interval with { Confidence = 1 });
            end = interval.EndSeconds;
        }
        if (duration > end || filled.Count == 0)
            filled.Add(new Interval("", end, duration));
        return new TextGridTier(name, filled);
    }

    // "R" digits, so that a boundary that two intervals share reads back as one number.
    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Quoted(string text) => $"\"{FieldText.EncodeLine(text).Replace("\"", "\"\"")}\"";
}
