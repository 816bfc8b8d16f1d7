using System.Globalization;

namespace Hybrid.Core;

/// <summary>What is wrong with a number of a schedule, in a clause that names the value and what it must be.</summary>
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

    /// <summary>For shares that keep something of what was: 1 would keep all for ever.</summary>
    public static IEnumerable<string> BelowOne(double value, string what) =>
        Unless(value is >= 0 and < 1, value, what, "must be in [0, 1)");

    /// <summary>For shares that leave something at all.</summary>
    public static IEnumerable<string> AboveZero(double value, string what) =>
        Unless(value is > 0 and <= 1, value, what, "must be in (0, 1]");

    private static IEnumerable<string> Unless(bool right, double value, string what, string must) =>
        right ? [] : [string.Create(CultureInfo.InvariantCulture, $"{what} is {value}, {must}")];
}
