using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// A training on disk: weights, the optimiser's memory, the average of weights, and where the training is.
/// </summary>
/// <param name="Metadata">What the writer said of network and data.</param>
/// <param name="State">Where the training is.</param>
/// <param name="Tensors">Everything that has numbers.</param>
public sealed record Checkpoint(
    IReadOnlyDictionary<string, string> Metadata,
    TrainerState State,
    IReadOnlyList<StoredTensor> Tensors
)
{
    private const string StateKey = "hybrid.training.state",
        StepsKey = "hybrid.training.optimizerSteps",
        HashKey = "hybrid.training.sha256";

    /// <summary>
    /// Writes a trainer's state as a whole or not at all; the file that stood there becomes the previous one.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="trainer">What to keep.</param>
    /// <param name="description">Metadata to store beside it.</param>
    /// <exception cref="IOException">The file cannot be written; the one before stays usable.</exception>
    public static void Write(string path, Trainer trainer, IReadOnlyDictionary<string, string> description)
    {
        StoredTensor[] tensors =
        [
            .. trainer.Network.Save(),
            .. trainer.Optimizer.Save(),
            .. trainer.Average?.Save() ?? [],
        ];
        var metadata = new Dictionary<string, string>(description)
        {
            [StateKey] = JsonSerializer.Serialize(trainer.State, StateJson.Default.TrainerState),
            [StepsKey] = trainer.Optimizer.Steps.ToString(CultureInfo.InvariantCulture),
        };
        metadata[HashKey] = Hash(metadata[StateKey], tensors);
        AtomicFile.DeleteAbandoned(path);
        if (File.Exists(path))
            File.Move(path, Previous(path), overwrite: true);
        new SafeTensors(metadata, tensors).Write(path);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="FormatException">The file is torn, damaged or no checkpoint; the message names it.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static Checkpoint Read(string path)
    {
        var file = SafeTensors.Read(path);
        if (
            !file.Metadata.TryGetValue(StateKey, out var json)
            || !long.TryParse(
                file.Metadata.GetValueOrDefault(StepsKey),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out _
            )
        )
            throw new FormatException($"{path}: not a checkpoint, the metadata lack {StateKey} or {StepsKey}");
        if (file.Metadata.GetValueOrDefault(HashKey) != Hash(json, file.Tensors))
            throw new FormatException($"{path}: the checkpoint is damaged, its checksum does not fit its content");
        try
        {
            return JsonSerializer.Deserialize(json, StateJson.Default.TrainerState) is { IsPossible: true } state
                ? new Checkpoint(file.Metadata, state, file.Tensors)
                : throw new FormatException(
                    $"{path}: not a checkpoint: no training is ever in the state {Quoted.Text(json)}"
                );
        }
        catch (JsonException error)
        {
            throw new FormatException($"{path}: not a checkpoint: {Quoted.Message(error)}", error);
        }
    }

    /// <summary>Reads a checkpoint, or the previous one where it is missing or torn; a torn one is set aside.</summary>
    /// <param name="path">The file.</param>
    /// <param name="notice">What was wrong with the latest; null where nothing was.</param>
    /// <returns>Null where there is none at all.</returns>
    /// <exception cref="FormatException">Neither can be used.</exception>
    public static Checkpoint? ReadLatest(string path, out string? notice)
    {
        notice = null;
        try
        {
            if (File.Exists(path))
                return Read(path);
        }
        catch (FormatException error) when (File.Exists(Previous(path)))
        {
            notice = $"{error.Message}: the previous checkpoint is used";
        }
        var previous = File.Exists(Previous(path)) ? Read(Previous(path)) : null;
        // The next checkpoint must not push a torn one into the place of the good one.
        if (notice is not null)
            File.Move(path, path + ".damaged", overwrite: true);
        return previous;
    }

    /// <summary>Where the checkpoint before the one at <paramref name="path"/> is kept.</summary>
    public static string Previous(string path) => path + ".previous";

    private static string Hash(string state, IEnumerable<StoredTensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(state));
        foreach (var tensor in tensors)
            hash.AppendData(tensor.Bytes.Span);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>The weights and running statistics among the tensors.</summary>
    public IEnumerable<StoredTensor> Weights =>
        Tensors.Where(tensor =>
            !tensor.Name.StartsWith(Optimizer.Prefix, StringComparison.Ordinal)
            && !tensor.Name.StartsWith(WeightAverage.Prefix, StringComparison.Ordinal)
        );

    /// <summary>Gives an optimiser its memory back, and an average, where there is one, its numbers.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Restore(Optimizer optimizer, WeightAverage? average)
    {
        var tensors = Tensors.ToDictionary(tensor => tensor.Name);
        optimizer.Load(tensors, long.Parse(Metadata[StepsKey], CultureInfo.InvariantCulture));
        average?.Load(tensors);
    }
}

/// <summary>JSON of a trainer's state, generated at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals
)]
[JsonSerializable(typeof(TrainerState))]
internal sealed partial class StateJson : JsonSerializerContext;
