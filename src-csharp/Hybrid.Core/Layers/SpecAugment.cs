using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// In training, sets random stretches of frames and random bands of features to zero (SpecAugment, Park et al. 2019). The
/// width of each is uniform in 0..limit, its place uniform where it fits; both depend on seed, step and utterance.
/// Derivation: SpecAugment.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class SpecAugment<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int timeWidth,
        timeCount,
        frequencyWidth,
        frequencyCount;

    /// <summary>Masks over features of <paramref name="features"/> numbers per frame.</summary>
    /// <param name="features">Features per frame.</param>
    /// <param name="timeWidth">The widest stretch of time, in frames.</param>
    /// <param name="frequencyWidth">The widest band, in features.</param>
    /// <param name="timeCount">Stretches of time per utterance.</param>
    /// <param name="frequencyCount">Bands per utterance.</param>
    public SpecAugment(int features, int timeWidth, int frequencyWidth, int timeCount = 1, int frequencyCount = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(timeWidth);
        ArgumentOutOfRangeException.ThrowIfNegative(timeCount);
        ArgumentOutOfRangeException.ThrowIfNegative(frequencyCount);
        if (frequencyWidth < 0 || frequencyWidth > features)
            throw new ArgumentOutOfRangeException(
                nameof(frequencyWidth),
                frequencyWidth,
                $"a band is in 0..{features} features"
            );
        OutputFeatures = features;
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
        RequireFeatures(x, OutputFeatures, "Masking");
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
            // Two draws per mask at fixed places, so that no mask shifts another.
            var random = layer.Fork(x.Keys.Span[b]);
            var length = x.Lengths.Span[b];
            ulong draw = 0;
            for (var i = 0; i < timeCount; i++, draw += 2)
            {
                var (start, end) = Stretch(random, draw, timeWidth, length);
                for (var t = start; t < end; t++)
                    y.Row(t, b).Clear();
            }
            for (var i = 0; i < frequencyCount; i++, draw += 2)
            {
                var (start, end) = Stretch(random, draw, frequencyWidth, x.F);
                for (var t = 0; t < length; t++)
                    y.Row(t, b)[start..end].Clear();
            }
        }
        return y;
    }

    private static (int Start, int End) Stretch(CounterRandom random, ulong draw, int limit, int available)
    {
        var width = Math.Min(available, (int)(random.Uniform(draw) * (limit + 1.0)));
        var start = (int)(random.Uniform(draw + 1) * (available - width + 1));
        return (start, start + width);
    }
}
