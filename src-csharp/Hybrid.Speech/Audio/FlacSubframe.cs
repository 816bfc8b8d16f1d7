namespace Hybrid.Speech;

/// <summary>
/// Decodes one channel of a FLAC frame (RFC 9639, 9.2): constant, verbatim, or a linear prediction from the preceding
/// samples plus a Rice-coded residual. Sums have 64 bits, which no valid file overflows (appendix A.1). A forged file
/// gets wrong samples, which the caller checks for their range.
/// </summary>
internal static class FlacSubframe
{
    // The fixed predictors extrapolate a polynomial of degree 0 to 3. Coefficients are in order of time, the latest
    // sample last.
    private static readonly long[][] FixedPredictors =
    [
        [],
        [1],
        [-1, 2],
        [1, -3, 3],
        [-1, 4, -6, 4],
    ];

    /// <summary>Reads the samples of one channel.</summary>
    /// <param name="reader">At the subframe; after it on return.</param>
    /// <param name="bits">Bits per sample, 4 to 33.</param>
    /// <param name="samples">[block size], written.</param>
    /// <exception cref="AudioFormatException">The subframe is truncated or has a reserved value.</exception>
    public static void Read(ref BitReader reader, int bits, Span<long> samples)
    {
        if (reader.Unsigned(1) == 1)
            throw new AudioFormatException("a reserved bit of a subframe is set");
        var type = (int)reader.Unsigned(6);
        var wasted = reader.Unsigned(1) == 0 ? 0 : reader.Unary() + 1;
        if (wasted >= bits)
            throw new AudioFormatException($"{wasted} of {bits} bits per sample are declared wasted");
        bits -= (int)wasted;
        switch (type)
        {
            case 0:
                samples.Fill(reader.Signed(bits));
                break;
            case 1:
                ReadPlain(ref reader, bits, samples);
                break;
            case >= 8 and <= 12:
                ReadFixed(ref reader, bits, samples, FixedPredictors[type - 8]);
                break;
            case >= 32:
                ReadLinear(ref reader, bits, samples, type - 31);
                break;
            default:
                throw new AudioFormatException($"subframe type {type} is reserved");
        }
        if (wasted > 0)
            foreach (ref var sample in samples)
                sample <<= (int)wasted;
    }

    private static void ReadPlain(ref BitReader reader, int bits, Span<long> samples)
    {
        foreach (ref var sample in samples)
            sample = reader.Signed(bits);
    }

    private static void ReadFixed(ref BitReader reader, int bits, Span<long> samples, ReadOnlySpan<long> predictor)
    {
        ReadPlain(ref reader, bits, WarmUp(samples, predictor.Length));
        ReadResidual(ref reader, samples, predictor.Length);
        Predict(samples, predictor, 0);
    }

    private static void ReadLinear(ref BitReader reader, int bits, Span<long> samples, int order)
    {
        ReadPlain(ref reader, bits, WarmUp(samples, order));
        var precision = (int)reader.Unsigned(4) + 1;
        if (precision == 16)
            throw new AudioFormatException("a predictor precision of 16 bits is invalid");
        var shift = (int)reader.Signed(5);
        if (shift < 0)
            throw new AudioFormatException($"a predictor shift of {shift} is invalid");
        Span<long> predictor = stackalloc long[order];
        for (var i = order - 1; i >= 0; i--)
            predictor[i] = reader.Signed(precision);
        ReadResidual(ref reader, samples, order);
        Predict(samples, predictor, shift);
    }

    private static Span<long> WarmUp(Span<long> samples, int order) =>
        order <= samples.Length
            ? samples[..order]
            : throw new AudioFormatException($"a block of {samples.Length} samples has a predictor of order {order}");

    /// <summary>Reads the residual into <paramref name="samples"/>[order..].</summary>
    private static void ReadResidual(ref BitReader reader, Span<long> samples, int order)
    {
        var method = reader.Unsigned(2);
        if (method > 1)
            throw new AudioFormatException($"residual coding method {method} is reserved");
        var parameterBits = method == 0 ? 4 : 5;
        var escape = (1 << parameterBits) - 1;
        var partitions = 1 << (int)reader.Unsigned(4);
        var length = samples.Length / partitions;
        if (length * partitions != samples.Length || length < order)
            throw new AudioFormatException(
                $"a block of {samples.Length} samples with a predictor of order {order} has {partitions} partitions, "
                    + "which do not divide it"
            );
        for (var end = length; end <= samples.Length; end += length)
        {
            var partition = samples[Math.Max(order, end - length)..end];
            var parameter = (int)reader.Unsigned(parameterBits);
            if (parameter == escape)
                ReadPlain(ref reader, (int)reader.Unsigned(5), partition);
            else
                foreach (ref var sample in partition)
                {
                    // Zigzag code: 0, -1, 1, -2, ...
                    var folded = reader.Unary() << parameter | (long)reader.Unsigned(parameter);
                    sample = folded >> 1 ^ -(folded & 1);
                }
        }
    }

    /// <summary>Adds the prediction from the preceding samples to each residual.</summary>
    private static void Predict(Span<long> samples, ReadOnlySpan<long> predictor, int shift)
    {
        for (var i = predictor.Length; i < samples.Length; i++)
        {
            var past = samples.Slice(i - predictor.Length, predictor.Length);
            var sum = 0L;
            for (var j = 0; j < past.Length; j++)
                sum += predictor[j] * past[j];
            samples[i] += sum >> shift;
        }
    }
}
