namespace Hybrid.Dsl

open Hybrid.Core

/// Unit of the length of a phase, passes through the data: `2<epochs>`.
[<Measure>]
type epochs

/// Unit of time: `5.0<minutes>`.
[<Measure>]
type minutes

/// A phase of a training: its objective, and its differences from the rest of the schedule.
type Phase = {
    /// Training objective.
    Loss: TrainingLoss
    /// Learning-rate schedule of the phase; that of the training if null.
    LearningRate: LearningRateSchedule | null
    /// Masks of the phase; those of the training if null.
    Augmentation: SpecAugmentSpec | null
    /// Paths of frozen layers.
    Frozen: string list
}

/// The words of a training schedule. Numbers that could be confused are named arguments; times are in epochs.
[<AutoOpen; AbstractClass; Sealed>]
type Schedules =
    /// A phase that minimises CTC over all alignments.
    static member ctc: Phase = { Loss = TrainingLoss.Ctc; LearningRate = null; Augmentation = null; Frozen = [] }

    /// A phase that minimises CTC of the single best alignment.
    static member viterbi: Phase = { Schedules.ctc with Loss = TrainingLoss.Viterbi }

    /// A phase with its own learning-rate schedule, from its start to its end: `ctc |> withLearningRate (cosine ())`.
    static member withLearningRate (schedule: LearningRateSchedule) (phase: Phase) = {
        phase with
            LearningRate = schedule
    }

    /// A phase with its own masks: `ctc |> withAugmentation (mask (time = 40, frequency = 8))`.
    static member withAugmentation (masks: SpecAugmentSpec) (phase: Phase) = { phase with Augmentation = masks }

    /// A phase without the masks of the schedule.
    static member withoutAugmentation(phase: Phase) = { phase with Augmentation = SpecAugmentSpec(0, 0) }

    /// A phase with frozen layers, given by their paths: `ctc |> withFrozen [ "encoder" ]`. They run in evaluation
    /// mode.
    static member withFrozen (paths: string list) (phase: Phase) = { phase with Frozen = paths }

    // With `decayWeightsOnly = true`, weight decay spares biases and the scales and shifts of normalisations.

    /// Stochastic gradient descent, optionally with momentum, plain or Nesterov's.
    static member sgd
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?momentum: float,
            ?nesterov: bool,
            ?weightDecay: float,
            ?decayWeightsOnly: bool
        ) : OptimizerSpec =
        SgdSpec(
            ?LearningRate = learningRate,
            ?Momentum = momentum,
            ?Nesterov = nesterov,
            ?WeightDecay = weightDecay,
            ?DecayWeightsOnly = decayWeightsOnly
        )

    /// Adam; weight decay is part of the gradient.
    static member adam
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?weightDecay: float,
            ?beta1: float,
            ?beta2: float,
            ?epsilon: float,
            ?decayWeightsOnly: bool
        ) : OptimizerSpec =
        AdamSpec(
            ?LearningRate = learningRate,
            ?WeightDecay = weightDecay,
            ?Beta1 = beta1,
            ?Beta2 = beta2,
            ?Epsilon = epsilon,
            ?DecayWeightsOnly = decayWeightsOnly
        )

    /// Adam with decoupled weight decay.
    static member adamW
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?weightDecay: float,
            ?beta1: float,
            ?beta2: float,
            ?epsilon: float,
            ?decayWeightsOnly: bool
        ) : OptimizerSpec =
        AdamWSpec(
            ?LearningRate = learningRate,
            ?WeightDecay = weightDecay,
            ?Beta1 = beta1,
            ?Beta2 = beta2,
            ?Epsilon = epsilon,
            ?DecayWeightsOnly = decayWeightsOnly
        )

    /// A constant learning rate, the optimiser's.
    static member constant: LearningRateSchedule = ConstantRate()

    /// Another schedule, relative to a fraction of the optimiser's learning rate: `scaled (0.1, cosine ())`.
    static member scaled(factor: float, schedule: LearningRateSchedule) : LearningRateSchedule =
        ScaledRate(factor, schedule)

    /// A linear rise from zero over a number of epochs, then another schedule over the rest.
    static member warmUp(epochs: float, next: LearningRateSchedule) : LearningRateSchedule = WarmUp(epochs, next)

    /// Step decay: the learning rate is multiplied by `factor` every `every` epochs.
    static member step
        (every: float, ?_byName: ``setting with its name such as kernel = 7; inputs are never given``, ?factor: float)
        : LearningRateSchedule =
        StepRate(every, ?Factor = factor)

    /// Continuous exponential decay by `factor` per epoch.
    static member exponential(factor: float) : LearningRateSchedule = ExponentialRate factor

    /// Half a cosine from the optimiser's learning rate to a floor.
    static member cosine(?floor: float) : LearningRateSchedule = CosineRate(?Floor = floor)

    /// Half cosines to a floor; the first has `period` epochs, each next one `factor` times as many.
    static member cosineWarmRestarts
        (
            period: float,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?factor: float,
            ?floor: float
        ) : LearningRateSchedule =
        CosineWarmRestarts(period, ?Factor = factor, ?Floor = floor)

    /// One cycle: up to the optimiser's learning rate in a fraction `rise` of the schedule, then down. It starts at the
    /// rate divided by `startDivisor` and ends at that divided by `endDivisor`.
    static member oneCycle
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?rise: float,
            ?startDivisor: float,
            ?endDivisor: float
        ) : LearningRateSchedule =
        OneCycle(?Rise = rise, ?StartDivisor = startDivisor, ?EndDivisor = endDivisor)

    /// Step decay by `factor` after more than `patience` epochs without improvement on the dev data. An improvement is
    /// a figure below the best by a share of at least `threshold`; the figure is that of `selectBy`, here or in the
    /// schedule. The `cooldown` epochs after a step do not count; `floor` is the lowest rate.
    static member reduceOnPlateau
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?factor: float,
            ?patience: int,
            ?threshold: float,
            ?cooldown: int,
            ?floor: float,
            ?selectBy: SelectionMetric
        ) : LearningRateSchedule =
        ReduceOnPlateau(
            ?Factor = factor,
            ?Patience = patience,
            ?Threshold = threshold,
            ?Cooldown = cooldown,
            ?Floor = floor,
            SelectBy = Option.toNullable selectBy
        )

    /// Consecutive schedules, each for a number of epochs, and a last one for the rest:
    /// `sequence ([ (5.0, constant); (10.0, exponential 0.9) ], cosine ())`.
    static member sequence
        (parts: (float * LearningRateSchedule) list, last: LearningRateSchedule)
        : LearningRateSchedule =
        SequenceRate([| for epochs, schedule in parts -> RatePart(epochs, schedule) |], last)

    /// Exponential moving average of the weights; `decay` is the share that remains at each update.
    static member ema(?decay: float) = AveragingSpec(?Decay = decay)

    /// Greedy decoding.
    static member greedy: DecodingSpec = GreedyDecoding()

    /// Prefix beam search with a beam width.
    static member prefixBeam(width: int) : DecodingSpec = PrefixBeamDecoding width

    /// Selection by phone error rate on the dev data; the lower dev loss among equal rates and while all output is
    /// blank.
    static member devPer = SelectionMetric.DevPer

    /// Selection by loss on the dev data.
    static member devLoss = SelectionMetric.DevLoss
