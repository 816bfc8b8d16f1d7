using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Batch normalisation over time and batch (Ioffe and Szegedy 2015): every channel gets mean 0 and variance 1, then a
/// learned scale and shift. Frames beyond an utterance's length stay out of the statistics. Derivation: BatchNorm1d.md.
/// </summary>
/// <remarks>
/// As in PyTorch the running variance is the unbiased one, and running values move by <c>momentum</c> towards each batch's.
/// </remarks>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class BatchNorm1d<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly double epsilon, momentum;
    private readonly Parameter<R> weight, bias, runningMean, runningVariance, batches;

    /// <summary>A normalisation of <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">How far running statistics move towards those of a batch.</param>
    public BatchNorm1d(int channels, double epsilon = 1e-5, double momentum = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        (OutputFeatures, this.epsilon, this.momentum) = (channels, epsilon, momentum);
        weight = Parameter<R>.Constant("weight", 1, channels);
        bias = Parameter<R>.Constant("bias", 0, channels);
        runningMean = Parameter<R>.Statistic("running_mean", 0, channels);
        runningVariance = Parameter<R>.Statistic("running_var", 1, channels);
        batches = Parameter<R>.Statistic("num_batches_tracked", 0);
        Parameters = [weight, bias, runningMean, runningVariance, batches];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "BatchNorm1d");
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        var frames = 0;
        foreach (var length in x.Lengths.Span) frames += length;
        Memory<R> mean = runningMean.Value, variance = runningVariance.Value;
        if (pass.Training && frames > 0)
        {
            (mean, variance) = (workspace.RentZeroed<R>(C), workspace.RentZeroed<R>(C));
            Statistics(x, frames, mean, variance, workspace); // F1, F2
            UpdateRunning(mean.Span, variance.Span, frames);
        }
        var scale = workspace.Rent<R>(C);
        for (var c = 0; c < C; c++) scale.Span[c] = R.One / R.Sqrt(variance.Span[c] + R.CreateTruncating(epsilon));

        var normalized = x.With(workspace.RentZeroed<R>(x.Data.Length), C);
        var y = x.With(workspace.RentZeroed<R>(x.Data.Length), C);
        workspace.Team.For(x.T, (this, x, y, normalized, mean, scale), static (in (BatchNorm1d<R> Layer, Batch<R> X, Batch<R> Y, Batch<R> Normalized, Memory<R> Mean, Memory<R> Scale) s, int t) =>
        {
            for (var b = 0; b < s.X.B; b++)
            {
                if (t >= s.X.Lengths.Span[b]) continue;
                Span<R> xhat = s.Normalized.Row(t, b), y = s.Y.Row(t, b);
                TensorPrimitives.Subtract(s.X.Row(t, b), s.Mean.Span, xhat);
                TensorPrimitives.Multiply(xhat, s.Scale.Span, xhat); // F3
                TensorPrimitives.Multiply(xhat, s.Layer.weight.Value, y);
                TensorPrimitives.Add(y, s.Layer.bias.Value, y); // F4
            }
        });
        workspace.Tape<BatchNorm1dTape>(this) = new BatchNorm1dTape(normalized, scale, pass.Training ? frames : 0);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        var tape = workspace.Tape<BatchNorm1dTape>(this);
        // One row per piece: sum of dy in the first C places, of dy * xhat in the second.
        var partial = Rows.PartialSums(dy.Rows, 2 * C, (dy, tape.Normalized), workspace, static (in (Batch<R> Dy, Batch<R> Normalized) s, int row, Span<R> target) =>
        {
            var C = s.Dy.F;
            var dy = s.Dy.Data.Span.Slice(row * C, C);
            TensorPrimitives.Add(target[..C], dy, target[..C]);
            TensorPrimitives.MultiplyAdd(dy, s.Normalized.Data.Span.Slice(row * C, C), target[C..], target[C..]);
        });
        var sums = workspace.RentZeroed<R>(2 * C);
        Rows.Merge(partial, sums.Span);
        TensorPrimitives.Add(bias.Gradient, sums.Span[..C], bias.Gradient); // B1
        TensorPrimitives.Add(weight.Gradient, sums.Span[C..], weight.Gradient); // B2

        // B3: means of dy and dy * xhat; with running statistics they do not depend on x, and nothing is subtracted.
        var inverse = tape.Frames == 0 ? R.Zero : R.One / R.CreateTruncating(tape.Frames);
        TensorPrimitives.Multiply(sums.Span, inverse, sums.Span);
        var dx = dy.With(workspace.RentZeroed<R>(dy.Data.Length), C);
        workspace.Team.For(dy.T, (this, dy, dx, tape, sums), static (in (BatchNorm1d<R> Layer, Batch<R> Dy, Batch<R> Dx, BatchNorm1dTape Tape, Memory<R> Means) s, int t) =>
        {
            var C = s.Dy.F;
            Span<R> mean = s.Means.Span[..C], slope = s.Means.Span[C..], scale = s.Tape.Scale.Span;
            var weight = s.Layer.weight.Value;
            for (var b = 0; b < s.Dy.B; b++)
            {
                if (t >= s.Dy.Lengths.Span[b]) continue;
                Span<R> dx = s.Dx.Row(t, b), dy = s.Dy.Row(t, b), xhat = s.Tape.Normalized.Row(t, b);
                for (var c = 0; c < C; c++) dx[c] = weight[c] * scale[c] * (dy[c] - mean[c] - xhat[c] * slope[c]); // B4
            }
        });
        return dx;
    }

    private static void Statistics(Batch<R> x, int frames, Memory<R> mean, Memory<R> variance, Workspace workspace)
    {
        var inverse = R.One / R.CreateTruncating(frames);
        Rows.AddSum(x.Matrix, mean.Span, workspace); // padding is zero and adds nothing
        TensorPrimitives.Multiply(mean.Span, inverse, mean.Span);
        var partial = Rows.PartialSums(x.Rows, x.F, (x, mean), workspace, static (in (Batch<R> X, Memory<R> Mean) s, int row, Span<R> target) =>
        {
            var (t, b) = Math.DivRem(row, s.X.B);
            if (t >= s.X.Lengths.Span[b]) return;
            ReadOnlySpan<R> x = s.X.Row(t, b), mean = s.Mean.Span;
            for (var c = 0; c < x.Length; c++) target[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
        });
        Rows.Merge(partial, variance.Span);
        TensorPrimitives.Multiply(variance.Span, inverse, variance.Span);
    }

    private void UpdateRunning(ReadOnlySpan<R> mean, ReadOnlySpan<R> variance, int frames)
    {
        var step = R.CreateTruncating(momentum);
        var unbiased = R.CreateTruncating(frames / Math.Max(1.0, frames - 1));
        for (var c = 0; c < mean.Length; c++)
        {
            runningMean.Value[c] += step * (mean[c] - runningMean.Value[c]); // F5
            runningVariance.Value[c] += step * (unbiased * variance[c] - runningVariance.Value[c]); // F6
        }
        batches.Value[0] += R.One;
    }

    /// <param name="Normalized">xhat, the input with mean 0 and variance 1: B2 and B4.</param>
    /// <param name="Scale">1 / sqrt(variance + epsilon) per channel: B4.</param>
    /// <param name="Frames">How many frames the statistics came from, 0 for running statistics: B3.</param>
    private readonly record struct BatchNorm1dTape(Batch<R> Normalized, Memory<R> Scale, int Frames);
}
