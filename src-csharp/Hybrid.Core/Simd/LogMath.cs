using System.Numerics;

namespace Hybrid.Core;

/// <summary>Sums of numbers given by their natural logarithms.</summary>
internal static class LogMath
{
    /// <summary>
    /// log(e^<paramref name="a"/> + e^<paramref name="b"/>); negative infinity is the logarithm of 0.
    /// </summary>
    public static double LogAdd(double a, double b)
    {
        var (large, small) = a >= b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(small) ? large : large + Math.Log(1 + Math.Exp(small - large));
    }

    /// <summary>
    /// log sum exp of the elements, scaled by the largest; NaN where one is, or where all are negative infinity.
    /// </summary>
    /// <typeparam name="TReal">The type of the elements.</typeparam>
    /// <typeparam name="TSum">The type in which they are added up.</typeparam>
    public static TSum LogSumExp<TReal, TSum>(ReadOnlySpan<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TSum : unmanaged, IBinaryFloatingPointIeee754<TSum>
    {
        var (largest, sum) = SumExp<TReal, TSum>(x);
        return largest + TSum.Log(sum);
    }

    /// <summary>The largest element, and the sum of e^(element - largest).</summary>
    /// <inheritdoc cref="LogSumExp{TReal, TSum}"/>
    public static (TSum Largest, TSum Sum) SumExp<TReal, TSum>(ReadOnlySpan<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
        where TSum : unmanaged, IBinaryFloatingPointIeee754<TSum>
    {
        var (largest, sum) = (TSum.NegativeInfinity, TSum.Zero);
        foreach (var value in x)
            largest = TSum.Max(largest, TSum.CreateTruncating(value));
        foreach (var value in x)
            sum += TSum.Exp(TSum.CreateTruncating(value) - largest);
        return (largest, sum);
    }
}
