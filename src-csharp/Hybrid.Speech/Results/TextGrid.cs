using System.Globalization;
using System.Text;

namespace Hybrid.Speech;

/// <summary>A named sequence of contiguous intervals; a pause has an empty label.</summary>
public sealed record TextGridTier(string Name, IReadOnlyList<Interval> Intervals);

/// <summary>
/// Annotations as Praat reads and writes them (Boersma and Weenink, TextGrid file formats): interval tiers that fill the whole
/// time, in the long or the short text form, UTF-8.
/// </summary>
/// <param name="EndSeconds">Length of the recording.</param>
/// <param name="Tiers">From top to bottom.</param>
public sealed record TextGrid(double EndSeconds, IReadOnlyList<TextGridTier> Tiers)
{
    /// <summary>The tiers words (where there are any) and phones of an alignment; pauses become intervals without text.</summary>
    public static TextGrid Of(Alignment alignment)
    {
        var phones = Tier("phones", alignment.Phones, alignment.DurationSeconds);
        return new TextGrid(
            alignment.DurationSeconds,
            alignment.Words.Count > 0 ? [Tier("words", alignment.Words, alignment.DurationSeconds), phones] : [phones]
        );
    }

    /// <summary>A tier for each reading of a recognition: phones, phones 2 and so on.</summary>
    public static TextGrid Of(RecognitionResult recognition) =>
        new(
            recognition.DurationSeconds,
            [
                .. recognition.Hypotheses.Select(
                    (hypothesis, i) =>
                        Tier(
                            i == 0 ? "phones" : string.Create(CultureInfo.InvariantCulture, $"phones {i + 1}"),
                            hypothesis.Phones,
                            recognition.DurationSeconds
                        )
                ),
            ]
        );

    /// <summary>The text of a file.</summary>
    /// <param name="shortForm">Values alone, one a line, instead of names with values.</param>
    public string Write(bool shortForm = false)
    {
        var text = new StringBuilder("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n");
        void Line(int indent, string name, string value) =>
            text.Append(shortForm ? "" : new string(' ', indent) + name).Append(value).Append('\n');
        Line(0, "xmin = ", "0");
        Line(0, "xmax = ", Number(EndSeconds));
        text.Append(shortForm ? "<exists>\n" : "tiers? <exists>\n");
        Line(0, "size = ", Tiers.Count.ToString(CultureInfo.InvariantCulture));
        if (!shortForm)
            text.Append("item []:\n");
        foreach (var (t, tier) in Tiers.Index())
        {
            if (!shortForm)
                text.Append(CultureInfo.InvariantCulture, $"    item [{t + 1}]:\n");
            Line(8, "class = ", "\"IntervalTier\"");
            Line(8, "name = ", Quoted(tier.Name));
            Line(8, "xmin = ", "0");
            Line(8, "xmax = ", Number(EndSeconds));
            Line(8, "intervals: size = ", tier.Intervals.Count.ToString(CultureInfo.InvariantCulture));
            foreach (var (i, interval) in tier.Intervals.Index())
            {
                if (!shortForm)
                    text.Append(CultureInfo.InvariantCulture, $"        intervals [{i + 1}]:\n");
                Line(12, "xmin = ", Number(interval.StartSeconds));
                Line(12, "xmax = ", Number(interval.EndSeconds));
                Line(12, "text = ", Quoted(interval.Label));
            }
        }
        return text.ToString();
    }

    /// <summary>Reads either form. Point tiers are refused.</summary>
    /// <exception cref="FormatException">The text is no TextGrid; the message says what was expected and where.</exception>
    public static TextGrid Read(string text) => new TextGridReader(text).Read();

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

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"")}\"";

    /// <summary>
    /// Reads the values of a TextGrid in their order; as in Praat, names, braces and comments between them do not count.
    /// </summary>
    private sealed class TextGridReader(string text)
    {
        // An interval takes at least ten characters, so a count far beyond the text is a lie.
        private readonly int mostItems = text.Length / 4 + 1;

        private int position;

        public TextGrid Read()
        {
            Require(Text("the file type") == "ooTextFile", "not a TextGrid: the file type is not \"ooTextFile\"");
            Require(Text("the object class") == "TextGrid", "not a TextGrid: the object class is another");
            Value("xmin");
            var end = Value("xmax");
            SkipFlag();
            var tiers = new TextGridTier[Count("the number of tiers")];
            for (var t = 0; t < tiers.Length; t++)
            {
                var kind = Text("the class of a tier");
                Require(kind == "IntervalTier", $"a tier is a {Core.Quoted.Text(kind)}; only interval tiers are read");
                var name = Text("the name of a tier");
                Value("xmin of a tier");
                Value("xmax of a tier");
                var intervals = new Interval[Count("the number of intervals")];
                for (var i = 0; i < intervals.Length; i++)
                {
                    var (from, to) = (Value("xmin of an interval"), Value("xmax of an interval"));
                    Require(
                        to >= from,
                        string.Create(CultureInfo.InvariantCulture, $"an interval runs from {from} to {to}")
                    );
                    intervals[i] = new Interval(Text("the text of an interval"), from, to);
                }
                tiers[t] = new TextGridTier(name, intervals);
            }
            return new TextGrid(end, tiers);
        }

        private void Require(bool condition, string otherwise)
        {
            if (condition)
                return;
            var line = text.AsSpan(0, Math.Min(position, text.Length)).Count('\n') + 1;
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"line {line}: {otherwise}"));
        }

        private int Count(string what)
        {
            var value = Value(what);
            Require(
                value >= 0 && value <= mostItems && value == Math.Floor(value),
                string.Create(CultureInfo.InvariantCulture, $"{what} is {value}")
            );
            return (int)value;
        }

        private double Value(string what)
        {
            var word = Next();
            Require(
                word is not null
                    && double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    && double.IsFinite(number),
                $"{what} is missing"
            );
            return double.Parse(word!, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        private string Text(string what)
        {
            var word = Next();
            Require(word is not null && word[0] == '"', $"{what} is missing");
            return word![1..];
        }

        private void SkipFlag()
        {
            var flag = text.IndexOf("<exists>", position, StringComparison.Ordinal);
            Require(flag >= 0, "<exists> is missing: the TextGrid has no tiers");
            position = flag + "<exists>".Length;
        }

        /// <summary>The next value: a number, or a text with a quotation mark in front.</summary>
        private string? Next()
        {
            while (position < text.Length)
            {
                var c = text[position];
                if (c == '"')
                    return Quoted();
                var startsWord = position == 0 || char.IsWhiteSpace(text[position - 1]);
                if (startsWord && (char.IsAsciiDigit(c) || c is '-' or '+'))
                {
                    var begin = position;
                    while (position < text.Length && !char.IsWhiteSpace(text[position]))
                        position++;
                    return text[begin..position];
                }
                if (c == '!')
                    position = text.IndexOf('\n', position) is var end and >= 0 ? end : text.Length;
                else
                    position++;
            }
            return null;
        }

        private string Quoted()
        {
            var content = new StringBuilder("\"");
            for (position++; position < text.Length; position++)
            {
                if (text[position] != '"')
                    content.Append(text[position]);
                else if (position + 1 < text.Length && text[position + 1] == '"')
                    content.Append(text[position++]);
                else
                {
                    position++;
                    return content.ToString();
                }
            }
            Require(false, "a text has no closing quotation mark");
            return "";
        }
    }
}
