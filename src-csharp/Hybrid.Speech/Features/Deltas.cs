namespace Hybrid.Speech;

/// <summary>Differences of coefficients over time (delta features).</summary>
internal static class Deltas
{
    // d(t) = sum over j = 1, 2 of j (c(t + j) - c(t - j)) / 10; the second order is this filter applied to itself
    // (Kaldi, feat/feature-functions.h, DeltaFeatures, with its defaults; of the first order also
    // torchaudio.functional.compute_deltas).
    private static readonly double[][] Filters =
    [
        [-0.2, -0.1, 0, 0.1, 0.2],
        [0.04, 0.04, 0.01, -0.04, -0.1, -0.04, 0.01, 0.04, 0.04],
    ];

    /// <summary>
    /// Appends the differences of each order of the preset to the coefficients. The first and the last frame are
    /// repeated beyond the ends.
    /// </summary>
    /// <param name="coefficients">[frames, coefficients]</param>
    /// <param name="preset">The number of coefficients, and the orders.</param>
    /// <returns>[frames, width of the preset]; the same array where the preset has no differences.</returns>
    public static float[] Append(float[] coefficients, FeaturePreset preset)
    {
        if (preset.Deltas == 0)
            return coefficients;
        var (count, width) = (preset.Coefficients, preset.Width);
        var frames = coefficients.Length / count;
        var features = new float[frames * width];
        for (var t = 0; t < frames; t++)
        {
            coefficients.AsSpan(t * count, count).CopyTo(features.AsSpan(t * width));
            for (var order = 1; order <= preset.Deltas; order++)
            {
                var filter = Filters[order - 1];
                for (var c = 0; c < count; c++)
                {
                    var sum = 0.0;
                    for (var j = 0; j < filter.Length; j++)
                        sum +=
                            filter[j] * coefficients[Math.Clamp(t + j - filter.Length / 2, 0, frames - 1) * count + c];
                    features[t * width + order * count + c] = (float)sum;
                }
            }
        }
        return features;
    }
}
