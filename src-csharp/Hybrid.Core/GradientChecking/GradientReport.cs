using System.Globalization;

namespace Hybrid.Core;

/// <summary>The largest deviation between the two gradients of a tensor.</summary>
/// <param name="Tensor">The tensor's name.</param>
/// <param name="Index">Index of the element.</param>
/// <param name="Backward">The derivative given by the backward pass.</param>
/// <param name="Numeric">The derivative by central differences.</param>
public readonly record struct GradientDeviation(string Tensor, int Index, double Backward, double Numeric)
{
    /// <summary>
    /// The absolute difference divided by the larger magnitude, and by at least 1. Infinity if one of the derivatives
    /// is NaN.
    /// </summary>
    public double Relative
    {
        get
        {
            var error = Math.Abs(Backward - Numeric) / Math.Max(1, Math.Max(Math.Abs(Backward), Math.Abs(Numeric)));
            return double.IsNaN(error) ? double.PositiveInfinity : error;
        }
    }

    /// <summary>The element and both derivatives.</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Tensor}[{Index}]: backward says {Backward:g12}, central differences say {Numeric:g12}"
        );
}

/// <summary>The result of a gradient check.</summary>
/// <param name="Deviations">The largest deviation of each tensor.</param>
/// <param name="ContractProblems">
/// Violations of the contract of <see cref="Layer{TReal}"/>, a sentence each; empty if no layer was checked.
/// </param>
public sealed record GradientReport(IReadOnlyList<GradientDeviation> Deviations, IReadOnlyList<string> ContractProblems)
{
    /// <summary>
    /// The largest relative deviation of a correct gradient. The error of central differences in double, with steps of
    /// 1e-5, is about 1e-10.
    /// </summary>
    public const double Tolerance = 1e-7;

    /// <summary>Whether all gradients agree within the tolerance and the layer's contract holds.</summary>
    public bool IsCorrect => ContractProblems.Count == 0 && Deviations.All(IsSmall);

    /// <summary>Contract problems and wrong gradients, a line each; empty if <see cref="IsCorrect"/>.</summary>
    public IEnumerable<string> Problems =>
        ContractProblems.Concat(
            Deviations.Where(deviation => !IsSmall(deviation)).Select(deviation => deviation.ToString())
        );

    /// <summary>One line per tensor, then one per contract problem.</summary>
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
        return string.Join(
            Environment.NewLine,
            lines.Concat(ContractProblems.Select(problem => $"WRONG    {problem}"))
        );
    }

    private static bool IsSmall(GradientDeviation deviation) => deviation.Relative <= Tolerance;
}
