using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Norm of the gradient, and gradient clipping.</summary>
public static class GradientNorm
{
    /// <summary>
    /// Euclidean norm of the gradients of all parameters that are trainable and not frozen. Summed in double precision
    /// in an order that does not depend on the machine.
    /// </summary>
    public static double Of(IReadOnlyList<Parameter<float>> parameters)
    {
        var sum = 0.0;
        for (var i = 0; i < parameters.Count; i++)
            if (parameters[i] is { IsTrainable: true, IsFrozen: false })
                sum += SumOfSquares(parameters[i].Gradient);
        return Math.Sqrt(sum);
    }

    /// <summary>
    /// Factor that reduces a gradient to a norm of at most <paramref name="limit"/>; 1 without a limit.
    /// </summary>
    public static double ClippingScale(double norm, double? limit) => norm > limit ? limit.Value / norm : 1;

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        Vector512<double> low = Vector512<double>.Zero,
            high = low;
        var registers = MemoryMarshal.Cast<float, Vector512<float>>(values);
        foreach (var register in registers)
        {
            var (a, b) = Vector512.Widen(register);
            low = VectorMath.MultiplyAdd(a, a, low);
            high = VectorMath.MultiplyAdd(b, b, high);
        }
        var sum = 0.0;
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
            sum += low[lane] + high[lane];
        // Not a partial register: the order of summation, and with it the bits, would change.
        foreach (var value in values[(registers.Length * Vector512<float>.Count)..])
            sum += (double)value * value;
        return sum;
    }
}
