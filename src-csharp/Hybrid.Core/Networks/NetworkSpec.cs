using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>A network as data: maps feature vectors to a logit for each symbol.</summary>
/// <param name="Inputs">Features per input frame.</param>
/// <param name="Symbols">Number of symbols, blank included.</param>
/// <param name="Encoder">Layers from features to a representation.</param>
/// <param name="Decoder">Layers from the representation to logits.</param>
[method: JsonConstructor]
public sealed record NetworkSpec(
    int Inputs,
    int Symbols,
    IReadOnlyList<LayerSpec> Encoder,
    IReadOnlyList<LayerSpec> Decoder
)
{
    private const int MostProblems = 20;

    /// <summary>An empty spec, for object initialisers.</summary>
    public NetworkSpec()
        : this(0, 0, [], []) { }

    /// <summary>All layers in order, with their paths.</summary>
    [JsonIgnore]
    public IEnumerable<(string Path, LayerSpec Layer)> Layers =>
        Encoder
            .Select((layer, i) => ($"encoder.{i}", layer))
            .Concat(Decoder.Select((layer, i) => ($"decoder.{i}", layer)));

    /// <summary>
    /// All problems, each with the path of the layer (empty for the network as a whole); of very many, the first ones
    /// and the number of the others.
    /// </summary>
    /// <remarks>
    /// Nothing is built. A valid network has at most 65,536 features per frame at any layer, 1,000 layers, 16 levels of
    /// residual blocks and 2^29 parameters. A convolution has at most kernel size 1,024, 4,096 groups (2^18 in the
    /// network), and 4,096 frames from its first tap to its last; its padding is at most that. One hundred input frames
    /// take at most 2^27 values and 2^36 multiply-adds.
    /// </remarks>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = FindProblems();
        if (problems.Count <= MostProblems)
            return problems;
        return
        [
            .. problems.Take(MostProblems),
            new SpecProblem("", $"there are {problems.Count - MostProblems} more problems"),
        ];
    }

    private List<SpecProblem> FindProblems()
    {
        var problems = new List<SpecProblem>();
        if (Inputs is < 1 or > SpecLimits.Size)
            problems.Add(new SpecProblem("", $"the network takes {Inputs} features, must be in 1..{SpecLimits.Size}"));
        if (Symbols < 2)
            problems.Add(
                new SpecProblem("", $"the network has {Symbols} symbols, must be at least 2 (blank and one phone)")
            );
        if (Symbols > SpecLimits.Size)
            problems.Add(
                new SpecProblem("", $"the network has {Symbols} symbols, must have at most {SpecLimits.Size}")
            );
        // Nesting first: other functions recurse into all levels.
        if (Layers.Any(item => NestsDeeperThan(SpecLimits.Nesting, item.Layer)))
            return
            [
                .. problems,
                new SpecProblem("", $"residual blocks are nested deeper than {SpecLimits.Nesting} levels"),
            ];
        if (Layers.Sum(item => item.Layer.LayerCount) is > SpecLimits.Layers and var count)
            return
            [
                .. problems,
                new SpecProblem("", $"the network has {count} layers, must have at most {SpecLimits.Layers}"),
            ];
        if (!Decoder.Any())
            problems.Add(
                new SpecProblem(
                    "",
                    $"the decoder is empty: its last layer must have {Symbols} outputs, such as linear {Symbols}"
                )
            );
        var features = Inputs;
        problems.AddRange(LayerSpec.Walk("encoder", Encoder, ref features));
        problems.AddRange(LayerSpec.Walk("decoder", Decoder, ref features));
        if (problems.Count > 0)
            return problems;
        if (FindSizeProblem() is { } problem)
            problems.Add(problem);
        if (features != Symbols)
            problems.Add(
                new SpecProblem(
                    $"decoder.{Decoder.Count - 1}",
                    $"{Decoder[^1].ShortDescription}: the network ends with {features} outputs for {Symbols} symbols, "
                        + $"must end with linear {Symbols}"
                )
            );
        return problems;
    }

    private static bool NestsDeeperThan(int levels, LayerSpec layer) =>
        layer is ResidualSpec residual
        && (levels == 0 || residual.Body.Any(inner => NestsDeeperThan(levels - 1, inner)));

    /// <summary>The first layer with which the network exceeds a limit.</summary>
    private SpecProblem? FindSizeProblem()
    {
        var (size, features) = (new NetworkSize(), Inputs);
        foreach (var (path, layer) in Layers)
        {
            layer.Measure(features, ref size);
            features = layer.OutputFeatures(features);
            if (size.Problem() is { } problem)
                return new SpecProblem(path, $"{layer.ShortDescription}: {problem}");
        }
        return null;
    }

    /// <summary>Input and symbols, and a line for each layer.</summary>
    public override string ToString() => $"{Title}{LayerLines()}";

    /// <summary>Input and symbols in a phrase.</summary>
    [JsonIgnore]
    internal string Title => $"network, {Inputs} features to {Symbols} symbols";

    /// <summary>A line with path and description for each layer, each after a line break.</summary>
    internal string LayerLines() =>
        string.Concat(Layers.Select(item => $"{Environment.NewLine}  {item.Path} {item.Layer.ShortDescription}"));

    /// <summary>The spec as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SpecJson.Default.NetworkSpec);

    /// <summary>Reads the JSON of <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">The text is not a network spec.</exception>
    public static NetworkSpec FromJson(string json) =>
        JsonText.Read(
            json,
            SpecJson.Default.NetworkSpec,
            "network",
            spec => spec.IsComplete,
            "a network needs \"inputs\", \"symbols\", \"encoder\" and \"decoder\", and all their layers"
        );

    /// <summary>Whether no layer is null, which JSON allows.</summary>
    [JsonIgnore]
    public bool IsComplete => AreComplete(Encoder) && AreComplete(Decoder);

    private static bool AreComplete(IReadOnlyList<LayerSpec?>? layers) =>
        layers is not null
        && layers.All(layer => layer is not null && (layer is not ResidualSpec residual || AreComplete(residual.Body)));
}

/// <summary>A problem of a spec.</summary>
/// <param name="Path">Path of the layer, empty for the network as a whole.</param>
/// <param name="Message">One clause with the actual value and the allowed ones.</param>
public readonly record struct SpecProblem(string Path, string Message)
{
    /// <summary>Path and message.</summary>
    public override string ToString() => Path.Length == 0 ? Message : $"{Path}: {Message}";
}

/// <summary>A declared network has problems; the message lists them.</summary>
public sealed class InvalidSpecException(IReadOnlyList<SpecProblem> problems)
    : Exception(string.Join(Environment.NewLine, problems.Select(problem => problem.ToString())))
{
    /// <summary>The problems.</summary>
    public IReadOnlyList<SpecProblem> Problems { get; } = problems;
}

/// <summary>JSON of specs, generated at compile time: no type is resolved from names in data.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    AllowOutOfOrderMetadataProperties = true,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(NetworkSpec))]
internal sealed partial class SpecJson : JsonSerializerContext;
