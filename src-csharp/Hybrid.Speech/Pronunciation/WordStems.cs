namespace Hybrid.Speech;

/// <summary>
/// Stems of English words for the division of a dictionary into training and test data: words that differ only in their
/// endings, such as WALK, WALKED and WALKER'S, belong to the same part, so that a test word is not a known word with
/// another ending.
/// </summary>
internal static class WordStems
{
    private const int ShortestStem = 3;

    // Longer endings before their parts.
    private static readonly string[] Endings =
    [
        "NESSES",
        "MENTS",
        "INGLY",
        "NESS",
        "MENT",
        "INGS",
        "EDLY",
        "IEST",
        "IES",
        "IED",
        "IER",
        "ERS",
        "EST",
        "ING",
        "ED",
        "ER",
        "ES",
        "LY",
        "S",
        "Y",
        "E",
    ];

    /// <summary>The stem of a word: endings are removed repeatedly while at least three letters remain.</summary>
    /// <param name="word">The word in upper case.</param>
    public static string Of(string word)
    {
        var stem = word.Replace("-", "", StringComparison.Ordinal);
        if (stem.EndsWith("'S", StringComparison.Ordinal))
            stem = stem[..^2];
        stem = stem.Replace("'", "", StringComparison.Ordinal);
        for (var length = 0; length != stem.Length; )
        {
            length = stem.Length;
            foreach (var ending in Endings)
                if (stem.Length >= ending.Length + ShortestStem && stem.EndsWith(ending, StringComparison.Ordinal))
                    stem = stem[..^ending.Length];
        }
        if (stem.Length > ShortestStem && stem[^1] == stem[^2])
            stem = stem[..^1];
        return stem.EndsWith('I') ? stem[..^1] : stem;
    }
}
