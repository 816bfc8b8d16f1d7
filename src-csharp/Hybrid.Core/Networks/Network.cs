using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A network built from its spec: feature vectors to one logit per symbol and frame. Weights are shared by all who hold the
/// network; memory of a pass belongs to the caller's workspace, so that many threads can use one network for inference.
/// </summary>
/// <typeparam name="TReal">Float in production, double in gradient checks.</typeparam>
public sealed class Network<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Sequential<TReal> encoder,
        decoder;

    // An array, because walking through an interface would allocate an enumerator at every step.
    private readonly Parameter<TReal>[] parameters;

    /// <summary>Builds the layers with starting values drawn from <paramref name="seed"/>.</summary>
    /// <exception cref="InvalidSpecException">The spec has problems.</exception>
    public Network(NetworkSpec spec, ulong seed = 0)
        : this(spec)
    {
        var random = new CounterRandom(seed).Fork("weights");
        foreach (var parameter in Parameters)
            parameter.Initialize(random);
    }

    /// <summary>A network that takes its weights and running statistics from stored tensors.</summary>
    /// <param name="spec">The declaration.</param>
    /// <param name="tensors">One for each of <see cref="Parameters"/>, in any order.</param>
    /// <param name="rename">The name in the network for the name of a tensor, where they differ.</param>
    /// <exception cref="InvalidSpecException">The spec has problems.</exception>
    /// <exception cref="FormatException">Tensors are missing, left over or of another shape; the message lists all.</exception>
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

    /// <summary>All weights and running statistics, with their paths as names.</summary>
    public IReadOnlyList<Parameter<TReal>> Parameters => parameters;

    /// <summary>How many numbers training moves.</summary>
    public long ParameterCount =>
        Parameters.Where(parameter => parameter.IsTrainable).Sum(parameter => (long)parameter.Length);

    /// <summary>Frames of the output for an utterance of <paramref name="frames"/> frames.</summary>
    public int OutputLength(int frames) => decoder.OutputLength(encoder.OutputLength(frames));

    /// <summary>Frame k of the output is centred on frame <c>k * Stride + Offset</c> of the input.</summary>
    public (int Stride, double Offset) Centers =>
        (
            encoder.Centers.Stride * decoder.Centers.Stride,
            encoder.Centers.Offset + encoder.Centers.Stride * decoder.Centers.Offset
        );

    /// <summary>Multiply-adds for an utterance of <paramref name="frames"/> frames.</summary>
    public long MultiplyAdds(int frames) =>
        encoder.MultiplyAdds(frames) + decoder.MultiplyAdds(encoder.OutputLength(frames));

    /// <summary>[T, B, inputs] to logits, [T', B, symbols]; what lies beyond an utterance's length does not count.</summary>
    public Batch<TReal> Forward(Batch<TReal> x, Pass pass) =>
        decoder.Forward(encoder.Forward(x.ZeroPadded(pass.Workspace), pass), pass);

    /// <summary>Adds to the gradients of all parameters, given the loss's gradient with respect to the logits.</summary>
    public void Backward(Batch<TReal> dLogits, Pass pass) =>
        encoder.Backward(decoder.Backward(dLogits, pass), pass with { SkipInputGradient = true });

    /// <summary>Weights and running statistics, to be stored.</summary>
    public IEnumerable<StoredTensor> Save() => parameters.Select(parameter => parameter.Save());

    /// <summary>Takes weights and running statistics from stored tensors.</summary>
    /// <param name="tensors">One for each of <see cref="Parameters"/>, in any order.</param>
    /// <param name="rename">The name in the network for the name of a tensor, where they differ.</param>
    /// <exception cref="FormatException">Tensors are missing, left over or of another shape; the message lists all, and nothing was taken.</exception>
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
                problems.Add(
                    $"{Quoted.Unless(left[name].Name)} and {Quoted.Unless(tensor.Name)} both stand for {Quoted.Unless(name)}"
                );
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
        problems.AddRange(unused.Select(name => $"nothing to rename is called {name}"));
        if (problems.Count > 0)
            throw new FormatException($"the tensors do not fit the network: {string.Join("; ", problems)}");
        foreach (var (parameter, stored) in found)
            parameter.Load(stored);
    }

    /// <summary>Whether a layer is, or lies in, what a path names.</summary>
    internal static bool IsWithin(string layer, string path) =>
        layer == path || layer.StartsWith(path + '.', StringComparison.Ordinal);

    /// <summary>Freezes the layers that are, or lie in, what the paths name; all others move again.</summary>
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
    /// Where numbers stop being finite: the input, a parameter, or the output of a layer; null where all are finite.
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
