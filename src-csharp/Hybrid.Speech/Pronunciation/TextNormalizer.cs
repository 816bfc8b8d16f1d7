using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Hybrid.Speech;

/// <summary>
/// Turns English text as people write it into the words that are spoken: punctuation separates words; numbers,
/// ordinals, years, times, money, fractions, units, Roman numerals, abbreviations and symbols become words; noises in
/// brackets are marked.
/// </summary>
/// <remarks>
/// <para>
/// Text is brought to Unicode normalization form C first. Where an expression has several usual readings, the most
/// frequent one in American English is taken: 1905 is a year, 3:05 is THREE OH FIVE, $5.20 is FIVE DOLLARS AND TWENTY
/// CENTS.
/// </para>
/// <para>Safe for use by several threads if the given function is.</para>
/// </remarks>
/// <param name="isKnown">
/// Whether a lexicon has a spelling, in upper case. Abbreviations that it has are taken as written; a hyphenated word
/// that it lacks is split.
/// </param>
public sealed partial class TextNormalizer(Func<string, bool> isKnown)
{
    private const string Months =
        "January|February|March|April|May|June|July|August|September|October|November|December";

    private static readonly char[] Hyphens = ['-', '\u2010', '\u2011'];

    /// <summary>The tokens of a text in order; punctuation alone gives none.</summary>
    public IReadOnlyList<TextToken> Normalize(string text)
    {
        text = text.Normalize(NormalizationForm.FormC)
            .Replace('\u2019', '\'')
            .Replace('\u2018', '\'')
            .Replace('\u02bc', '\'');
        var tokens = new List<TextToken>();
        var matches = Expressions().Matches(text);
        for (var i = 0; i < matches.Count; i++)
        {
            var match = matches[i];
            var next = i + 1 < matches.Count ? matches[i + 1].Value : "";
            foreach (var token in Read(match, tokens, next))
                tokens.Add(token);
        }
        return tokens;
    }

    // The first alternative that matches at a place is taken, so longer expressions come before their parts.
    [GeneratedRegex(
        """
            (?<noise>\[[^\[\]\n]{1,60}\]|<[^<>\n]{1,60}>|\([^()\n]{1,60}\)|\*[a-z][a-z ]{1,40}\*)
            |(?<address>(?:https?://)?(?:[\w.+-]+@)?(?:[A-Za-z0-9-]+\.)+
                (?:com|org|net|edu|gov|io|de|uk)\b(?:/[\w./-]*\w)?)
            |(?<money>[$£€¥])\s?(?<amount>\d{1,3}(?:,\d{3})+|\d+)
                (?:\.(?<cents>\d+))?(?:\s(?<scale>thousand|million|billion|trillion)\b)?
            |(?<hour>\d{1,2}):(?<minute>[0-5]\d)(?::(?<second>[0-5]\d))?(?:\s?(?<half>[aApP]\.?[mM]\b\.?))?
            |(?<clock>\d{1,2})\s?(?<half>[aApP]\.?[mM]\b\.?)
            |(?<year>\d{4})-(?<month>0[1-9]|1[0-2])-(?<day>0[1-9]|[12]\d|3[01])(?!\d)
            |(?<decade>(?:1[1-9]|20)\d0|'?\d0)'?s\b
            |(?<ordinal>\d{1,15}|\d{1,3}(?:,\d{3})+)(?:st|nd|rd|th)\b
            |(?<numerator>\d{1,3})/(?<denominator>[2-9]|[1-9]\d{1,2})(?![\d/])
            |(?<minus>(?<![\w.)])[-\u2212])?(?<number>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?<decimals>\d+))?
                (?:\s?(?<percent>%)
                |\s?(?<unit>km/h|mph|km|cm|mm|kg|mg|ml|lbs?|ft|oz|[kMG]?Hz|[kKMGT]B|kW|\u00b0[CF]?)(?!\w)
                |\s(?<unit>m|g|l|in|yd|mi|ms|min|hrs|W|V)(?![\w'.])
                |(?<unit>[mgW])(?!\w))?
            |(?<fraction>[\u00bc\u00bd\u00be])
            |(?<dotted>(?:\p{L}\.){2,}(?:\p{L}\b)?|\p{Lu}\.(?=\s+\p{Lu}))
            |(?<word>'?\p{L}[\p{L}\p{M}]*(?:(?:['\u2010\u2011-])[\p{L}\p{M}]+)*'?)(?<stop>\.)?
            |(?<symbol>[&+%@=\#\u00d7\u00f7\u00b0\u00a7$£€])
            """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Expressions();

    private IEnumerable<TextToken> Read(Match match, List<TextToken> before, string next)
    {
        string? Group(string name) => match.Groups[name] is { Success: true } group ? group.Value : null;
        var written = match.Value.Trim();
        if (Group("noise") is { } noise)
            return Noise(noise);
        if (Group("address") is { } address)
            return [Expansion(written, Address(address))];
        if (Group("money") is { } sign)
            return [Expansion(written, Money(sign[0], Group("amount")!, Group("cents"), Group("scale")))];
        if (Group("hour") is { } hour)
            return [Expansion(written, Time(hour, Group("minute")!, Group("second"), Group("half")))];
        if (Group("clock") is { } clock)
            return [Expansion(written, $"{EnglishNumbers.Read(clock)} {Half(Group("half")!)}")];
        if (Group("year") is { } year)
            return [Expansion(written, Date(year, Group("month")!, Group("day")!))];
        if (Group("decade") is { } decade)
            return [Expansion(written, Decade(decade.TrimStart('\'')))];
        if (Group("ordinal") is { } ordinal)
            return [Expansion(written, EnglishNumbers.Ordinal(Parse(ordinal)))];
        if (Group("numerator") is { } numerator)
            return [Expansion(written, EnglishNumbers.Fraction(Parse(numerator), Parse(Group("denominator")!)))];
        if (Group("number") is { } number)
            return [Expansion(written, Number(match, number))];
        if (Group("fraction") is { } fraction)
            return
            [
                Expansion(
                    written,
                    fraction switch
                    {
                        "\u00bd" => "ONE HALF",
                        "\u00bc" => "ONE QUARTER",
                        _ => "THREE QUARTERS",
                    }
                ),
            ];
        if (Group("dotted") is { } dotted)
            return [Dotted(written, dotted)];
        if (Group("symbol") is { } symbol)
            return [Expansion(written, EnglishAbbreviations.Symbols[symbol])];
        return Word(Group("word")!, Group("stop") is not null, before, next);
    }

    private IEnumerable<TextToken> Noise(string written)
    {
        var inner = written[1..^1];
        if (written[0] is '[' or '<' || EnglishAbbreviations.Noises.Contains(inner.Trim().ToLowerInvariant()))
            return [new TextToken(written, [], TextTokenKind.Noise)];
        // Round brackets and asterisks around words that are spoken.
        return Normalize(inner);
    }

    private static TextToken Expansion(string written, string words) =>
        new(written, words.Split(' ', StringSplitOptions.RemoveEmptyEntries), TextTokenKind.Expansion);

    private static long Parse(string digits) =>
        long.Parse(digits.Replace(",", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    private static string Number(Match match, string number)
    {
        var digits = number.Replace(",", "", StringComparison.Ordinal);
        var decimals = match.Groups["decimals"];
        var (unit, percent) = (match.Groups["unit"], match.Groups["percent"].Success);
        var isYear = digits == number && !decimals.Success && !unit.Success && !percent && IsYear(digits);
        var words = isYear ? EnglishNumbers.Year((int)Parse(digits)) : EnglishNumbers.Read(digits);
        if (decimals.Success)
            words += $" POINT {EnglishNumbers.Digits(decimals.Value)}";
        if (match.Groups["minus"].Success)
            words = $"MINUS {words}";
        if (percent)
            return $"{words} PERCENT";
        if (!unit.Success)
            return words;
        var name = EnglishAbbreviations.Units[unit.Value.ToLowerInvariant()];
        return $"{words} {EnglishAbbreviations.Unit(name, digits == "1" && !decimals.Success)}";
    }

    private static bool IsYear(string digits) =>
        digits.Length == 4 && int.Parse(digits, CultureInfo.InvariantCulture) is >= 1100 and <= 2099;

    private static string Money(char sign, string amount, string? cents, string? scale)
    {
        var (unit, hundredth) = EnglishAbbreviations.Currencies[sign];
        var digits = amount.Replace(",", "", StringComparison.Ordinal);
        var value = EnglishNumbers.Read(digits);
        if (scale is not null)
        {
            var decimals = cents is null ? "" : $" POINT {EnglishNumbers.Digits(cents)}";
            return $"{value}{decimals} {scale.ToUpperInvariant()} {EnglishAbbreviations.Unit(unit, one: false)}";
        }
        if (cents is { Length: not 2 } || (cents is not null && hundredth.Length == 0))
            return $"{value} POINT {EnglishNumbers.Digits(cents)} {EnglishAbbreviations.Unit(unit, one: false)}";
        var whole = $"{value} {EnglishAbbreviations.Unit(unit, digits == "1")}";
        if (cents is null or "00")
            return whole;
        var part = $"{EnglishNumbers.Cardinal(Parse(cents))} {EnglishAbbreviations.Unit(hundredth, cents == "01")}";
        return digits.All(digit => digit == '0') ? part : $"{whole} AND {part}";
    }

    private static string Time(string hour, string minute, string? second, string? half)
    {
        var minutes = minute switch
        {
            "00" when half is null && second is null => "O'CLOCK",
            "00" => "",
            ['0', var digit] => $"OH {EnglishNumbers.Digits([digit])}",
            _ => EnglishNumbers.Read(minute),
        };
        var seconds = second is null ? "" : $"AND {EnglishNumbers.Cardinal(Parse(second))} SECONDS";
        return $"{EnglishNumbers.Cardinal(Parse(hour))} {minutes} {seconds} {(half is null ? "" : Half(half))}";
    }

    private static string Half(string half) => half[0] is 'a' or 'A' ? "A M" : "P M";

    private static string Date(string year, string month, string day) =>
        $"{Months.Split('|')[Parse(month) - 1].ToUpperInvariant()} {EnglishNumbers.Ordinal(Parse(day))} "
        + (IsYear(year) ? EnglishNumbers.Year((int)Parse(year)) : EnglishNumbers.Read(year));

    private static string Decade(string digits) =>
        EnglishNumbers.Plural(
            digits.Length == 4 ? EnglishNumbers.Year((int)Parse(digits)) : EnglishNumbers.Cardinal(Parse(digits))
        );

    private static string Address(string address)
    {
        var words = new StringBuilder();
        foreach (Match part in AddressParts().Matches(address))
        {
            words
                .Append(' ')
                .Append(
                    part.Value switch
                    {
                        "." => "DOT",
                        "@" => "AT",
                        "/" => "SLASH",
                        ":" => "COLON",
                        "-" => "DASH",
                        "_" => "UNDERSCORE",
                        "+" => "PLUS",
                        "www" => "W W W",
                        "http" or "https" => string.Join(' ', part.Value.ToUpperInvariant().AsEnumerable()),
                        var text when char.IsAsciiDigit(text[0]) => EnglishNumbers.Read(text),
                        var text => text.ToUpperInvariant(),
                    }
                );
        }
        return words.ToString();
    }

    [GeneratedRegex(@"\d+|\p{L}+|[^\w\s]|_")]
    private static partial Regex AddressParts();

    // U.S. and J. K.: a word of the lexicon as written, else its letters.
    private TextToken Dotted(string written, string dotted)
    {
        var upper = dotted.ToUpperInvariant();
        if (isKnown(upper))
            return new TextToken(written, [upper], TextTokenKind.Word);
        return EnglishAbbreviations.Dotted.TryGetValue(dotted.TrimEnd('.').ToLowerInvariant(), out var words)
            ? Expansion(written, words)
            : Expansion(written, string.Join(' ', upper.Where(char.IsLetter)));
    }

    private IEnumerable<TextToken> Word(string word, bool stop, List<TextToken> before, string next)
    {
        if (stop && isKnown(word.ToUpperInvariant() + "."))
            return [new TextToken(word + ".", [word.ToUpperInvariant() + "."], TextTokenKind.Word)];
        if (stop && Abbreviation(word, before, next) is { } words)
            return [Expansion(word + ".", words)];
        if (RomanNumerals.Parse(word) > 1 && Numeral(word, before) is { } number)
            return [Expansion(word, number)];
        // 'TIS is a word, 'HELLO' is one in quotation marks.
        string[] spellings = [word, word.Trim('\''), word.TrimEnd('\''), word.TrimStart('\'')];
        if (spellings.FirstOrDefault(spelling => isKnown(Spelling(spelling))) is { } known)
            return [new TextToken(known, [Spelling(known)], TextTokenKind.Word)];
        return word.Trim('\'')
            .Split(Hyphens, StringSplitOptions.RemoveEmptyEntries)
            .Select(part => new TextToken(part, [Spelling(part)], TextTokenKind.Word));
    }

    private static string Spelling(string word) =>
        word.ToUpperInvariant().Replace(Hyphens[1], '-').Replace(Hyphens[2], '-');

    private static string? Abbreviation(string word, List<TextToken> before, string next)
    {
        var key = word.ToLowerInvariant();
        if (
            next.Length > 0
            && char.IsAsciiDigit(next[0])
            && EnglishAbbreviations.BeforeNumber.TryGetValue(key, out var words)
        )
            return words;
        var followsName = before.Count > 0 && before[^1].Written is [var first, ..] && char.IsUpper(first);
        var precedesName = next.Length > 0 && char.IsUpper(next[0]);
        if (followsName && !precedesName && EnglishAbbreviations.AfterName.TryGetValue(key, out words))
            return words;
        return EnglishAbbreviations.Dotted.GetValueOrDefault(key);
    }

    // Chapter IV, World War II, Henry VIII. Other single letters than V are letters (Malcolm X), and in a text in
    // capitals a numeral is not distinguishable from a word.
    private static string? Numeral(string word, List<TextToken> before)
    {
        if (before is not [.., { Kind: TextTokenKind.Word } name] || (word.Length == 1 && word != "V"))
            return null;
        if (EnglishAbbreviations.Numbered.Contains(name.Words[0]))
            return EnglishNumbers.Cardinal(RomanNumerals.Parse(word));
        return char.IsUpper(name.Written[0]) && name.Written.Any(char.IsLower)
            ? $"THE {EnglishNumbers.Ordinal(RomanNumerals.Parse(word))}"
            : null;
    }
}
