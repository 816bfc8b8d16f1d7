using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Mathematical functions of a SIMD register, lane by lane. They consist of operations with exactly specified rounding,
/// so that 512- and 256-bit machines give the same bits. Where the result is a normal number, its relative error is
/// below 6e-7 in float and 2e-15 in double. NaN gives NaN. Derivation: VectorMath.md.
/// </summary>
internal static class VectorMath
{
    // erfc(z) = t exp(-z^2) Q(t), t = 3 / (3 + z), z >= 0. Q is smooth on (0, 1]. These are its Chebyshev coefficients
    // in u = 2 t - 1, computed with 40 digits; the first eleven give 1e-8, all of them 1e-16.
    private static ReadOnlySpan<double> ErfcScaled =>
        [
            0.471146074660290654,
            0.377158949691565793,
            0.118036033447495454,
            0.0283623466996951515,
            0.00487175775760554639,
            0.000459852387876544279,
            -2.14302223810531519e-5,
            -1.30144736992413488e-5,
            -8.80928358285351363e-7,
            2.74648004797028445e-7,
            4.41599189922378551e-8,
            -6.39840838557548284e-9,
            -1.67683572124846442e-9,
            1.94733547008900241e-10,
            6.24744130346938951e-11,
            -8.12455755224449574e-12,
            -2.33031461322256573e-12,
            4.19103853922533298e-13,
            8.19333526881302986e-14,
            -2.33524721079292633e-14,
            -2.24425856491653643e-15,
            1.28114352980505062e-15,
        ];

    /// <summary>a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> MultiplyAdd<TReal>(Vector512<TReal> a, Vector512<TReal> b, Vector512<TReal> c)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        typeof(TReal) == typeof(float)
            ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, TReal>()
            : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, TReal>();

    /// <summary>A register with the same number in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Constant<TReal>(double value)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        typeof(TReal) == typeof(float)
            ? Vector512.Create((float)value).As<float, TReal>()
            : Vector512.Create(value).As<double, TReal>();

    /// <summary>e^x; clamped to the range of normal numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Exp<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var single = typeof(TReal) == typeof(float);
        // The constant comes first: MinNative and MaxNative return their second operand if one of the two is NaN.
        x = Vector512.MinNative(Constant<TReal>(single ? 88.02 : 709.0), x);
        x = Vector512.MaxNative(Constant<TReal>(single ? -87.33 : -708.0), x);
        var (mantissa, shifted) = ExpParts(x);
        return mantissa * PowerOfTwo(shifted); // adding to the exponent's bits would turn some NaN into numbers
    }

    /// <summary>y[i] = e^x[i] in double for every x; 0 below the range of normal numbers. NaN gives NaN.</summary>
    /// <param name="x">Any length.</param>
    /// <param name="y">The same length or longer; elements beyond the length of x are not written.</param>
    /// <exception cref="ArgumentException">y is shorter than x.</exception>
    public static unsafe void Exp(ReadOnlySpan<float> x, Span<double> y)
    {
        if (y.Length < x.Length)
            throw new ArgumentException($"{y.Length} elements are too few for {x.Length} results", nameof(y));
        fixed (float* px = x)
        fixed (double* py = y)
            VectorLoop.Run<float, WideningExpKernel>(x.Length, new(px, py));
    }

    private readonly unsafe struct WideningExpKernel(float* x, double* y) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess
        {
            var (low, high) = Vector512.Widen(TAccess.Load(x + i, left));
            var half = Vector512<double>.Count;
            TAccess.Store(ExpOrZero(low), y + i, Math.Min(left, half));
            TAccess.Store(ExpOrZero(high), y + i + half, Math.Clamp(left - half, 0, half));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<double> ExpOrZero(Vector512<double> x) =>
            Vector512.AndNot(Exp(x), Vector512.LessThan(x, Vector512.Create(-708.0)));
    }

    /// <summary>
    /// e^x as mantissa * 2^n for any |x| below 2^20: the mantissa is between 0.7 and 1.42, and n is in the low bits of
    /// Shifted, which equals n + <see cref="RoundingShift{TReal}"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<TReal> Mantissa, Vector512<TReal> Shifted) ExpParts<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var (excess, shifted) = ReducedExp(x);
        return (excess + Vector512<TReal>.One, shifted);
    }

    /// <summary>The same with mantissa - 1, which keeps its relative precision where it is small.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<TReal> Excess, Vector512<TReal> Shifted) ReducedExp<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var single = typeof(TReal) == typeof(float);
        // e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; ln 2 in two parts, so that subtracting n ln 2 is exact.
        var shifted = MultiplyAdd(x, Constant<TReal>(1.4426950408889634), RoundingShift<TReal>());
        var n = shifted - RoundingShift<TReal>();
        var r = MultiplyAdd(n, Constant<TReal>(single ? -0.693359375 : -0.693145751953125), x);
        r = MultiplyAdd(n, Constant<TReal>(single ? 2.12194440e-4 : -1.42860682030941723212e-6), r);
        // e^r = 1 + r + r^2 P(r): in float the polynomial of Cephes' expf (Moshier 1989), in double the Taylor series.
        var p = single
            ? Constant<TReal>(1.9875691500e-4)
                .Horner(r, 1.3981999507e-3)
                .Horner(r, 8.3334519073e-3)
                .Horner(r, 4.1665795894e-2)
                .Horner(r, 1.6666665459e-1)
                .Horner(r, 5.0000001201e-1)
            : Constant<TReal>(1 / 6227020800.0)
                .Horner(r, 1 / 479001600.0)
                .Horner(r, 1 / 39916800.0)
                .Horner(r, 1 / 3628800.0)
                .Horner(r, 1 / 362880.0)
                .Horner(r, 1 / 40320.0)
                .Horner(r, 1 / 5040.0)
                .Horner(r, 1 / 720.0)
                .Horner(r, 1 / 120.0)
                .Horner(r, 1 / 24.0)
                .Horner(r, 1 / 6.0)
                .Horner(r, 1 / 2.0);
        return (MultiplyAdd(p, r * r, r), shifted);
    }

    /// <summary>2^n, a normal number, with n in the low bits of <paramref name="shifted"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<TReal> PowerOfTwo<TReal>(Vector512<TReal> shifted)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        typeof(TReal) == typeof(float)
            ? IntMath.PowerOfTwo(shifted.AsInt32()).As<float, TReal>()
            : IntMath.PowerOfTwo(shifted.AsInt64()).As<double, TReal>();

    /// <summary>
    /// 1.5 * 2^(bits of the mantissa): adding it rounds to an integer and leaves this in the low bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> RoundingShift<TReal>()
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Constant<TReal>(typeof(TReal) == typeof(float) ? 12582912.0 : 6755399441055744.0);

    /// <summary>max(x, 0); unlike Max, the comparison keeps NaN on every machine.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Relu<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Vector512.AndNot(x, Vector512.LessThan(x, Vector512<TReal>.Zero));

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Sigmoid<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Vector512<TReal>.One / (Vector512<TReal>.One + Exp(-x));

    /// <summary>The hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Tanh<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // tanh(x) = d / (d + 2) with d = e^(2x) - 1 = 2^n (e^r - 1) + (2^n - 1). Beyond the limit it rounds to 1.
        var limit = typeof(TReal) == typeof(float) ? 20.0 : 40.0;
        // The constants come first, as in Exp.
        var twice = Vector512.MaxNative(Constant<TReal>(-limit), Vector512.MinNative(Constant<TReal>(limit), x + x));
        var (excess, shifted) = ReducedExp(twice);
        var scale = PowerOfTwo(shifted);
        var d = MultiplyAdd(excess, scale, scale - Vector512<TReal>.One);
        return d / (d + Constant<TReal>(2));
    }

    /// <summary>
    /// The standard normal distribution: Phi(x) = erfc(-x / sqrt 2) / 2, and its density, needed for GELU's derivative.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<TReal> Cumulative, Vector512<TReal> Density) Normal<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // e^(-x^2/2), corrected for the rounding error of the square, without which the tails lose digits. It is zero
        // where it would be below the normal numbers.
        var magnitude = Vector512.Abs(x);
        var limit = Constant<TReal>(typeof(TReal) == typeof(float) ? 13 : 37.5);
        var near = Vector512.MinNative(limit, magnitude); // the constant first, as in Exp
        var square = near * near;
        var error = MultiplyAdd(near, near, -square);
        var half = Constant<TReal>(0.5);
        var gauss = Exp(-half * square);
        gauss = MultiplyAdd(gauss, -half * error, gauss);
        gauss = Vector512.AndNot(gauss, Vector512.GreaterThan(magnitude, limit));

        var z = magnitude * Constant<TReal>(0.70710678118654752);
        var t = Constant<TReal>(3) / (Constant<TReal>(3) + z);
        var tail =
            half
            * gauss
            * t
            * Chebyshev(t + t - Vector512<TReal>.One, typeof(TReal) == typeof(float) ? ErfcScaled[..11] : ErfcScaled);
        var cumulative = Vector512.ConditionalSelect(
            Vector512.GreaterThan(x, Vector512<TReal>.Zero),
            Vector512<TReal>.One - tail,
            tail
        );
        return (cumulative, gauss * Constant<TReal>(0.39894228040143268));
    }

    /// <summary>
    /// One step of Horner's scheme, highest power first; unrolled, because a loop would convert each coefficient.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<TReal> Horner<TReal>(this Vector512<TReal> sum, Vector512<TReal> x, double coefficient)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        MultiplyAdd(sum, x, Constant<TReal>(coefficient));

    /// <summary>The sum of a Chebyshev series at u, by Clenshaw's scheme.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<TReal> Chebyshev<TReal>(Vector512<TReal> u, ReadOnlySpan<double> coefficients)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        Vector512<TReal> b1 = Vector512<TReal>.Zero,
            b2 = Vector512<TReal>.Zero,
            twice = u + u;
        for (var i = coefficients.Length - 1; i > 0; i--)
            (b1, b2) = (MultiplyAdd(twice, b1, Constant<TReal>(coefficients[i]) - b2), b1);
        return MultiplyAdd(u, b1, Constant<TReal>(coefficients[0]) - b2);
    }
}
