using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>Trains a network on one dataset and validates it on another after every epoch.</summary>
public sealed class Trainer
{
    private readonly TrainingSpec spec;
    private readonly IDataset train,
        dev;
    private readonly IVariedDataset? varied;
    private readonly Func<LogProbs, Hypothesis> decode;
    private readonly List<ValidationPoint> validations = [];
    private readonly Workspace workspace;
    private readonly CtcLoss ctc = new(reduction: CtcReduction.MeanPerLabel, policy: InfeasiblePolicy.Skip);
    private readonly ViterbiLoss viterbi = new(reduction: CtcReduction.MeanPerLabel, policy: InfeasiblePolicy.Skip);
    private readonly CounterRandom random;
    private PhaseSpec? phase;
    private SpecAugment<float>? augmentation;

    /// <summary>Prepares a training.</summary>
    /// <param name="network">The network to train; its weights change.</param>
    /// <param name="spec">The training schedule.</param>
    /// <param name="train">The training set.</param>
    /// <param name="dev">The dev set, for validation.</param>
    /// <param name="team">Threads that share the work; all processors if null.</param>
    /// <exception cref="ArgumentException">
    /// The spec has problems, a dataset does not fit the network, or no utterance of one has enough output frames for
    /// its labels.
    /// </exception>
    public Trainer(Network<float> network, TrainingSpec spec, IDataset train, IDataset dev, ThreadTeam? team = null)
    {
        if (spec.Validate(network.Spec) is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(spec));
        Require(network, train, "training", nameof(train));
        Require(network, dev, "dev", nameof(dev));
        (Network, this.spec, this.train, this.dev) = (network, spec, train, dev);
        if (spec.Speeds is not null)
            varied =
                train as IVariedDataset
                ?? throw new ArgumentException(
                    "the schedule has speeds, but the training data have only one",
                    nameof(train)
                );
        workspace = new Workspace(team);
        random = new CounterRandom(spec.Seed);
        Optimizer = spec.Optimizer.Build(network.Parameters);
        Average = spec.Averaging is null ? null : new WeightAverage(spec.Averaging, network);
        decode = (spec.Decoding ?? new GreedyDecoding()).Build();
        Begin(spec.PhaseAt(0).Phase);
    }

    /// <summary>The network in training.</summary>
    public Network<float> Network { get; }

    /// <summary>The optimiser with its state.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The average of the weights; null if the spec has none.</summary>
    public WeightAverage? Average { get; }

    /// <summary>
    /// The weights that are validated and belong into a model: the average if there is one, else the network's.
    /// </summary>
    public IEnumerable<StoredTensor> EvaluationWeights() => Average?.Weights() ?? Network.Save();

    /// <summary>Position of the training.</summary>
    public TrainerState State { get; private set; } = new();

    /// <summary>The best epoch so far by the spec's metric; null before the first.</summary>
    public EpochReport? Best => State.Best(spec.SelectBy);

    /// <summary>The weights of the best epoch, as validated; empty before the first.</summary>
    public IReadOnlyList<StoredTensor> BestWeights { get; private set; } = [];

    /// <summary>
    /// The reason why the latest <see cref="Run"/> ended; null before its end and after an exception.
    /// </summary>
    public StopReason? StopReason { get; private set; }

    /// <summary>Continues from a checkpoint.</summary>
    /// <exception cref="FormatException">The checkpoint's tensors do not fit the network.</exception>
    public void Restore(Checkpoint checkpoint)
    {
        Network.Load(checkpoint.Weights);
        checkpoint.Restore(Optimizer, Average);
        BestWeights = checkpoint.BestWeights(Network);
        State = checkpoint.State;
    }

    /// <summary>Utterances with fewer output frames than their labels need; they have no loss.</summary>
    /// <returns>Index in the dataset, frames needed, and output frames of the network.</returns>
    public static IEnumerable<(int Index, int Needed, int Available)> Infeasible(Network<float> network, IDataset data)
    {
        for (var i = 0; i < data.Count; i++)
        {
            var needed = CtcFeasibility.FramesNeeded(data.Labels(i));
            var available = network.OutputLength(data.Frames(i));
            if (needed > available)
                yield return (i, needed, available);
        }
    }

    /// <summary>Trains to the end of the schedule or of the time limit.</summary>
    /// <param name="limit">Time over which the schedule is stretched; null to run the epochs of the spec.</param>
    /// <param name="steps">Receives every update.</param>
    /// <param name="epochs">
    /// Receives every epoch. Until its <c>Report</c> returns, <see cref="EvaluationWeights"/> are those of the
    /// validation.
    /// </param>
    /// <param name="targetPer">
    /// Phone error rate on the dev set, in percent, at which training ends; null for none.
    /// </param>
    /// <param name="cancellation">Stops between updates.</param>
    /// <returns>Reports of all epochs, including those before a checkpoint.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time limit is not positive.</exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite.</exception>
    /// <exception cref="InvalidDataException">
    /// A feature is NaN or infinite; the message names utterance and frame.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled; the state is that after the latest update.</exception>
    public IReadOnlyList<EpochReport> Run(
        TimeSpan? limit = null,
        IProgress<TrainingProgress>? steps = null,
        IProgress<EpochReport>? epochs = null,
        double? targetPer = null,
        CancellationToken cancellation = default
    )
    {
        if (limit <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(limit), "there is no time to train in");
        StopReason = null;
        var (clock, before) = (Stopwatch.StartNew(), State.ElapsedSeconds);
        validations.Clear();
        foreach (var report in State.History)
            AddValidation(report, limit);
        while (true)
        {
            // A checkpoint may precede the validation of an epoch whose updates are complete.
            if (State.Batch == 0 && ReasonToStop(limit, targetPer) is { } reason)
            {
                StopReason = reason;
                return State.History;
            }
            var data = varied?.Drawn(random.Fork("speeds").Fork((ulong)State.Epoch)) ?? train;
            var batches = BatchPlan.Shuffled(data, spec.Batch, random.Fork("order").Fork((ulong)State.Epoch));
            while (State.Batch < batches.Count && Position(limit, batches.Count) is var position && !IsEnd(position))
            {
                cancellation.ThrowIfCancellationRequested();
                var batch = LabelledBatch.Read(data, batches[State.Batch], workspace.Team);
                var start = clock.Elapsed;
                var rate = LearningRate(position);
                var step = Step(batch, rate, spec.PhaseAt(position).Phase);
                State.Batch++;
                if (!double.IsNaN(step.Loss))
                    (State.LossSum, State.LossCount) = (State.LossSum + step.Loss, State.LossCount + 1);
                State.ElapsedSeconds = before + clock.Elapsed.TotalSeconds;
                steps?.Report(
                    new TrainingProgress(
                        State.Epoch + 1,
                        State.Steps,
                        step,
                        rate,
                        Position(limit, batches.Count) / spec.Epochs,
                        TimeSpan.FromSeconds(State.ElapsedSeconds),
                        step.Frames / (clock.Elapsed - start).TotalSeconds
                    )
                );
            }
            var lastRate = LearningRate(Position(limit, batches.Count));
            var result = Validate(cancellation);
            var trainLoss = State.LossSum / State.LossCount;
            (State.Epoch, State.Batch, State.LossSum, State.LossCount) = (State.Epoch + 1, 0, 0, 0);
            State.ElapsedSeconds = before + clock.Elapsed.TotalSeconds;
            var ended = new EpochReport(
                State.Epoch,
                State.Steps,
                trainLoss,
                result.Loss,
                result.Per,
                result.AverageDistance,
                lastRate,
                State.ElapsedSeconds,
                result.Deletions > 0 && result.Deletions == result.ReferenceLabels && result.Insertions == 0
            );
            State.History.Add(ended);
            if (ReferenceEquals(ended, Best))
                BestWeights = [.. EvaluationWeights()];
            AddValidation(ended, limit);
            epochs?.Report(ended);
        }
    }

    /// <summary>One update of all weights; allocates nothing after the first of its size.</summary>
    /// <param name="batch">The utterances.</param>
    /// <param name="learningRate">Step size.</param>
    /// <param name="phase">The phase of the training; the spec's settings if null.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite.</exception>
    /// <exception cref="InvalidDataException">
    /// A feature is NaN or infinite; the message names utterance and frame.
    /// </exception>
    public StepReport Step(LabelledBatch batch, double learningRate, PhaseSpec? phase = null)
    {
        if (!ReferenceEquals(phase, this.phase))
            Begin(phase);
        SequenceLoss loss = phase?.Loss == TrainingLoss.Viterbi ? viterbi : ctc;
        workspace.Reset();
        var pass = new Pass(workspace, Training: true, random.Fork("steps").Fork((ulong)State.Steps));
        Network.ClearGradients();
        var features = augmentation?.Forward(batch.Features, pass) ?? batch.Features;
        var logits = Network.Forward(features, pass);
        var result = loss.Compute(logits, batch.Labels, workspace, batch.Ids);
        if (!double.IsFinite(result.Loss))
        {
            batch.RequireFinite();
            workspace.Reset();
            throw new TrainingDivergedException(
                result.Loss,
                batch.Ids,
                Network.FirstNonFinite(batch.Features, pass) ?? "the loss"
            );
        }
        var (blankRatio, outputLength) = BlankStatistics.Of(logits, loss.Blank, workspace);
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
            result.Skipped < batch.Features.B ? result.Loss : double.NaN,
            norm,
            blankRatio,
            outputLength,
            result.Skipped,
            frames,
            1 - (double)frames / Math.Max(1, batch.Features.Rows)
        );
    }

    private static void Require(Network<float> network, IDataset data, string name, string parameter)
    {
        if (data.Count == 0)
            throw new ArgumentException($"the {name} data have no utterances", parameter);
        if (data.Features != network.Spec.Inputs)
            throw new ArgumentException(
                $"the network takes {network.Spec.Inputs} features per frame, the {name} data have {data.Features}",
                parameter
            );
        var infeasible = Infeasible(network, data).ToList();
        if (infeasible.Count < data.Count)
            return;
        var (_, needed, available) = infeasible[0];
        throw new ArgumentException(
            $"no utterance of the {name} data has enough output frames for its labels; the first, "
                + $"{Quoted.Unless(data.Id(0))}, needs {needed} frames, has {available} of {data.Frames(0)} "
                + "input frames: use less subsampling or longer utterances",
            parameter
        );
    }

    /// <summary>Applies the settings of a phase.</summary>
    private void Begin(PhaseSpec? next)
    {
        phase = next;
        Network.Freeze(next?.Frozen ?? []);
        var masks = next?.Augmentation ?? spec.Augmentation;
        augmentation = masks is { Time: > 0 } or { Frequency: > 0 }
            ? (SpecAugment<float>)masks.Build<float>(train.Features)
            : null;
        augmentation?.Place("augmentation");
    }

    private Evaluation Validate(CancellationToken cancellation)
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

    private StopReason? ReasonToStop(TimeSpan? limit, double? targetPer)
    {
        if (State.History is [.., var last] && last.DevPer <= targetPer)
            return Core.StopReason.TargetReached;
        if (IsEnd(Position(limit, 1)))
            return limit is null ? Core.StopReason.EpochsCompleted : Core.StopReason.TimeLimit;
        return State.IsStuck(spec.Patience, spec.SelectBy) ? Core.StopReason.NoImprovement : null;
    }

    private void AddValidation(EpochReport report, TimeSpan? limit) =>
        validations.Add(
            report.Validation(limit is null ? report.Epoch : Stretched(report.ElapsedSeconds, limit.Value))
        );

    private double LearningRate(double position) =>
        spec.LearningRateAt(position, CollectionsMarshal.AsSpan(validations));

    /// <summary>
    /// Position in the schedule in epochs. Without a time limit it is exact at whole epochs, which a fraction of the
    /// training is not: 1.0 / 49 * 49 is less than 1.
    /// </summary>
    private double Position(TimeSpan? limit, int batches) =>
        limit is null
            ? Math.Min(spec.Epochs, State.Epoch + (double)State.Batch / batches)
            : Stretched(State.ElapsedSeconds, limit.Value);

    private double Stretched(double seconds, TimeSpan limit) =>
        Math.Min(spec.Epochs, seconds / limit.TotalSeconds * spec.Epochs);

    private bool IsEnd(double position) => position >= spec.Epochs;
}
