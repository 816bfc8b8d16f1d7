using System.Collections.Frozen;

namespace Hybrid.Speech;

/// <summary>Words for abbreviations, units and symbols of written English.</summary>
internal static class EnglishAbbreviations
{
    /// <summary>Abbreviations that end with a full stop, without it, in lower case.</summary>
    public static readonly FrozenDictionary<string, string> Dotted = Table(
        "mr MISTER",
        "mrs MISSUS",
        "ms MIZ",
        "dr DOCTOR",
        "prof PROFESSOR",
        "rev REVEREND",
        "hon HONORABLE",
        "gen GENERAL",
        "col COLONEL",
        "capt CAPTAIN",
        "lt LIEUTENANT",
        "sgt SERGEANT",
        "sen SENATOR",
        "rep REPRESENTATIVE",
        "gov GOVERNOR",
        "pres PRESIDENT",
        "jr JUNIOR",
        "sr SENIOR",
        "st SAINT",
        "mt MOUNT",
        "ave AVENUE",
        "blvd BOULEVARD",
        "rd ROAD",
        "inc INCORPORATED",
        "ltd LIMITED",
        "co COMPANY",
        "corp CORPORATION",
        "dept DEPARTMENT",
        "est ESTABLISHED",
        "approx APPROXIMATELY",
        "etc ET CETERA",
        "vs VERSUS",
        "fig FIGURE",
        "vol VOLUME",
        "jan JANUARY",
        "feb FEBRUARY",
        "aug AUGUST",
        "sept SEPTEMBER",
        "sep SEPTEMBER",
        "oct OCTOBER",
        "nov NOVEMBER",
        "dec DECEMBER",
        "e.g FOR EXAMPLE",
        "i.e THAT IS"
    );

    /// <summary>
    /// Abbreviations that are read as words only in front of a number, without the full stop, in lower case.
    /// </summary>
    public static readonly FrozenDictionary<string, string> BeforeNumber = Table(
        "no NUMBER",
        "nos NUMBERS",
        "p PAGE",
        "pp PAGES",
        "ch CHAPTER",
        "sec SECTION"
    );

    /// <summary>Words for abbreviations after a name, where they differ: Dr. is Drive and St. is Street.</summary>
    public static readonly FrozenDictionary<string, string> AfterName = Table("dr DRIVE", "st STREET");

    /// <summary>Units after a number: singular and plural.</summary>
    public static readonly FrozenDictionary<string, string> Units = Table(
        "km KILOMETER",
        "m METER",
        "cm CENTIMETER",
        "mm MILLIMETER",
        "kg KILOGRAM",
        "g GRAM",
        "mg MILLIGRAM",
        "l LITER",
        "ml MILLILITER",
        "km/h KILOMETERS PER HOUR",
        "mph MILES PER HOUR",
        "ft FOOT",
        "in INCH",
        "yd YARD",
        "mi MILE",
        "lb POUND",
        "lbs POUND",
        "oz OUNCE",
        "hz HERTZ",
        "khz KILOHERTZ",
        "mhz MEGAHERTZ",
        "ghz GIGAHERTZ",
        "kb KILOBYTE",
        "mb MEGABYTE",
        "gb GIGABYTE",
        "tb TERABYTE",
        "ms MILLISECOND",
        "min MINUTE",
        "hrs HOUR",
        "w WATT",
        "kw KILOWATT",
        "v VOLT",
        "\u00b0c DEGREE CELSIUS",
        "\u00b0f DEGREE FAHRENHEIT",
        "\u00b0 DEGREE"
    );

    /// <summary>Symbols that are spoken by themselves.</summary>
    public static readonly FrozenDictionary<string, string> Symbols = Table(
        "& AND",
        "+ PLUS",
        "% PERCENT",
        "@ AT",
        "= EQUALS",
        "# NUMBER",
        "\u00d7 TIMES",
        "\u00f7 DIVIDED BY",
        "\u00b0 DEGREES",
        "\u00a7 SECTION",
        "$ DOLLARS",
        "\u00a3 POUNDS",
        "\u20ac EUROS"
    );

    /// <summary>Currency signs: unit and hundredth.</summary>
    public static readonly FrozenDictionary<char, (string Unit, string Hundredth)> Currencies = new Dictionary<
        char,
        (string, string)
    >
    {
        ['$'] = ("DOLLAR", "CENT"),
        ['\u00a3'] = ("POUND", "PENNY"),
        ['\u20ac'] = ("EURO", "CENT"),
        ['\u00a5'] = ("YEN", ""),
    }.ToFrozenDictionary();

    /// <summary>Words after which a Roman numeral is a cardinal: Chapter IV.</summary>
    public static readonly FrozenSet<string> Numbered = FrozenSet.ToFrozenSet([
        "CHAPTER",
        "BOOK",
        "PART",
        "VOLUME",
        "ACT",
        "SCENE",
        "WAR",
        "SECTION",
        "PHASE",
        "TYPE",
        "CLASS",
        "LEVEL",
    ]);

    /// <summary>
    /// Noises in round brackets or between asterisks; in square and angle brackets everything is a noise.
    /// </summary>
    public static readonly FrozenSet<string> Noises = FrozenSet.ToFrozenSet([
        "applause",
        "breath",
        "breathing",
        "cheering",
        "clears throat",
        "cough",
        "coughs",
        "coughing",
        "cries",
        "crosstalk",
        "crying",
        "inaudible",
        "laugh",
        "laughs",
        "laughing",
        "laughter",
        "music",
        "noise",
        "pause",
        "sigh",
        "sighs",
        "silence",
        "sneeze",
        "sniff",
        "unintelligible",
        "whistle",
    ]);

    /// <summary>The unit for a number of them: one foot, two feet.</summary>
    public static string Unit(string singular, bool one)
    {
        if (one)
            return singular.StartsWith("KILOMETERS PER", StringComparison.Ordinal) ? "KILOMETER PER HOUR"
                : singular.StartsWith("MILES PER", StringComparison.Ordinal) ? "MILE PER HOUR"
                : singular;
        return singular switch
        {
            "FOOT" => "FEET",
            "INCH" => "INCHES",
            _ when singular.Contains(" PER ", StringComparison.Ordinal) => singular,
            _ when singular.EndsWith("HERTZ", StringComparison.Ordinal) => singular,
            "DEGREE CELSIUS" => "DEGREES CELSIUS",
            "DEGREE FAHRENHEIT" => "DEGREES FAHRENHEIT",
            "PENNY" => "PENCE",
            "YEN" => "YEN",
            _ => singular + "S",
        };
    }

    private static FrozenDictionary<string, string> Table(params string[] rows) =>
        rows.Select(row => row.Split(' ', 2)).ToFrozenDictionary(row => row[0], row => row[1], StringComparer.Ordinal);
}
