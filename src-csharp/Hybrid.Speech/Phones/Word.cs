namespace Hybrid.Speech;

/// <summary>A word with its pronunciation.</summary>
/// <param name="Spelling">
/// The word in upper case; the token as written if it is a number, an abbreviation or a symbol.
/// </param>
/// <param name="Phones">Its pronunciation in ARPAbet without stress, at least one phone.</param>
/// <param name="IsGuessed">
/// Whether the pronunciation was predicted from the spelling, because no lexicon has the word.
/// </param>
public readonly record struct Word(string Spelling, IReadOnlyList<string> Phones, bool IsGuessed = false)
{
    /// <summary>The spelling.</summary>
    public override string ToString() => Spelling;
}
