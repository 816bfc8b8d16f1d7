using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Convolution over time, y(t) = b + sum over j of W_j x(t * stride + j * dilation - padding); W is [outputs, inputs / groups,
/// kernel], as in PyTorch's Conv1d. Frames outside an utterance count as zero. Derivation: Conv1d.md.
/// </summary>
/// <remarks>
/// One matrix product for all taps: the windows of the input, all that an output frame sees, are read where they lie, and no
/// patch matrix is built.
/// </remarks>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class Conv1d<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly int inputs, kernel, stride, padding, dilation, groups;
    private readonly Parameter<R> weight, bias;
    private readonly PackedCopy<R>[] forward, backward;

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
        (forward, backward) = (new PackedCopy<R>[groups], new PackedCopy<R>[groups]);
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

    private int GroupInputs => inputs / groups;

    private int GroupOutputs => OutputFeatures / groups;

    /// <summary>Weights of a group.</summary>
    private int GroupLength => GroupOutputs * GroupInputs * kernel;

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Conv1d");
        var workspace = pass.Workspace;
        var y = RentOutput(x, workspace);
        var padded = y.T == 0 ? default : Shift(x, padding, (y.T - 1) * stride + Reach + 1, workspace);
        workspace.Tape<Conv1dTape>(this) = new Conv1dTape(x, padded);
        for (var g = 0; g < groups && y.T > 0; g++)
            Gemm.Multiply(Windows(padded, g, y), weight.Pack(ref forward[g], TapsByOutputs(g)), bias.Value.AsSpan(GroupOutputs * g, GroupOutputs), Outputs(y, g), workspace.Team); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var (x, padded) = workspace.Tape<Conv1dTape>(this);
        var dTaps = new MatrixView<R>(workspace.Rent<R>(GroupLength), GroupOutputs, GroupInputs * kernel);
        for (var g = 0; g < groups && dy.T > 0; g++)
        {
            Gemm.Multiply(Outputs(dy, g).Transposed, Windows(padded, g, dy), dTaps, accumulate: false, workspace.Team); // B1
            AddTaps(dTaps, g);
        }
        Rows.AddSum(dy.Matrix, bias.Gradient, workspace); // B2
        if (pass.WithoutInputGradient) return default;
        var dx = x.Like(workspace, inputs);
        if (stride == 1 && dy.T > 0) Correlate(dy, dx, workspace);
        else Scatter(dy, dx, workspace);
        dx.ClearPadding();
        return dx;
    }

    /// <summary>B3 for stride 1: a convolution too, of dy with the taps in reverse order.</summary>
    private void Correlate(Batch<R> dy, Batch<R> dx, Workspace workspace)
    {
        var shifted = Shift(dy, Reach - padding, dx.T + Reach, workspace);
        for (var g = 0; g < groups; g++)
        {
            var windows = new WindowView<R>(shifted, GroupOutputs * g, new Axis(dx.Rows, OutputFeatures), new Axis(kernel * GroupOutputs, 1, GroupOutputs, dilation * dy.B * OutputFeatures));
            var taps = new WindowView<R>(weight.Value, GroupLength * g + kernel - 1, new Axis(kernel * GroupOutputs, GroupInputs * kernel, GroupOutputs, -1), new Axis(GroupInputs, kernel));
            Gemm.Multiply(windows, weight.Pack(ref backward[g], taps), default, dx.Matrix.SliceColumns(GroupInputs * g, GroupInputs), workspace.Team); // B3
        }
    }

    /// <summary>B3 for larger strides: gradients of the windows, each added where its frames lie.</summary>
    private void Scatter(Batch<R> dy, Batch<R> dx, Workspace workspace)
    {
        dx.Data.Span.Clear();
        var dWindows = new MatrixView<R>(workspace.Rent<R>(dy.Rows * kernel * GroupInputs), dy.Rows, kernel * GroupInputs);
        for (var g = 0; g < groups && dy.T > 0; g++)
        {
            var taps = new WindowView<R>(weight.Value, GroupLength * g, new Axis(GroupOutputs, GroupInputs * kernel), new Axis(kernel * GroupInputs, kernel, GroupInputs, 1));
            Gemm.Multiply(Outputs(dy, g), weight.Pack(ref backward[g], taps), default, dWindows, workspace.Team); // B3
            for (var row = 0; row < dy.Rows; row++)
            {
                var (t, b) = Math.DivRem(row, dy.B);
                for (var j = 0; j < kernel; j++)
                {
                    var frame = t * stride + j * dilation - padding;
                    if ((uint)frame >= (uint)dx.T) continue;
                    var target = dx.Row(frame, b).Slice(GroupInputs * g, GroupInputs);
                    TensorPrimitives.Add(target, dWindows.Row(row).Slice(GroupInputs * j, GroupInputs), target);
                }
            }
        }
    }

    private MatrixView<R> Outputs(Batch<R> all, int group) => all.Matrix.SliceColumns(GroupOutputs * group, GroupOutputs);

    /// <summary>[T' B, kernel * inputs / groups]: what each output frame sees of the input with its zeros in front and behind.</summary>
    private WindowView<R> Windows(Memory<R> padded, int group, Batch<R> output)
    {
        var frame = output.B * inputs;
        return new WindowView<R>(padded, GroupInputs * group,
            stride == 1 ? new Axis(output.Rows, inputs) : new Axis(output.Rows, inputs, output.B, stride * frame),
            new Axis(kernel * GroupInputs, 1, GroupInputs, dilation * frame));
    }

    /// <summary>[kernel * inputs / groups, outputs / groups]: the weights, which lie in [outputs, inputs / groups, kernel].</summary>
    private WindowView<R> TapsByOutputs(int group) =>
        new(weight.Value, GroupLength * group, new Axis(kernel * GroupInputs, kernel, GroupInputs, 1), new Axis(GroupOutputs, GroupInputs * kernel));

    private void AddTaps(MatrixView<R> dTaps, int group)
    {
        var to = weight.Gradient.AsSpan(GroupLength * group, GroupLength);
        for (var o = 0; o < GroupOutputs; o++)
        {
            ReadOnlySpan<R> from = dTaps.Row(o);
            for (var i = 0; i < GroupInputs; i++)
                for (var j = 0; j < kernel; j++) to[(o * GroupInputs + i) * kernel + j] += from[j * GroupInputs + i];
        }
    }

    /// <summary>So many frames of which frame <paramref name="front"/> is the first of the batch; zeros where that has none.</summary>
    private static Memory<R> Shift(Batch<R> batch, int front, int frames, Workspace workspace)
    {
        if (front == 0 && frames <= batch.T) return batch.Data;
        var frame = batch.B * batch.F;
        var shifted = workspace.Rent<R>(frames * frame);
        int first = Math.Clamp(front, 0, frames), end = Math.Clamp(front + batch.T, first, frames);
        shifted.Span[..(first * frame)].Clear();
        if (end > first) batch.Data.Slice((first - front) * frame, (end - first) * frame).CopyTo(shifted[(first * frame)..]);
        shifted.Span[(end * frame)..].Clear();
        return shifted;
    }

    /// <param name="X">The input, for the shape of its gradient.</param>
    /// <param name="Padded">The same with zeros in front and behind: B1.</param>
    private readonly record struct Conv1dTape(Batch<R> X, Memory<R> Padded);
}
