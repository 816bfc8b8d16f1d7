namespace Hybrid.Core;

/// <summary>A convolution over time.</summary>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Kernel">Kernel size: input frames per output frame.</param>
/// <param name="Stride">Input frames from one output frame to the next.</param>
/// <param name="Padding">Frames of zeros before and after the input; null for (kernel - 1) * dilation / 2.</param>
/// <param name="Dilation">Frames from one tap to the next.</param>
/// <param name="Groups">Independent groups of channels.</param>
public sealed record Conv1dSpec(
    int Channels,
    int Kernel,
    int Stride = 1,
    int? Padding = null,
    int Dilation = 1,
    int Groups = 1
) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (
            var problem in InRange(1, Channels, "number of channels")
                .Concat(InRange(1, Kernel, "kernel", most: SpecLimits.Kernel))
                .Concat(InRange(1, Stride, "stride"))
                .Concat(InRange(1, Dilation, "dilation", most: SpecLimits.Reach / Math.Max(1, Kernel - 1)))
                .Concat(InRange(1, Groups, "groups", most: SpecLimits.Groups))
                .Concat(InRange(0, Padding ?? 0, "padding", most: (int)Math.Clamp(Reach, 0, SpecLimits.Reach)))
        )
            yield return problem;
        if (Groups > 1 && inputs % Groups != 0)
            yield return $"groups is {Groups}, must divide the {inputs} features of the input";
        if (Groups > 1 && Channels % Groups != 0)
            yield return $"groups is {Groups}, must divide the {Channels} channels of the output";
    }

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Channels;

    internal override FrameMapping FrameMapping => FrameMapping.OfWindows(Stride, Reach, PaddingOrDefault);

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        size.Frames = Conv1d<float>.OutputLength(size.Frames, Reach, PaddingOrDefault, Stride);
        size.Groups += Groups;
        size.Add(((double)inputs / Groups * Kernel + 1) * Channels, Channels);
    }

    private long Reach => (Kernel - 1L) * Dilation;

    private long PaddingOrDefault => Padding ?? Reach / 2;

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new Conv1d<TReal>(inputs, Channels, Kernel, Stride, Padding, Dilation, Groups);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Concat(
            $"conv1d {Channels}, kernel {Kernel}",
            Stride > 1 ? $", stride {Stride}" : "",
            Padding is { } padding ? $", padding {padding}" : "",
            Dilation > 1 ? $", dilation {Dilation}" : "",
            Groups > 1 ? $", groups {Groups}" : ""
        );
}

/// <summary>Squeeze and excitation: one factor per channel, computed from the whole utterance.</summary>
/// <param name="Reduction">Channels per hidden unit.</param>
public sealed record SqueezeExciteSpec(int Reduction = 16) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        Reduction >= 1 && Reduction <= Math.Max(1, inputs)
            ? []
            : [$"reduction is {Reduction}, must be in 1..{inputs}, the number of channels"];

    internal override void Measure(int inputs, ref NetworkSize size) =>
        size.Add(2.0 * inputs * (inputs / Reduction), inputs);

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new SqueezeExcite<TReal>(inputs, Reduction);

    /// <inheritdoc/>
    public override string Describe() => $"squeeze and excitation, reduction {Reduction}";
}

/// <summary>
/// A residual block: layers whose input is added to their output, after a convolution of kernel size 1 if they change
/// the number of channels.
/// </summary>
/// <param name="Body">The layers; they must keep every frame in its position.</param>
/// <param name="Activation">A function of the sum; null for none.</param>
public sealed record ResidualSpec(IReadOnlyList<LayerSpec> Body, ActivationFunction? Activation = null) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        var features = inputs;
        var problems = Walk("body", Body, ref features).Select(problem => $"{problem}").ToList();
        if (problems.Count == 0)
        {
            problems.AddRange(
                Body.Index()
                    .Where(item => !item.Item.FrameMapping.IsIdentity)
                    .Select(item =>
                        $"body.{item.Index}: {item.Item.ShortDescription} moves or joins frames, must have stride 1 "
                        + "and keep the number of frames"
                    )
            );
        }
        return Activation is { } function ? problems.Concat(Exists(function, "activation function")) : problems;
    }

    internal override long LayerCount => 1 + Body.Sum(layer => layer.LayerCount);

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) =>
        Body.Aggregate(inputs, (features, layer) => layer.OutputFeatures(features));

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        var outputs = inputs;
        foreach (var layer in Body)
        {
            layer.Measure(outputs, ref size);
            outputs = layer.OutputFeatures(outputs);
        }
        if (outputs != inputs)
            size.Add((inputs + 1.0) * outputs, outputs);
        size.Add(0, Activation is null ? outputs : 2.0 * outputs);
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new Residual<TReal>(inputs, Build<TReal>(Body, inputs), Activation);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Concat(
            $"residual ({string.Join("; ", Body.Select(layer => layer.Describe()))})",
            Activation is { } function ? $", {new ActivationSpec(function).Describe()}" : ""
        );
}
