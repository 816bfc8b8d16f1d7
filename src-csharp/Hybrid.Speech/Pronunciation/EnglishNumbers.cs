using System.Globalization;

namespace Hybrid.Speech;

/// <summary>English number words, in upper case, separated by spaces.</summary>
internal static class EnglishNumbers
{
    /// <summary>The largest number of digits that is read as one number; longer ones are read digit by digit.</summary>
    public const int MostDigits = 15;

    private static readonly string[] Small =
    [
        "ZERO",
        "ONE",
        "TWO",
        "THREE",
        "FOUR",
        "FIVE",
        "SIX",
        "SEVEN",
        "EIGHT",
        "NINE",
        "TEN",
        "ELEVEN",
        "TWELVE",
        "THIRTEEN",
        "FOURTEEN",
        "FIFTEEN",
        "SIXTEEN",
        "SEVENTEEN",
        "EIGHTEEN",
        "NINETEEN",
    ];

    private static readonly string[] Tens =
    [
        "",
        "",
        "TWENTY",
        "THIRTY",
        "FORTY",
        "FIFTY",
        "SIXTY",
        "SEVENTY",
        "EIGHTY",
        "NINETY",
    ];

    private static readonly (long Value, string Name)[] Scales =
    [
        (1_000_000_000_000, "TRILLION"),
        (1_000_000_000, "BILLION"),
        (1_000_000, "MILLION"),
        (1_000, "THOUSAND"),
        (100, "HUNDRED"),
    ];

    private static readonly Dictionary<string, string> IrregularOrdinals = new()
    {
        ["ONE"] = "FIRST",
        ["TWO"] = "SECOND",
        ["THREE"] = "THIRD",
        ["FIVE"] = "FIFTH",
        ["EIGHT"] = "EIGHTH",
        ["NINE"] = "NINTH",
        ["TWELVE"] = "TWELFTH",
    };

    /// <summary>A cardinal: 1234 is ONE THOUSAND TWO HUNDRED THIRTY FOUR.</summary>
    /// <param name="value">At least 0 and of at most <see cref="MostDigits"/> digits.</param>
    public static string Cardinal(long value)
    {
        if (value < 20)
            return Small[value];
        if (value < 100)
            return value % 10 == 0 ? Tens[value / 10] : $"{Tens[value / 10]} {Small[value % 10]}";
        var (scale, name) = Scales.First(scale => scale.Value <= value);
        var head = $"{Cardinal(value / scale)} {name}";
        return value % scale == 0 ? head : $"{head} {Cardinal(value % scale)}";
    }

    /// <summary>An ordinal: 21 is TWENTY FIRST.</summary>
    public static string Ordinal(long value)
    {
        var cardinal = Cardinal(value);
        var last = cardinal[(cardinal.LastIndexOf(' ') + 1)..];
        var ordinal =
            IrregularOrdinals.TryGetValue(last, out var irregular) ? irregular
            : last[^1] == 'Y' ? last[..^1] + "IETH"
            : last + "TH";
        return cardinal[..^last.Length] + ordinal;
    }

    /// <summary>A year: 1905 is NINETEEN OH FIVE, 2000 TWO THOUSAND, 2024 TWENTY TWENTY FOUR.</summary>
    /// <param name="value">1100 to 2099.</param>
    public static string Year(int value)
    {
        var (century, rest) = (value / 100, value % 100);
        if (value is >= 2000 and < 2010)
            return Cardinal(value);
        if (rest == 0)
            return $"{Cardinal(century)} HUNDRED";
        return $"{Cardinal(century)} {(rest < 10 ? $"OH {Small[rest]}" : Cardinal(rest))}";
    }

    /// <summary>The plural of the last word: NINETY is NINETIES, SIX is SIXES.</summary>
    public static string Plural(string words) =>
        words[^1] switch
        {
            'Y' => words[..^1] + "IES",
            'X' => words + "ES",
            _ => words + "S",
        };

    /// <summary>Digits one by one: 007 is ZERO ZERO SEVEN.</summary>
    public static string Digits(ReadOnlySpan<char> digits)
    {
        var words = new string[digits.Length];
        for (var i = 0; i < digits.Length; i++)
            words[i] = Small[digits[i] - '0'];
        return string.Join(' ', words);
    }

    /// <summary>A number as written: a cardinal, or digits one by one with a leading zero or too many digits.</summary>
    /// <param name="digits">ASCII digits, at least one.</param>
    public static string Read(string digits) =>
        digits.Length > MostDigits || (digits.Length > 1 && digits[0] == '0')
            ? Digits(digits)
            : Cardinal(long.Parse(digits, CultureInfo.InvariantCulture));

    /// <summary>A fraction: 1/2 is ONE HALF, 3/4 THREE QUARTERS.</summary>
    public static string Fraction(long numerator, long denominator)
    {
        var part = denominator switch
        {
            2 => "HALF",
            4 => "QUARTER",
            _ => Ordinal(denominator),
        };
        if (numerator != 1)
            part = part == "HALF" ? "HALVES" : part + "S";
        return $"{Cardinal(numerator)} {part}";
    }
}
