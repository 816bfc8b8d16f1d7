namespace Hybrid.Speech;

/// <summary>
/// Finds outliers by the modified z-score, which is based on medians and so is robust against the outliers themselves
/// (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers).
/// </summary>
internal static class OutlierScore
{
    // The median absolute deviation of a normal distribution is 0.6745 standard deviations; the authors' limit is 3.5
    // of these.
    private const double Limit = 3.5 / 0.6745;

    /// <summary>The indices of values that are far from the median.</summary>
    /// <param name="values">Minus infinity is always far; NaN is ignored.</param>
    /// <param name="near">
    /// Distance from the median up to which a value is never far, for values of which most are nearly equal.
    /// </param>
    /// <returns>The indices in order, and the median.</returns>
    public static (IReadOnlyList<int> Indices, double Median) Find(IReadOnlyList<double> values, double near)
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
