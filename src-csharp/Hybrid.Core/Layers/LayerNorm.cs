using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Layer normalisation (Ba, Kiros and Hinton 2016): every frame gets mean 0 and variance 1 over its features, then each
/// feature a learned scale and shift. Derivation: LayerNorm.md.
/// </summary>
/// <remarks>A frame with NaN or infinity becomes NaN; other frames do not change.</remarks>
/// <example>
/// <code>
/// var layer = new LayerNorm&lt;float&gt;(features: 64);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LayerNorm<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly double epsilon;
    private readonly Parameter<TReal> weight,
        bias;

    /// <summary>Layer normalisation of frames of <paramref name="features"/> features.</summary>
    /// <param name="features">Features per frame, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of features is not positive.</exception>
    public LayerNorm(int features, double epsilon = 1e-5)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(features);
        (OutputFeatures, this.epsilon) = (features, epsilon);
        weight = Parameter<TReal>.Constant("weight", 1, features);
        bias = Parameter<TReal>.Constant("bias", 0, features);
        Parameters = [weight, bias];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "LayerNorm");
        var workspace = pass.Workspace;
        var norm = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        var y = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        var rstd = workspace.Rent<TReal>(x.Rows);
        workspace.Team.For(
            x.T,
            new ForwardJob(x, norm, rstd, y, weight.Elements, bias.Elements, TReal.CreateTruncating(epsilon))
        );
        workspace.Tape<LayerNormTape>(this) = new LayerNormTape(norm, rstd);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var (norm, rstd) = workspace.TakeTape<LayerNormTape>(this);
        // Gradients of the parameters.
        RowReductions.AddSum(dy.Matrix, bias.Gradient, workspace); // B1
        RowReductions.AddProductSum(dy.Matrix, norm.Matrix, weight.Gradient, workspace); // B2
        // Gradient of the input.
        var dx = dy.With(workspace.RentZeroed<TReal>(dy.Data.Length), dy.F);
        workspace.Team.For(dy.T, new BackwardJob(dy, norm, rstd, dx, weight.Elements));
        return dx;
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct ForwardJob(
        Batch<TReal> X,
        Batch<TReal> Norm,
        Memory<TReal> Rstd,
        Batch<TReal> Y,
        TReal[] Weight,
        TReal[] Bias,
        TReal Epsilon
    ) : ITeamJob
    {
        public void Run(int t)
        {
            for (var b = 0; b < X.B; b++)
                if (t < X.Lengths.Span[b])
                    Rstd.Span[t * X.B + b] = Normalize(X.Row(t, b), Norm.Row(t, b), Y.Row(t, b));
        }

        private TReal Normalize(ReadOnlySpan<TReal> x, Span<TReal> norm, Span<TReal> y)
        {
            // Mean and variance, in two passes because of cancellation.
            var count = TReal.CreateTruncating(x.Length);
            TReal sum = TReal.Zero,
                squares = TReal.Zero;
            foreach (var value in x)
                sum += value;
            var mean = sum / count; // F1
            foreach (var value in x)
                squares += (value - mean) * (value - mean);
            var rstd = TReal.One / TReal.Sqrt(squares / count + Epsilon); // F2
            // Normalisation, scale and shift.
            ReadOnlySpan<TReal> weight = Weight,
                bias = Bias;
            for (var c = 0; c < x.Length; c++)
            {
                norm[c] = (x[c] - mean) * rstd; // F3
                y[c] = norm[c] * weight[c] + bias[c]; // F4
            }
            return rstd;
        }
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct BackwardJob(
        Batch<TReal> Dy,
        Batch<TReal> Norm,
        Memory<TReal> Rstd,
        Batch<TReal> Dx,
        TReal[] Weight
    ) : ITeamJob
    {
        public void Run(int t)
        {
            for (var b = 0; b < Dy.B; b++)
                if (t < Dy.Lengths.Span[b])
                    InputGradient(Dy.Row(t, b), Norm.Row(t, b), Rstd.Span[t * Dy.B + b], Dx.Row(t, b));
        }

        private void InputGradient(ReadOnlySpan<TReal> dy, ReadOnlySpan<TReal> norm, TReal rstd, Span<TReal> dx)
        {
            // Gradient of the normalised frame, and its two means.
            var count = TReal.CreateTruncating(dy.Length);
            ReadOnlySpan<TReal> weight = Weight;
            TReal dNormMean = TReal.Zero,
                dNormNormMean = TReal.Zero;
            for (var c = 0; c < dy.Length; c++)
            {
                var dNorm = dy[c] * weight[c]; // B3
                dNormMean += dNorm;
                dNormNormMean += dNorm * norm[c];
                dx[c] = dNorm;
            }
            (dNormMean, dNormNormMean) = (dNormMean / count, dNormNormMean / count); // B4
            // Gradient of the frame.
            for (var c = 0; c < dy.Length; c++)
                dx[c] = rstd * (dx[c] - dNormMean - norm[c] * dNormNormMean); // B5
        }
    }

    /// <param name="Norm">The normalised frames: B2, B4 and B5.</param>
    /// <param name="Rstd">1 / sqrt(variance + epsilon) of each frame: B5.</param>
    private readonly record struct LayerNormTape(Batch<TReal> Norm, Memory<TReal> Rstd);
}
