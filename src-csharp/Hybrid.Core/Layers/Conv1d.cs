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
    // Up to so many weights their gradient is computed in so many pieces of time.
    private const int SmallGradient = 1 << 14, GradientPieces = 8;

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
            Gemm.Multiply(Windows(padded, g, y, 0, y.T), weight.Pack(ref forward[g], TapsByOutputs(g)), bias.Value.AsSpan(GroupOutputs * g, GroupOutputs), Outputs(y, g), workspace.Team); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var (x, padded) = workspace.Tape<Conv1dTape>(this);
        for (var g = 0; g < groups && dy.T > 0; g++) AddTaps(WeightGradient(dy, padded, g, workspace), g); // B1
        Rows.AddSum(dy.Matrix, bias.Gradient, workspace); // B2
        if (pass.WithoutInputGradient) return default;
        var dx = x.Like(workspace, inputs);
        if (stride == 1 && dy.T > 0) Correlate(dy, dx, workspace);
        else Scatter(dy, dx, workspace);
        dx.ClearPadding();
        return dx;
    }

    /// <summary>B1, [outputs / groups, kernel * inputs / groups].</summary>
    private MatrixView<R> WeightGradient(Batch<R> dy, Memory<R> padded, int group, Workspace workspace)
    {
        // Threads that share so small a product by its rows or columns would each pack the whole of the other factor: they
        // share it by time instead. The pieces are the same for any team, and so are the bits.
        var pieces = GroupLength <= SmallGradient ? Math.Min(dy.T, GradientPieces) : 1;
        var all = new MatrixView<R>(workspace.Rent<R>(pieces * GroupLength), pieces * GroupOutputs, GroupInputs * kernel);
        var sum = all.SliceRows(0, GroupOutputs);
        if (pieces == 1)
        {
            // One thread packs least if it is not told to share.
            var team = workspace.Team.Threads == 1 ? null : workspace.Team;
            Gemm.Multiply(Outputs(dy, group).Transposed, Windows(padded, group, dy, 0, dy.T), sum, accumulate: false, team);
            return sum;
        }
        workspace.Team.For(pieces, (Layer: this, dy, padded, group, all, pieces), static (in (Conv1d<R> Layer, Batch<R> Dy, Memory<R> Padded, int Group, MatrixView<R> All, int Pieces) s, int piece) =>
        {
            var (layer, dy, outputs) = (s.Layer, s.Dy, s.Layer.GroupOutputs);
            int first = (int)((long)piece * dy.T / s.Pieces), frames = (int)((piece + 1L) * dy.T / s.Pieces) - first;
            var rows = layer.Outputs(dy, s.Group).SliceRows(first * dy.B, frames * dy.B);
            Gemm.Multiply(rows.Transposed, layer.Windows(s.Padded, s.Group, dy, first, frames), s.All.SliceRows(piece * outputs, outputs), accumulate: false, team: null);
        });
        for (var piece = 1; piece < pieces; piece++)
            for (var o = 0; o < GroupOutputs; o++) TensorPrimitives.Add(sum.Row(o), all.Row(piece * GroupOutputs + o), sum.Row(o));
        return sum;
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

    /// <summary>[frames * B, kernel * inputs / groups]: what some output frames see of the input with its zeros in front and behind.</summary>
    private WindowView<R> Windows(Memory<R> padded, int group, Batch<R> output, int first, int frames)
    {
        int frame = output.B * inputs, rows = frames * output.B;
        return new WindowView<R>(padded, GroupInputs * group + first * stride * frame,
            stride == 1 ? new Axis(rows, inputs) : new Axis(rows, inputs, output.B, stride * frame),
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
