using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Layer normalisation (Ba, Kiros and Hinton 2016): every frame gets mean 0 and variance 1 over its own features, then each
/// feature a learned scale and shift. Derivation: LayerNorm.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LayerNorm<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly double epsilon;
    private readonly Parameter<TReal> weight,
        bias;

    /// <summary>A normalisation of frames of <paramref name="features"/> features.</summary>
    /// <param name="features">Features, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
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
        var normalized = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        var y = x.With(workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        var scale = workspace.Rent<TReal>(x.Rows);
        workspace.Team.For(
            x.T,
            (this, x, y, normalized, scale),
            static (
                in (
                    LayerNorm<TReal> Layer,
                    Batch<TReal> X,
                    Batch<TReal> Y,
                    Batch<TReal> Normalized,
                    Memory<TReal> Scale
                ) s,
                int t
            ) =>
            {
                var count = TReal.CreateTruncating(s.X.F);
                ReadOnlySpan<TReal> weight = s.Layer.weight.Value,
                    bias = s.Layer.bias.Value;
                for (var b = 0; b < s.X.B; b++)
                {
                    if (t >= s.X.Lengths.Span[b])
                        continue;
                    Span<TReal> x = s.X.Row(t, b),
                        xhat = s.Normalized.Row(t, b),
                        y = s.Y.Row(t, b);
                    TReal sum = TReal.Zero,
                        squares = TReal.Zero;
                    foreach (var value in x)
                        sum += value;
                    var mean = sum / count; // F1
                    foreach (var value in x)
                        squares += (value - mean) * (value - mean);
                    var scale = TReal.One / TReal.Sqrt(squares / count + TReal.CreateTruncating(s.Layer.epsilon)); // F2
                    s.Scale.Span[t * s.X.B + b] = scale;
                    for (var c = 0; c < x.Length; c++)
                    {
                        xhat[c] = (x[c] - mean) * scale; // F3
                        y[c] = xhat[c] * weight[c] + bias[c]; // F4
                    }
                }
            }
        );
        workspace.Tape<LayerNormTape>(this) = new LayerNormTape(normalized, scale);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var tape = workspace.Tape<LayerNormTape>(this);
        RowReductions.AddSum(dy.Matrix, bias.Gradient, workspace); // B1
        RowReductions.AddProductSum(dy.Matrix, tape.Normalized.Matrix, weight.Gradient, workspace); // B2
        var dx = dy.With(workspace.RentZeroed<TReal>(dy.Data.Length), dy.F);
        workspace.Team.For(
            dy.T,
            (this, dy, dx, tape),
            static (in (LayerNorm<TReal> Layer, Batch<TReal> Dy, Batch<TReal> Dx, LayerNormTape Tape) s, int t) =>
            {
                var count = TReal.CreateTruncating(s.Dy.F);
                ReadOnlySpan<TReal> weight = s.Layer.weight.Value;
                for (var b = 0; b < s.Dy.B; b++)
                {
                    if (t >= s.Dy.Lengths.Span[b])
                        continue;
                    Span<TReal> dx = s.Dx.Row(t, b),
                        dy = s.Dy.Row(t, b),
                        xhat = s.Tape.Normalized.Row(t, b);
                    TReal mean = TReal.Zero,
                        slope = TReal.Zero;
                    for (var c = 0; c < dy.Length; c++)
                    {
                        dx[c] = dy[c] * weight[c]; // B3
                        mean += dx[c];
                        slope += dx[c] * xhat[c];
                    }
                    (mean, slope) = (mean / count, slope / count); // B4
                    var scale = s.Tape.Scale.Span[t * s.Dy.B + b];
                    for (var c = 0; c < dy.Length; c++)
                        dx[c] = scale * (dx[c] - mean - xhat[c] * slope); // B5
                }
            }
        );
        return dx;
    }

    /// <param name="Normalized">xhat, the frames with mean 0 and variance 1: B2, B4 and B5.</param>
    /// <param name="Scale">1 / sqrt(variance + epsilon) of each frame: B5.</param>
    private readonly record struct LayerNormTape(Batch<TReal> Normalized, Memory<TReal> Scale);
}
