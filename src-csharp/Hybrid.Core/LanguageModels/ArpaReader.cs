using System.Globalization;
using System.Text;

namespace Hybrid.Core;

/// <summary>Reads ARPA text line by line.</summary>
/// <param name="text">The text.</param>
/// <param name="symbols">Names of the symbols by index; that of the blank is empty.</param>
internal sealed class ArpaReader(TextReader text, IReadOnlyList<string> symbols)
{
    // ARPA's logarithm of zero; back-off weights use it too, or -inf.
    private const double ZeroLog10 = -99;

    // Larger back-off weights would only overflow; those of real models are within a few powers of ten.
    private const double LargestBackoffLog10 = 99;

    // Sixteen tokens and two numbers are far shorter; a forged line would take its length in memory many times over.
    private const int LongestLine = 1 << 16;

    private readonly NGramVocabulary vocabulary = new(symbols.Count);
    private readonly Dictionary<string, int> tokens = symbols
        .Select((name, i) => (name, i))
        .Where(s => s.name.Length > 0)
        .ToDictionary(s => s.name, s => s.i);
    private readonly StringBuilder buffer = new();
    private int? next;
    private int number;

    public NGramModel Read()
    {
        tokens[NGramModel.SentenceStart] = vocabulary.Start;
        tokens[NGramModel.SentenceEnd] = vocabulary.End;
        foreach (var name in NGramModel.UnknownNames)
            tokens.TryAdd(name, vocabulary.Unknown);
        while (NextLine() is var line && line != "\\data\\")
            if (line is null)
                throw new FormatException("no \\data\\ in the text: not an ARPA model");
        var (declared, head) = ReadCounts();
        var model = new NGramBuilder(vocabulary, declared.Count);
        for (var length = 1; length <= declared.Count; length++, head = NextLine())
        {
            Expect(head, $"\\{length.ToString(CultureInfo.InvariantCulture)}-grams:");
            for (var i = 0; i < declared[length - 1]; i++)
                ReadNGram(model, length);
        }
        Expect(head, "\\end\\", ": there are more n-grams than declared");
        return model.Build(Blank());
    }

    /// <summary>The declared numbers of n-grams by length, and the line after them.</summary>
    private (List<int> Declared, string? Next) ReadCounts()
    {
        var declared = new List<int>();
        var head = NextLine();
        for (; head is not null && head.StartsWith("ngram ", StringComparison.Ordinal); head = NextLine())
        {
            var parts = head[6..].Split('=');
            if (parts.Length != 2 || Integer(parts[0]) != declared.Count + 1)
                throw Invalid($"{Quoted.Text(head)} is not \"ngram {declared.Count + 1}=COUNT\"");
            declared.Add(Integer(parts[1]));
        }
        return declared.Count is > 0 and <= NGramModel.LongestOrder
            ? (declared, head)
            : throw Invalid(
                $"the model declares {declared.Count} lengths of n-grams, must be 1 to {NGramModel.LongestOrder}"
            );
    }

    private void ReadNGram(NGramBuilder model, int length)
    {
        var line = NextLine() ?? throw Truncated();
        var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != length + 1 && fields.Length != length + 2)
            throw Invalid(
                $"{Quoted.Text(line)} is not a probability, {length} token{(length > 1 ? "s" : "")} and perhaps a "
                    + "back-off weight"
            );
        var ids = new int[length];
        for (var i = 0; i < length; i++)
            if (!tokens.TryGetValue(fields[i + 1], out ids[i]))
                throw Invalid(
                    $"unknown symbol {Quoted.Text(fields[i + 1])}; known are "
                        + Quoted.List([.. symbols.Where(name => name.Length > 0)], " ")
                );
        var log10 = Number(fields[0]);
        if (log10 > 0)
            throw Invalid($"the logarithm of a probability is {Quoted.Unless(fields[0])}, must not be positive");
        var backoff = fields.Length == length + 2 ? Number(fields[^1]) : 0;
        if (backoff > LargestBackoffLog10)
            throw Invalid(
                $"the back-off weight is {Quoted.Unless(fields[^1])}, must be at most "
                    + LargestBackoffLog10.ToString(CultureInfo.InvariantCulture)
            );
        try
        {
            model.Add(ids, NaturalLog(log10), NaturalLog(backoff));
        }
        catch (FormatException error)
        {
            throw Invalid($"the n-gram {Quoted.Text(line)} cannot be used: {error.Message}");
        }
    }

    /// <summary>The next line that is not blank, trimmed; null at the end of the text.</summary>
    private string? NextLine()
    {
        while (Peek() >= 0)
        {
            number++;
            buffer.Clear();
            int c;
            while ((c = Take()) >= 0 && c is not ('\n' or '\r'))
            {
                if (buffer.Length == LongestLine)
                    throw Invalid($"the line is longer than {LongestLine} characters: not an ARPA model");
                buffer.Append((char)c);
            }
            if (c == '\r' && Peek() == '\n')
                Take();
            if (buffer.ToString().Trim() is { Length: > 0 } line)
                return line;
        }
        return null;
    }

    /// <summary>The next character; -1 at the end. TextReader.Peek may give -1 before the end of a stream.</summary>
    private int Peek() => next ??= text.Read();

    private int Take()
    {
        var character = Peek();
        next = null;
        return character;
    }

    private void Expect(string? line, string expected, string otherwise = "")
    {
        if (line is null)
            throw Truncated();
        if (line != expected)
            throw Invalid($"{Quoted.Text(line)} is found where {expected} is expected{otherwise}");
    }

    /// <summary>The symbol without a name; -1 if all have one.</summary>
    private int Blank()
    {
        var symbol = symbols.Count - 1;
        while (symbol >= 0 && symbols[symbol].Length > 0)
            symbol--;
        return symbol;
    }

    private int Integer(string field) =>
        int.TryParse(field.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Invalid($"{Quoted.Text(field)} is not a whole number");

    /// <summary>A number, or negative infinity, which C writes as -inf.</summary>
    private double Number(string field)
    {
        if (field.Equals("-inf", StringComparison.OrdinalIgnoreCase))
            return double.NegativeInfinity;
        return
            double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && value < double.PositiveInfinity
            ? value
            : throw Invalid($"{Quoted.Text(field)} is not a number");
    }

    private static double NaturalLog(double log10) =>
        log10 <= ZeroLog10 ? double.NegativeInfinity : log10 * Math.Log(10);

    private static FormatException Truncated() => new("the text ends before \\end\\: the file is truncated");

    /// <summary>An error in the current line; if it is the last one, the text may be truncated within it.</summary>
    private FormatException Invalid(string problem) =>
        new(
            string.Create(CultureInfo.InvariantCulture, $"line {number}: {problem}")
                + (Peek() < 0 ? "; the text ends here, before \\end\\: it may be truncated" : "")
        );
}
