using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Integer division that rounds up, and powers of two made from the bits of their exponent.</summary>
internal static class IntMath
{
    /// <summary>
    /// ceil(<paramref name="dividend"/> / <paramref name="divisor"/>) for a positive divisor, without overflow.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CeilDiv(int dividend, int divisor)
    {
        var (quotient, remainder) = Math.DivRem(dividend, divisor);
        return remainder > 0 ? quotient + 1 : quotient;
    }

    /// <inheritdoc cref="CeilDiv(int, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long CeilDiv(long dividend, long divisor)
    {
        var (quotient, remainder) = Math.DivRem(dividend, divisor);
        return remainder > 0 ? quotient + 1 : quotient;
    }

    /// <summary>
    /// The smallest multiple of <paramref name="multiple"/> that is at least <paramref name="value"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RoundUp(int value, int multiple) => CeilDiv(value, multiple) * multiple;

    /// <inheritdoc cref="RoundUp(int, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long RoundUp(long value, long multiple) => CeilDiv(value, multiple) * multiple;

    /// <summary>The greatest common divisor of two positive integers (Euclid).</summary>
    public static long GreatestCommonDivisor(long a, long b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);

    /// <summary>2^<paramref name="exponent"/> for exponents of normal numbers, -1022 to 1023.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double PowerOfTwo(long exponent) => BitConverter.Int64BitsToDouble((exponent + 1023) << 52);

    /// <inheritdoc cref="PowerOfTwo(long)"/>
    /// <remarks>Bits of an exponent beyond its lowest twelve have no influence.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> PowerOfTwo(Vector512<long> exponent) =>
        ((exponent + Vector512.Create(1023L)) << 52).AsDouble();

    /// <summary>2^<paramref name="exponent"/> for exponents of normal numbers, -126 to 127.</summary>
    /// <remarks>Bits of an exponent beyond its lowest nine have no influence.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> PowerOfTwo(Vector512<int> exponent) =>
        ((exponent + Vector512.Create(127)) << 23).AsSingle();
}
