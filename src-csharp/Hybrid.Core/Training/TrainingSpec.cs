using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>A training schedule, as data.</summary>
/// <param name="Seed">Seed of the initial weights, the order of utterances, dropout, masks and speeds.</param>
/// <param name="Epochs">
/// Passes through the data; a training limited by the clock stretches them over the time it has.
/// </param>
/// <param name="Batch">Limits of a batch.</param>
/// <param name="Optimizer">Optimiser with its learning rate.</param>
/// <param name="LearningRate">Learning-rate schedule.</param>
/// <param name="ClipGradients">Maximum Euclidean norm of the gradient over all parameters; no limit if null.</param>
/// <param name="Phases">Consecutive phases; a single one with CTC over all alignments if null.</param>
/// <param name="Augmentation">Masks over the input features in training; none if null.</param>
/// <param name="Averaging">Average of the weights for validation and the model; the weights themselves if null.</param>
/// <param name="Patience">Epochs without improvement after which the training ends; never if null.</param>
/// <param name="Decoding">Decoder of the validation; greedy if null.</param>
/// <param name="CheckpointMinutes">
/// Maximum time between two checkpoints in minutes; one minute if null. Without effect on the model.
/// </param>
/// <param name="Speeds">
/// Speed perturbation factors (Ko et al. 2015): the audio is resampled, which changes tempo, pitch and formants; one
/// factor is drawn for each utterance and epoch. No perturbation if null.
/// </param>
/// <param name="SelectBy">Figure that decides which epoch is the best.</param>
[method: JsonConstructor]
public sealed record TrainingSpec(
    ulong Seed,
    int Epochs,
    BatchSize Batch,
    OptimizerSpec Optimizer,
    LearningRateSchedule LearningRate,
    double? ClipGradients = null,
    IReadOnlyList<PhaseSpec>? Phases = null,
    SpecAugmentSpec? Augmentation = null,
    AveragingSpec? Averaging = null,
    int? Patience = null,
    DecodingSpec? Decoding = null,
    double? CheckpointMinutes = null,
    IReadOnlyList<double>? Speeds = null,
    SelectionMetric SelectBy = SelectionMetric.DevPer
)
{
    /// <summary>Bound on the epochs: specs may come from files, and some schedules loop over epochs.</summary>
    internal const int MostEpochs = 100_000;

    /// <summary>Bound on the speeds: the features of every speed are kept.</summary>
    private const int MostSpeeds = 16;

    /// <summary>Twenty epochs of AdamW at a constant learning rate, for object initialisers.</summary>
    public TrainingSpec()
        : this(0, 20, new BatchSize(32, 16000), new AdamWSpec(), new ConstantRate()) { }

    /// <summary>The phase at a time of the training.</summary>
    /// <param name="epoch">The time in epochs, in [0, <see cref="Epochs"/>].</param>
    /// <returns>The phase, null without phases, and its start and end in epochs.</returns>
    public (PhaseSpec? Phase, double Start, double End) PhaseAt(double epoch)
    {
        if (Phases is not { Count: > 0 })
            return (null, 0, Epochs);
        var (sum, before) = (0.0, 0.0);
        for (var i = 0; i < Phases.Count; i++)
            sum += Phases[i].Epochs;
        for (var i = 0; i < Phases.Count - 1; before += Phases[i++].Epochs)
            if (epoch < Boundary(before + Phases[i].Epochs))
                return (Phases[i], Boundary(before), Boundary(before + Phases[i].Epochs));
        return (Phases[^1], Boundary(before), Epochs);

        // Multiplied first: boundaries at whole epochs are exact.
        double Boundary(double phaseEpochs) => phaseEpochs * Epochs / sum;
    }

    /// <summary>The learning rate at a time of the training.</summary>
    /// <param name="epoch">The time in epochs, in [0, <see cref="Epochs"/>].</param>
    /// <param name="validations">Validation results so far, in order.</param>
    public double LearningRateAt(double epoch, ReadOnlySpan<ValidationPoint> validations)
    {
        var now = new ScheduleTime(Optimizer.LearningRate, epoch, Epochs, validations, SelectBy);
        var (phase, start, end) = PhaseAt(epoch);
        return phase?.LearningRate is { } schedule ? schedule.At(now.Within(start, end)) : LearningRate.At(now);
    }

    /// <summary>All problems of the spec, each with the path of its setting.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new List<SpecProblem>();
        Add("epochs", NumberProblems.AtLeast(1, Epochs, "number of epochs", MostEpochs));
        Add("batch", Batch.Problems());
        Add("optimizer", Optimizer.Problems());
        Add("learningRate", LearningRate.Problems());
        Add("clipGradients", ClipGradients is { } limit ? NumberProblems.Positive(limit, "longest gradient") : []);
        foreach (var (i, phase) in (Phases ?? []).Index())
            Add($"phases.{i}", phase.Problems());
        Add("augmentation", Augmentation?.Problems(int.MaxValue) ?? []);
        Add("averaging", Averaging?.Problems() ?? []);
        Add("patience", Patience is { } patience ? NumberProblems.AtLeast(1, patience, "patience in epochs") : []);
        Add("decoding", Decoding?.Problems() ?? []);
        Add(
            "checkpointMinutes",
            CheckpointMinutes is { } minutes ? NumberProblems.Positive(minutes, "minutes between checkpoints") : []
        );
        Add(
            "speeds",
            Speeds is null
                ? []
                : NumberProblems
                    .AtLeast(1, Speeds.Count, "number of speeds", MostSpeeds)
                    .Concat(Speeds.SelectMany(speed => NumberProblems.AtLeast(0.5, speed, "speed", 2)))
        );
        Add("selectBy", Enum.IsDefined(SelectBy) ? [] : [$"selection metric {(int)SelectBy} does not exist"]);
        // Whether the settings fit each other can be said only of valid ones.
        if (problems.Count == 0)
            AddConflicts();
        return problems;

        void Add(string path, IEnumerable<string> found) =>
            problems.AddRange(found.Select(problem => new SpecProblem(path, problem)));

        void AddConflicts()
        {
            Add("learningRate", LearningRate.Conflicts(Optimizer.LearningRate, Epochs));
            var (start, sum) = (0.0, (Phases ?? []).Sum(phase => (double)phase.Epochs));
            foreach (var (i, phase) in (Phases ?? []).Index())
            {
                var end = start + (double)phase.Epochs * Epochs / sum;
                var conflicts = phase.LearningRate?.Conflicts(Optimizer.LearningRate, end - start) ?? [];
                Add($"phases.{i}", conflicts.Select(phase.Named));
                start = end;
            }
        }
    }

    /// <summary>All problems of the spec, and its conflicts with a network.</summary>
    public IReadOnlyList<SpecProblem> Validate(NetworkSpec network)
    {
        var problems = new List<SpecProblem>(Validate());
        var layers = network.Layers.Select(layer => layer.Path).ToList();
        AddMasks("augmentation", Augmentation);
        foreach (var (i, phase) in (Phases ?? []).Index())
        {
            AddMasks($"phases.{i}", phase.Augmentation);
            var unknown = (phase.Frozen ?? [])
                .Where(path => !layers.Any(layer => Network<float>.IsWithin(layer, path)))
                .Select(Quoted.Text)
                .ToList();
            if (unknown.Count > 0)
                problems.Add(
                    new SpecProblem(
                        $"phases.{i}",
                        $"phase {Quoted.Text(phase.Name)} freezes {Quoted.List(unknown)}, "
                            + $"but the layers are {Quoted.List(layers)}: name one of them, encoder or decoder"
                    )
                );
        }
        return problems;

        void AddMasks(string path, SpecAugmentSpec? masks)
        {
            if (masks?.Frequency > network.Inputs)
                problems.Add(
                    new SpecProblem(
                        path,
                        $"masks are up to {masks.Frequency} features wide, there are only {network.Inputs}"
                    )
                );
        }
    }

    /// <summary>Whether no phase is null, which JSON does not guarantee.</summary>
    [JsonIgnore]
    public bool IsComplete => Phases?.Contains(null!) != true;

    /// <summary>The spec as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrainingJson.Default.TrainingSpec);

    /// <summary>Reads JSON written by <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">The text is not a training spec.</exception>
    public static TrainingSpec FromJson(string json) =>
        JsonText.Read(
            json,
            TrainingJson.Default.TrainingSpec,
            "training schedule",
            spec => spec.IsComplete,
            "not a training schedule: it, or a phase of it, is null"
        );
}

/// <summary>Source-generated JSON of a training spec.</summary>
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
[JsonSerializable(typeof(TrainingSpec))]
internal sealed partial class TrainingJson : JsonSerializerContext;
