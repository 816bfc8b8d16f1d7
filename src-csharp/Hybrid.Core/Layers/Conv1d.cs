using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Convolution over time, y(t) = b + sum over j of W_j x(t * stride + j * dilation - padding); W is [outputs, inputs / groups,
/// kernel], as in PyTorch's Conv1d. Frames outside an utterance count as zero. Derivation: Conv1d.md.
/// </summary>
/// <remarks>
/// In time-major order a tap is a matrix product of all frames with one slice of the weights: for stride 1 the input is
/// read where it lies, shifted by whole frames; for larger strides its frames are gathered first.
/// </remarks>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class Conv1d<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly int inputs, kernel, stride, padding, dilation, groups;
    private readonly Parameter<R> weight, bias;

    /// <summary>A convolution with <paramref name="kernel"/> taps.</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="outputs">Channels of the output.</param>
    /// <param name="kernel">Taps: frames that one output frame sees.</param>
    /// <param name="stride">Input frames from one output frame to the next.</param>
    /// <param name="padding">Frames of zeros before and after; (kernel - 1) * dilation / 2 where left out, which keeps the length for odd kernels and stride 1.</param>
    /// <param name="dilation">Frames from one tap to the next.</param>
    /// <param name="groups">Groups of channels that do not see each other; a divisor of inputs and outputs.</param>
    public Conv1d(int inputs, int outputs, int kernel, int stride = 1, int? padding = null, int dilation = 1, int groups = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(kernel);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        ArgumentOutOfRangeException.ThrowIfNegative(padding ?? 0, nameof(padding));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dilation);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        if (inputs % groups != 0 || outputs % groups != 0)
            throw new ArgumentException($"{groups} groups do not divide {inputs} inputs and {outputs} outputs", nameof(groups));
        (this.inputs, OutputFeatures, this.kernel, this.stride, this.dilation, this.groups) = (inputs, outputs, kernel, stride, dilation, groups);
        this.padding = padding ?? Reach / 2;
        var bound = 1 / Math.Sqrt(inputs / groups * (double)kernel);
        weight = Parameter<R>.Uniform("weight", bound, outputs, inputs / groups, kernel);
        bias = Parameter<R>.Uniform("bias", bound, outputs);
        Parameters = [weight, bias];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override int OutputLength(int frames) =>
        frames == 0 || frames + 2 * padding <= Reach ? 0 : (frames + 2 * padding - Reach - 1) / stride + 1;

    /// <inheritdoc/>
    public override (int Stride, double Offset) Centers => (stride, Reach / 2.0 - padding);

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) => (long)OutputLength(frames) * (inputs / groups) * OutputFeatures * kernel;

    /// <summary>Frames from the first tap to the last.</summary>
    private int Reach => (kernel - 1) * dilation;

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Conv1d");
        var workspace = pass.Workspace;
        workspace.Tape<Conv1dTape>(this) = new Conv1dTape(x);
        var y = RentOutput(x, workspace);
        Rows.Fill(y.Matrix, bias.Value);
        for (var j = 0; j < kernel; j++)
        {
            var (first, count) = FramesOfTap(j, x.T, y.T);
            if (count == 0) continue;
            var taken = Gather(x, FrameOf(first, j), count, workspace);
            var yTap = y.Matrix.SliceRows(first * y.B, count * y.B);
            for (var g = 0; g < groups; g++) Gemm.Multiply(Inputs(taken, g), Tap(j, g).Transposed, Outputs(yTap, g), accumulate: true, workspace.Team); // F1
        }
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var x = workspace.Tape<Conv1dTape>(this).X;
        var dx = x.With(workspace.RentZeroed<R>(x.Data.Length), inputs);
        var dTap = new MatrixView<R>(workspace.Rent<R>(weight.Length / kernel), OutputFeatures, inputs / groups);
        for (var j = 0; j < kernel; j++)
        {
            var (first, count) = FramesOfTap(j, x.T, dy.T);
            if (count == 0) continue;
            var start = FrameOf(first, j);
            var taken = Gather(x, start, count, workspace);
            var dyTap = dy.Matrix.SliceRows(first * dy.B, count * dy.B);
            var dxTap = stride == 1 ? dx.Matrix.SliceRows(start * x.B, count * x.B) : new MatrixView<R>(workspace.Rent<R>(count * x.B * inputs), count * x.B, inputs);
            for (var g = 0; g < groups; g++)
            {
                Gemm.Multiply(Outputs(dyTap, g).Transposed, Inputs(taken, g), dTap.SliceRows(OutputFeatures / groups * g, OutputFeatures / groups), accumulate: false, workspace.Team); // B1
                Gemm.Multiply(Outputs(dyTap, g), Tap(j, g), Inputs(dxTap, g), accumulate: stride == 1, workspace.Team); // B3
            }
            AddTap(dTap, j);
            if (stride > 1) Scatter(dxTap, dx, start);
        }
        Rows.AddSum(dy.Matrix, bias.Gradient, workspace); // B2
        dx.ClearPadding();
        return dx;
    }

    /// <summary>The input frame that tap <paramref name="j"/> of output frame <paramref name="t"/> sees.</summary>
    private int FrameOf(int t, int j) => t * stride + j * dilation - padding;

    /// <summary>The output frames for which tap <paramref name="j"/> sees a frame inside the input.</summary>
    private (int First, int Count) FramesOfTap(int j, int inputFrames, int outputFrames)
    {
        // 0 <= FrameOf(t, j) < inputFrames
        var shift = padding - j * dilation;
        var first = Math.Max(0, (shift + stride - 1) / stride);
        var end = inputFrames - 1 + shift < 0 ? 0 : Math.Min(outputFrames, (inputFrames - 1 + shift) / stride + 1);
        return (first, Math.Max(0, end - first));
    }

    private MatrixView<R> Inputs(MatrixView<R> all, int group) => all.SliceColumns(inputs / groups * group, inputs / groups);

    private MatrixView<R> Outputs(MatrixView<R> all, int group) => all.SliceColumns(OutputFeatures / groups * group, OutputFeatures / groups);

    /// <summary>[outputs / groups, inputs / groups]: the weights of one tap, where they lie in [outputs, inputs / groups, kernel].</summary>
    private MatrixView<R> Tap(int j, int group) =>
        new(weight.Value.AsMemory(weight.Length / groups * group + j), OutputFeatures / groups, inputs / groups, inputs / groups * kernel, kernel);

    private void AddTap(MatrixView<R> dTap, int j)
    {
        ReadOnlySpan<R> from = dTap.Data.Span;
        var to = weight.Gradient;
        for (var i = 0; i < from.Length; i++) to[i * kernel + j] += from[i];
    }

    /// <summary>Frames start, start + stride, ... of the input as the rows of a matrix.</summary>
    private MatrixView<R> Gather(Batch<R> x, int start, int count, Workspace workspace)
    {
        var frame = x.B * inputs;
        if (stride == 1) return x.Matrix.SliceRows(start * x.B, count * x.B);
        var gathered = workspace.Rent<R>(count * frame);
        for (var i = 0; i < count; i++) x.Data.Slice((start + i * stride) * frame, frame).CopyTo(gathered[(i * frame)..]);
        return new MatrixView<R>(gathered, count * x.B, inputs);
    }

    private void Scatter(MatrixView<R> dxTap, Batch<R> dx, int start)
    {
        var frame = dx.B * inputs;
        for (var i = 0; i < dxTap.Rows / dx.B; i++)
        {
            var target = dx.Data.Span.Slice((start + i * stride) * frame, frame);
            TensorPrimitives.Add(target, dxTap.Data.Span.Slice(i * frame, frame), target);
        }
    }

    /// <param name="X">The input: B1.</param>
    private readonly record struct Conv1dTape(Batch<R> X);
}
