using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>How a network is trained, as data.</summary>
/// <param name="Seed">Starting weights, order of utterances, dropout and masks follow from it.</param>
/// <param name="Epochs">Passes through the data; a training limited by the clock stretches them over the time it has.</param>
/// <param name="Batch">How utterances are put together.</param>
/// <param name="Optimizer">How weights move.</param>
/// <param name="LearningRate">How the step size changes.</param>
/// <param name="ClipGradients">The longest gradient, as a Euclidean norm over all parameters; null for no limit.</param>
public sealed record TrainingSpec(ulong Seed, int Epochs, BatchSize Batch, AdamWSpec Optimizer, LearningRateSchedule LearningRate, double? ClipGradients = null)
{
    /// <summary>Everything that is wrong; each a clause naming the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (Epochs < 1) problems.Add($"number of epochs is {Epochs}, must be at least 1");
        if (ClipGradients is { } limit && !(limit > 0))
            problems.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"gradients are clipped at {limit}, must be positive"));
        return [.. problems, .. Batch.Problems(), .. Optimizer.Problems(), .. LearningRate.Problems()];
    }

    /// <summary>The spec as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrainingJson.Default.TrainingSpec);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is no training spec.</exception>
    public static TrainingSpec FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TrainingJson.Default.TrainingSpec) ?? throw new FormatException("not a training schedule: null");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a training schedule: {error.Message}", error);
        }
    }
}

/// <summary>JSON of all that a training spec consists of, generated at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true, AllowOutOfOrderMetadataProperties = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TrainingSpec))]
internal sealed partial class TrainingJson : JsonSerializerContext;
