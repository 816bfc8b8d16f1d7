using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>What one update of the weights showed.</summary>
/// <param name="Loss">Mean over utterances of loss per label, in nats.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="BlankRatio">Share of output frames whose most probable symbol is the blank.</param>
/// <param name="MeanOutputLength">Labels that best-path decoding finds, per utterance.</param>
/// <param name="Infeasible">Utterances left out because their labels do not fit into their frames.</param>
/// <param name="Frames">Input frames, padding aside.</param>
/// <param name="PaddingShare">Share of the batch that is padding.</param>
public readonly record struct StepReport(
    double Loss,
    double GradientNorm,
    double BlankRatio,
    double MeanOutputLength,
    int Infeasible,
    int Frames,
    double PaddingShare
);

/// <summary>A step of training, for those who watch.</summary>
/// <param name="Epoch">Passes through the data begun, from 1.</param>
/// <param name="Steps">Updates so far.</param>
/// <param name="Step">What the latest showed.</param>
/// <param name="LearningRate">Of the latest.</param>
/// <param name="Fraction">Of the whole training that is done.</param>
/// <param name="Elapsed">Time spent, that before an interruption included.</param>
/// <param name="FramesPerSecond">Input frames taken in, per second of the latest step.</param>
public readonly record struct TrainingProgress(
    int Epoch,
    long Steps,
    StepReport Step,
    double LearningRate,
    double Fraction,
    TimeSpan Elapsed,
    double FramesPerSecond
)
{
    /// <summary>Time left at the pace so far.</summary>
    public TimeSpan Remaining => Fraction > 0 ? Elapsed * ((1 - Fraction) / Fraction) : TimeSpan.Zero;
}

/// <summary>What one pass through the data brought.</summary>
/// <param name="Epoch">Which pass, from 1.</param>
/// <param name="Steps">Updates since the beginning.</param>
/// <param name="TrainLoss">Mean over the steps of this pass of loss per label, in nats.</param>
/// <param name="DevLoss">Loss per label on the dev set, in nats.</param>
/// <param name="DevPer">Phone error rate on the dev set in percent.</param>
/// <param name="DevDistance">Errors per utterance on the dev set.</param>
/// <param name="LearningRate">At the end of the pass.</param>
/// <param name="ElapsedSeconds">Since the beginning.</param>
public sealed record EpochReport(
    int Epoch,
    long Steps,
    double TrainLoss,
    double DevLoss,
    double DevPer,
    double DevDistance,
    double LearningRate,
    double ElapsedSeconds
);

/// <summary>Where a training is; with the weights and the optimiser's memory, all that continuing needs.</summary>
public sealed class TrainerState
{
    /// <summary>Passes through the data completed.</summary>
    public int Epoch { get; set; }

    /// <summary>Batches of the current pass completed.</summary>
    public int Batch { get; set; }

    /// <summary>Updates so far.</summary>
    public long Steps { get; set; }

    /// <summary>Sum of the losses of the current pass.</summary>
    public double LossSum { get; set; }

    /// <summary>Time spent so far.</summary>
    public double ElapsedSeconds { get; set; }

    /// <summary>Reports of completed passes.</summary>
    public List<EpochReport> History { get; init; } = [];

    /// <summary>The pass with the lowest error rate on the dev set, the first of several; null before the first.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public EpochReport? Best =>
        History.MinBy(report => double.IsNaN(report.DevPer) ? double.PositiveInfinity : report.DevPer);

    /// <summary>Whether a training can be here; what a file says may be anything.</summary>
    internal bool IsPossible =>
        Epoch >= 0
        && Batch >= 0
        && Steps >= 0
        && ElapsedSeconds is >= 0 and < 1e12
        && History is not null
        && !History.Contains(null!)
        && History.Count == Epoch;

    /// <summary>Whether so many passes, or more, have gone by since the best; never where null.</summary>
    internal bool IsStuck(int? patience) => Best is { } best && Epoch - best.Epoch >= patience;
}

/// <summary>A loss that is not finite; the message names the utterances and the first tensor that is not.</summary>
public sealed class TrainingDivergedException(double loss, IReadOnlyList<string> utterances, string tensor)
    : Exception(
        $"the loss is {loss.ToString(System.Globalization.CultureInfo.InvariantCulture)} in a batch of {string.Join(", ", utterances)}; the first numbers that are not finite are in {tensor}: try a lower learning rate or clipping, and check these utterances"
    )
{
    /// <summary>The utterances of the batch.</summary>
    public IReadOnlyList<string> Utterances { get; } = utterances;

    /// <summary>Where the first numbers that are not finite are.</summary>
    public string Tensor { get; } = tensor;
}

/// <summary>Trains a network on one dataset and judges it on another.</summary>
public sealed class Trainer
{
    private readonly TrainingSpec spec;
    private readonly IDataset train,
        dev;
    private readonly IVariedDataset? varied;
    private readonly Func<LogProbs, Hypothesis> decode;
    private readonly List<ValidationPoint> judged = [];
    private readonly Workspace workspace;
    private readonly CtcLoss ctc = new(reduction: CtcReduction.MeanPerLabel, policy: InfeasiblePolicy.Skip);
    private readonly ViterbiLoss viterbi = new(reduction: CtcReduction.MeanPerLabel, policy: InfeasiblePolicy.Skip);
    private readonly CounterRandom random;
    private PhaseSpec? phase;
    private SpecAugment<float>? augmentation;

    /// <summary>A trainer.</summary>
    /// <param name="network">The network whose weights move.</param>
    /// <param name="spec">How.</param>
    /// <param name="train">What to learn from.</param>
    /// <param name="dev">What to judge by.</param>
    /// <param name="team">Threads to share the work.</param>
    /// <exception cref="ArgumentException">The spec has problems or a dataset does not fit the network.</exception>
    public Trainer(Network<float> network, TrainingSpec spec, IDataset train, IDataset dev, ThreadTeam? team = null)
    {
        if (spec.Validate(network.Spec) is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(spec));
        if (train.Count == 0)
            throw new ArgumentException("there is nothing to train on", nameof(train));
        foreach (var data in new[] { train, dev })
            if (data.Features != network.Spec.Inputs)
                throw new ArgumentException(
                    $"the network takes {network.Spec.Inputs} features per frame, the data have {data.Features}"
                );
        (Network, this.spec, this.train, this.dev) = (network, spec, train, dev);
        if (spec.Speeds is not null)
            varied =
                train as IVariedDataset
                ?? throw new ArgumentException(
                    "the schedule has speeds, and the data cannot be had at several",
                    nameof(train)
                );
        workspace = new Workspace(team);
        random = new CounterRandom(spec.Seed);
        Optimizer = spec.Optimizer.Build(network.Parameters);
        Average = spec.Averaging is null ? null : new WeightAverage(spec.Averaging, network);
        decode = (spec.Decoding ?? new GreedyDecoding()).Build();
        Enter(spec.PhaseAt(0).Phase);
    }

    /// <summary>The network whose weights move.</summary>
    public Network<float> Network { get; }

    /// <summary>The optimiser with its memory.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The average of the weights; null where the spec wants none.</summary>
    public WeightAverage? Average { get; }

    /// <summary>The weights that are judged, and belong into a model: the average where there is one, else the network's.</summary>
    public IEnumerable<StoredTensor> EvaluationWeights() => Average?.Weights() ?? Network.Save();

    /// <summary>Where the training is.</summary>
    public TrainerState State { get; private set; } = new();

    /// <summary>Takes up a training where a checkpoint left it.</summary>
    /// <exception cref="FormatException">The checkpoint's tensors do not fit the network.</exception>
    public void Restore(Checkpoint checkpoint)
    {
        Network.Load(checkpoint.Weights);
        checkpoint.Restore(Optimizer, Average);
        State = checkpoint.State;
    }

    /// <summary>Trains to the end of the schedule, or of the time.</summary>
    /// <param name="limit">The time over which to stretch the schedule; null to run the epochs of the spec.</param>
    /// <param name="stepped">Is told of every step.</param>
    /// <param name="epochEnded">Is told of every pass; <see cref="EvaluationWeights"/> are those that were judged.</param>
    /// <param name="targetPer">An error rate on the dev set, in percent, at which to stop; null to go on to the end.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped; its state is that after the latest step.</exception>
    public IReadOnlyList<EpochReport> Run(
        TimeSpan? limit = null,
        Action<TrainingProgress>? stepped = null,
        Action<EpochReport>? epochEnded = null,
        double? targetPer = null,
        CancellationToken cancellation = default
    )
    {
        if (limit <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(limit), "there is no time to train in");
        var (clock, before) = (Stopwatch.StartNew(), State.ElapsedSeconds);
        judged.Clear();
        foreach (var report in State.History)
            Note(report, limit);
        // A checkpoint may stand between the last step and its judging.
        while ((State.Batch > 0 || Fraction(limit, 0, 1) < 1) && !State.IsStuck(spec.Patience))
        {
            var data = varied?.Drawn(random.Fork("speeds").Fork((ulong)State.Epoch)) ?? train;
            var batches = BatchPlan.Shuffled(data, spec.Batch, random.Fork("order").Fork((ulong)State.Epoch));
            while (State.Batch < batches.Count && Fraction(limit, State.Batch, batches.Count) is var fraction and < 1)
            {
                cancellation.ThrowIfCancellationRequested();
                var batch = LabelledBatch.Read(data, batches[State.Batch], workspace.Team);
                var begin = clock.Elapsed;
                var rate = LearningRate(fraction);
                var step = Step(batch, rate, spec.PhaseAt(fraction).Phase);
                State.Batch++;
                State.LossSum += step.Loss;
                State.ElapsedSeconds = before + clock.Elapsed.TotalSeconds;
                stepped?.Invoke(
                    new TrainingProgress(
                        State.Epoch + 1,
                        State.Steps,
                        step,
                        rate,
                        Fraction(limit, State.Batch, batches.Count),
                        TimeSpan.FromSeconds(State.ElapsedSeconds),
                        step.Frames / (clock.Elapsed - begin).TotalSeconds
                    )
                );
            }
            var lastRate = LearningRate(Fraction(limit, State.Batch, batches.Count));
            var result = Judge(cancellation);
            var trainLoss = State.LossSum / Math.Max(1, State.Batch);
            (State.Epoch, State.Batch, State.LossSum) = (State.Epoch + 1, 0, 0);
            State.ElapsedSeconds = before + clock.Elapsed.TotalSeconds;
            var report = new EpochReport(
                State.Epoch,
                State.Steps,
                trainLoss,
                result.Loss,
                result.Per,
                result.AverageDistance,
                lastRate,
                State.ElapsedSeconds
            );
            State.History.Add(report);
            Note(report, limit);
            epochEnded?.Invoke(report);
            if (report.DevPer <= targetPer)
                break;
        }
        return State.History;
    }

    /// <summary>One update of all weights; after the first of its size it allocates nothing.</summary>
    /// <param name="batch">What to learn from.</param>
    /// <param name="learningRate">Step size.</param>
    /// <param name="phase">What is different in this part of the training; all as in the spec where null.</param>
    public StepReport Step(LabelledBatch batch, double learningRate, PhaseSpec? phase = null)
    {
        if (!ReferenceEquals(phase, this.phase))
            Enter(phase);
        SequenceLoss loss = phase?.Loss == TrainingLoss.Viterbi ? viterbi : ctc;
        workspace.Reset();
        var pass = new Pass(workspace, Training: true, random.Fork("steps").Fork((ulong)State.Steps));
        Network.ClearGradients();
        var features = augmentation?.Forward(batch.Features, pass) ?? batch.Features;
        var logits = Network.Forward(features, pass);
        var result = loss.Compute(logits, batch.Labels, workspace, batch.Ids);
        if (!double.IsFinite(result.Loss))
        {
            workspace.Reset();
            throw new TrainingDivergedException(
                result.Loss,
                batch.Ids,
                Network.FirstNonFinite(batch.Features, pass) ?? "the loss"
            );
        }
        var (blankRatio, outputLength) = BlankStatistics.Describe(logits, loss.Blank, workspace);
        Network.Backward(result.Gradient, pass);
        var norm = GradientNorm.Of(Network.Parameters);
        if (!double.IsFinite(norm))
            throw new TrainingDivergedException(result.Loss, batch.Ids, "the gradients");
        Optimizer.Step(learningRate, GradientNorm.ClippingScale(norm, spec.ClipGradients), workspace.Team);
        State.Steps++;
        Average?.Update(State.Steps, workspace.Team);
        var frames = 0;
        foreach (var length in batch.Features.Lengths.Span)
            frames += length;
        return new StepReport(
            result.Loss,
            norm,
            blankRatio,
            outputLength,
            result.Skipped,
            frames,
            1 - (double)frames / Math.Max(1, batch.Features.Rows)
        );
    }

    /// <summary>Begins to train as a phase says.</summary>
    private void Enter(PhaseSpec? next)
    {
        phase = next;
        Network.Freeze(next?.Frozen ?? []);
        var masks = next?.Augmentation ?? spec.Augmentation;
        augmentation = masks is { Time: > 0 } or { Frequency: > 0 }
            ? (SpecAugment<float>)masks.Build<float>(train.Features)
            : null;
        augmentation?.Place("augmentation");
    }

    private Evaluation Judge(CancellationToken cancellation)
    {
        Average?.Exchange();
        try
        {
            return Evaluation.Run(Network, dev, spec.Batch, decode, workspace, cancellation);
        }
        finally
        {
            Average?.Exchange();
        }
    }

    private void Note(EpochReport report, TimeSpan? limit) =>
        judged.Add(
            new ValidationPoint(
                limit is { } time ? report.ElapsedSeconds / time.TotalSeconds * spec.Epochs : report.Epoch,
                report.DevPer
            )
        );

    private double LearningRate(double fraction) => spec.LearningRateAt(fraction, CollectionsMarshal.AsSpan(judged));

    private double Fraction(TimeSpan? limit, int batch, int batches) =>
        limit is { } time
            ? Math.Min(1, State.ElapsedSeconds / time.TotalSeconds)
            : Math.Min(1, (State.Epoch + (double)batch / batches) / spec.Epochs);
}
