namespace Hybrid.Dsl

open Hybrid.Core

/// Passes through the data, as the length of a phase: `2<epochs>`.
[<Measure>]
type epochs

/// Time on the clock.
[<Measure>]
type minutes

/// What holds in a phase of a training: its loss, and what else differs from the rest of the schedule.
type Phase = {
    /// What is minimised.
    Loss: TrainingLoss
    /// A schedule of its own; that of the whole where null.
    LearningRate: LearningRateSchedule | null
    /// Masks of its own; those of the whole where null.
    Augmentation: SpecAugmentSpec | null
    /// Paths of layers that stay as they are.
    Frozen: string list
}

/// The words of a training schedule. Where two numbers could be swapped, they are given by their names; times are in epochs.
[<AutoOpen; AbstractClass; Sealed>]
type Schedules =
    /// A phase that minimises CTC over all alignments.
    static member ctc: Phase = { Loss = TrainingLoss.Ctc; LearningRate = null; Augmentation = null; Frozen = [] }

    /// A phase that minimises CTC of the best alignment alone.
    static member viterbi: Phase = { Schedules.ctc with Loss = TrainingLoss.Viterbi }

    /// A phase with a learning-rate schedule of its own, from its beginning to its end: `ctc |> withLearningRate (cosine ())`.
    static member withLearningRate (schedule: LearningRateSchedule) (phase: Phase) = {
        phase with
            LearningRate = schedule
    }

    /// A phase with masks of its own: `ctc |> withAugmentation (mask (time = 40, frequency = 8))`.
    static member withAugmentation (masks: SpecAugmentSpec) (phase: Phase) = { phase with Augmentation = masks }

    /// A phase without the masks of the schedule.
    static member withoutAugmentation(phase: Phase) = { phase with Augmentation = SpecAugmentSpec(0, 0) }

    /// A phase in which layers stay as they are, by their paths: `ctc |> withFrozen [ "encoder" ]`. They run as in evaluation.
    static member withFrozen (paths: string list) (phase: Phase) = { phase with Frozen = paths }

    /// Stochastic gradient descent, with momentum if one is given, Nesterov's if that is asked for.
    static member sgd
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?momentum: float,
            ?nesterov: bool,
            ?weightDecay: float
        ) : OptimizerSpec =
        SgdSpec(?LearningRate = learningRate, ?Momentum = momentum, ?Nesterov = nesterov, ?WeightDecay = weightDecay)

    /// Adam; weight decay is part of the gradient.
    static member adam
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?weightDecay: float,
            ?beta1: float,
            ?beta2: float,
            ?epsilon: float
        ) : OptimizerSpec =
        AdamSpec(
            ?LearningRate = learningRate,
            ?WeightDecay = weightDecay,
            ?Beta1 = beta1,
            ?Beta2 = beta2,
            ?Epsilon = epsilon
        )

    /// Adam with decoupled weight decay.
    static member adamW
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?learningRate: float,
            ?weightDecay: float,
            ?beta1: float,
            ?beta2: float,
            ?epsilon: float
        ) : OptimizerSpec =
        AdamWSpec(
            ?LearningRate = learningRate,
            ?WeightDecay = weightDecay,
            ?Beta1 = beta1,
            ?Beta2 = beta2,
            ?Epsilon = epsilon
        )

    /// The optimiser's learning rate all the time.
    static member constant: LearningRateSchedule = ConstantRate()

    /// Another schedule with a share of the optimiser's learning rate: `scaled (0.1, cosine ())`.
    static member scaled(factor: float, schedule: LearningRateSchedule) : LearningRateSchedule =
        ScaledRate(factor, schedule)

    /// A straight rise over a number of epochs, then another schedule over the rest.
    static member warmUp(epochs: float, next: LearningRateSchedule) : LearningRateSchedule = WarmUp(epochs, next)

    /// The learning rate times `factor` after every `every` epochs.
    static member step
        (every: float, ?_byName: ``setting with its name such as kernel = 7; inputs are never given``, ?factor: float)
        : LearningRateSchedule =
        StepRate(every, ?Factor = factor)

    /// The learning rate times `factor` in every epoch, falling without steps.
    static member exponential(factor: float) : LearningRateSchedule = ExponentialRate factor

    /// Half a cosine from the optimiser's learning rate down to a floor.
    static member cosine(?floor: float) : LearningRateSchedule = CosineRate(?Floor = floor)

    /// Half cosines down to a floor; the first takes `period` epochs, each next one `factor` times as many.
    static member cosineWarmRestarts
        (
            period: float,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?factor: float,
            ?floor: float
        ) : LearningRateSchedule =
        CosineWarmRestarts(period, ?Factor = factor, ?Floor = floor)

    /// Up to the optimiser's learning rate in a share `rise` of the whole, then down; it begins with the rate divided by
    /// `startDivisor`, and ends with that divided by `endDivisor`.
    static member oneCycle
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?rise: float,
            ?startDivisor: float,
            ?endDivisor: float
        ) : LearningRateSchedule =
        OneCycle(?Rise = rise, ?StartDivisor = startDivisor, ?EndDivisor = endDivisor)

    /// The learning rate times `factor` whenever the error rate on the dev data has not fallen for more than `patience` epochs;
    /// it falls where it is lower by a share `threshold`, `cooldown` epochs behind a step do not count, and the rate stays
    /// above `floor`.
    static member reduceOnPlateau
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?factor: float,
            ?patience: int,
            ?threshold: float,
            ?cooldown: int,
            ?floor: float
        ) : LearningRateSchedule =
        ReduceOnPlateau(
            ?Factor = factor,
            ?Patience = patience,
            ?Threshold = threshold,
            ?Cooldown = cooldown,
            ?Floor = floor
        )

    /// Schedules one after the other, each for a number of epochs, and a last one for the rest:
    /// `sequence ([ 5.0, constant; 10.0, exponential 0.9 ], cosine ())`.
    static member sequence
        (parts: (float * LearningRateSchedule) list, last: LearningRateSchedule)
        : LearningRateSchedule =
        SequenceRate([| for epochs, schedule in parts -> RatePart(epochs, schedule) |], last)

    /// An exponential moving average of the weights, of which `decay` stays from one update to the next.
    static member ema(?decay: float) = AveragingSpec(?Decay = decay)

    /// The most probable symbol of every frame.
    static member greedy: DecodingSpec = GreedyDecoding()

    /// Prefix beam search, in which so many prefixes survive a frame.
    static member prefixBeam(width: int) : DecodingSpec = PrefixBeamDecoding width
