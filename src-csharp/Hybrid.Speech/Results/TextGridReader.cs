using System.Globalization;
using System.Text;

namespace Hybrid.Speech;

/// <summary>
/// Reader of TextGrid files. As in Praat, it takes the values in their order; names, brackets and comments between them
/// are ignored.
/// </summary>
internal sealed class TextGridReader(string text)
{
    // An interval takes at least ten characters: larger counts are invalid.
    private readonly int mostItems = text.Length / 4 + 1;

    private int position;

    public TextGrid Read()
    {
        if (Text("the file type") != "ooTextFile")
            throw Problem($"not a TextGrid: the file type is not \"ooTextFile\"");
        if (Text("the object class") != "TextGrid")
            throw Problem($"not a TextGrid: the object class is another");
        Value("xmin");
        var end = Value("xmax");
        SkipFlag();
        var tiers = new TextGridTier[Count("the number of tiers")];
        for (var t = 0; t < tiers.Length; t++)
            tiers[t] = ReadTier();
        return new TextGrid(end, tiers);
    }

    private TextGridTier ReadTier()
    {
        if (Text("the class of a tier") is var kind && kind != "IntervalTier")
            throw Problem($"a tier is a {Core.Quoted.Text(kind)}; only interval tiers are read");
        var name = FieldText.Decode(Text("the name of a tier"));
        Value("xmin of a tier");
        Value("xmax of a tier");
        var intervals = new Interval[Count("the number of intervals")];
        for (var i = 0; i < intervals.Length; i++)
        {
            var (start, end) = (Value("xmin of an interval"), Value("xmax of an interval"));
            if (end < start)
                throw Problem($"an interval runs from {start} to {end}");
            intervals[i] = new Interval(FieldText.Decode(Text("the text of an interval")), start, end);
        }
        return new TextGridTier(name, intervals);
    }

    private FormatException Problem(FormattableString problem)
    {
        var line = text.AsSpan(0, Math.Min(position, text.Length)).Count('\n') + 1;
        return new FormatException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"line {line}: {problem.ToString(CultureInfo.InvariantCulture)}"
            )
        );
    }

    private int Count(string what) =>
        Value(what) is var value && value >= 0 && value <= mostItems && value == Math.Floor(value)
            ? (int)value
            : throw Problem($"{what} is {value}");

    private double Value(string what) =>
        double.TryParse(Next(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
            ? value
            : throw Problem($"{what} is missing");

    private string Text(string what) => Next() is ['"', .. var content] ? content : throw Problem($"{what} is missing");

    private void SkipFlag()
    {
        var flag = text.IndexOf("<exists>", position, StringComparison.Ordinal);
        if (flag < 0)
            throw Problem($"<exists> is missing: the TextGrid has no tiers");
        position = flag + "<exists>".Length;
    }

    /// <summary>The next value: a number, or a text after a quotation mark; null at the end.</summary>
    private string? Next()
    {
        while (position < text.Length)
        {
            var c = text[position];
            if (c == '"')
                return ReadText();
            var startsWord = position == 0 || char.IsWhiteSpace(text[position - 1]);
            if (startsWord && (char.IsAsciiDigit(c) || c is '-' or '+'))
                return ReadWord();
            if (c == '!')
                position = text.IndexOf('\n', position) is var end and >= 0 ? end : text.Length;
            else
                position++;
        }
        return null;
    }

    private string ReadWord()
    {
        var begin = position;
        while (position < text.Length && !char.IsWhiteSpace(text[position]))
            position++;
        return text[begin..position];
    }

    private string ReadText()
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
        throw Problem($"a text has no closing quotation mark");
    }
}
