using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Convolution over time, y(t) = b + sum over j of W_j x(t * stride + j * dilation - padding); W is [outputs, inputs /
/// groups, kernel], as in PyTorch's Conv1d. Frames outside an utterance count as zero. Derivation: Conv1d.md.
/// </summary>
/// <remarks>
/// One matrix product for all taps: GEMM reads the overlapping windows of the input in place, and no patch matrix is
/// built. Convolutions of kernel size 3 with many channels use <see cref="WinogradConvolution{TReal}"/>. A NaN reaches
/// the output frames whose windows contain it; so does infinity, which may become NaN.
/// </remarks>
/// <example>
/// <code>
/// var layer = new Conv1d&lt;float&gt;(inputs: 28, outputs: 64, kernel: 5, stride: 2);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 28] to [(T + 1) / 2, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Conv1d<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // The gradient of up to SmallGradient weights is computed in GradientPieces pieces of time.
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

    /// <summary>A convolution with kernel size <paramref name="kernel"/>.</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="outputs">Channels of the output.</param>
    /// <param name="kernel">Kernel size: the number of taps.</param>
    /// <param name="stride">Input frames from one output frame to the next.</param>
    /// <param name="padding">
    /// Frames of zeros before and after the input; default (kernel - 1) * dilation / 2, which keeps the length for odd
    /// kernels and stride 1.
    /// </param>
    /// <param name="dilation">Frames from one tap to the next.</param>
    /// <param name="groups">Independent groups of channels; a divisor of inputs and outputs.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, the padding is negative, the groups do not divide the channels, or the weights, the taps
    /// or the padding exceed the length of an array.
    /// </exception>
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
        ArgumentOutOfRangeException.ThrowIfGreaterThan((kernel - 1L) * dilation, Array.MaxLength, nameof(dilation));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(padding ?? 0, Array.MaxLength / 2, nameof(padding));
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
        (int)Math.Min(int.MaxValue, OutputLength(frames, Reach, padding, stride));

    /// <summary>Output frames for <paramref name="frames"/> input frames of a convolution; none for none.</summary>
    internal static long OutputLength(long frames, long reach, long padding, int stride) =>
        frames == 0 || frames + 2 * padding <= reach ? 0 : (frames + 2 * padding - reach - 1) / stride + 1;

    /// <inheritdoc/>
    public override FrameMapping FrameMapping => FrameMapping.OfWindows(stride, Reach, padding);

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) =>
        winograd?.MultiplyAdds(OutputLength(frames))
        ?? (long)OutputLength(frames) * (inputs / groups) * OutputFeatures * kernel;

    /// <summary>Frames from the first tap to the last.</summary>
    private int Reach => (kernel - 1) * dilation;

    private int GroupInputs => inputs / groups;

    private int GroupOutputs => OutputFeatures / groups;

    /// <summary>Elements of a window in one group of channels.</summary>
    private int WindowLength => GroupInputs * kernel;

    /// <summary>Weights of one group.</summary>
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
            winograd.Forward(x, bias.Elements, y, workspace);
        else
            Multiply(x, y, workspace);
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var x = workspace.TakeTape<Conv1dTape>(this).X;
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
                    bias.Elements.AsSpan(GroupOutputs * g, GroupOutputs),
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
        // A product with few weights has too few tiles for several threads, and packing dominates: threads share it by
        // time instead. The pieces are the same for any team, and so are the bits.
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
                workspace.Team.For(pieces, new WeightGradientJob(this, dy, part, group, all));
            }
            else
                AddWeightGradient(part, dy, group, sum, workspace.Team);
        }
        for (var piece = 1; piece < pieces; piece++)
        for (var row = 0; row < WindowLength; row++)
            TensorPrimitives.Add(sum.Row(row), all.Row(piece * WindowLength + row), sum.Row(row));
        return sum;
    }

    /// <summary>B1 for one piece of time per index, each into its own rows of <c>All</c>.</summary>
    private readonly record struct WeightGradientJob(
        Conv1d<TReal> Layer,
        Batch<TReal> Dy,
        Part Part,
        int Group,
        MatrixView<TReal> All
    ) : ITeamJob
    {
        public void Run(int piece) =>
            Layer.AddWeightGradient(
                Part.Piece(piece, GradientPieces),
                Dy,
                Group,
                All.SliceRows(piece * Layer.WindowLength, Layer.WindowLength),
                team: null
            );
    }

    private void AddWeightGradient(in Part part, Batch<TReal> dy, int group, MatrixView<TReal> sum, ThreadTeam? team) =>
        Gemm.Multiply(Windows(part, group).Transposed, Outputs(dy, group, part), sum, accumulate: true, team);

    /// <summary>B3 for stride 1: the convolution of dy with the taps in reverse order.</summary>
    private void Correlate(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        var parts = PartsOf(dy, Reach - padding, 1, dx.T, workspace);
        for (var g = 0; g < groups; g++)
        {
            var reversed = new WindowView<TReal>(
                weight.Elements,
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

    /// <summary>B3 for larger strides: gradients of all windows, each added to its frames.</summary>
    private void Scatter(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        dx.Data.Span.Clear();
        var dWindows = new MatrixView<TReal>(workspace.Rent<TReal>(dy.Rows * WindowLength), dy.Rows, WindowLength);
        for (var g = 0; g < groups && dy.T > 0; g++)
        {
            var taps = new WindowView<TReal>(
                weight.Elements,
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

    /// <summary>[frames * B, kernel * inputs / groups]: the windows of the output frames of a part.</summary>
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

    /// <summary>
    /// [kernel * inputs / groups, outputs / groups]: a view of the weights, [outputs, inputs / groups, kernel].
    /// </summary>
    private WindowView<TReal> TapsByOutputs(int group) =>
        new(
            weight.Elements,
            GroupLength * group,
            new Axis(WindowLength, kernel, GroupInputs, 1),
            new Axis(GroupOutputs, WindowLength)
        );

    /// <summary>Adds the gradient of <see cref="TapsByOutputs"/> to that of the weights.</summary>
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
    /// The result frames of a convolution in three parts: windows that begin with padding, windows within the source,
    /// which are read in place, and windows that end with padding. Only the source frames of the first and last part
    /// are copied.
    /// </summary>
    /// <param name="source">The source of the convolution.</param>
    /// <param name="front">Frames of padding before the source; negative if its first frames are not used.</param>
    /// <param name="step">Source frames from one result frame to the next.</param>
    /// <param name="frames">Frames of the result.</param>
    /// <param name="workspace">Memory for the copies.</param>
    private Parts PartsOf(Batch<TReal> source, int front, int step, int frames, Workspace workspace)
    {
        var inside = Math.Clamp(IntMath.CeilDiv(front, step), 0, frames);
        var last = source.T - 1 - Reach + front; // the start of the last window within the source, from the padding on
        var behind = last < 0 ? inside : Math.Clamp(last / step + 1, inside, frames);
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

    /// <summary>
    /// A copy of <paramref name="frames"/> frames, of which frame <paramref name="front"/> is the first of the batch;
    /// zeros outside the batch.
    /// </summary>
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
    /// <param name="Frames">The number of frames.</param>
    /// <param name="Source">The source of their windows, [T, B, F].</param>
    /// <param name="B">Utterances.</param>
    /// <param name="F">Channels of the source.</param>
    /// <param name="Offset">The source frame of the first tap of the first frame.</param>
    /// <param name="Step">Source frames from one result frame to the next.</param>
    private readonly record struct Part(int First, int Frames, Memory<TReal> Source, int B, int F, int Offset, int Step)
    {
        /// <summary>The rows of the result.</summary>
        public MatrixView<TReal> Rows(Batch<TReal> result) =>
            result.Matrix.SliceRows(First * result.B, Frames * result.B);

        /// <summary>One of <paramref name="pieces"/> consecutive pieces of equal size.</summary>
        public Part Piece(int piece, int pieces)
        {
            int begin = (int)((long)piece * Frames / pieces),
                end = (int)((piece + 1L) * Frames / pieces);
            return this with { First = First + begin, Frames = end - begin, Offset = Offset + begin * Step };
        }
    }

    /// <summary>The result of <see cref="PartsOf"/>, for all groups; parts may be empty.</summary>
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
