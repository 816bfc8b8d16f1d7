namespace Hybrid.Speech;

/// <summary>Conversions of a token of a text to words.</summary>
public enum TextTokenKind
{
    /// <summary>A word as written, in upper case.</summary>
    Word,

    /// <summary>A number, an abbreviation or a symbol; its words are what a reader says for it.</summary>
    Expansion,

    /// <summary>A noise such as <c>[laughter]</c>; it has no words.</summary>
    Noise,
}

/// <summary>A token of a text.</summary>
/// <param name="Written">The token as written, without surrounding punctuation.</param>
/// <param name="Words">The words that are spoken, in upper case; none for a noise.</param>
/// <param name="Kind">How the words follow from the token.</param>
public readonly record struct TextToken(string Written, IReadOnlyList<string> Words, TextTokenKind Kind)
{
    /// <summary>The token as written.</summary>
    public override string ToString() => Written;
}
