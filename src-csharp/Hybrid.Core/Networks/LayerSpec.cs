using System.Globalization;
using System.Numerics;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// A layer as data: declared by the user, stored in model files, and built into a <see cref="Network{TReal}"/>. Input
/// sizes are inferred from the layers before.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "layer")]
[JsonDerivedType(typeof(LinearSpec), "linear")]
[JsonDerivedType(typeof(Conv1dSpec), "conv1d")]
[JsonDerivedType(typeof(SqueezeExciteSpec), "squeezeExcite")]
[JsonDerivedType(typeof(ResidualSpec), "residual")]
[JsonDerivedType(typeof(BatchNormSpec), "batchNorm")]
[JsonDerivedType(typeof(LayerNormSpec), "layerNorm")]
[JsonDerivedType(typeof(ActivationSpec), "activation")]
[JsonDerivedType(typeof(DropoutSpec), "dropout")]
[JsonDerivedType(typeof(SpecAugmentSpec), "masking")]
[JsonDerivedType(typeof(RnnSpec), "rnn")]
[JsonDerivedType(typeof(GruSpec), "gru")]
[JsonDerivedType(typeof(LstmSpec), "lstm")]
[JsonDerivedType(typeof(FrameStackingSpec), "pyramid")]
[JsonDerivedType(typeof(FrameUnstackingSpec), "upsample")]
[JsonDerivedType(typeof(CustomLayerSpec), "own")]
public abstract record LayerSpec
{
    private const int MostDescribed = 100;

    /// <summary>
    /// The problems of the layer with <paramref name="inputs"/> input features, each a clause with the value.
    /// </summary>
    public abstract IEnumerable<string> Problems(int inputs);

    /// <summary>Features per output frame, for <paramref name="inputs"/> input features.</summary>
    public virtual int OutputFeatures(int inputs) => inputs;

    /// <summary>Builds the layer with its initial values; call it only if there are no problems.</summary>
    public abstract Layer<TReal> Build<TReal>(int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

    /// <summary>A short description, as in summaries.</summary>
    public abstract string Describe();

    /// <summary>The number of layers that are built from it, including nested ones.</summary>
    internal virtual long LayerCount => 1;

    /// <summary>The positions of output frames in the input.</summary>
    internal virtual FrameMapping FrameMapping => FrameMapping.Identity;

    /// <summary>Adds the layer to the size of a network; call it only if there are no problems.</summary>
    internal virtual void Measure(int inputs, ref NetworkSize size) => size.Add(0, OutputFeatures(inputs));

    /// <summary>
    /// The problems of consecutive layers below a path; <paramref name="features"/> becomes the number of features
    /// after the last.
    /// </summary>
    internal static List<SpecProblem> Walk(string path, IReadOnlyList<LayerSpec> layers, ref int features)
    {
        var problems = new List<SpecProblem>();
        for (var i = 0; i < layers.Count; i++)
        {
            var layer = layers[i];
            var found = layer.Problems(features).ToList();
            // After a layer with problems the sizes are unknown; the other layers are checked with the last known size.
            if (found.Count == 0 && features > 0)
            {
                var outputs = layer.OutputFeatures(features);
                if (outputs <= SpecLimits.Size)
                    features = outputs;
                else
                    found.Add($"the output has {outputs} features, must have at most {SpecLimits.Size}");
            }
            problems.AddRange(
                found.Select(problem => new SpecProblem($"{path}.{i}", $"{layer.ShortDescription}: {problem}"))
            );
        }
        return problems;
    }

    /// <summary>The description for messages, cut if it is long.</summary>
    internal string ShortDescription =>
        Describe() is { Length: > MostDescribed } description ? $"{description[..MostDescribed]}..." : Describe();

    /// <summary>Builds consecutive layers.</summary>
    internal static Sequential<TReal> Build<TReal>(IReadOnlyList<LayerSpec> specs, int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var layers = new List<Layer<TReal>>();
        foreach (var spec in specs)
            layers.Add(spec.Build<TReal>(layers.Count == 0 ? inputs : layers[^1].OutputFeatures));
        return new Sequential<TReal>(inputs, [.. layers]);
    }

    /// <summary>
    /// A problem unless the value is at least <paramref name="least"/> and at most <paramref name="most"/>.
    /// </summary>
    private protected static IEnumerable<string> InRange(int least, int value, string what, int most = SpecLimits.Size)
    {
        if (value < least)
            yield return $"{what} is {value}, must be at least {least}";
        if (value > most)
            yield return $"{what} is {value}, must be at most {most}";
    }

    /// <summary>A problem unless the value is a dropout probability.</summary>
    private protected static IEnumerable<string> IsProbability(double probability, string what)
    {
        if (probability is not (>= 0 and < 1))
            yield return string.Create(CultureInfo.InvariantCulture, $"{what} is {probability}, must be in [0, 1)");
    }

    /// <summary>A problem unless the enumeration defines the value.</summary>
    private protected static IEnumerable<string> Exists<TEnum>(TEnum value, string what)
        where TEnum : struct, Enum
    {
        if (!Enum.IsDefined(value))
            yield return $"{what} {value} does not exist";
    }
}

/// <summary>A linear layer.</summary>
/// <param name="Outputs">Features of the output.</param>
/// <param name="Bias">Whether a bias is added.</param>
public sealed record LinearSpec(int Outputs, bool Bias = true) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => InRange(1, Outputs, "number of outputs");

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Outputs;

    internal override void Measure(int inputs, ref NetworkSize size) => size.Add((inputs + 1.0) * Outputs, Outputs);

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new Linear<TReal>(inputs, Outputs, Bias);

    /// <inheritdoc/>
    public override string Describe() => $"linear {Outputs}{(Bias ? "" : " without bias")}";
}

/// <summary>Batch normalisation.</summary>
public sealed record BatchNormSpec : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => [];

    internal override void Measure(int inputs, ref NetworkSize size) => size.Add(4.0 * inputs, inputs);

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new BatchNorm1d<TReal>(inputs);

    /// <inheritdoc/>
    public override string Describe() => "batch norm";
}

/// <summary>Layer normalisation.</summary>
public sealed record LayerNormSpec : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => [];

    internal override void Measure(int inputs, ref NetworkSize size) => size.Add(2.0 * inputs, 2.0 * inputs);

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new LayerNorm<TReal>(inputs);

    /// <inheritdoc/>
    public override string Describe() => "layer norm";
}

/// <summary>A nonlinear function of every element.</summary>
/// <param name="Function">The function.</param>
public sealed record ActivationSpec(ActivationFunction Function) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => Exists(Function, "activation function");

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new Activation<TReal>(Function, inputs);

    /// <inheritdoc/>
    public override string Describe() => Function.ToString().ToLowerInvariant();
}

/// <summary>Dropout.</summary>
/// <param name="Probability">Probability that an element is dropped, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask.</param>
public sealed record DropoutSpec(double Probability, bool Locked = false) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => IsProbability(Probability, "probability");

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new Dropout<TReal>(inputs, Probability, Locked);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Locked ? "locked " : "")}dropout {Probability}");
}

/// <summary>Masks over time and features (SpecAugment).</summary>
/// <param name="Time">Largest width of a time mask, in frames.</param>
/// <param name="Frequency">Largest width of a frequency mask, in features.</param>
/// <param name="TimeCount">Time masks per utterance.</param>
/// <param name="FrequencyCount">Frequency masks per utterance.</param>
/// <param name="Share">Largest share of an utterance's frames that its time masks cover, in [0, 1].</param>
public sealed record SpecAugmentSpec(
    int Time,
    int Frequency,
    int TimeCount = 1,
    int FrequencyCount = 1,
    double Share = SpecAugment<float>.DefaultShare
) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (
            var problem in InRange(0, Time, "time")
                .Concat(InRange(0, Frequency, "frequency"))
                .Concat(InRange(0, TimeCount, "timeCount", most: SpecLimits.Masks))
                .Concat(InRange(0, FrequencyCount, "frequencyCount", most: SpecLimits.Masks))
        )
            yield return problem;
        if (Frequency > inputs)
            yield return $"frequency is {Frequency}, there are only {inputs} features";
        if (Share is not (>= 0 and <= 1))
            yield return string.Create(CultureInfo.InvariantCulture, $"share is {Share}, must be in [0, 1]");
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new SpecAugment<TReal>(inputs, Time, Frequency, TimeCount, FrequencyCount, Share);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"mask time {Time}{Times(TimeCount)}, frequency {Frequency}{Times(FrequencyCount)}{ShareUnlessDefault()}"
        );

    private string ShareUnlessDefault() =>
        Share == SpecAugment<float>.DefaultShare ? "" : string.Create(CultureInfo.InvariantCulture, $", share {Share}");

    private static string Times(int count) => count == 1 ? "" : $" x{count}";
}

/// <summary>Concatenation of consecutive frames.</summary>
/// <param name="Factor">The number of frames that become one.</param>
public sealed record FrameStackingSpec(int Factor) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        InRange(2, Factor, "factor", most: SpecLimits.Size / Math.Max(1, inputs));

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Factor * inputs;

    internal override FrameMapping FrameMapping => FrameMapping.OfWindows(Factor, Factor - 1);

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        size.Frames /= Factor;
        size.Add(0, OutputFeatures(inputs));
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new FrameStacking<TReal>(inputs, Factor);

    /// <inheritdoc/>
    public override string Describe() => $"pyramid {Factor}";
}

/// <summary>Splitting of every frame into consecutive ones.</summary>
/// <param name="Factor">The number of frames that one becomes.</param>
public sealed record FrameUnstackingSpec(int Factor) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (var problem in InRange(2, Factor, "factor", most: SpecLimits.Upsampling))
            yield return problem;
        if (Factor >= 2 && inputs > 0 && inputs % Factor != 0)
            yield return $"factor is {Factor}, must divide the number of input features, {inputs}";
    }

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => inputs / Factor;

    internal override FrameMapping FrameMapping => FrameMapping.OfParts(Factor);

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        size.Frames *= Factor;
        size.Add(0, OutputFeatures(inputs));
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new FrameUnstacking<TReal>(inputs, Factor);

    /// <inheritdoc/>
    public override string Describe() => $"upsample {Factor}";
}
