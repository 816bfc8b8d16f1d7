using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>What a network is trained to minimise.</summary>
public enum TrainingLoss
{
    /// <summary>CTC over all alignments, <see cref="CtcLoss"/>.</summary>
    Ctc,

    /// <summary>CTC of the best alignment alone, <see cref="ViterbiLoss"/>.</summary>
    Viterbi,
}

/// <summary>A part of a training with its own loss.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Epochs">Its length; phases share the whole in proportion.</param>
/// <param name="Loss">What is minimised.</param>
public sealed record PhaseSpec(string Name, int Epochs, TrainingLoss Loss)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public IEnumerable<string> Problems()
    {
        if (Epochs is < 1 or > TrainingSpec.MostEpochs) yield return $"phase {Quoted.Text(Name)} has {Epochs} epochs, must have {(Epochs < 1 ? "at least 1" : $"at most {TrainingSpec.MostEpochs}")}";
        if (!Enum.IsDefined(Loss)) yield return $"phase {Quoted.Text(Name)} has loss {(int)Loss}, which does not exist";
    }
}

/// <summary>How a network is trained, as data.</summary>
/// <param name="Seed">Starting weights, order of utterances, dropout and masks follow from it.</param>
/// <param name="Epochs">Passes through the data; a training limited by the clock stretches them over the time it has.</param>
/// <param name="Batch">How utterances are put together.</param>
/// <param name="Optimizer">How weights move.</param>
/// <param name="LearningRate">How the step size changes.</param>
/// <param name="ClipGradients">The longest gradient, as a Euclidean norm over all parameters; null for no limit.</param>
/// <param name="Phases">Parts with losses of their own, one after the other; CTC over all alignments throughout where null.</param>
public sealed record TrainingSpec(ulong Seed, int Epochs, BatchSize Batch, AdamWSpec Optimizer, LearningRateSchedule LearningRate, double? ClipGradients = null, IReadOnlyList<PhaseSpec>? Phases = null)
{
    /// <summary>The longest training: schedules come from files too, and what is counted in epochs is counted through.</summary>
    internal const int MostEpochs = 100_000;

    /// <summary>The loss at a moment of the training.</summary>
    /// <param name="fraction">Of the whole training that is done, in [0, 1].</param>
    public TrainingLoss LossAt(double fraction)
    {
        if (Phases is not { Count: > 0 }) return TrainingLoss.Ctc;
        var left = fraction * Phases.Sum(phase => (long)phase.Epochs);
        foreach (var phase in Phases)
            if ((left -= phase.Epochs) < 0) return phase.Loss;
        return Phases[^1].Loss;
    }

    /// <summary>Everything that is wrong; each a clause naming the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (Epochs is < 1 or > MostEpochs) problems.Add($"number of epochs is {Epochs}, must be {(Epochs < 1 ? "at least 1" : $"at most {MostEpochs}")}");
        if (ClipGradients is { } limit && !(limit > 0))
            problems.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"gradients are clipped at {limit}, must be positive"));
        return [.. problems, .. Batch.Problems(), .. Optimizer.Problems(), .. LearningRate.Problems(), .. (Phases ?? []).SelectMany(phase => phase.Problems())];
    }

    /// <summary>Whether no phase is null, as one may be that JSON does not give.</summary>
    [JsonIgnore]
    public bool IsComplete => Phases?.Contains(null!) != true;

    /// <summary>The spec as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrainingJson.Default.TrainingSpec);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is no training spec.</exception>
    public static TrainingSpec FromJson(string json)
    {
        try
        {
            var spec = JsonSerializer.Deserialize(json, TrainingJson.Default.TrainingSpec);
            return spec?.IsComplete == true ? spec : throw new FormatException("not a training schedule: it, or a phase of it, is null");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a training schedule: {Quoted.Message(error)}", error);
        }
    }
}

/// <summary>JSON of all that a training spec consists of, generated at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true, AllowOutOfOrderMetadataProperties = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TrainingSpec))]
internal sealed partial class TrainingJson : JsonSerializerContext;
