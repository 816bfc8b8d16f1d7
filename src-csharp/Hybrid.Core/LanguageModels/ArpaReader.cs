using System.Globalization;

namespace Hybrid.Core;

/// <summary>Reads ARPA text line by line.</summary>
internal sealed class ArpaReader(TextReader text, IReadOnlyList<string> symbols)
{
    private const string Unknown = "<unk>";

    // ARPA writes impossible events, such as <s> after something, with this logarithm.
    private const double NeverLog10 = -99;

    // Back-off weights beyond this would only overflow; those of real models are within a few powers of ten.
    private const double LargestBackoffLog10 = 99;

    private readonly Dictionary<string, int> tokens = symbols
        .Select((name, i) => (name, i))
        .Where(s => s.name.Length > 0)
        .ToDictionary(s => s.name, s => s.i);
    private int number;

    public NGramModel Read()
    {
        tokens[NGramModel.SentenceStart] = symbols.Count;
        tokens[NGramModel.SentenceEnd] = symbols.Count + 1;
        while (Line() is var line && line != "\\data\\")
            if (line is null)
                throw new FormatException("no \\data\\ in the text: not an ARPA model");
        var promised = new List<int>();
        var head = Line();
        for (; head is not null && head.StartsWith("ngram ", StringComparison.Ordinal); head = Line())
        {
            var parts = head[6..].Split('=');
            if (parts.Length != 2 || Whole(parts[0]) != promised.Count + 1)
                throw Bad($"{Quoted.Text(head)} is not \"ngram {promised.Count + 1}=COUNT\"");
            promised.Add(Whole(parts[1]));
        }
        if (promised.Count is 0 or > NGramModel.LongestOrder)
            throw Bad($"the model has {promised.Count} lengths of n-grams, must have 1 to {NGramModel.LongestOrder}");

        var model = new NGramBuilder(symbols.Count, promised.Count);
        for (var length = 1; length <= promised.Count; length++, head = Line())
        {
            if (head != $"\\{length.ToString(CultureInfo.InvariantCulture)}-grams:")
                throw Bad($"{Quoted.Text(head ?? "")} stands where \\{length}-grams: is due");
            for (var i = 0; i < promised[length - 1]; i++)
                ReadNGram(model, length);
        }
        if (head != "\\end\\")
            throw Bad($"{Quoted.Text(head ?? "")} stands where \\end\\ is due: there are more n-grams than promised");
        return model.Build();
    }

    private void ReadNGram(NGramBuilder model, int length)
    {
        var line = Line() ?? throw Bad("the text ends before \\end\\: it is torn");
        var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != length + 1 && fields.Length != length + 2)
            throw Bad(
                $"{Quoted.Text(line)} is not a probability, {length} token{(length > 1 ? "s" : "")} and perhaps a back-off weight"
            );
        var ids = new int[length];
        for (var i = 0; i < length; i++)
        {
            if (fields[i + 1] == Unknown)
                return; // no label is unknown here
            if (!tokens.TryGetValue(fields[i + 1], out ids[i]))
                throw Bad(
                    $"unknown symbol {Quoted.Text(fields[i + 1])}; known are {string.Join(" ", symbols.Where(name => name.Length > 0))}"
                );
        }
        var log10 = Number(fields[0]);
        if (log10 > 0)
            throw Bad($"the logarithm of a probability is {fields[0]}, must not be positive");
        var backoff = fields.Length == length + 2 ? Number(fields[^1]) : 0;
        if (Math.Abs(backoff) > LargestBackoffLog10)
            throw Bad(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the back-off weight is {fields[^1]}, must be {-LargestBackoffLog10} to {LargestBackoffLog10}"
                )
            );
        try
        {
            model.Add(
                ids,
                log10 <= NeverLog10 ? double.NegativeInfinity : log10 * Math.Log(10),
                backoff * Math.Log(10)
            );
        }
        catch (FormatException error)
        {
            throw Bad($"the n-gram {Quoted.Text(line)} cannot be used: {error.Message}");
        }
    }

    /// <summary>The next line that is not empty.</summary>
    private string? Line()
    {
        while (text.ReadLine() is { } line)
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                return line.Trim();
        }
        return null;
    }

    private int Whole(string field) =>
        int.TryParse(field.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad($"\"{field}\" is no whole number");

    private double Number(string field) =>
        double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
            ? value
            : throw Bad($"\"{field}\" is no number");

    private FormatException Bad(string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"line {number}: {what}"));
}
