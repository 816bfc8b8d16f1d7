using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// In training, sets each element to zero with a given probability and scales the others so that the mean stays (Srivastava
/// et al. 2014). Locked, all frames of an utterance share one mask (Gal and Ghahramani 2016). What is dropped depends on seed,
/// step, layer and utterance, not on the utterance's place in the batch. Derivation: Dropout.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Dropout<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // One draw of 64 bits decides four elements, each with a resolution of 2^-16.
    private const int PerDraw = 4,
        Resolution = 1 << 16;

    private readonly double probability;
    private readonly bool locked;

    /// <summary>Dropout between layers of <paramref name="features"/> features.</summary>
    /// <param name="features">Features per frame.</param>
    /// <param name="probability">Of an element to be dropped, in [0, 1).</param>
    /// <param name="locked">Whether all frames of an utterance share one mask.</param>
    public Dropout(int features, double probability, bool locked = false)
    {
        if (probability is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(
                nameof(probability),
                probability,
                "a dropout probability is in [0, 1)"
            );
        (OutputFeatures, this.probability, this.locked) = (features, probability, locked);
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "Dropout");
        return Apply(x, pass); // F1
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass) => Apply(dy, pass); // B1: the same draws again

    private Batch<TReal> Apply(Batch<TReal> x, Pass pass)
    {
        if (!pass.Training || probability == 0)
            return x;
        var y = x.Like(pass.Workspace, x.F);
        pass.Workspace.Team.For(
            x.T,
            (x, y, pass.Random.Fork(Path), probability, locked),
            static (
                in (Batch<TReal> X, Batch<TReal> Y, CounterRandom Random, double Probability, bool Locked) s,
                int t
            ) =>
            {
                int F = s.X.F,
                    drawsPerRow = IntMath.CeilDiv(F, PerDraw);
                var first = s.Locked ? 0 : (ulong)t * (ulong)drawsPerRow;
                var dropBelow = (uint)(s.Probability * Resolution);
                var scale = TReal.CreateTruncating((double)Resolution / (Resolution - dropBelow)); // by what is really dropped
                for (var b = 0; b < s.X.B; b++)
                {
                    var random = s.Random.Fork(s.X.Keys.Span[b]);
                    Span<TReal> x = s.X.Row(t, b),
                        y = s.Y.Row(t, b);
                    for (var f = 0; f < F; )
                    {
                        var bits = random.Bits(first + (ulong)(f / PerDraw));
                        for (var end = Math.Min(F, f + PerDraw); f < end; f++, bits >>= 16)
                            y[f] = (bits & (Resolution - 1)) < dropBelow ? TReal.Zero : x[f] * scale;
                    }
                }
            }
        );
        return y;
    }
}
