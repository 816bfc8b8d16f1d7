using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A pronunciation dictionary: words with one or several pronunciations.</summary>
public sealed class Lexicon
{
    private readonly Dictionary<string, List<string[]>> pronunciations;

    private Lexicon(Dictionary<string, List<string[]>> pronunciations, IReadOnlyList<string> skippedLines) =>
        (this.pronunciations, SkippedLines) = (pronunciations, skippedLines);

    /// <summary>The words of <see cref="WordList"/>, which the synthesiser speaks.</summary>
    public static Lexicon BuiltIn { get; } =
        new(WordList.All.ToDictionary(word => word.Spelling, word => new List<string[]> { word.Phones.ToArray() }), []);

    /// <summary>The number of words and the first ones.</summary>
    public override string ToString() =>
        $"lexicon of {Count} words: {Quoted.List([.. Words.Take(8)], " ")}{(Count > 8 ? " ..." : "")}";

    /// <summary>The number of words.</summary>
    public int Count => pronunciations.Count;

    /// <summary>The words, in upper case.</summary>
    public IEnumerable<string> Words => pronunciations.Keys;

    /// <summary>
    /// The lines of the file that were left out because they have no pronunciation or an unknown phone, each with its
    /// number and the reason.
    /// </summary>
    public IReadOnlyList<string> SkippedLines { get; }

    /// <summary>Reads a file with a pronunciation per line.</summary>
    /// <remarks>
    /// <para>
    /// Formats: CMUdict (<c>WORD PH PH</c> with variants <c>WORD(2)</c>), CMUdict with variant numbers (<c>WORD 1 PH
    /// PH</c>), the Montreal Forced Aligner's (<c>WORD 0.9 0.2 1.1 1.0 PH PH</c>, probabilities of pronunciation and
    /// silence), and
    /// <c>WORD,PH PH</c>. Lines that begin with <c>;;;</c> or <c>#</c> are comments, and so is the text after <c>#</c>
    /// that follows white space.
    /// </para>
    /// <para>
    /// Words are compared in Unicode normalization form C, in upper case, with straight apostrophes. Stress digits are
    /// removed; pronunciations of a word that are then equal count once.
    /// </para>
    /// </remarks>
    /// <param name="path">The file, in UTF-8 or UTF-16.</param>
    /// <param name="inventory">The phones; <see cref="PhoneInventory.Arpabet"/> if null.</param>
    /// <exception cref="FormatException">
    /// A line is too long, or no line has a pronunciation; the message has the file and the reason of the first line.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    public static Lexicon Read(string path, PhoneInventory? inventory = null)
    {
        inventory ??= PhoneInventory.Arpabet;
        var words = new Dictionary<string, List<string[]>>();
        var skipped = new List<string>();
        var number = 0;
        foreach (var line in TextLines.Read(path, replaceInvalid: true))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith(";;;", StringComparison.Ordinal) || line[0] == '#')
                continue;
            var (word, phones) = Split(line);
            if (Problem(line, phones, inventory) is { } problem)
                skipped.Add($"line {number}: {problem}");
            else
                Add(words, word, phones);
        }
        if (words.Count > 0)
            return new Lexicon(words, skipped);
        var reason = skipped.Count > 0 ? $", {skipped[0]}" : ": no pronunciations";
        throw new FormatException($"{Quoted.Path(path)}{reason}");
    }

    /// <summary>Looks up the first pronunciation of a word.</summary>
    /// <param name="word">The word in upper case.</param>
    /// <param name="phones">Its phones; empty if the word is unknown.</param>
    /// <returns>Whether the word is known.</returns>
    public bool TryGet(string word, out IReadOnlyList<string> phones)
    {
        var found = pronunciations.TryGetValue(word, out var variants);
        phones = found ? variants![0] : [];
        return found;
    }

    /// <summary>All pronunciations of a word in the order of the file; none if it is unknown.</summary>
    /// <param name="word">The word in upper case.</param>
    public IReadOnlyList<IReadOnlyList<string>> Pronunciations(string word) =>
        pronunciations.TryGetValue(word, out var variants) ? variants : [];

    private static void Add(Dictionary<string, List<string[]>> words, string word, string[] phones)
    {
        if (!words.TryGetValue(word, out var variants))
            words[word] = [phones];
        else if (!variants.Any(variant => variant.SequenceEqual(phones)))
            variants.Add(phones);
    }

    private static string? Problem(string line, string[] phones, PhoneInventory inventory)
    {
        if (line.Contains('\uFFFD'))
            return $"{Quoted.Text(line)} has bytes that are not UTF-8";
        if (phones.Length == 0)
            return $"{Quoted.Text(line)} has no pronunciation; a line is WORD PH PH or WORD,PH PH";
        return phones.FirstOrDefault(phone => !inventory.TryGetIndex(phone, out _)) is { } unknown
            ? $"unknown phone {Quoted.Unless(unknown)}; known are {Quoted.List([.. inventory.Symbols.Skip(1)], " ")}"
            : null;
    }

    private static (string Word, string[] Phones) Split(string line)
    {
        if (Comment(line) is >= 0 and var comment)
            line = line[..comment];
        // No known dictionary has words or phones with commas.
        var comma = line.IndexOf(',');
        var fields =
            comma > 0
                ?
                [
                    line[..comma].Trim(),
                    .. line[(comma + 1)..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries),
                ]
                : line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length == 0)
            return ("", []);
        var word = fields[0].Normalize(NormalizationForm.FormC).Replace('\u2019', '\'').ToUpperInvariant();
        var variant = word.IndexOf('(');
        if (variant > 0 && word[^1] == ')')
            word = word[..variant];
        var phones = fields.Skip(1).SkipWhile(IsNumber);
        return (word, [.. phones.Select(phone => PhoneInventory.WithoutStress(phone.ToUpperInvariant()))]);
    }

    /// <summary>The position of a comment that follows white space; -1 if there is none.</summary>
    private static int Comment(string line)
    {
        for (var i = 1; i < line.Length; i++)
            if (line[i] == '#' && char.IsWhiteSpace(line[i - 1]))
                return i;
        return -1;
    }

    private static bool IsNumber(string field) =>
        double.TryParse(
            field,
            NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture,
            out _
        );
}
