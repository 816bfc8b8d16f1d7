using System.Globalization;

namespace Hybrid.Core;

/// <summary>Where the two gradients of a tensor differ most.</summary>
/// <param name="Tensor">The tensor's name.</param>
/// <param name="Index">Which element.</param>
/// <param name="Backward">What the backward pass says.</param>
/// <param name="Numeric">What central differences say.</param>
public readonly record struct GradientDeviation(string Tensor, int Index, double Backward, double Numeric)
{
    /// <summary>
    /// The difference relative to the larger magnitude, and to one where both are small. NaN is the largest, not the smallest.
    /// </summary>
    public double Relative
    {
        get
        {
            var error = Math.Abs(Backward - Numeric) / Math.Max(1, Math.Max(Math.Abs(Backward), Math.Abs(Numeric)));
            return double.IsNaN(error) ? double.PositiveInfinity : error;
        }
    }

    /// <summary>The place and both numbers.</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Tensor}[{Index}]: backward says {Backward:g12}, central differences say {Numeric:g12}"
        );
}

/// <summary>What a check of gradients found.</summary>
/// <param name="Deviations">The largest of each tensor.</param>
/// <param name="Breaches">Promises of a layer that are not kept, a sentence each; empty where the check was of something else.</param>
public sealed record GradientReport(IReadOnlyList<GradientDeviation> Deviations, IReadOnlyList<string> Breaches)
{
    /// <summary>
    /// The largest relative deviation of a correct gradient. Central differences in double with steps of 1e-5 are off by some 1e-10.
    /// </summary>
    public const double Tolerance = 1e-7;

    /// <summary>Whether all gradients agree and all promises are kept.</summary>
    public bool IsCorrect => Breaches.Count == 0 && Deviations.All(IsSmall);

    /// <summary>What is wrong, a line each.</summary>
    public IEnumerable<string> Problems =>
        Breaches.Concat(Deviations.Where(deviation => !IsSmall(deviation)).Select(deviation => deviation.ToString()));

    /// <summary>A line for each tensor, and one for each promise that is not kept.</summary>
    public override string ToString()
    {
        var width = Deviations.Select(deviation => deviation.Tensor.Length).DefaultIfEmpty().Max();
        var lines = Deviations.Select(deviation =>
            IsSmall(deviation)
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"correct  {deviation.Tensor.PadRight(width)}  off by {deviation.Relative:0.0e+0} at most"
                )
                : $"WRONG    {deviation}"
        );
        return string.Join(Environment.NewLine, lines.Concat(Breaches.Select(breach => $"WRONG    {breach}")));
    }

    private static bool IsSmall(GradientDeviation deviation) => deviation.Relative <= Tolerance;
}
