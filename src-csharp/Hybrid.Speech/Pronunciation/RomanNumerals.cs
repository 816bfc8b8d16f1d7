namespace Hybrid.Speech;

/// <summary>Roman numerals from 1 to 3999.</summary>
internal static class RomanNumerals
{
    private static readonly (int Value, string Text)[] Parts =
    [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];

    /// <summary>The value of a numeral in upper case; 0 where the text is not one in its standard form.</summary>
    public static int Parse(string text)
    {
        var value = 0;
        var rest = text.AsSpan();
        foreach (var (worth, part) in Parts)
        {
            while (rest.StartsWith(part, StringComparison.Ordinal) && value + worth < 4000)
            {
                value += worth;
                rest = rest[part.Length..];
            }
        }
        // IIII adds up too, but is written IV.
        return rest.IsEmpty && Write(value) == text ? value : 0;
    }

    private static string Write(int value)
    {
        var text = "";
        foreach (var (worth, part) in Parts)
        {
            for (; value >= worth; value -= worth)
                text += part;
        }
        return text;
    }
}
