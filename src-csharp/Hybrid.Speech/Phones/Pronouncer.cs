using System.Text;

namespace Hybrid.Speech;

/// <summary>
/// Converts text to phones: upper case, punctuation removed, the first pronunciation of the first lexicon that has the
/// word. A hyphenated word is split if no lexicon has the whole word. Silence is neither inserted nor expected.
/// </summary>
/// <param name="lexicons">Pronunciations, tried in order.</param>
public sealed class Pronouncer(IReadOnlyList<Lexicon> lexicons)
{
    /// <summary>A pronouncer with some lexicons, or with <see cref="Lexicon.BuiltIn"/> if there are none.</summary>
    /// <param name="lexicons">Pronunciations, tried in order; null or empty for the built-in ones.</param>
    public static Pronouncer Of(IReadOnlyList<Lexicon>? lexicons) =>
        new(lexicons is { Count: > 0 } ? lexicons : [Lexicon.BuiltIn]);

    /// <summary>The lexicons, in the order of search.</summary>
    internal IReadOnlyList<Lexicon> Lexicons => lexicons;

    /// <summary>The words of a text with their phones, and the words without pronunciation.</summary>
    public (IReadOnlyList<Word> Words, IReadOnlyList<string> Missing) Pronounce(string text)
    {
        var words = new List<Word>();
        var missing = new List<string>();
        foreach (var token in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var spelling = Normalize(token);
            if (spelling.Length == 0)
                continue;
            if (Find(spelling) is { } word)
                words.Add(word);
            else
            {
                foreach (var part in spelling.Split('-', StringSplitOptions.RemoveEmptyEntries))
                {
                    if (Find(part) is { } known)
                        words.Add(known);
                    else
                        missing.Add(part);
                }
            }
        }
        return (words, missing);
    }

    /// <summary>The word in upper case; letters, digits, and inner hyphens and apostrophes are kept.</summary>
    private static string Normalize(string token)
    {
        var kept = new StringBuilder(token.Length);
        foreach (var c in token.Normalize(NormalizationForm.FormC).ToUpperInvariant())
        {
            if (char.IsLetterOrDigit(c) || c is '\'' or '-')
                kept.Append(c);
            else if (c is '\u2019' or '\u2018')
                kept.Append('\'');
            else if (c is '\u2010' or '\u2011')
                kept.Append('-');
        }
        var word = kept.ToString().Trim('-');
        return word.Any(char.IsLetterOrDigit) ? word : "";
    }

    private Word? Find(string text)
    {
        // The apostrophe of 'TIS belongs to the word, those of 'HELLO' are quotation marks.
        foreach (var spelling in new[] { text, text.Trim('\'') })
        foreach (var lexicon in lexicons)
            if (lexicon.TryGet(spelling, out var phones))
                return new Word(spelling, phones);
        return null;
    }
}
