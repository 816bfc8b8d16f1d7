namespace Hybrid.Speech;

/// <summary>A word with its pronunciation.</summary>
/// <param name="Spelling">The word in upper case.</param>
/// <param name="Phones">Its pronunciation in ARPAbet without stress, at least one phone.</param>
public readonly record struct Word(string Spelling, IReadOnlyList<string> Phones)
{
    /// <summary>The spelling.</summary>
    public override string ToString() => Spelling;
}
