using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Convolution over time, y(t) = b + sum over j of W_j x(t * stride + j * dilation - padding); W is [outputs, inputs / groups,
/// kernel], as in PyTorch's Conv1d. Frames outside an utterance count as zero. Derivation: Conv1d.md.
/// </summary>
/// <remarks>
/// One matrix product for all taps: the windows of the input, all that an output frame sees, are read where they lie, and no
/// patch matrix is built. Three taps over many channels go by <see cref="WinogradConvolution{TReal}"/>.
/// </remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Conv1d<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // Up to so many weights their gradient is computed in so many pieces of time.
    private const int SmallGradient = 1 << 14,
        GradientPieces = 8;

    private readonly int inputs,
        kernel,
        stride,
        padding,
        dilation,
        groups;
    private readonly Parameter<TReal> weight,
        bias;
    private readonly PackedCopy<TReal>[] forward,
        backward;
    private readonly WinogradConvolution<TReal>? winograd;

    /// <summary>A convolution with <paramref name="kernel"/> taps.</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="outputs">Channels of the output.</param>
    /// <param name="kernel">Taps: frames that one output frame sees.</param>
    /// <param name="stride">Input frames from one output frame to the next.</param>
    /// <param name="padding">Frames of zeros before and after; (kernel - 1) * dilation / 2 where left out, which keeps the length for odd kernels and stride 1.</param>
    /// <param name="dilation">Frames from one tap to the next.</param>
    /// <param name="groups">Groups of channels that do not see each other; a divisor of inputs and outputs.</param>
    public Conv1d(
        int inputs,
        int outputs,
        int kernel,
        int stride = 1,
        int? padding = null,
        int dilation = 1,
        int groups = 1
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(kernel);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        ArgumentOutOfRangeException.ThrowIfNegative(padding ?? 0, nameof(padding));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dilation);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        if (inputs % groups != 0 || outputs % groups != 0)
            throw new ArgumentException(
                $"{groups} groups do not divide {inputs} inputs and {outputs} outputs",
                nameof(groups)
            );
        (this.inputs, OutputFeatures, this.kernel, this.stride, this.dilation, this.groups) = (
            inputs,
            outputs,
            kernel,
            stride,
            dilation,
            groups
        );
        this.padding = padding ?? Reach / 2;
        var bound = 1 / Math.Sqrt(inputs / groups * (double)kernel);
        weight = Parameter<TReal>.Uniform("weight", bound, outputs, inputs / groups, kernel);
        bias = Parameter<TReal>.Uniform("bias", bound, outputs);
        Parameters = [weight, bias];
        PackedCopy<TReal>[] NewCopies() => [.. Enumerable.Range(0, groups).Select(_ => new PackedCopy<TReal>())];
        (forward, backward) = (NewCopies(), NewCopies());
        if (
            (kernel, stride, dilation, groups) == (WinogradConvolution<TReal>.Kernel, 1, 1, 1)
            && WinogradConvolution<TReal>.Pays(inputs, outputs)
        )
            winograd = new WinogradConvolution<TReal>(weight, this.padding);
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override int OutputLength(int frames) =>
        frames == 0 || frames + 2 * padding <= Reach ? 0 : (frames + 2 * padding - Reach - 1) / stride + 1;

    /// <inheritdoc/>
    public override (int Stride, double Offset) Centers => (stride, Reach / 2.0 - padding);

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) =>
        winograd?.MultiplyAdds(OutputLength(frames))
        ?? (long)OutputLength(frames) * (inputs / groups) * OutputFeatures * kernel;

    /// <summary>Frames from the first tap to the last.</summary>
    private int Reach => (kernel - 1) * dilation;

    private int GroupInputs => inputs / groups;

    private int GroupOutputs => OutputFeatures / groups;

    /// <summary>What an output frame sees of a group of channels.</summary>
    private int WindowLength => GroupInputs * kernel;

    /// <summary>Weights of a group.</summary>
    private int GroupLength => GroupOutputs * WindowLength;

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Conv1d");
        var workspace = pass.Workspace;
        var y = RentOutput(x, workspace);
        workspace.Tape<Conv1dTape>(this) = new Conv1dTape(x);
        if (winograd is not null)
            winograd.Forward(x, bias.Value, y, workspace);
        else
            Multiply(x, y, workspace);
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var x = workspace.Tape<Conv1dTape>(this).X;
        if (winograd is not null)
            winograd.AddWeightGradient(x, dy, workspace);
        else
            AddWeightGradient(x, dy, workspace);
        RowReductions.AddSum(dy.Matrix, bias.Gradient, workspace); // B2
        if (pass.SkipInputGradient)
            return default;
        var dx = x.Like(workspace, inputs);
        if (winograd is not null)
            winograd.InputGradient(dy, dx, workspace);
        else if (stride == 1 && dy.T > 0)
            Correlate(dy, dx, workspace);
        else
            Scatter(dy, dx, workspace);
        dx.ClearPadding();
        return dx;
    }

    private void Multiply(Batch<TReal> x, Batch<TReal> y, Workspace workspace)
    {
        var parts = PartsOf(x, padding, stride, y.T, workspace);
        for (var g = 0; g < groups && y.T > 0; g++)
        {
            var taps = weight.Pack(forward[g], TapsByOutputs(g));
            for (var i = 0; i < Parts.Count; i++)
                Gemm.Multiply(
                    Windows(parts[i], g),
                    taps,
                    bias.Value.AsSpan(GroupOutputs * g, GroupOutputs),
                    Outputs(y, g, parts[i]),
                    workspace.Team
                ); // F1
        }
    }

    private void AddWeightGradient(Batch<TReal> x, Batch<TReal> dy, Workspace workspace)
    {
        var parts = PartsOf(x, padding, stride, dy.T, workspace);
        for (var g = 0; g < groups && dy.T > 0; g++)
            AddTaps(WeightGradient(parts, dy, g, workspace), g); // B1
    }

    /// <summary>B1, [kernel * inputs / groups, outputs / groups].</summary>
    private MatrixView<TReal> WeightGradient(in Parts parts, Batch<TReal> dy, int group, Workspace workspace)
    {
        // A product of few weights has too few tiles to share, and packing weighs much: threads share it by time instead. The
        // pieces are the same for any team, and so are the bits.
        var pieces = GroupLength <= SmallGradient ? GradientPieces : 1;
        var all = new MatrixView<TReal>(
            workspace.RentZeroed<TReal>(pieces * GroupLength),
            pieces * WindowLength,
            GroupOutputs
        );
        var sum = all.SliceRows(0, WindowLength);
        for (var i = 0; i < Parts.Count; i++)
        {
            var part = parts[i];
            if (part.Frames >= pieces && pieces > 1)
            {
                workspace.Team.For(
                    pieces,
                    (Layer: this, dy, part, group, all),
                    static (
                        in (Conv1d<TReal> Layer, Batch<TReal> Dy, Part Part, int Group, MatrixView<TReal> All) s,
                        int piece
                    ) =>
                        s.Layer.AddWeightGradient(
                            s.Part.Piece(piece, GradientPieces),
                            s.Dy,
                            s.Group,
                            s.All.SliceRows(piece * s.Layer.WindowLength, s.Layer.WindowLength),
                            team: null
                        )
                );
            }
            else
                AddWeightGradient(part, dy, group, sum, workspace.Team);
        }
        for (var piece = 1; piece < pieces; piece++)
        for (var row = 0; row < WindowLength; row++)
            TensorPrimitives.Add(sum.Row(row), all.Row(piece * WindowLength + row), sum.Row(row));
        return sum;
    }

    private void AddWeightGradient(in Part part, Batch<TReal> dy, int group, MatrixView<TReal> sum, ThreadTeam? team) =>
        Gemm.Multiply(Windows(part, group).Transposed, Outputs(dy, group, part), sum, accumulate: true, team);

    /// <summary>B3 for stride 1: a convolution too, of dy with the taps in reverse order.</summary>
    private void Correlate(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        var parts = PartsOf(dy, Reach - padding, 1, dx.T, workspace);
        for (var g = 0; g < groups; g++)
        {
            var reversed = new WindowView<TReal>(
                weight.Value,
                GroupLength * g + kernel - 1,
                new Axis(kernel * GroupOutputs, WindowLength, GroupOutputs, -1),
                new Axis(GroupInputs, kernel)
            );
            var taps = weight.Pack(backward[g], reversed);
            for (var i = 0; i < Parts.Count; i++)
                Gemm.Multiply(
                    Windows(parts[i], GroupOutputs * g, GroupOutputs),
                    taps,
                    default,
                    parts[i].Rows(dx).SliceColumns(GroupInputs * g, GroupInputs),
                    workspace.Team
                ); // B3
        }
    }

    /// <summary>B3 for larger strides: gradients of the windows, each added where its frames lie.</summary>
    private void Scatter(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        dx.Data.Span.Clear();
        var dWindows = new MatrixView<TReal>(workspace.Rent<TReal>(dy.Rows * WindowLength), dy.Rows, WindowLength);
        for (var g = 0; g < groups && dy.T > 0; g++)
        {
            var taps = new WindowView<TReal>(
                weight.Value,
                GroupLength * g,
                new Axis(GroupOutputs, WindowLength),
                new Axis(WindowLength, kernel, GroupInputs, 1)
            );
            Gemm.Multiply(Outputs(dy, g), weight.Pack(backward[g], taps), default, dWindows, workspace.Team); // B3
            for (var row = 0; row < dy.Rows; row++)
            {
                var (t, b) = Math.DivRem(row, dy.B);
                for (var j = 0; j < kernel; j++)
                {
                    var frame = t * stride + j * dilation - padding;
                    if ((uint)frame >= (uint)dx.T)
                        continue;
                    var target = dx.Row(frame, b).Slice(GroupInputs * g, GroupInputs);
                    TensorPrimitives.Add(target, dWindows.Row(row).Slice(GroupInputs * j, GroupInputs), target);
                }
            }
        }
    }

    private MatrixView<TReal> Outputs(Batch<TReal> all, int group) =>
        all.Matrix.SliceColumns(GroupOutputs * group, GroupOutputs);

    private MatrixView<TReal> Outputs(Batch<TReal> all, int group, in Part part) =>
        part.Rows(all).SliceColumns(GroupOutputs * group, GroupOutputs);

    /// <summary>[frames * B, kernel * inputs / groups]: what the output frames of a part see of the input.</summary>
    private WindowView<TReal> Windows(in Part part, int group) => Windows(part, GroupInputs * group, GroupInputs);

    private WindowView<TReal> Windows(in Part part, int firstChannel, int channels)
    {
        int rows = part.Frames * part.B,
            frame = part.B * part.F;
        return new WindowView<TReal>(
            part.Source,
            part.Offset * frame + firstChannel,
            part.Step == 1 ? new Axis(rows, part.F) : new Axis(rows, part.F, part.B, part.Step * frame),
            new Axis(kernel * channels, 1, channels, dilation * frame)
        );
    }

    /// <summary>[kernel * inputs / groups, outputs / groups]: the weights, which lie in [outputs, inputs / groups, kernel].</summary>
    private WindowView<TReal> TapsByOutputs(int group) =>
        new(
            weight.Value,
            GroupLength * group,
            new Axis(WindowLength, kernel, GroupInputs, 1),
            new Axis(GroupOutputs, WindowLength)
        );

    private void AddTaps(MatrixView<TReal> dTaps, int group)
    {
        var to = weight.Gradient.AsSpan(GroupLength * group, GroupLength);
        for (var j = 0; j < kernel; j++)
        {
            for (var i = 0; i < GroupInputs; i++)
            {
                var row = dTaps.Row(j * GroupInputs + i);
                for (var o = 0; o < row.Length; o++)
                    to[(o * GroupInputs + i) * kernel + j] += row[o];
            }
        }
    }

    /// <summary>
    /// The frames of a convolution in three parts: those that see zeros in front of the source, those that see its frames alone,
    /// which lie as they are needed, and those that see zeros behind it. Only what the first and the last see is copied.
    /// </summary>
    /// <param name="source">What is convolved.</param>
    /// <param name="front">Frames of zeros in front of it; less than 0 where its first frames are not seen.</param>
    /// <param name="step">Its frames from one frame of the result to the next.</param>
    /// <param name="frames">Of the result.</param>
    /// <param name="workspace">Memory for copies.</param>
    private Parts PartsOf(Batch<TReal> source, int front, int step, int frames, Workspace workspace)
    {
        var inside = Math.Clamp(IntMath.CeilDiv(front, step), 0, frames);
        var room = source.T - 1 - Reach + front;
        var behind = room < 0 ? inside : Math.Clamp(room / step + 1, inside, frames);
        Part Copied(int first, int end)
        {
            var seen =
                first == end
                    ? default
                    : Shift(source, front - first * step, (end - first - 1) * step + Reach + 1, workspace);
            return new Part(first, end - first, seen, source.B, source.F, 0, step);
        }
        return new Parts(
            Copied(0, inside),
            new Part(inside, behind - inside, source.Data, source.B, source.F, inside * step - front, step),
            Copied(behind, frames)
        );
    }

    /// <summary>So many frames of which frame <paramref name="front"/> is the first of the batch; zeros where that has none.</summary>
    private static Memory<TReal> Shift(Batch<TReal> batch, int front, int frames, Workspace workspace)
    {
        var frame = batch.B * batch.F;
        var shifted = workspace.Rent<TReal>(frames * frame);
        int first = Math.Clamp(front, 0, frames),
            end = Math.Clamp(front + batch.T, first, frames);
        shifted.Span[..(first * frame)].Clear();
        if (end > first)
            batch.Data.Slice((first - front) * frame, (end - first) * frame).CopyTo(shifted[(first * frame)..]);
        shifted.Span[(end * frame)..].Clear();
        return shifted;
    }

    /// <param name="First">The first frame of the result.</param>
    /// <param name="Frames">How many.</param>
    /// <param name="Source">What they see, [T, B, F].</param>
    /// <param name="B">Utterances.</param>
    /// <param name="F">Channels of the source.</param>
    /// <param name="Offset">The frame of the source that the first tap of the first frame sees.</param>
    /// <param name="Step">Frames of the source from one frame to the next.</param>
    private readonly record struct Part(int First, int Frames, Memory<TReal> Source, int B, int F, int Offset, int Step)
    {
        /// <summary>The rows of the result.</summary>
        public MatrixView<TReal> Rows(Batch<TReal> result) =>
            result.Matrix.SliceRows(First * result.B, Frames * result.B);

        /// <summary>One of so many neighbouring pieces.</summary>
        public Part Piece(int piece, int pieces)
        {
            int begin = (int)((long)piece * Frames / pieces),
                end = (int)((piece + 1L) * Frames / pieces);
            return this with { First = First + begin, Frames = end - begin, Offset = Offset + begin * Step };
        }
    }

    /// <summary>What <see cref="PartsOf"/> makes, for all groups; parts may be empty.</summary>
    private readonly record struct Parts(Part Front, Part Inside, Part Behind)
    {
        public const int Count = 3;

        public Part this[int index] =>
            index switch
            {
                0 => Front,
                1 => Inside,
                _ => Behind,
            };
    }

    /// <param name="X">The input: B1, and the shape of its gradient.</param>
    private readonly record struct Conv1dTape(Batch<TReal> X);
}
