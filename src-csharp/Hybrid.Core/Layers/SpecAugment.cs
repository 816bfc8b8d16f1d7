using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// SpecAugment (Park et al. 2019): in training, sets random spans of frames and random bands of features to zero. The
/// width of each is uniform in 0..limit, its position uniform among those that fit. All time masks of an utterance
/// together cover at most a share of its frames. Widths and positions depend on seed, step and utterance. Derivation:
/// SpecAugment.md.
/// </summary>
/// <remarks>
/// A masked NaN becomes zero, any other stays NaN. In evaluation the output is the input batch itself: both share
/// memory.
/// </remarks>
/// <example>
/// <code>
/// var layer = new SpecAugment&lt;float&gt;(features: 28, timeWidth: 20, frequencyWidth: 4);
/// var pass = new Pass(workspace, Training: true, new CounterRandom(seed));
/// Batch&lt;float&gt; y = layer.Forward(x, pass); // [T, B, 28]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class SpecAugment<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    internal const double DefaultShare = 0.4;

    private readonly int timeWidth,
        timeCount,
        frequencyWidth,
        frequencyCount;
    private readonly double share;

    /// <summary>Masks over frames of <paramref name="features"/> features.</summary>
    /// <param name="features">Features per frame.</param>
    /// <param name="timeWidth">Largest width of a time mask, in frames.</param>
    /// <param name="frequencyWidth">Largest width of a frequency mask, in features.</param>
    /// <param name="timeCount">Time masks per utterance.</param>
    /// <param name="frequencyCount">Frequency masks per utterance.</param>
    /// <param name="share">Largest share of an utterance's frames that its time masks cover, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A width or count is negative, a frequency mask exceeds the features, their number is not positive, or the share
    /// is not in [0, 1].
    /// </exception>
    public SpecAugment(
        int features,
        int timeWidth,
        int frequencyWidth,
        int timeCount = 1,
        int frequencyCount = 1,
        double share = DefaultShare
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(features);
        ArgumentOutOfRangeException.ThrowIfNegative(timeWidth);
        ArgumentOutOfRangeException.ThrowIfNegative(timeCount);
        ArgumentOutOfRangeException.ThrowIfNegative(frequencyCount);
        if (frequencyWidth < 0 || frequencyWidth > features)
            throw new ArgumentOutOfRangeException(
                nameof(frequencyWidth),
                frequencyWidth,
                $"the width of a frequency mask is in 0..{features}"
            );
        if (share is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "the share of masked frames is in [0, 1]");
        (OutputFeatures, this.share) = (features, share);
        (this.timeWidth, this.timeCount, this.frequencyWidth, this.frequencyCount) = (
            timeWidth,
            timeCount,
            frequencyWidth,
            frequencyCount
        );
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "SpecAugment");
        return Apply(x, pass); // F1
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass) => Apply(dy, pass); // B1: the same draws again

    private Batch<TReal> Apply(Batch<TReal> x, Pass pass)
    {
        if (!pass.Training)
            return x;
        var y = x.Like(pass.Workspace, x.F);
        x.Data.CopyTo(y.Data);
        var layer = pass.Random.Fork(Path);
        for (var b = 0; b < x.B; b++)
        {
            // Two draws per mask at fixed positions, so that masks do not depend on each other.
            var random = layer.Fork(x.Keys.Span[b]);
            var length = x.Lengths.Span[b];
            var timeLimit = (int)Math.Min(timeWidth, share * length / Math.Max(1, timeCount));
            ulong draw = 0;
            for (var i = 0; i < timeCount; i++, draw += 2)
            {
                var (start, end) = Span(random, draw, timeLimit, length);
                for (var t = start; t < end; t++)
                    y.Row(t, b).Clear();
            }
            for (var i = 0; i < frequencyCount; i++, draw += 2)
            {
                var (start, end) = Span(random, draw, frequencyWidth, x.F);
                for (var t = 0; t < length; t++)
                    y.Row(t, b)[start..end].Clear();
            }
        }
        return y;
    }

    /// <summary>A random span of at most <paramref name="limit"/> of 0..<paramref name="available"/> - 1.</summary>
    private static (int Start, int End) Span(CounterRandom random, ulong draw, int limit, int available)
    {
        var width = (int)(random.Uniform(draw) * (limit + 1.0));
        var start = (int)(random.Uniform(draw + 1) * (available - width + 1));
        return (start, start + width);
    }
}
