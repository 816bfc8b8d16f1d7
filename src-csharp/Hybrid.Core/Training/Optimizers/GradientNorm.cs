using System.Runtime.CompilerServices;
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

    private static unsafe double SumOfSquares(ReadOnlySpan<float> values)
    {
        Vector512<double> low = Vector512<double>.Zero,
            high = low,
            restLow = low,
            restHigh = low;
        fixed (float* p = values)
        {
            var i = 0;
            for (; i + Vector512<float>.Count <= values.Length; i += Vector512<float>.Count)
                Add<FullVector>(p + i, values.Length - i, ref low, ref high);
            if (i < values.Length)
                Add<PartialVector>(p + i, values.Length - i, ref restLow, ref restHigh);
        }
        // The order of summation is part of the result: lanes of whole registers, then the elements after them.
        var sum = 0.0;
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
            sum += low[lane] + high[lane];
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
            sum += restLow[lane];
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
            sum += restHigh[lane];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Add<TAccess>(float* p, int left, ref Vector512<double> low, ref Vector512<double> high)
        where TAccess : struct, IVectorAccess
    {
        var (a, b) = Vector512.Widen(TAccess.Load(p, left));
        low = VectorMath.MultiplyAdd(a, a, low);
        high = VectorMath.MultiplyAdd(b, b, high);
    }
}
