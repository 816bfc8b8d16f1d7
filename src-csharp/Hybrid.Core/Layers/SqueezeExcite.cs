using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Squeeze and excitation (Hu, Shen and Sun 2018): y = x * sigmoid(W2 relu(W1 m)), with m the mean of an utterance's frames
/// and one factor per channel; W1 is <c>fc.0.weight</c> [C / reduction, C], W2 is <c>fc.2.weight</c> [C, C / reduction].
/// Frames beyond an utterance's length stay out of the mean. Derivation: SqueezeExcite.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class SqueezeExcite<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Sequential<TReal> gate;

    /// <summary>A gate over <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="reduction">How many channels share a unit of the hidden layer; C / reduction is rounded down.</param>
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
        // The means are a batch of one frame for each utterance.
        var ones = workspace.Rent<int>(x.B);
        ones.Span.Fill(1);
        var mean = new Batch<TReal>(workspace.RentZeroed<TReal>(x.B * x.F), 1, x.B, x.F, ones, x.Keys);
        workspace.Team.For(x.B, (x, mean), static (in (Batch<TReal> X, Batch<TReal> Mean) s, int b) =>
        {
            var mean = s.Mean.Row(0, b);
            var length = s.X.Lengths.Span[b];
            for (var t = 0; t < length; t++)
                TensorPrimitives.Add(mean, s.X.Row(t, b), mean);
            TensorPrimitives.Divide(mean, TReal.CreateTruncating(Math.Max(1, length)), mean); // F1
        });
        var factor = gate.Forward(mean, pass); // F2
        var y = x.Like(workspace, x.F);
        workspace.Team.For(
            x.T,
            (x, y, factor),
            static (in (Batch<TReal> X, Batch<TReal> Y, Batch<TReal> Factor) s, int t) =>
            {
                for (var b = 0; b < s.X.B; b++)
                    TensorPrimitives.Multiply(s.X.Row(t, b), s.Factor.Row(0, b), s.Y.Row(t, b)); // F3
            }
        );
        workspace.Tape<SqueezeExciteTape>(this) = new SqueezeExciteTape(x, factor);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var (x, factor) = workspace.Tape<SqueezeExciteTape>(this);
        var dFactor = factor.With(workspace.RentZeroed<TReal>(factor.Data.Length), x.F);
        workspace.Team.For(
            x.B,
            (x, dy, dFactor),
            static (in (Batch<TReal> X, Batch<TReal> Dy, Batch<TReal> DFactor) s, int b) =>
            {
                var sum = s.DFactor.Row(0, b);
                for (var t = 0; t < s.X.Lengths.Span[b]; t++)
                    TensorPrimitives.MultiplyAdd(s.X.Row(t, b), s.Dy.Row(t, b), sum, sum); // B1
            }
        );
        var dMean = gate.Backward(dFactor, pass); // B2
        var dx = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        workspace.Team.For(
            x.B,
            (x, dy, dx, factor, dMean),
            static (
                in (Batch<TReal> X, Batch<TReal> Dy, Batch<TReal> Dx, Batch<TReal> Factor, Batch<TReal> DMean) s,
                int b
            ) =>
            {
                var dMean = s.DMean.Row(0, b);
                var length = s.X.Lengths.Span[b];
                TensorPrimitives.Divide(dMean, TReal.CreateTruncating(Math.Max(1, length)), dMean);
                for (var t = 0; t < length; t++)
                    TensorPrimitives.MultiplyAdd(s.Dy.Row(t, b), s.Factor.Row(0, b), dMean, s.Dx.Row(t, b)); // B3
            }
        );
        return dx;
    }

    /// <param name="X">The input: B1.</param>
    /// <param name="Factor">[1, B, C], the factor of each channel: B3.</param>
    private readonly record struct SqueezeExciteTape(Batch<TReal> X, Batch<TReal> Factor);
}
