using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>A declared network, feature vectors to symbols, as data.</summary>
/// <param name="Inputs">Features per frame that the network takes.</param>
/// <param name="Symbols">Symbols that it tells apart, blank included.</param>
/// <param name="Encoder">Layers that turn features into a representation.</param>
/// <param name="Decoder">Layers that turn the representation into a logit for each symbol.</param>
[method: JsonConstructor]
public sealed record NetworkSpec(
    int Inputs,
    int Symbols,
    IReadOnlyList<LayerSpec> Encoder,
    IReadOnlyList<LayerSpec> Decoder
)
{
    // Specs come from files too: a few bytes for each layer of a file must not become kilobytes for each in memory without end.
    private const int MostLayers = 1000;

    /// <summary>Nothing yet, for object initialisers.</summary>
    public NetworkSpec()
        : this(0, 0, [], []) { }

    /// <summary>All layers in order, with their paths.</summary>
    [JsonIgnore]
    public IEnumerable<(string Path, LayerSpec Layer)> Layers =>
        Encoder
            .Select((layer, i) => ($"encoder.{i}", layer))
            .Concat(Decoder.Select((layer, i) => ($"decoder.{i}", layer)));

    /// <summary>Everything that is wrong, each with the path of the layer (empty for the network as a whole).</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new List<SpecProblem>();
        if (Inputs < 1)
            problems.Add(new SpecProblem("", $"the network takes {Inputs} features, must be at least 1"));
        if (Symbols < 2)
            problems.Add(
                new SpecProblem("", $"the network has {Symbols} symbols, must be at least 2 (blank and one phone)")
            );
        if (Encoder.Concat(Decoder).Sum(layer => layer.LayerCount) is > MostLayers and var count)
            return
            [
                .. problems,
                new SpecProblem("", $"the network has {count} layers, must have at most {MostLayers}"),
            ];
        if (!Decoder.Any())
            problems.Add(new SpecProblem("", $"the decoder is empty, must end with linear {Symbols}"));
        var features = Inputs;
        problems.AddRange(LayerSpec.Walk("encoder", Encoder, ref features));
        problems.AddRange(LayerSpec.Walk("decoder", Decoder, ref features));
        if (problems.Count == 0 && features != Symbols)
            problems.Add(
                new SpecProblem(
                    $"decoder.{Decoder.Count - 1}",
                    $"{Decoder[^1].Describe()}: the network ends with {features} outputs for {Symbols} symbols, must end with linear {Symbols}"
                )
            );
        return problems;
    }

    /// <summary>The spec as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SpecJson.Default.NetworkSpec);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is no spec.</exception>
    public static NetworkSpec FromJson(string json)
    {
        try
        {
            var spec = JsonSerializer.Deserialize(json, SpecJson.Default.NetworkSpec);
            return spec?.IsComplete == true
                ? spec
                : throw new FormatException(
                    "a network needs \"inputs\", \"symbols\", \"encoder\" and \"decoder\", and all their layers"
                );
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a network: {Quoted.Message(error)}", error);
        }
    }

    /// <summary>Whether no layer is null, as one may be that JSON does not give.</summary>
    [JsonIgnore]
    public bool IsComplete => AreComplete(Encoder) && AreComplete(Decoder);

    private static bool AreComplete(IReadOnlyList<LayerSpec?>? layers) =>
        layers is not null
        && layers.All(layer => layer is not null && (layer is not ResidualSpec residual || AreComplete(residual.Body)));
}

/// <summary>Something wrong with a spec.</summary>
/// <param name="Path">Path of the layer, empty for the network as a whole.</param>
/// <param name="Message">One clause with the value seen and what it must be.</param>
public readonly record struct SpecProblem(string Path, string Message)
{
    /// <summary>Path and message.</summary>
    public override string ToString() => Path.Length == 0 ? Message : $"{Path}: {Message}";
}

/// <summary>A network was declared with problems; the message lists all of them.</summary>
public sealed class InvalidSpecException(IReadOnlyList<SpecProblem> problems)
    : Exception(string.Join(Environment.NewLine, problems.Select(problem => problem.ToString())))
{
    /// <summary>Every problem.</summary>
    public IReadOnlyList<SpecProblem> Problems { get; } = problems;
}

/// <summary>JSON of all that a spec consists of, generated at compile time: nothing is resolved from names in data.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    AllowOutOfOrderMetadataProperties = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(NetworkSpec))]
internal sealed partial class SpecJson : JsonSerializerContext;
