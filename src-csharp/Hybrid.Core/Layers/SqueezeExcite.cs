using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Squeeze and excitation (Hu, Shen and Sun 2018): y = x * sigmoid(W2 relu(W1 m)), where m is the mean of an
/// utterance's frames, with one factor per channel. W1 is <c>fc.0.weight</c> [C / reduction, C], W2 is
/// <c>fc.2.weight</c> [C, C / reduction]. Frames beyond an utterance's length do not count. Derivation:
/// SqueezeExcite.md.
/// </summary>
/// <remarks>A NaN makes its whole utterance NaN; other utterances do not change.</remarks>
/// <example>
/// <code>
/// var layer = new SqueezeExcite&lt;float&gt;(channels: 64, reduction: 16);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class SqueezeExcite<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Sequential<TReal> gate;

    /// <summary>Squeeze and excitation of <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="reduction">
    /// Channels per hidden unit; the number of hidden units is C / reduction, rounded down.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The reduction is not in 1..C, or the weights exceed the length of an array.
    /// </exception>
    public SqueezeExcite(int channels, int reduction = 16)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(reduction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reduction, channels);
        var hidden = channels / reduction;
        gate = AddChild(
            "fc",
            new Sequential<TReal>(
                channels,
                new Linear<TReal>(channels, hidden, bias: false),
                new Activation<TReal>(ActivationFunction.Relu, hidden),
                new Linear<TReal>(hidden, channels, bias: false),
                new Activation<TReal>(ActivationFunction.Sigmoid, channels)
            )
        );
        Parameters = gate.Parameters;
    }

    /// <inheritdoc/>
    public override int OutputFeatures => gate.OutputFeatures;

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "SqueezeExcite");
        var workspace = pass.Workspace;
        // Squeeze: the means are a batch of one frame per utterance.
        var ones = workspace.Rent<int>(x.B);
        ones.Span.Fill(1);
        var mean = new Batch<TReal>(workspace.RentZeroed<TReal>(x.B * x.F), 1, x.B, x.F, ones, x.Keys);
        workspace.Team.For(x.B, new MeanJob(x, mean)); // F1
        // Excitation: one factor per utterance and channel.
        var scale = gate.Forward(mean, pass); // F2
        var y = x.Like(workspace, x.F);
        workspace.Team.For(x.T, new ScaleJob(x, scale, y)); // F3
        workspace.Tape<SqueezeExciteTape>(this) = new SqueezeExciteTape(x, scale);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var (x, scale) = workspace.TakeTape<SqueezeExciteTape>(this);
        // Gradients of the factors and, through their layers, of the means.
        var dScale = scale.With(workspace.RentZeroed<TReal>(scale.Data.Length), x.F);
        workspace.Team.For(x.B, new ScaleGradientJob(x, dy, dScale)); // B1
        var dMean = gate.Backward(dScale, pass); // B2
        // Gradient of the input, directly and through the means.
        var dx = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        workspace.Team.For(x.B, new InputGradientJob(dy, scale, dMean, dx)); // B3
        return dx;
    }

    /// <summary>The mean of one utterance per index.</summary>
    private readonly record struct MeanJob(Batch<TReal> X, Batch<TReal> Mean) : ITeamJob
    {
        public void Run(int b)
        {
            var mean = Mean.Row(0, b);
            var length = X.Lengths.Span[b];
            for (var t = 0; t < length; t++)
                TensorPrimitives.Add(mean, X.Row(t, b), mean);
            TensorPrimitives.Divide(mean, TReal.CreateTruncating(Math.Max(1, length)), mean);
        }
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct ScaleJob(Batch<TReal> X, Batch<TReal> Scale, Batch<TReal> Y) : ITeamJob
    {
        public void Run(int t)
        {
            for (var b = 0; b < X.B; b++)
                TensorPrimitives.Multiply(X.Row(t, b), Scale.Row(0, b), Y.Row(t, b));
        }
    }

    /// <summary>The gradient of the factors of one utterance per index.</summary>
    private readonly record struct ScaleGradientJob(Batch<TReal> X, Batch<TReal> Dy, Batch<TReal> DScale) : ITeamJob
    {
        public void Run(int b)
        {
            var dScale = DScale.Row(0, b);
            for (var t = 0; t < X.Lengths.Span[b]; t++)
                TensorPrimitives.MultiplyAdd(X.Row(t, b), Dy.Row(t, b), dScale, dScale);
        }
    }

    /// <summary>The input gradient of one utterance per index; <c>DMean</c> is overwritten.</summary>
    private readonly record struct InputGradientJob(
        Batch<TReal> Dy,
        Batch<TReal> Scale,
        Batch<TReal> DMean,
        Batch<TReal> Dx
    ) : ITeamJob
    {
        public void Run(int b)
        {
            var dMean = DMean.Row(0, b);
            var length = Dx.Lengths.Span[b];
            TensorPrimitives.Divide(dMean, TReal.CreateTruncating(Math.Max(1, length)), dMean);
            for (var t = 0; t < length; t++)
                TensorPrimitives.MultiplyAdd(Dy.Row(t, b), Scale.Row(0, b), dMean, Dx.Row(t, b));
        }
    }

    /// <param name="X">The input: B1.</param>
    /// <param name="Scale">[1, B, C], the factor of each channel: B3.</param>
    private readonly record struct SqueezeExciteTape(Batch<TReal> X, Batch<TReal> Scale);
}
