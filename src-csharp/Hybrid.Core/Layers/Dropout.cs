using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Dropout (Srivastava et al. 2014): in training, sets each element to zero with a given probability and scales the
/// others to preserve the mean. Locked, all frames of an utterance share one mask (Gal and Ghahramani 2016). The mask
/// depends on seed, step, layer and utterance, not on the utterance's index in the batch. Derivation: Dropout.md.
/// </summary>
/// <remarks>
/// A dropped NaN becomes zero, any other stays NaN. In evaluation the output is the input batch itself: both share
/// memory.
/// </remarks>
/// <example>
/// <code>
/// var layer = new Dropout&lt;float&gt;(features: 64, probability: 0.2);
/// var pass = new Pass(workspace, Training: true, new CounterRandom(seed));
/// Batch&lt;float&gt; y = layer.Forward(x, pass); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Dropout<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // One draw of 64 bits decides four elements, each with a resolution of 2^-16.
    private const int ElementsPerDraw = 4,
        Resolution = 1 << 16;

    private readonly double probability;
    private readonly bool locked;

    /// <summary>Dropout of frames of <paramref name="features"/> features.</summary>
    /// <param name="features">Features per frame.</param>
    /// <param name="probability">Probability that an element is dropped, in [0, 1).</param>
    /// <param name="locked">Whether all frames of an utterance share one mask.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The probability is not in [0, 1), or the number of features is not positive.
    /// </exception>
    public Dropout(int features, double probability, bool locked = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(features);
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
            new MaskJob(x, y, pass.Random.Fork(Path), (uint)(probability * Resolution), locked)
        );
        return y;
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct MaskJob(
        Batch<TReal> X,
        Batch<TReal> Y,
        CounterRandom Random,
        uint Threshold,
        bool Locked
    ) : ITeamJob
    {
        public void Run(int t)
        {
            var F = X.F;
            var firstDraw = Locked ? 0 : (ulong)t * (ulong)IntMath.CeilDiv(F, ElementsPerDraw);
            // By the exact probability, a multiple of 2^-16.
            var scale = TReal.CreateTruncating((double)Resolution / (Resolution - Threshold));
            for (var b = 0; b < X.B; b++)
            {
                var random = Random.Fork(X.Keys.Span[b]);
                Span<TReal> x = X.Row(t, b),
                    y = Y.Row(t, b);
                for (var f = 0; f < F; )
                {
                    var bits = random.Bits(firstDraw + (ulong)(f / ElementsPerDraw));
                    for (var end = Math.Min(F, f + ElementsPerDraw); f < end; f++, bits >>= 16)
                        y[f] = (bits & (Resolution - 1)) < Threshold ? TReal.Zero : x[f] * scale;
                }
            }
        }
    }
}
