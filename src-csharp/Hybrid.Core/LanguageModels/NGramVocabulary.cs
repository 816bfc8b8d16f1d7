namespace Hybrid.Core;

/// <summary>The tokens of n-grams: the symbols by their indices, then the marks and the unknown label.</summary>
/// <param name="Symbols">Number of symbols, the blank included.</param>
internal readonly record struct NGramVocabulary(int Symbols)
{
    /// <summary>The mark before the first label.</summary>
    public int Start => Symbols;

    /// <summary>The mark after the last label.</summary>
    public int End => Symbols + 1;

    /// <summary>The unknown label: every label that no n-gram ends in.</summary>
    public int Unknown => Symbols + 2;

    /// <summary>Number of tokens.</summary>
    public int Count => Symbols + 3;
}
