using System.Numerics;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// A layer as data: what the DSL declares, a model file stores and <see cref="Network{R}"/> is built from. Sizes that follow
/// from the layer before are not repeated.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "layer")]
[JsonDerivedType(typeof(LinearSpec), "linear")]
[JsonDerivedType(typeof(Conv1dSpec), "conv1d")]
[JsonDerivedType(typeof(BatchNormSpec), "batchNorm")]
[JsonDerivedType(typeof(ActivationSpec), "activation")]
[JsonDerivedType(typeof(DropoutSpec), "dropout")]
[JsonDerivedType(typeof(MaskingSpec), "masking")]
[JsonDerivedType(typeof(LstmSpec), "lstm")]
[JsonDerivedType(typeof(PyramidSpec), "pyramid")]
public abstract record LayerSpec
{
    /// <summary>What is wrong with the layer behind <paramref name="inputs"/> features; each a clause naming the value.</summary>
    public abstract IEnumerable<string> Problems(int inputs);

    /// <summary>Features per frame of the output behind <paramref name="inputs"/> features.</summary>
    public virtual int OutputFeatures(int inputs) => inputs;

    /// <summary>The layer, with starting values of its own; call only where there are no problems.</summary>
    public abstract Layer<R> Build<R>(int inputs) where R : unmanaged, IBinaryFloatingPointIeee754<R>;

    /// <summary>The layer in a few words, as in summaries.</summary>
    public abstract string Describe();

    /// <summary>A problem unless the value is at least <paramref name="least"/>.</summary>
    private protected static IEnumerable<string> AtLeast(int least, int value, string what)
    {
        if (value < least) yield return $"{what} is {value}, must be at least {least}";
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
    public override Layer<R> Build<R>(int inputs) => new Linear<R>(inputs, Outputs, Bias);

    /// <inheritdoc/>
    public override string Describe() => $"linear {Outputs}{(Bias ? "" : " without bias")}";
}

/// <summary>A convolution over time.</summary>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Kernel">Frames that one output frame sees.</param>
/// <param name="Stride">Input frames from one output frame to the next.</param>
/// <param name="Padding">Frames of zeros before and after; (kernel - 1) / 2 where null.</param>
public sealed record Conv1dSpec(int Channels, int Kernel, int Stride = 1, int? Padding = null) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        [.. AtLeast(1, Channels, "number of channels"), .. AtLeast(1, Kernel, "kernel"), .. AtLeast(1, Stride, "stride"), .. AtLeast(0, Padding ?? 0, "padding")];

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Channels;

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Conv1d<R>(inputs, Channels, Kernel, Stride, Padding);

    /// <inheritdoc/>
    public override string Describe() => $"conv1d {Channels}, kernel {Kernel}{(Stride > 1 ? $", stride {Stride}" : "")}";
}

/// <summary>Batch normalisation.</summary>
public sealed record BatchNormSpec : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => [];

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new BatchNorm1d<R>(inputs);

    /// <inheritdoc/>
    public override string Describe() => "batch norm";
}

/// <summary>A nonlinear function of every element.</summary>
/// <param name="Function">Which.</param>
public sealed record ActivationSpec(ActivationFunction Function) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        Enum.IsDefined(Function) ? [] : [$"activation function {(int)Function} does not exist"];

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Activation<R>(Function, inputs);

    /// <inheritdoc/>
    public override string Describe() => Function.ToString().ToLowerInvariant();
}

/// <summary>Dropout.</summary>
/// <param name="Probability">Of an element to be dropped, in [0, 1).</param>
public sealed record DropoutSpec(double Probability) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        Probability is >= 0 and < 1 ? [] : [string.Create(System.Globalization.CultureInfo.InvariantCulture, $"probability is {Probability}, must be in [0, 1)")];

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Dropout<R>(inputs, Probability);

    /// <inheritdoc/>
    public override string Describe() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"dropout {Probability}");
}

/// <summary>Masks over time and features.</summary>
/// <param name="Time">The widest stretch of time, in frames.</param>
/// <param name="Frequency">The widest band of features.</param>
/// <param name="TimeCount">Stretches of time per utterance.</param>
/// <param name="FrequencyCount">Bands per utterance.</param>
public sealed record MaskingSpec(int Time, int Frequency, int TimeCount = 1, int FrequencyCount = 1) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (var problem in AtLeast(0, Time, "time").Concat(AtLeast(0, Frequency, "frequency")).Concat(AtLeast(0, TimeCount, "timeCount")).Concat(AtLeast(0, FrequencyCount, "frequencyCount")))
            yield return problem;
        if (Frequency > inputs) yield return $"frequency is {Frequency}, there are only {inputs} features";
    }

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Masking<R>(inputs, Time, Frequency, TimeCount, FrequencyCount);

    /// <inheritdoc/>
    public override string Describe() => $"mask time {Time}{Times(TimeCount)}, frequency {Frequency}{Times(FrequencyCount)}";

    private static string Times(int count) => count == 1 ? "" : $" x{count}";
}

/// <summary>An LSTM over time.</summary>
/// <param name="Hidden">Units per direction.</param>
/// <param name="Bidirectional">Whether a second one runs backwards beside it.</param>
public sealed record LstmSpec(int Hidden, bool Bidirectional) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => AtLeast(1, Hidden, "number of hidden units");

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Bidirectional ? 2 * Hidden : Hidden;

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Recurrent<R>(inputs, Hidden, Bidirectional);

    /// <inheritdoc/>
    public override string Describe() => $"{(Bidirectional ? "blstm" : "lstm")} {Hidden}";
}

/// <summary>Joins neighbouring frames.</summary>
/// <param name="Factor">How many frames become one.</param>
public sealed record PyramidSpec(int Factor) : LayerSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => AtLeast(2, Factor, "factor");

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Factor * inputs;

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => new Pyramid<R>(inputs, Factor);

    /// <inheritdoc/>
    public override string Describe() => $"pyramid {Factor}";
}
