using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Functions of a register of numbers. They are made of operations that every machine rounds alike, so that 512- and
/// 256-bit machines give the same bits; where the result is a normal number, its relative error is below 6e-7 in float and
/// 2e-15 in double. NaN stays NaN. Derivation: VectorMath.md.
/// </summary>
internal static class VectorMath
{
    // erfc(z) = t exp(-z^2) Q(t), t = 3 / (3 + z), z >= 0. Q is smooth on (0, 1]; these are its Chebyshev coefficients in
    // u = 2 t - 1, computed with 40 digits. Eleven of them reach 1e-8, all of them 1e-16.
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

    /// <summary>The same number in every place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Constant<TReal>(double value)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        typeof(TReal) == typeof(float)
            ? Vector512.Create((float)value).As<float, TReal>()
            : Vector512.Create(value).As<double, TReal>();

    /// <summary>e^x; beyond the range of normal numbers it stays at the end of the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Exp<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var single = typeof(TReal) == typeof(float);
        // Constants come first: of a constant and a NaN these two return the second.
        x = Vector512.MinNative(Constant<TReal>(single ? 88.02 : 709.0), x);
        x = Vector512.MaxNative(Constant<TReal>(single ? -87.33 : -708.0), x);
        var (mantissa, shifted) = ExpParts(x);
        return mantissa * PowerOf2(shifted); // a multiplication: adding to the exponent's bits would make a number of some NaN
    }

    /// <summary>e^x in double for every x; below the range of normal numbers, 0.</summary>
    /// <param name="x">Any length.</param>
    /// <param name="y">The same length or longer.</param>
    public static void Exp(ReadOnlySpan<float> x, Span<double> y)
    {
        Span<float> rest = stackalloc float[Vector256<float>.Count];
        for (var i = 0; i < x.Length; i += rest.Length)
        {
            var isWhole = i + rest.Length <= x.Length;
            if (!isWhole)
                x[i..].CopyTo(rest);
            var (low, high) = Vector256.Widen(Vector256.Create(isWhole ? x[i..] : rest));
            var wide = Vector512.Create(low, high);
            var e = Vector512.AndNot(Exp(wide), Vector512.LessThan(wide, Vector512.Create(-708.0)));
            if (isWhole)
                e.CopyTo(y[i..]);
            else
                for (var j = i; j < x.Length; j++)
                    y[j] = e[j - i];
        }
    }

    /// <summary>
    /// e^x as mantissa * 2^n for any |x| below 2^20: the mantissa lies between 0.7 and 1.42, n in the low bits of Shifted,
    /// which is n + <see cref="RoundingShift{TReal}"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<TReal> Mantissa, Vector512<TReal> Shifted) ExpParts<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var (excess, shifted) = ReducedExp(x);
        return (excess + Vector512<TReal>.One, shifted);
    }

    /// <summary>The same with the mantissa less one, which keeps its relative precision where it is small.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<TReal> Excess, Vector512<TReal> Shifted) ReducedExp<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var single = typeof(TReal) == typeof(float);
        // e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; ln 2 in two parts, so that n ln 2 is subtracted exactly.
        var shifted = MultiplyAdd(x, Constant<TReal>(1.4426950408889634), RoundingShift<TReal>());
        var n = shifted - RoundingShift<TReal>();
        var r = MultiplyAdd(n, Constant<TReal>(single ? -0.693359375 : -0.693145751953125), x);
        r = MultiplyAdd(n, Constant<TReal>(single ? 2.12194440e-4 : -1.42860682030941723212e-6), r);
        // e^r = 1 + r + r^2 P(r). In float that of Cephes' expf (Moshier 1989); in double the Taylor series does.
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

    /// <summary>2^n, a normal number, from n in the low bits of <paramref name="shifted"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<TReal> PowerOf2<TReal>(Vector512<TReal> shifted)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        typeof(TReal) == typeof(float)
            ? IntMath.PowerOfTwo(shifted.AsInt32()).As<float, TReal>()
            : IntMath.PowerOfTwo(shifted.AsInt64()).As<double, TReal>();

    /// <summary>1.5 * 2^(bits of the mantissa): adding it rounds to an integer and leaves that in the low bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> RoundingShift<TReal>()
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Constant<TReal>(typeof(TReal) == typeof(float) ? 12582912.0 : 6755399441055744.0);

    /// <summary>max(x, 0); the comparison keeps NaN, which Max would not on every machine.</summary>
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
        // tanh(x) = d / (d + 2) with d = e^(2x) - 1 = 2^n (e^r - 1) + (2^n - 1); beyond the limit it is 1 to the last bit.
        var limit = typeof(TReal) == typeof(float) ? 20.0 : 40.0;
        var twice = Vector512.MaxNative(Constant<TReal>(-limit), Vector512.MinNative(Constant<TReal>(limit), x + x)); // constants first, as in Exp
        var (excess, shifted) = ReducedExp(twice);
        var scale = PowerOf2(shifted);
        var d = MultiplyAdd(excess, scale, scale - Vector512<TReal>.One);
        return d / (d + Constant<TReal>(2));
    }

    /// <summary>
    /// The standard normal distribution: Phi(x) = erfc(-x / sqrt 2) / 2, and its density, which GELU's slope needs.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<TReal> Cumulative, Vector512<TReal> Density) Normal<TReal>(Vector512<TReal> x)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // e^(-x^2/2) with the square's rounding error put back: without it the tails lose digits. Far out, where it is below
        // the normal numbers, it is zero.
        var magnitude = Vector512.Abs(x);
        var limit = Constant<TReal>(typeof(TReal) == typeof(float) ? 13 : 37.5);
        var near = Vector512.MinNative(limit, magnitude); // the constant first, so that NaN stays
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

    /// <summary>One step of Horner's scheme, highest power first. In a loop over coefficients, each would be converted anew.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<TReal> Horner<TReal>(this Vector512<TReal> sum, Vector512<TReal> x, double coefficient)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        MultiplyAdd(sum, x, Constant<TReal>(coefficient));

    /// <summary>Clenshaw's scheme.</summary>
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
