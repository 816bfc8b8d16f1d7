using System.Text;

namespace Hybrid.Speech;

/// <summary>
/// Turns text into phones: upper case, punctuation dropped, the first pronunciation of the first lexicon that has the word;
/// a hyphenated word is split when no lexicon has the whole. Silence is neither inserted nor expected.
/// </summary>
/// <param name="lexicons">Tried in order.</param>
public sealed class Pronouncer(IReadOnlyList<Lexicon> lexicons)
{
    /// <summary>The words of a text with their phones, and the words that no lexicon has.</summary>
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

    /// <summary>Upper case; letters, digits, inner hyphens and apostrophes stay.</summary>
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
        // 'TIS is a word, 'HELLO' is one in quotation marks.
        foreach (var spelling in new[] { text, text.Trim('\'') })
        foreach (var lexicon in lexicons)
            if (lexicon.TryGet(spelling, out var phones))
                return new Word(spelling, phones);
        return null;
    }
}
