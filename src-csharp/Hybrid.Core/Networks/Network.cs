using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A network built from its spec: maps feature vectors to one logit per symbol and frame. The memory of a pass belongs
/// to the caller's workspace, so several threads can share one network for inference.
/// </summary>
/// <example>
/// <code>
/// var spec = new NetworkSpec(
///     Inputs: 28,
///     Symbols: 41,
///     Encoder: [new Conv1dSpec(64, Kernel: 5, Stride: 2), new LstmSpec(128, Bidirectional: true)],
///     Decoder: [new LinearSpec(41)]
/// );
/// var network = new Network&lt;float&gt;(spec, seed: 1);
/// var pass = new Pass(new Workspace());
/// Batch&lt;float&gt; logits = network.Forward(features, pass); // [T, B, 28] to [(T + 1) / 2, B, 41]
/// </code>
/// </example>
/// <typeparam name="TReal">Float in production, double in gradient checks.</typeparam>
public sealed class Network<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private const int MostProblems = 10;

    private readonly Sequential<TReal> encoder,
        decoder;

    // An array, because enumerating an interface would allocate at every step.
    private readonly Parameter<TReal>[] parameters;

    /// <summary>A network with initial values drawn from <paramref name="seed"/>.</summary>
    /// <exception cref="InvalidSpecException">The spec has problems.</exception>
    public Network(NetworkSpec spec, ulong seed = 0)
        : this(spec)
    {
        var random = new CounterRandom(seed).Fork("weights");
        foreach (var parameter in Parameters)
            parameter.Initialize(random);
    }

    /// <summary>A network with weights and buffers from stored tensors.</summary>
    /// <param name="spec">The declaration.</param>
    /// <param name="tensors">One for each of <see cref="Parameters"/>, in any order.</param>
    /// <param name="rename">From the name of a tensor to the name in the network, where they differ.</param>
    /// <exception cref="InvalidSpecException">The spec has problems.</exception>
    /// <exception cref="FormatException">
    /// Tensors are missing, unexpected or of another shape; the message lists them.
    /// </exception>
    public Network(
        NetworkSpec spec,
        IEnumerable<StoredTensor> tensors,
        IReadOnlyDictionary<string, string>? rename = null
    )
        : this(spec) => Load(tensors, rename);

    private Network(NetworkSpec spec)
    {
        if (spec.Validate() is { Count: > 0 } problems)
            throw new InvalidSpecException(problems);
        Spec = spec;
        encoder = LayerSpec.Build<TReal>(spec.Encoder, spec.Inputs);
        decoder = LayerSpec.Build<TReal>(spec.Decoder, encoder.OutputFeatures);
        encoder.Place("encoder");
        decoder.Place("decoder");
        Layers = [.. encoder.Children, .. decoder.Children];
        parameters = [.. encoder.Parameters, .. decoder.Parameters];
    }

    /// <summary>The declaration.</summary>
    public NetworkSpec Spec { get; }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<Layer<TReal>> Layers { get; }

    /// <summary>All weights and buffers, with their paths as names.</summary>
    public IReadOnlyList<Parameter<TReal>> Parameters => parameters;

    /// <summary>The number of trainable values.</summary>
    public long ParameterCount =>
        Parameters.Where(parameter => parameter.IsTrainable).Sum(parameter => (long)parameter.Length);

    /// <summary>Frames of the output for an utterance of <paramref name="frames"/> frames.</summary>
    public int OutputLength(int frames) => decoder.OutputLength(encoder.OutputLength(frames));

    /// <summary>The positions of output frames in the input.</summary>
    public FrameMapping FrameMapping => encoder.FrameMapping.Then(decoder.FrameMapping);

    /// <summary>
    /// The least number of input frames that is a whole number of frames at the output of every layer: where a long
    /// utterance can be divided so that the parts have the output frames of the whole.
    /// </summary>
    internal int InputAlignment
    {
        get
        {
            // The stride so far as a fraction: input frames to frames at the current layer.
            var (alignment, inputs, outputs) = (1L, 1L, 1L);
            foreach (var layer in Layers)
            {
                var stride = layer.FrameMapping.Stride;
                if (stride >= 1)
                    inputs *= (long)stride;
                else
                    outputs *= (long)Math.Round(1 / stride);
                var divisor = IntMath.GreatestCommonDivisor(inputs, outputs);
                (inputs, outputs) = (inputs / divisor, outputs / divisor);
                alignment = alignment / IntMath.GreatestCommonDivisor(alignment, inputs) * inputs;
            }
            return checked((int)alignment);
        }
    }

    /// <summary>Multiply-adds for an utterance of <paramref name="frames"/> frames.</summary>
    public long MultiplyAdds(int frames) =>
        encoder.MultiplyAdds(frames) + decoder.MultiplyAdds(encoder.OutputLength(frames));

    /// <summary>
    /// Computes logits, [T, B, inputs] to [T', B, symbols]. Input frames beyond an utterance's length have no
    /// influence, whatever they contain. NaN and infinity of an utterance stay within it, except through batch
    /// statistics.
    /// </summary>
    /// <exception cref="ArgumentException">The batch has another number of features.</exception>
    public Batch<TReal> Forward(Batch<TReal> x, Pass pass) =>
        decoder.Forward(encoder.Forward(x.ZeroPadded(pass.Workspace), pass), pass);

    /// <summary>
    /// Adds to the gradients of all parameters, from the gradient of the loss with respect to the logits.
    /// </summary>
    public void Backward(Batch<TReal> dLogits, Pass pass) =>
        encoder.Backward(decoder.Backward(dLogits, pass), pass with { SkipInputGradient = true });

    /// <summary>Weights and buffers, to be stored.</summary>
    public IEnumerable<StoredTensor> Save() => parameters.Select(parameter => parameter.Save());

    /// <summary>Loads weights and buffers from stored tensors.</summary>
    /// <param name="tensors">One for each of <see cref="Parameters"/>, in any order.</param>
    /// <param name="rename">From the name of a tensor to the name in the network, where they differ.</param>
    /// <exception cref="FormatException">
    /// Tensors are missing, unexpected or of another shape; the message lists them, and the network is unchanged.
    /// </exception>
    public void Load(IEnumerable<StoredTensor> tensors, IReadOnlyDictionary<string, string>? rename = null)
    {
        var left = new Dictionary<string, StoredTensor>();
        var unused = new HashSet<string>(rename?.Keys ?? []);
        var problems = new List<string>();
        var found = new List<(Parameter<TReal> Parameter, StoredTensor Stored)>();
        foreach (var tensor in tensors)
        {
            unused.Remove(tensor.Name);
            var name = rename?.GetValueOrDefault(tensor.Name) ?? tensor.Name;
            if (!left.TryAdd(name, tensor))
            {
                var (first, second) = (Quoted.Unless(left[name].Name), Quoted.Unless(tensor.Name));
                problems.Add($"{first} and {second} are both for {Quoted.Unless(name)}");
            }
        }
        foreach (var parameter in parameters)
        {
            if (!left.Remove(parameter.Name, out var stored))
                problems.Add($"missing {parameter}");
            else if (!stored.Shape.SequenceEqual(parameter.Shape.Select(size => (long)size)))
                problems.Add($"{parameter} has shape [{string.Join(", ", stored.Shape)}] in the file");
            else
                found.Add((parameter, stored));
        }
        problems.AddRange(left.Values.Select(tensor => $"unexpected {Quoted.Unless(tensor.Name)}"));
        problems.AddRange(unused.Select(name => $"there is no tensor {Quoted.Unless(name)} to rename"));
        if (problems.Count > 0)
        {
            var more = problems.Count > MostProblems ? $"; and {problems.Count - MostProblems} more" : "";
            throw new FormatException(
                $"the tensors do not fit the network: {string.Join("; ", problems.Take(MostProblems))}{more}"
            );
        }
        foreach (var (parameter, stored) in found)
            parameter.Load(stored);
    }

    /// <summary>
    /// Takes the weights and buffers of another network that have the name and the shape of one of this network's; the
    /// others keep their values.
    /// </summary>
    /// <param name="tensors">The weights and buffers of the other network.</param>
    /// <param name="except">Path of a layer that takes nothing; null for none.</param>
    public WeightTransfer TakeMatching(IEnumerable<StoredTensor> tensors, string? except = null)
    {
        var left = tensors.ToDictionary(tensor => tensor.Name);
        var (taken, kept) = (new List<string>(), new List<string>());
        foreach (var parameter in parameters)
        {
            var found = left.Remove(parameter.Name, out var stored);
            if (except is not null && IsWithin(parameter.Name, except))
                kept.Add($"{parameter}");
            else if (!found)
                kept.Add($"{parameter}, which the other network lacks");
            else if (!stored!.Shape.SequenceEqual(parameter.Shape.Select(size => (long)size)))
                kept.Add($"{parameter}, [{string.Join(", ", stored.Shape)}] in the other network");
            else
            {
                parameter.Load(stored);
                taken.Add(parameter.Name);
            }
        }
        return new WeightTransfer(taken, kept, [.. left.Keys]);
    }

    /// <summary>Input, symbols and parameters, and a line for each layer.</summary>
    public override string ToString() => $"{Spec.Title}, {ParameterCount} parameters{Spec.LayerLines()}";

    /// <summary>Whether the path of a layer is <paramref name="path"/> or below it.</summary>
    internal static bool IsWithin(string layer, string path) =>
        layer == path || layer.StartsWith(path + '.', StringComparison.Ordinal);

    /// <summary>Freezes the layers at the paths and below them; all others are trained again.</summary>
    internal void Freeze(IReadOnlyList<string> paths)
    {
        foreach (var layer in Layers)
        {
            layer.IsFrozen = paths.Any(path => IsWithin(layer.Path, path));
            foreach (var parameter in layer.Parameters)
                parameter.IsFrozen = layer.IsFrozen;
        }
    }

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in parameters)
            if (parameter.IsTrainable)
                parameter.ClearGradient();
    }

    /// <summary>
    /// The first tensor with a value that is not finite: the input, a parameter, or the output of a layer; null if all
    /// are finite.
    /// </summary>
    public string? FirstNonFinite(Batch<TReal> x, Pass pass)
    {
        x = x.ZeroPadded(pass.Workspace);
        if (!AllFinite(x.Data.Span))
            return "the features";
        foreach (var layer in Layers)
        {
            foreach (var parameter in layer.Parameters)
                if (!AllFinite(parameter.Value))
                    return $"parameter {parameter.Name}";
            x = layer.Forward(x, pass);
            if (!AllFinite(x.Data.Span))
                return $"the output of {layer.Path}";
        }
        return null;
    }

    private static bool AllFinite(ReadOnlySpan<TReal> values)
    {
        foreach (var value in values)
            if (!TReal.IsFinite(value))
                return false;
        return true;
    }
}
