namespace Hybrid.Core;

/// <summary>A convolution over time.</summary>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Kernel">Frames that one output frame sees.</param>
/// <param name="Stride">Input frames from one output frame to the next.</param>
/// <param name="Padding">Frames of zeros before and after; (kernel - 1) * dilation / 2 where null.</param>
/// <param name="Dilation">Frames from one that is seen to the next.</param>
/// <param name="Groups">Groups of channels that do not see each other.</param>
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
            var problem in AtLeast(1, Channels, "number of channels")
                .Concat(AtLeast(1, Kernel, "kernel"))
                .Concat(AtLeast(1, Stride, "stride"))
                .Concat(AtLeast(1, Dilation, "dilation", most: Largest / Math.Max(1, Kernel)))
                .Concat(AtLeast(1, Groups, "groups"))
                .Concat(AtLeast(0, Padding ?? 0, "padding", most: (int)Math.Clamp(Reach, 0, Largest)))
        )
            yield return problem;
        if (Groups > 1 && inputs % Groups != 0)
            yield return $"groups is {Groups}, must divide the {inputs} features of the input";
        if (Groups > 1 && Channels % Groups != 0)
            yield return $"groups is {Groups}, must divide the {Channels} channels of the output";
    }

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Channels;

    internal override bool KeepsFrames =>
        Stride == 1 && (Padding is { } padding ? 2L * padding == Reach : Reach % 2 == 0);

    private long Reach => (Kernel - 1L) * Dilation;

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new Conv1d<TReal>(inputs, Channels, Kernel, Stride, Padding, Dilation, Groups);

    /// <inheritdoc/>
    public override string Describe() =>
        $"conv1d {Channels}, kernel {Kernel}{(Stride > 1 ? $", stride {Stride}" : "")}{(Padding is { } padding ? $", padding {padding}" : "")}{(Dilation > 1 ? $", dilation {Dilation}" : "")}{(Groups > 1 ? $", groups {Groups}" : "")}";
}

/// <summary>A factor for each channel that depends on the whole utterance.</summary>
/// <param name="Reduction">How many channels share a unit of the hidden layer.</param>
public sealed record SqueezeExciteSpec(int Reduction = 16) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        Reduction >= 1 && Reduction <= Math.Max(1, inputs)
            ? []
            : [$"reduction is {Reduction}, must be in 1..{inputs}, the number of channels"];

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new SqueezeExcite<TReal>(inputs, Reduction);

    /// <inheritdoc/>
    public override string Describe() => $"squeeze and excitation, reduction {Reduction}";
}

/// <summary>Layers with a way around them: the input itself, or a convolution of one tap where they change the channels.</summary>
/// <param name="Body">The layers; they must keep frames where they are.</param>
/// <param name="Activation">A function of the sum; none where null.</param>
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
                    .Where(item => !item.Item.KeepsFrames)
                    .Select(item =>
                        $"body.{item.Index}: {item.Item.Describe()} moves or joins frames, must have stride 1 and keep the number of frames"
                    )
            );
        }
        return Activation is { } function ? problems.Concat(Exists(function, "activation function")) : problems;
    }

    internal override long LayerCount => 1 + Body.Sum(layer => layer.LayerCount);

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) =>
        Body.Aggregate(inputs, (features, layer) => layer.OutputFeatures(features));

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new Residual<TReal>(inputs, Build<TReal>(Body, inputs), Activation);

    /// <inheritdoc/>
    public override string Describe() =>
        $"residual ({string.Join("; ", Body.Select(layer => layer.Describe()))}){(Activation is { } function ? $", {new ActivationSpec(function).Describe()}" : "")}";
}
