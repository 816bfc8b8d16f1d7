using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>A training on disk: weights, the optimiser's memory, and where the training is.</summary>
/// <param name="Metadata">What the writer said of network and data.</param>
/// <param name="State">Where the training is.</param>
/// <param name="Tensors">Everything that has numbers.</param>
public sealed record Checkpoint(IReadOnlyDictionary<string, string> Metadata, TrainerState State, IReadOnlyList<StoredTensor> Tensors)
{
    private const string StateKey = "hybrid.training.state", StepsKey = "hybrid.training.optimizerSteps", MemoryPrefix = "adamw.";

    /// <summary>Writes a trainer's state as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trainer">What to keep.</param>
    /// <param name="description">Metadata to store beside it.</param>
    public static void Write(string path, Trainer trainer, IReadOnlyDictionary<string, string> description)
    {
        var metadata = new Dictionary<string, string>(description)
        {
            [StateKey] = JsonSerializer.Serialize(trainer.State, StateJson.Default.TrainerState),
            [StepsKey] = trainer.Optimizer.Steps.ToString(CultureInfo.InvariantCulture),
        };
        new SafeTensors(metadata, [.. trainer.Network.Save(), .. trainer.Optimizer.Save()]).Write(path);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="FormatException">The file is torn or no checkpoint; the message names it.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static Checkpoint Read(string path)
    {
        var file = SafeTensors.Read(path);
        try
        {
            var state = file.Metadata.TryGetValue(StateKey, out var json) ? JsonSerializer.Deserialize(json, StateJson.Default.TrainerState) : null;
            return new Checkpoint(file.Metadata, state ?? throw new FormatException($"{path}: not a checkpoint, the metadata lack {StateKey}"), file.Tensors);
        }
        catch (JsonException error)
        {
            throw new FormatException($"{path}: not a checkpoint: {error.Message}", error);
        }
    }

    /// <summary>The weights and running statistics among the tensors.</summary>
    public IEnumerable<StoredTensor> Weights => Tensors.Where(tensor => !tensor.Name.StartsWith(MemoryPrefix, StringComparison.Ordinal));

    /// <summary>Gives an optimiser its memory back.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Restore(AdamW optimizer) =>
        optimizer.Load(Tensors.ToDictionary(tensor => tensor.Name), long.Parse(Metadata[StepsKey], CultureInfo.InvariantCulture));
}

/// <summary>JSON of a trainer's state, generated at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(TrainerState))]
internal sealed partial class StateJson : JsonSerializerContext;
