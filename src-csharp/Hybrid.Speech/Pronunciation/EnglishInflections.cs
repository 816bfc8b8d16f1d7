namespace Hybrid.Speech;

/// <summary>
/// Pronunciation of regular English inflections from the pronunciation of the base word: possessives, plurals, past
/// tense, present participle and contractions. The sounds are the most frequent ones of CMUdict: S after voiceless
/// consonants, IH Z after sibilants, else Z; T after voiceless consonants, IH D after T and D, else D.
/// </summary>
internal static class EnglishInflections
{
    // Shorter bases are mostly abbreviations.
    private const int ShortestBase = 3;

    private static readonly HashSet<string> Sibilants = ["S", "Z", "SH", "ZH", "CH", "JH"];
    private static readonly HashSet<string> Voiceless = ["P", "T", "K", "F", "TH", "S", "SH", "CH"];
    private static readonly HashSet<string> Vowels =
    [
        "AA",
        "AE",
        "AH",
        "AO",
        "AW",
        "AY",
        "EH",
        "ER",
        "EY",
        "IH",
        "IY",
        "OW",
        "OY",
        "UH",
        "UW",
    ];

    /// <summary>The phones of an inflected word; null if it is not an inflection of a known word.</summary>
    /// <param name="word">The word in upper case.</param>
    /// <param name="lookup">Phones of a known word; null if it is unknown.</param>
    public static IReadOnlyList<string>? Pronounce(string word, Func<string, IReadOnlyList<string>?> lookup) =>
        Contraction(word, lookup) ?? Suffix(word, lookup);

    private static IReadOnlyList<string>? Contraction(string word, Func<string, IReadOnlyList<string>?> lookup)
    {
        var apostrophe = word.LastIndexOf('\'');
        if (apostrophe < 1 || lookup(word[..apostrophe]) is not { } known)
            return null;
        return word[apostrophe..] switch
        {
            "'S" => [.. known, .. Plural(known[^1])],
            "'" when known[^1] is "S" or "Z" => known,
            "'D" => [.. known, .. Past(known[^1])],
            "'LL" => Vowels.Contains(known[^1]) ? [.. known, "L"] : [.. known, "AH", "L"],
            "'VE" => Vowels.Contains(known[^1]) ? [.. known, "V"] : [.. known, "AH", "V"],
            "'RE" => [.. known, "ER"],
            _ => null,
        };
    }

    private static IReadOnlyList<string>? Suffix(string word, Func<string, IReadOnlyList<string>?> lookup)
    {
        IReadOnlyList<string>? Base(params ReadOnlySpan<string> candidates)
        {
            foreach (var candidate in candidates)
                if (candidate.Length >= ShortestBase && lookup(candidate) is { } phones)
                    return phones;
            return null;
        }

        string? Without(string ending) =>
            word.EndsWith(ending, StringComparison.Ordinal) && word.Length >= ending.Length + ShortestBase
                ? word[..^ending.Length]
                : null;

        if (Without("ING") is { } participle && Base(Bases(participle)) is { } present)
            return [.. present, "IH", "NG"];
        if (Without("IED") is { } tried && Base(tried + "Y") is { } studied)
            return [.. studied, .. Past(studied[^1])];
        if (Without("ED") is { } past && Base(Bases(past)) is { } done)
            return [.. done, .. Past(done[^1])];
        if (Without("IES") is { } tries && Base(tries + "Y") is { } studies)
            return [.. studies, .. Plural(studies[^1])];
        // HASSES, but not HASS: a double S belongs to the base.
        if (Without("ES") is { } sibilant && Base(sibilant) is { } church && Sibilants.Contains(church[^1]))
            return [.. church, .. Plural(church[^1])];
        return Without("S") is { } singular && !singular.EndsWith('S') && Base(singular) is { } one
            ? [.. one, .. Plural(one[^1])]
            : null;
    }

    /// <summary>WALK for WALK-, BAKE for BAK-, STOP for STOPP-.</summary>
    private static string[] Bases(string stem) => stem[^1] == stem[^2] ? [stem, stem[..^1]] : [stem, stem + "E"];

    private static string[] Plural(string last) =>
        Sibilants.Contains(last) ? ["IH", "Z"]
        : Voiceless.Contains(last) ? ["S"]
        : ["Z"];

    private static string[] Past(string last) =>
        last is "T" or "D" ? ["IH", "D"]
        : Voiceless.Contains(last) ? ["T"]
        : ["D"];
}
