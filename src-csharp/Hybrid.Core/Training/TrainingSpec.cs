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

/// <summary>How what the network puts out becomes labels, when a training is judged.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "decoding")]
[JsonDerivedType(typeof(GreedyDecoding), "greedy")]
[JsonDerivedType(typeof(PrefixBeamDecoding), "prefixBeam")]
public abstract record DecodingSpec
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public abstract IEnumerable<string> Problems();

    /// <summary>Log probabilities to the best hypothesis; several threads may call it.</summary>
    public abstract Func<LogProbs, Hypothesis> Build();
}

/// <summary>The most probable symbol of every frame, <see cref="GreedyDecoder"/>.</summary>
public sealed record GreedyDecoding : DecodingSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => [];

    /// <inheritdoc/>
    public override Func<LogProbs, Hypothesis> Build() => new GreedyDecoder().Decode;
}

/// <summary>Prefix beam search, <see cref="PrefixBeamSearchDecoder"/>.</summary>
/// <param name="Width">Prefixes that survive a frame.</param>
public sealed record PrefixBeamDecoding(int Width = 16) : DecodingSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AtLeast(1, Width, "beam width");

    /// <inheritdoc/>
    public override Func<LogProbs, Hypothesis> Build()
    {
        var decoder = new PrefixBeamSearchDecoder(new PrefixBeamOptions { Width = Width });
        return logProbs => decoder.Decode(logProbs)[0];
    }
}

/// <summary>A part of a training, with what is different in it.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Epochs">Its length; phases share the whole in proportion.</param>
/// <param name="Loss">What is minimised.</param>
/// <param name="LearningRate">A schedule of its own, from the phase's beginning to its end; that of the whole goes on where null.</param>
/// <param name="Augmentation">Masks of its own; those of the whole where null, none where their widths are 0.</param>
/// <param name="Frozen">
/// Paths of layers that stay as they are, such as <c>encoder</c> or <c>decoder.2</c>: weights and running statistics do not
/// move, dropout and masks among them do not act. None where null.
/// </param>
public sealed record PhaseSpec(
    string Name,
    int Epochs,
    TrainingLoss Loss,
    LearningRateSchedule? LearningRate = null,
    SpecAugmentSpec? Augmentation = null,
    IReadOnlyList<string>? Frozen = null
)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (
            var problem in NumberProblems
                .AtLeast(1, Epochs, "number of epochs", TrainingSpec.MostEpochs)
                .Concat(LearningRate?.Problems() ?? [])
                .Concat(Augmentation?.Problems(int.MaxValue) ?? [])
        )
            yield return $"phase {Quoted.Text(Name)}: {problem}";
        if (!Enum.IsDefined(Loss))
            yield return $"phase {Quoted.Text(Name)}: loss {(int)Loss} does not exist";
    }
}

/// <summary>How a network is trained, as data.</summary>
/// <param name="Seed">Starting weights, order of utterances, dropout and masks follow from it.</param>
/// <param name="Epochs">Passes through the data; a training limited by the clock stretches them over the time it has.</param>
/// <param name="Batch">How utterances are put together.</param>
/// <param name="Optimizer">How weights move.</param>
/// <param name="LearningRate">How the step size changes.</param>
/// <param name="ClipGradients">The longest gradient, as a Euclidean norm over all parameters; null for no limit.</param>
/// <param name="Phases">Parts that differ in something, one after the other; one, with CTC over all alignments, where null.</param>
/// <param name="Augmentation">Masks over the features that the network is trained on; none where null.</param>
/// <param name="Averaging">The average of weights that is judged and kept; the weights themselves where null.</param>
/// <param name="Patience">Passes without a new lowest error rate on the dev set after which the training ends; it goes on to its end where null.</param>
/// <param name="Decoding">How dev utterances are decoded to choose the best model; greedily where null.</param>
/// <param name="CheckpointMinutes">The longest time between two checkpoints; one minute where null. It changes nothing else.</param>
/// <param name="Speeds">
/// How fast the sound is played, by resampling, so that pitch and formants move with the tempo (Ko et al. 2015): in each pass one of these
/// is drawn for each utterance. As recorded where null.
/// </param>
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
    IReadOnlyList<double>? Speeds = null
)
{
    /// <summary>The longest training: schedules come from files too, and what is counted in epochs is counted through.</summary>
    internal const int MostEpochs = 100_000;

    /// <summary>The most speeds: the features of all are kept.</summary>
    private const int MostSpeeds = 16;

    /// <summary>Twenty passes with AdamW at a constant learning rate, for object initialisers.</summary>
    public TrainingSpec()
        : this(0, 20, new BatchSize(32, 16000), new AdamWSpec(), new ConstantRate()) { }

    /// <summary>Where in the phases a moment of the training is.</summary>
    /// <param name="fraction">Of the whole training that is done, in [0, 1].</param>
    /// <returns>The phase, null where there is none, and the epochs in which it begins and ends.</returns>
    public (PhaseSpec? Phase, double Start, double End) PhaseAt(double fraction)
    {
        if (Phases is not { Count: > 0 })
            return (null, 0, Epochs);
        var (sum, before) = (0.0, 0.0);
        for (var i = 0; i < Phases.Count; i++)
            sum += Phases[i].Epochs;
        var share = Epochs / sum;
        for (var i = 0; i < Phases.Count - 1; before += Phases[i++].Epochs)
            if (fraction * sum < before + Phases[i].Epochs)
                return (Phases[i], before * share, (before + Phases[i].Epochs) * share);
        return (Phases[^1], before * share, Epochs);
    }

    /// <summary>The learning rate at a moment of the training.</summary>
    /// <param name="fraction">Of the whole training that is done, in [0, 1].</param>
    /// <param name="judged">The passes so far, in order.</param>
    public double LearningRateAt(double fraction, ReadOnlySpan<ValidationPoint> judged)
    {
        var (phase, start, end) = PhaseAt(fraction);
        return phase?.LearningRate is { } own
            ? LearningRateSchedule.Later(own, start, Optimizer.LearningRate, fraction * Epochs, end, judged)
            : LearningRate.At(Optimizer.LearningRate, fraction * Epochs, Epochs, judged);
    }

    /// <summary>Everything that is wrong, each with the setting that it is in.</summary>
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
        return problems;

        void Add(string path, IEnumerable<string> own) =>
            problems.AddRange(own.Select(problem => new SpecProblem(path, problem)));
    }

    /// <summary>Everything that is wrong, and what does not fit a network.</summary>
    public IReadOnlyList<SpecProblem> Validate(NetworkSpec network)
    {
        var problems = new List<SpecProblem>(Validate());
        var layers = network.Layers.Select(layer => layer.Path).ToList();
        Masks("augmentation", Augmentation);
        foreach (var (i, phase) in (Phases ?? []).Index())
        {
            Masks($"phases.{i}", phase.Augmentation);
            var unknown = (phase.Frozen ?? [])
                .Where(path => !layers.Any(layer => Network<float>.IsWithin(layer, path)))
                .Select(path => $"\"{path}\"")
                .ToList();
            if (unknown.Count > 0)
                problems.Add(
                    new SpecProblem(
                        $"phases.{i}",
                        $"phase {Quoted.Text(phase.Name)} freezes {string.Join(", ", unknown)}, but the layers are {string.Join(", ", layers)}: name one of them, encoder or decoder"
                    )
                );
        }
        return problems;

        void Masks(string path, SpecAugmentSpec? masks)
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
            return spec?.IsComplete == true
                ? spec
                : throw new FormatException("not a training schedule: it, or a phase of it, is null");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a training schedule: {Quoted.Message(error)}", error);
        }
    }
}

/// <summary>JSON of all that a training spec consists of, generated at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    AllowOutOfOrderMetadataProperties = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(TrainingSpec))]
internal sealed partial class TrainingJson : JsonSerializerContext;
