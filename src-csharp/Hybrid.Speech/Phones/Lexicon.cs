using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A pronunciation dictionary: words with their first pronunciation.</summary>
public sealed class Lexicon
{
    private readonly Dictionary<string, string[]> pronunciations;

    private Lexicon(Dictionary<string, string[]> pronunciations) => this.pronunciations = pronunciations;

    /// <summary>The words of <see cref="WordList"/>, which the synthesiser speaks.</summary>
    public static Lexicon BuiltIn { get; } =
        new(WordList.All.ToDictionary(word => word.Spelling, word => word.Phones.ToArray()));

    /// <summary>The number of words and the first ones.</summary>
    public override string ToString() =>
        $"lexicon of {Count} words: {Quoted.List([.. Words.Take(8)], " ")}{(Count > 8 ? " ..." : "")}";

    /// <summary>The number of words.</summary>
    public int Count => pronunciations.Count;

    /// <summary>The words, in upper case.</summary>
    public IEnumerable<string> Words => pronunciations.Keys;

    /// <summary>
    /// Reads a file with a pronunciation per line: CMUdict (<c>WORD PH PH</c> with variants <c>WORD(2)</c>), CMUdict
    /// with variant numbers (<c>WORD 1 PH PH</c>), or <c>WORD,PH PH</c>. Stress digits are removed; of several
    /// pronunciations the first is kept. Lines that begin with ;;; or # are comments.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="inventory">The phones; <see cref="PhoneInventory.Arpabet"/> if null.</param>
    /// <exception cref="FormatException">
    /// A line has no phones, an unknown one, or is too long; the message has file and line.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    public static Lexicon Read(string path, PhoneInventory? inventory = null)
    {
        inventory ??= PhoneInventory.Arpabet;
        var words = new Dictionary<string, string[]>();
        var number = 0;
        foreach (var line in TextLines.Read(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith(";;;", StringComparison.Ordinal) || line[0] == '#')
                continue;
            var (word, phones) = Split(line);
            if (phones.Length == 0)
                throw new FormatException(
                    $"{Quoted.Path(path)}, line {number}: {Quoted.Text(line)} has no pronunciation; "
                        + "a line is WORD PH PH or WORD,PH PH"
                );
            if (phones.FirstOrDefault(phone => !inventory.TryGetIndex(phone, out _)) is { } unknown)
                throw new FormatException(
                    $"{Quoted.Path(path)}, line {number}: unknown phone {Quoted.Unless(unknown)}; "
                        + $"known are {Quoted.List([.. inventory.Symbols.Skip(1)], " ")}"
                );
            words.TryAdd(word, phones);
        }
        return words.Count > 0
            ? new Lexicon(words)
            : throw new FormatException($"{Quoted.Path(path)}: no pronunciations");
    }

    /// <summary>Looks up the first pronunciation of a word.</summary>
    /// <param name="word">The word in upper case.</param>
    /// <param name="phones">Its phones; empty if the word is unknown.</param>
    /// <returns>Whether the word is known.</returns>
    public bool TryGet(string word, out IReadOnlyList<string> phones)
    {
        var found = pronunciations.TryGetValue(word, out var array);
        phones = array ?? [];
        return found;
    }

    private static (string Word, string[] Phones) Split(string line)
    {
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
        var word = fields[0].ToUpperInvariant();
        var variant = word.IndexOf('(');
        if (variant > 0 && word[^1] == ')')
            word = word[..variant];
        var first = fields.Length > 1 && fields[1].All(char.IsAsciiDigit) ? 2 : 1;
        return (word, [.. fields.Skip(first).Select(phone => PhoneInventory.WithoutStress(phone.ToUpperInvariant()))]);
    }
}
