using System.Globalization;
using System.Numerics;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// A layer as data: what the DSL declares, a model file stores and <see cref="Network{TReal}"/> is built from. Sizes that follow
/// from the layer before are not repeated.
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
[JsonDerivedType(typeof(CustomLayerSpec), "own")]
public abstract record LayerSpec
{
    /// <summary>What is wrong with the layer behind <paramref name="inputs"/> features; each a clause naming the value.</summary>
    public abstract IEnumerable<string> Problems(int inputs);

    /// <summary>Features per frame of the output behind <paramref name="inputs"/> features.</summary>
    public virtual int OutputFeatures(int inputs) => inputs;

    /// <summary>The layer, with starting values of its own; call only where there are no problems.</summary>
    public abstract Layer<TReal> Build<TReal>(int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

    /// <summary>The layer in a few words, as in summaries.</summary>
    public abstract string Describe();

    /// <summary>How many layers are built from it, those within it included.</summary>
    internal virtual long LayerCount => 1;

    /// <summary>Whether every frame of the output lies where that of the input is.</summary>
    internal virtual bool KeepsFrames => true;

    /// <summary>
    /// What is wrong with layers one after another, below a path; <paramref name="features"/> become those behind the last.
    /// </summary>
    internal static List<SpecProblem> Walk(string path, IReadOnlyList<LayerSpec> layers, ref int features)
    {
        var problems = new List<SpecProblem>();
        for (var i = 0; i < layers.Count; i++)
        {
            var layer = layers[i];
            var own = layer
                .Problems(features)
                .Select(problem => new SpecProblem($"{path}.{i}", $"{layer.Describe()}: {problem}"))
                .ToList();
            problems.AddRange(own);
            // Behind a faulty layer the sizes are unknown; the rest is judged as far as that goes.
            if (own.Count == 0 && features > 0)
                features = layer.OutputFeatures(features);
        }
        return problems;
    }

    /// <summary>Layers one after another.</summary>
    internal static Sequential<TReal> Build<TReal>(IReadOnlyList<LayerSpec> specs, int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var layers = new List<Layer<TReal>>();
        foreach (var spec in specs)
            layers.Add(spec.Build<TReal>(layers.Count == 0 ? inputs : layers[^1].OutputFeatures));
        return new Sequential<TReal>(inputs, [.. layers]);
    }

    /// <summary>Specs come from files too: no size is larger than this, lest a small file ask for all memory.</summary>
    private protected const int Largest = 1 << 20;

    /// <summary>A problem unless the value is at least <paramref name="least"/> and at most <paramref name="most"/>.</summary>
    private protected static IEnumerable<string> AtLeast(int least, int value, string what, int most = Largest)
    {
        if (value < least)
            yield return $"{what} is {value}, must be at least {least}";
        if (value > most)
            yield return $"{what} is {value}, must be at most {most}";
    }

    /// <summary>A problem unless the value is the probability of a dropout.</summary>
    private protected static IEnumerable<string> DropsSome(double probability, string what)
    {
        if (probability is not (>= 0 and < 1))
            yield return string.Create(CultureInfo.InvariantCulture, $"{what} is {probability}, must be in [0, 1)");
    }

    /// <summary>A problem unless the function exists.</summary>
    private protected static IEnumerable<string> Exists<TEnum>(TEnum value, string what)
        where TEnum : struct, Enum
    {
        if (!Enum.IsDefined(value))
            yield return $"{what} {value} does not exist";
    }
}

/// <summary>A projection of every frame.</summary>
/// <param name="Outputs">Features of the output.</param>
/// <param name="Bias">Whether a bias is added.</param>
public sealed record LinearSpec(int Outputs, bool Bias = true) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => AtLeast(1, Outputs, "number of outputs");

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Outputs;

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

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new LayerNorm<TReal>(inputs);

    /// <inheritdoc/>
    public override string Describe() => "layer norm";
}

/// <summary>A nonlinear function of every element.</summary>
/// <param name="Function">Which.</param>
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
/// <param name="Probability">Of an element to be dropped, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask.</param>
public sealed record DropoutSpec(double Probability, bool Locked = false) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => DropsSome(Probability, "probability");

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new Dropout<TReal>(inputs, Probability, Locked);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Locked ? "locked " : "")}dropout {Probability}");
}

/// <summary>Masks over time and features.</summary>
/// <param name="Time">The widest stretch of time, in frames.</param>
/// <param name="Frequency">The widest band of features.</param>
/// <param name="TimeCount">Stretches of time per utterance.</param>
/// <param name="FrequencyCount">Bands per utterance.</param>
public sealed record SpecAugmentSpec(int Time, int Frequency, int TimeCount = 1, int FrequencyCount = 1) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (
            var problem in AtLeast(0, Time, "time")
                .Concat(AtLeast(0, Frequency, "frequency"))
                .Concat(AtLeast(0, TimeCount, "timeCount"))
                .Concat(AtLeast(0, FrequencyCount, "frequencyCount"))
        )
            yield return problem;
        if (Frequency > inputs)
            yield return $"frequency is {Frequency}, there are only {inputs} features";
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new SpecAugment<TReal>(inputs, Time, Frequency, TimeCount, FrequencyCount);

    /// <inheritdoc/>
    public override string Describe() =>
        $"mask time {Time}{Times(TimeCount)}, frequency {Frequency}{Times(FrequencyCount)}";

    private static string Times(int count) => count == 1 ? "" : $" x{count}";
}

/// <summary>Joins neighbouring frames.</summary>
/// <param name="Factor">How many frames become one.</param>
public sealed record FrameStackingSpec(int Factor) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        AtLeast(2, Factor, "factor", most: Largest / Math.Max(1, inputs));

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Factor * inputs;

    internal override bool KeepsFrames => false;

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new FrameStacking<TReal>(inputs, Factor);

    /// <inheritdoc/>
    public override string Describe() => $"pyramid {Factor}";
}
