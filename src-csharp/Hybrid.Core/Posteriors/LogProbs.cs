using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Natural-log probabilities of V symbols in each of the T frames of one utterance. Decoders and aligners accept no
/// other type, so that logits, probabilities and logarithms cannot be confused.
/// </summary>
/// <remarks>Instances are immutable; the factory methods copy their input.</remarks>
public sealed class LogProbs
{
    // The error of a single-precision log-softmax of 41 symbols is about 1e-6; a logarithm too many or too few gives a
    // far larger one.
    private const double Tolerance = 1e-3;

    /// <summary>The largest number of symbols; searches allocate memory for each.</summary>
    public const int MaxSymbols = 1 << 16;

    private readonly float[] data;

    private LogProbs(float[] data, int frames, int symbols) => (this.data, T, V) = (data, frames, symbols);

    /// <summary>Number of frames.</summary>
    public int T { get; }

    /// <summary>Number of symbols, the blank included.</summary>
    public int V { get; }

    /// <summary>The log probabilities, [T, V], row-major.</summary>
    public ReadOnlyMemory<float> Data => data;

    /// <summary>The log probabilities of frame <paramref name="t"/>, [V].</summary>
    public ReadOnlySpan<float> this[int t] => data.AsSpan(t * V, V);

    /// <summary>Applies log-softmax to the logits of a network.</summary>
    /// <param name="logits">[frames, symbols], row-major.</param>
    /// <param name="frames">T.</param>
    /// <param name="symbols">V.</param>
    /// <exception cref="ArgumentException">The size does not fit, or a logit is NaN or infinite.</exception>
    public static LogProbs FromLogits(ReadOnlySpan<float> logits, int frames, int symbols) =>
        OfLogits(logits, frames, symbols);

    /// <summary>Applies log-softmax to the logits of a network.</summary>
    /// <param name="logits">[T, V], of float or double.</param>
    /// <exception cref="ArgumentException">A logit is NaN or infinite.</exception>
    public static LogProbs FromLogits<TReal>(TReal[,] logits)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        OfLogits<TReal>(logits.AsSpan(), logits.GetLength(0), logits.GetLength(1));

    private static LogProbs OfLogits<TReal>(ReadOnlySpan<TReal> logits, int frames, int symbols)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSize(logits.Length, frames, symbols, "logits");
        var result = new LogProbs(new float[logits.Length], frames, symbols);
        for (var t = 0; t < frames; t++)
        {
            var row = logits.Slice(t * symbols, symbols);
            foreach (var x in row)
                if (!TReal.IsFinite(x))
                    throw new ArgumentException(
                        string.Create(CultureInfo.InvariantCulture, $"logits: frame {t} holds {x}")
                    );
            var norm = LogMath.LogSumExp<TReal, double>(row);
            for (var v = 0; v < symbols; v++)
                result.data[t * symbols + v] = (float)Math.Min(0, double.CreateTruncating(row[v]) - norm);
        }
        return result;
    }

    /// <summary>Applies log-softmax to the logits of one utterance of a batch.</summary>
    /// <param name="logits">[T, B, V]; frames beyond the utterance's length are not read.</param>
    /// <param name="utterance">Index in the batch.</param>
    /// <exception cref="ArgumentException">A logit is NaN or infinite.</exception>
    public static LogProbs FromLogits(Batch<float> logits, int utterance)
    {
        var frames = logits.Lengths.Span[utterance];
        var own = new float[frames * logits.F];
        for (var t = 0; t < frames; t++)
            logits.Row(t, utterance).CopyTo(own.AsSpan(t * logits.F));
        return FromLogits(own, frames, logits.F);
    }

    /// <summary>Takes the logarithm of probabilities. Each row must sum to 1 within 0.001; 0 is allowed.</summary>
    /// <param name="probabilities">[frames, symbols], row-major.</param>
    /// <param name="frames">T.</param>
    /// <param name="symbols">V.</param>
    /// <exception cref="ArgumentException">
    /// The size does not fit, or a row is not a distribution: a negative number, NaN, or another sum.
    /// </exception>
    public static LogProbs FromProbabilities(ReadOnlySpan<float> probabilities, int frames, int symbols) =>
        OfProbabilities(probabilities, frames, symbols);

    /// <summary>Takes the logarithm of probabilities. Each row must sum to 1 within 0.001; 0 is allowed.</summary>
    /// <param name="probabilities">[T, V], of float or double.</param>
    /// <exception cref="ArgumentException">
    /// A row is not a distribution: a negative number, NaN, or another sum.
    /// </exception>
    public static LogProbs FromProbabilities<TReal>(TReal[,] probabilities)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        OfProbabilities<TReal>(probabilities.AsSpan(), probabilities.GetLength(0), probabilities.GetLength(1));

    private static LogProbs OfProbabilities<TReal>(ReadOnlySpan<TReal> probabilities, int frames, int symbols)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSize(probabilities.Length, frames, symbols, "probabilities");
        var logs = new float[probabilities.Length];
        for (var i = 0; i < logs.Length; i++)
        {
            if (!(probabilities[i] >= TReal.Zero))
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"probabilities: row {i / symbols} holds {probabilities[i]}; for log probabilities use "
                            + $"FromLogProbabilities, for network outputs FromLogits"
                    )
                );
            logs[i] = float.CreateTruncating(TReal.Log(probabilities[i]));
        }
        CheckRows<float>(logs, frames, symbols, "probabilities", "for network outputs use FromLogits");
        return new LogProbs(AtMostZero(logs), frames, symbols);
    }

    /// <summary>
    /// Takes natural logarithms of probabilities. The probabilities of each row must sum to 1 within 0.001; negative
    /// infinity is allowed.
    /// </summary>
    /// <param name="logProbabilities">[frames, symbols], row-major.</param>
    /// <param name="frames">T.</param>
    /// <param name="symbols">V.</param>
    /// <exception cref="ArgumentException">The size does not fit, or a row is not a distribution.</exception>
    public static LogProbs FromLogProbabilities(ReadOnlySpan<float> logProbabilities, int frames, int symbols) =>
        OfLogProbabilities(logProbabilities, frames, symbols);

    /// <summary>
    /// Takes natural logarithms of probabilities. The probabilities of each row must sum to 1 within 0.001; negative
    /// infinity is allowed.
    /// </summary>
    /// <param name="logProbabilities">[T, V], of float or double.</param>
    /// <exception cref="ArgumentException">A row is not a distribution.</exception>
    public static LogProbs FromLogProbabilities<TReal>(TReal[,] logProbabilities)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        OfLogProbabilities<TReal>(
            logProbabilities.AsSpan(),
            logProbabilities.GetLength(0),
            logProbabilities.GetLength(1)
        );

    private static LogProbs OfLogProbabilities<TReal>(ReadOnlySpan<TReal> logProbabilities, int frames, int symbols)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        CheckSize(logProbabilities.Length, frames, symbols, "log probabilities");
        CheckRows(
            logProbabilities,
            frames,
            symbols,
            "log probabilities",
            "for network outputs use FromLogits, for probabilities FromProbabilities"
        );
        var logs = new float[logProbabilities.Length];
        TensorPrimitives.ConvertTruncating(logProbabilities, logs);
        return new LogProbs(AtMostZero(logs), frames, symbols);
    }

    /// <summary>Number of frames and symbols.</summary>
    public override string ToString() => $"log probabilities of {V} symbols in {T} frames";

    /// <summary>Wraps log probabilities, [T, V], that were checked before; the array is not copied.</summary>
    internal static LogProbs OfChecked(float[] logProbabilities, int frames, int symbols) =>
        new(logProbabilities, frames, symbols);

    /// <summary>Reduces probabilities above 1, but within the tolerance, to 1, so that no score is positive.</summary>
    private static float[] AtMostZero(float[] logs)
    {
        TensorPrimitives.Min(logs, 0f, logs);
        return logs;
    }

    private static void CheckSize(int length, int frames, int symbols, string what)
    {
        if (frames < 0)
            throw new ArgumentOutOfRangeException(
                nameof(frames),
                $"{what}: there are {frames} frames, must not be negative"
            );
        if (symbols is < 1 or > MaxSymbols)
            throw new ArgumentOutOfRangeException(
                nameof(symbols),
                $"{what}: there are {symbols} symbols, must be 1 to {MaxSymbols}"
            );
        if (length != (long)frames * symbols)
            throw new ArgumentException(
                $"{what}: [T, V] = [{frames}, {symbols}] needs {(long)frames * symbols} numbers, not {length}"
            );
    }

    private static void CheckRows<TReal>(
        ReadOnlySpan<TReal> logs,
        int frames,
        int symbols,
        string what,
        string otherwise
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        for (var t = 0; t < frames; t++)
        {
            var sum = 0.0;
            foreach (var x in logs.Slice(t * symbols, symbols))
                sum += Math.Exp(double.CreateTruncating(x));
            if (!(Math.Abs(sum - 1) <= Tolerance))
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{what}: row {t} sums to {sum:G6}, not to 1; rows are frames, [T, V] = [{frames}, "
                            + $"{symbols}]; {otherwise}"
                    )
                );
        }
    }
}
