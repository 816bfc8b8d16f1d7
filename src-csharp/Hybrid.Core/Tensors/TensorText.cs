using System.Globalization;
using System.Numerics;

namespace Hybrid.Core;

/// <summary>Short descriptions of tensors, as <c>ToString</c> returns them.</summary>
internal static class TensorText
{
    private const int MostValues = 8;

    /// <summary>Type, shape and the first elements: <c>float [2, 3] 1, 2, 3, 4, 5, 6</c>.</summary>
    /// <param name="shape">Sizes of the axes.</param>
    /// <param name="values">The elements, row-major.</param>
    public static string Of<TReal>(IEnumerable<int> shape, ReadOnlySpan<TReal> values)
        where TReal : INumberBase<TReal>
    {
        var first = new List<string>();
        foreach (var value in values[..Math.Min(MostValues, values.Length)])
            first.Add(value.ToString("G5", CultureInfo.InvariantCulture));
        var more = values.Length > MostValues ? ", ..." : "";
        return $"{Name<TReal>()} [{string.Join(", ", shape)}] {string.Join(", ", first)}{more}".TrimEnd();
    }

    private static string Name<TReal>() =>
        typeof(TReal) == typeof(float) ? "float"
        : typeof(TReal) == typeof(double) ? "double"
        : typeof(TReal).Name.ToLowerInvariant();
}
