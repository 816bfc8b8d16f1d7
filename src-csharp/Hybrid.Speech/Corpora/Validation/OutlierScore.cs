namespace Hybrid.Speech;

/// <summary>
/// Finds values that are far from most others, however many of these there are: the modified z-score, which rests on medians
/// (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers).
/// </summary>
internal static class OutlierScore
{
    // Half of a normal distribution is within 0.6745 standard deviations; 3.5 of these are the authors' limit.
    private const double Limit = 3.5 / 0.6745;

    /// <summary>The places of values that are far from the median; where most are nearly equal, what is near is not far.</summary>
    /// <param name="values">Minus infinity is far in any case; what is not a number is passed over.</param>
    /// <param name="near">What is closer to the median is never far.</param>
    /// <returns>The places in order, and the median.</returns>
    public static (IReadOnlyList<int> Places, double Median) Find(IReadOnlyList<double> values, double near)
    {
        var median = Median(values.Where(double.IsFinite));
        var far = Math.Max(
            near,
            Limit * Median(values.Where(double.IsFinite).Select(value => Math.Abs(value - median)))
        );
        return (
            [
                .. Enumerable
                    .Range(0, values.Count)
                    .Where(i => double.IsNegativeInfinity(values[i]) || Math.Abs(values[i] - median) > far),
            ],
            median
        );
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
