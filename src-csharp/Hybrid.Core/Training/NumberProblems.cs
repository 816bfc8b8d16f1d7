using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// Range checks of numeric settings; a problem is a phrase with the setting, its value and the bound.
/// </summary>
internal static class NumberProblems
{
    public static IEnumerable<string> Positive(double value, string what) =>
        Unless(value > 0 && double.IsFinite(value), value, what, "must be positive");

    public static IEnumerable<string> NotNegative(double value, string what) =>
        Unless(value >= 0 && double.IsFinite(value), value, what, "must not be negative");

    public static IEnumerable<string> AtLeast(
        double least,
        double value,
        string what,
        double most = double.PositiveInfinity
    ) =>
        Unless(
                value >= least && double.IsFinite(value),
                value,
                what,
                string.Create(CultureInfo.InvariantCulture, $"must be at least {least}")
            )
            .Concat(
                Unless(
                    !(value > most),
                    value,
                    what,
                    string.Create(CultureInfo.InvariantCulture, $"must be at most {most}")
                )
            );

    /// <summary>For decay rates: a decay of 1 would never forget.</summary>
    public static IEnumerable<string> BelowOne(double value, string what) =>
        Unless(value is >= 0 and < 1, value, what, "must be in [0, 1)");

    /// <summary>For factors: a factor of 0 would leave nothing.</summary>
    public static IEnumerable<string> AboveZero(double value, string what) =>
        Unless(value is > 0 and <= 1, value, what, "must be in (0, 1]");

    private static IEnumerable<string> Unless(bool valid, double value, string what, string must) =>
        valid ? [] : [string.Create(CultureInfo.InvariantCulture, $"{what} is {value}, {must}")];
}
