using System.Globalization;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Natural-log probabilities of V symbols in each of T frames of one utterance: the only thing decoders and aligners take, so
/// that logits, probabilities and logarithms cannot be confused.
/// </summary>
public sealed class LogProbs
{
    // Single-precision log-softmax of 41 symbols is off by about 1e-6; logarithms taken twice or never, by far more.
    private const double Tolerance = 1e-3;

    /// <summary>The most symbols: searches set up something for each, whether there are frames or not.</summary>
    public const int MostSymbols = 1 << 16;

    private readonly float[] data;

    private LogProbs(float[] data, int frames, int symbols) => (this.data, T, V) = (data, frames, symbols);

    /// <summary>Frames.</summary>
    public int T { get; }

    /// <summary>Symbols, blank included.</summary>
    public int V { get; }

    /// <summary>[T, V], row-major.</summary>
    public ReadOnlyMemory<float> Data => data;

    /// <summary>The log probabilities of one frame.</summary>
    public ReadOnlySpan<float> this[int t] => data.AsSpan(t * V, V);

    /// <summary>Takes unnormalised scores, as networks put them out, and applies log-softmax.</summary>
    /// <exception cref="ArgumentException">The size does not fit, or a score is NaN or infinite.</exception>
    public static LogProbs FromLogits(ReadOnlySpan<float> logits, int frames, int symbols)
    {
        CheckSize(logits, frames, symbols, "logits");
        var result = new LogProbs(logits.ToArray(), frames, symbols);
        for (var t = 0; t < frames; t++)
        {
            var row = result.data.AsSpan(t * symbols, symbols);
            foreach (var x in row)
                if (!float.IsFinite(x))
                    throw new ArgumentException(
                        string.Create(CultureInfo.InvariantCulture, $"logits: frame {t} holds {x}")
                    );
            var norm = LogMath.LogSumExp<float, double>(row);
            for (var v = 0; v < symbols; v++)
                row[v] = (float)Math.Min(0, row[v] - norm);
        }
        return result;
    }

    /// <summary>Takes one utterance of a network's output.</summary>
    public static LogProbs FromLogits(Batch<float> logits, int utterance)
    {
        var frames = logits.Lengths.Span[utterance];
        var own = new float[frames * logits.F];
        for (var t = 0; t < frames; t++)
            logits.Row(t, utterance).CopyTo(own.AsSpan(t * logits.F));
        return FromLogits(own, frames, logits.F);
    }

    /// <summary>Takes probabilities; every row sums to 1.</summary>
    /// <exception cref="ArgumentException">The size does not fit, or a row is no distribution.</exception>
    public static LogProbs FromProbabilities(ReadOnlySpan<float> probabilities, int frames, int symbols)
    {
        CheckSize(probabilities, frames, symbols, "probabilities");
        var logs = new float[probabilities.Length];
        for (var i = 0; i < logs.Length; i++)
        {
            if (!(probabilities[i] >= 0))
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"probabilities: row {i / symbols} holds {probabilities[i]}; for log probabilities use FromLogProbabilities, for network outputs FromLogits"
                    )
                );
            logs[i] = MathF.Log(probabilities[i]);
        }
        CheckRows(logs, frames, symbols, "probabilities", "for network outputs use FromLogits");
        return new LogProbs(AtMostZero(logs), frames, symbols);
    }

    /// <summary>Takes natural logarithms of probabilities; the probabilities of every row sum to 1.</summary>
    /// <exception cref="ArgumentException">The size does not fit, or a row is no distribution.</exception>
    public static LogProbs FromLogProbabilities(ReadOnlySpan<float> logProbabilities, int frames, int symbols)
    {
        CheckSize(logProbabilities, frames, symbols, "log probabilities");
        CheckRows(
            logProbabilities,
            frames,
            symbols,
            "log probabilities",
            "for network outputs use FromLogits, for probabilities FromProbabilities"
        );
        return new LogProbs(AtMostZero(logProbabilities.ToArray()), frames, symbols);
    }

    /// <summary>Takes log probabilities, [T, V], that came out of others of this type.</summary>
    internal static LogProbs OfChecked(float[] logProbabilities, int frames, int symbols) =>
        new(logProbabilities, frames, symbols);

    /// <summary>A probability within the tolerance above 1 counts as 1, so that no score is positive.</summary>
    private static float[] AtMostZero(float[] logs)
    {
        TensorPrimitives.Min(logs, 0f, logs);
        return logs;
    }

    private static void CheckSize(ReadOnlySpan<float> data, int frames, int symbols, string what)
    {
        if (frames < 0)
            throw new ArgumentOutOfRangeException(
                nameof(frames),
                $"{what}: there are {frames} frames, must not be negative"
            );
        if (symbols is < 1 or > MostSymbols)
            throw new ArgumentOutOfRangeException(
                nameof(symbols),
                $"{what}: there are {symbols} symbols, must be 1 to {MostSymbols}"
            );
        if (data.Length != (long)frames * symbols)
            throw new ArgumentException(
                $"{what}: [T, V] = [{frames}, {symbols}] needs {(long)frames * symbols} numbers, not {data.Length}"
            );
    }

    private static void CheckRows(ReadOnlySpan<float> logs, int frames, int symbols, string what, string otherwise)
    {
        for (var t = 0; t < frames; t++)
        {
            var sum = 0.0;
            foreach (var x in logs.Slice(t * symbols, symbols))
                sum += Math.Exp(x);
            if (!(Math.Abs(sum - 1) <= Tolerance))
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{what}: row {t} sums to {sum:G6}, not to 1; rows are frames, [T, V] = [{frames}, {symbols}]; {otherwise}"
                    )
                );
        }
    }
}
