using System.Collections.Concurrent;

namespace Hybrid.Speech;

/// <summary>
/// Converts text to phones: <see cref="TextNormalizer"/> finds the words, and each word gets the first pronunciation of
/// the first source that has it: the lexicons in order, regular inflections of their words, letters to phones. Silence
/// is neither inserted nor expected. Safe for use by several threads.
/// </summary>
public sealed class Pronouncer
{
    // The letter A is spoken as its name where an abbreviation is spelled, as in "9 a.m.".
    private static readonly string[] LetterA = ["EY"];

    // Words are kept, because letters to phones takes about a millisecond for each; the number bounds the memory.
    private const int MostFound = 1 << 17;

    private readonly IReadOnlyList<Lexicon> lexicons;
    private readonly Lazy<GraphemeToPhoneme?> letters;
    private readonly TextNormalizer normalizer;
    private readonly ConcurrentDictionary<string, Word?> found = new();

    /// <summary>A pronouncer of lexicons and letters to phones.</summary>
    /// <param name="lexicons">Pronunciations, tried in order.</param>
    /// <param name="letters">Pronunciations of the words that no lexicon has; null to leave them without.</param>
    public Pronouncer(IReadOnlyList<Lexicon> lexicons, GraphemeToPhoneme? letters = null)
        : this(lexicons, new Lazy<GraphemeToPhoneme?>(letters)) { }

    private Pronouncer(IReadOnlyList<Lexicon> lexicons, Lazy<GraphemeToPhoneme?> letters)
    {
        (this.lexicons, this.letters) = (lexicons, letters);
        normalizer = new TextNormalizer(IsKnown);
    }

    /// <summary>A pronouncer of some lexicons, or of <see cref="Lexicon.BuiltIn"/> if there are none.</summary>
    /// <param name="lexicons">Pronunciations, tried in order; null or empty for the built-in ones.</param>
    /// <param name="letters">Pronunciations of the words that no lexicon has; null to leave them without.</param>
    public static Pronouncer Of(IReadOnlyList<Lexicon>? lexicons, GraphemeToPhoneme? letters = null) =>
        new(OrBuiltIn(lexicons), letters);

    /// <summary>
    /// As <see cref="Of"/> with <see cref="GraphemeToPhoneme.English"/>, which is loaded when the lexicons lack a word.
    /// </summary>
    internal static Pronouncer OfEnglish(IReadOnlyList<Lexicon>? lexicons) =>
        new(OrBuiltIn(lexicons), new Lazy<GraphemeToPhoneme?>(() => GraphemeToPhoneme.English));

    /// <summary>The lexicons, in the order of search.</summary>
    internal IReadOnlyList<Lexicon> Lexicons => lexicons;

    /// <summary>
    /// The words of a text with their phones, and the words without pronunciation. A number, an abbreviation or a
    /// symbol is one word with the phones of all that is spoken for it. Noises such as <c>[laughter]</c> have no word.
    /// </summary>
    public (IReadOnlyList<Word> Words, IReadOnlyList<string> Missing) Pronounce(string text)
    {
        var words = new List<Word>();
        var missing = new List<string>();
        foreach (var token in normalizer.Normalize(text))
        {
            var parts = token.Words.Select(word => (Word: word, Found: Find(word, token.Kind))).ToList();
            var unknown = parts.Where(part => part.Found is null).Select(part => part.Word).ToList();
            missing.AddRange(unknown);
            if (unknown.Count > 0 || parts.Count == 0)
                continue;
            words.Add(
                token.Kind == TextTokenKind.Word
                    ? parts[0].Found!.Value
                    : new Word(
                        token.Written,
                        [.. parts.SelectMany(part => part.Found!.Value.Phones)],
                        parts.Any(part => part.Found!.Value.IsGuessed)
                    )
            );
        }
        return (words, missing);
    }

    private static IReadOnlyList<Lexicon> OrBuiltIn(IReadOnlyList<Lexicon>? lexicons) =>
        lexicons is { Count: > 0 } ? lexicons : [Lexicon.BuiltIn];

    private bool IsKnown(string spelling) =>
        lexicons.Any(lexicon => lexicon.TryGet(spelling, out _))
        || (letters.Value is { } guess && guess.IsKnown(spelling) && guess.Spell(spelling) is not null);

    private IReadOnlyList<string>? Known(string spelling)
    {
        foreach (var lexicon in lexicons)
            if (lexicon.TryGet(spelling, out var phones))
                return phones;
        return letters.Value is { } guess && guess.IsKnown(spelling) && guess.TryPronounce(spelling, out var known)
            ? known
            : null;
    }

    private Word? Find(string spelling, TextTokenKind kind)
    {
        if (kind == TextTokenKind.Expansion && spelling == "A")
            return new Word(spelling, LetterA);
        if (found.TryGetValue(spelling, out var word))
            return word;
        if (found.Count >= MostFound)
            found.Clear();
        return found[spelling] = Find(spelling);
    }

    private Word? Find(string spelling)
    {
        if (Known(spelling) is { } phones)
            return new Word(spelling, phones);
        if (letters.Value is not { } guess)
            return null;
        if (EnglishInflections.Pronounce(spelling, Known) is { } inflected)
            return new Word(spelling, inflected);
        return guess.TryPronounce(spelling, out var guessed) ? new Word(spelling, guessed, IsGuessed: true) : null;
    }
}
