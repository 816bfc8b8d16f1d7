using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// A training on disk: weights, optimiser state, average of the weights, weights of the best epoch, and position.
/// </summary>
/// <remarks>
/// A safetensors file. Its metadata hold a SHA-256 of the whole file - header, metadata and tensors - in which the 64
/// digits of the sum itself count as zeros.
/// </remarks>
/// <param name="Metadata">The writer's description of network and data.</param>
/// <param name="State">Position of the training.</param>
/// <param name="Tensors">Weights, optimiser state, average, and weights of the best epoch.</param>
public sealed record Checkpoint(
    IReadOnlyDictionary<string, string> Metadata,
    TrainerState State,
    IReadOnlyList<StoredTensor> Tensors
)
{
    private const string StateKey = "hybrid.training.state",
        StepsKey = "hybrid.training.optimizerSteps",
        SumKey = "hybrid.checkpoint.sha256",
        BestPrefix = "best.";

    // The limit of the safetensors format.
    private const ulong LargestHeader = 100_000_000;

    private const int SumLength = 2 * SHA256.HashSizeInBytes;

    private static readonly string NoSum = new('0', SumLength);

    /// <summary>Writes a trainer's state atomically; an existing file becomes the previous checkpoint.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trainer">The training.</param>
    /// <param name="description">Additional metadata.</param>
    /// <exception cref="IOException">The file cannot be written; the previous checkpoint stays usable.</exception>
    public static void Write(string path, Trainer trainer, IReadOnlyDictionary<string, string> description)
    {
        var metadata = new Dictionary<string, string>(description)
        {
            [StateKey] = JsonSerializer.Serialize(trainer.State, StateJson.Default.TrainerState),
            [StepsKey] = trainer.Optimizer.Steps.ToString(CultureInfo.InvariantCulture),
        };
        var file = Sealed(
            new SafeTensors(
                metadata,
                [
                    .. trainer.Network.Save(),
                    .. trainer.Optimizer.Save(),
                    .. trainer.Average?.Save() ?? [],
                    .. trainer.BestWeights.Select(tensor => tensor with { Name = BestPrefix + tensor.Name }),
                ]
            )
        );
        AtomicFile.DeleteAbandoned(path);
        if (File.Exists(path))
            File.Move(path, Previous(path), overwrite: true);
        file.Write(path);
    }

    /// <summary>Reads a file written by <see cref="Write"/>.</summary>
    /// <exception cref="FormatException">
    /// The file is torn, damaged or not a checkpoint; the message names it.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static Checkpoint Read(string path) => InputFile.Read(path, static stream =>
        {
            CheckSum(stream);
            return Read(SafeTensors.Read(stream));
        });

    /// <summary>
    /// Reads a checkpoint, or the previous one if it is missing or damaged; a damaged file is renamed.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="notice">The damage of the latest checkpoint; null if there is none.</param>
    /// <returns>Null if there is neither.</returns>
    /// <exception cref="FormatException">Neither is usable.</exception>
    /// <exception cref="IOException">Neither can be read.</exception>
    public static Checkpoint? ReadLatest(string path, out string? notice)
    {
        notice = null;
        try
        {
            if (File.Exists(path))
                return Read(path);
        }
        catch (Exception error) when (error is FormatException or IOException && File.Exists(Previous(path)))
        {
            notice = $"{error.Message}: the previous checkpoint is used";
        }
        var previous = File.Exists(Previous(path)) ? Read(Previous(path)) : null;
        // The next checkpoint must not replace the good previous one by a damaged file.
        if (notice is not null)
            File.Move(path, path + ".damaged", overwrite: true);
        return previous;
    }

    /// <summary>Path of the checkpoint before the one at <paramref name="path"/>.</summary>
    public static string Previous(string path) => path + ".previous";

    /// <summary>Weights and running statistics of the network.</summary>
    public IEnumerable<StoredTensor> Weights =>
        Tensors.Where(tensor =>
            !tensor.Name.StartsWith(Optimizer.Prefix, StringComparison.Ordinal)
            && !tensor.Name.StartsWith(WeightAverage.Prefix, StringComparison.Ordinal)
            && !tensor.Name.StartsWith(BestPrefix, StringComparison.Ordinal)
        );

    /// <summary>The weights of the best epoch; empty before the end of the first.</summary>
    /// <param name="network">The network that they are for.</param>
    /// <exception cref="FormatException">A tensor is missing or of another shape.</exception>
    internal IReadOnlyList<StoredTensor> BestWeights(Network<float> network)
    {
        if (State.History.Count == 0)
            return [];
        var tensors = Tensors.ToDictionary(tensor => tensor.Name);
        return
        [
            .. network.Parameters.Select(parameter =>
                tensors.TryGetValue(BestPrefix + parameter.Name, out var stored)
                && stored.Shape.SequenceEqual(parameter.Shape.Select(size => (long)size))
                    ? stored with
                    {
                        Name = parameter.Name,
                    }
                    : throw new FormatException($"the best epoch lacks {parameter}, or has it in another shape")
            ),
        ];
    }

    /// <summary>Restores the state of an optimiser and, if there is one, of an average.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Restore(Optimizer optimizer, WeightAverage? average)
    {
        var tensors = Tensors.ToDictionary(tensor => tensor.Name);
        optimizer.Load(tensors, long.Parse(Metadata[StepsKey], CultureInfo.InvariantCulture));
        average?.Load(tensors);
    }

    /// <summary>The same content with its check sum.</summary>
    internal static SafeTensors Sealed(SafeTensors file)
    {
        var metadata = new Dictionary<string, string>(file.Metadata) { [SumKey] = NoSum };
        using var hash = SHA256.Create();
        using (var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
            new SafeTensors(metadata, file.Tensors).Write(hashing);
        metadata[SumKey] = Convert.ToHexString(hash.Hash!);
        return new SafeTensors(metadata, file.Tensors);
    }

    private static Checkpoint Read(SafeTensors file)
    {
        if (
            !file.Metadata.TryGetValue(StateKey, out var json)
            || !long.TryParse(
                file.Metadata.GetValueOrDefault(StepsKey),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out _
            )
        )
            throw new FormatException($"not a checkpoint, the metadata lack {StateKey} or {StepsKey}");
        try
        {
            return JsonSerializer.Deserialize(json, StateJson.Default.TrainerState) is { IsPossible: true } state
                ? new Checkpoint(file.Metadata, state, file.Tensors)
                : throw new FormatException($"not a checkpoint: no training is ever in the state {Quoted.Text(json)}");
        }
        catch (JsonException error)
        {
            throw new FormatException($"not a checkpoint: {Quoted.Message(error)}", error);
        }
    }

    /// <summary>
    /// Compares the sum in the header with the bytes of the file, before anything of the file is interpreted.
    /// </summary>
    private static void CheckSum(FileStream stream)
    {
        var prefix = new byte[sizeof(ulong)];
        stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (stream.Length < prefix.Length || length > (ulong)(stream.Length - prefix.Length))
            throw new FormatException($"the checkpoint is torn, it ends after {stream.Length} bytes");
        if (length > LargestHeader)
            throw new FormatException($"not a checkpoint: its header would have {length} bytes");
        var header = new byte[length];
        stream.ReadExactly(header);
        var start = header.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"\"{SumKey}\":\""));
        start += SumKey.Length + 4;
        if (start < SumKey.Length + 4 || start + SumLength > header.Length)
            throw new FormatException(
                "not a checkpoint, or one of Hybrid 0.1: there is no check sum of the whole file; "
                    + "start the training anew"
            );
        var digits = header.AsSpan(start, SumLength);
        var expected = Encoding.ASCII.GetString(digits);
        digits.Fill((byte)'0');

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefix);
        hash.AppendData(header);
        var buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0; )
            hash.AppendData(buffer, 0, count);
        if (Convert.ToHexString(hash.GetHashAndReset()) != expected)
            throw new FormatException("the checkpoint is damaged, its check sum does not match its content");
    }
}

/// <summary>Source-generated JSON of a trainer's state.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    AllowDuplicateProperties = false,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals
)]
[JsonSerializable(typeof(TrainerState))]
internal sealed partial class StateJson : JsonSerializerContext;
