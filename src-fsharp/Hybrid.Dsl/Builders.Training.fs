namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
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
    Augmentation: MaskingSpec | null
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
    static member withAugmentation (masks: MaskingSpec) (phase: Phase) = { phase with Augmentation = masks }

    /// A phase without the masks of the schedule.
    static member withoutAugmentation(phase: Phase) = { phase with Augmentation = MaskingSpec(0, 0) }

    /// A phase in which layers stay as they are, by their paths: `ctc |> withFrozen [ "encoder" ]`. They run as in evaluation.
    static member withFrozen (paths: string list) (phase: Phase) = { phase with Frozen = paths }

    /// Stochastic gradient descent, with momentum if one is given, Nesterov's if that is asked for.
    static member sgd
        (
            ?_byName: ``setting with its name``,
            ?learningRate: float,
            ?momentum: float,
            ?nesterov: bool,
            ?weightDecay: float
        ) : OptimizerSpec =
        SgdSpec(?LearningRate = learningRate, ?Momentum = momentum, ?Nesterov = nesterov, ?WeightDecay = weightDecay)

    /// Adam; weight decay is part of the gradient.
    static member adam
        (
            ?_byName: ``setting with its name``,
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
            ?_byName: ``setting with its name``,
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
    static member step(every: float, ?_byName: ``setting with its name``, ?factor: float) : LearningRateSchedule =
        StepRate(every, ?Factor = factor)

    /// The learning rate times `factor` in every epoch, falling without steps.
    static member exponential(factor: float) : LearningRateSchedule = ExponentialRate factor

    /// Half a cosine from the optimiser's learning rate down to a floor.
    static member cosine(?floor: float) : LearningRateSchedule = CosineRate(?Floor = floor)

    /// Half cosines down to a floor; the first takes `period` epochs, each next one `factor` times as many.
    static member cosineWarmRestarts
        (period: float, ?_byName: ``setting with its name``, ?factor: float, ?floor: float)
        : LearningRateSchedule =
        CosineWarmRestarts(period, ?Factor = factor, ?Floor = floor)

    /// Up to the optimiser's learning rate in a share `rise` of the whole, then down; it begins with the rate divided by
    /// `startDivisor`, and ends with that divided by `endDivisor`.
    static member oneCycle
        (?_byName: ``setting with its name``, ?rise: float, ?startDivisor: float, ?endDivisor: float)
        : LearningRateSchedule =
        OneCycle(?Rise = rise, ?StartDivisor = startDivisor, ?EndDivisor = endDivisor)

    /// The learning rate times `factor` whenever the error rate on the dev data has not fallen for more than `patience` epochs;
    /// it falls where it is lower by a share `threshold`, `cooldown` epochs behind a step do not count, and the rate stays
    /// above `floor`.
    static member reduceOnPlateau
        (
            ?_byName: ``setting with its name``,
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

/// What the keywords of a schedule change.
type TrainingSettings = {
    /// The number from which all chance follows.
    Seed: int
    /// Passes through the data.
    Epochs: int
    /// At most so many utterances in a batch.
    BatchSize: int option
    /// At most so many frames in a batch.
    BatchFrames: int option
    /// How weights move.
    Optimizer: OptimizerSpec
    /// How the step size changes.
    LearningRate: LearningRateSchedule
    /// The longest gradient.
    ClipGradients: float option
    /// Parts that differ in something.
    Phases: PhaseSpec list
    /// Masks over the features.
    Augmentation: MaskingSpec option
    /// How fast the sound is played.
    Speeds: float list option
    /// The average of weights that is judged and kept.
    Averaging: AveragingSpec option
    /// Passes without a better model after which training ends.
    Patience: int option
    /// How dev utterances are decoded.
    Decoding: DecodingSpec
    /// The longest time between two checkpoints.
    CheckpointMinutes: float option
} with

    /// What holds where a keyword is left out.
    static member Default = {
        Seed = 0
        Epochs = 20
        BatchSize = None
        BatchFrames = None
        Optimizer = AdamWSpec()
        LearningRate = ConstantRate()
        ClipGradients = None
        Phases = []
        Augmentation = None
        Speeds = None
        Averaging = None
        Patience = None
        Decoding = GreedyDecoding()
        CheckpointMinutes = None
    }

    /// Batches by count where there is nothing but a count, by frames where there is nothing but frames.
    member s.Batch =
        match s.BatchSize, s.BatchFrames with
        | None, None -> BatchSize(32, 16000)
        | count, frames -> BatchSize(defaultArg count Int32.MaxValue, defaultArg frames Int32.MaxValue)

    /// The schedule as the core takes it.
    member s.Spec =
        let epochs =
            if s.Phases.IsEmpty then
                s.Epochs
            else
                s.Phases |> List.sumBy _.Epochs

        let phases: IReadOnlyList<PhaseSpec> | null = if s.Phases.IsEmpty then null else List.toArray s.Phases

        TrainingSpec(
            uint64 s.Seed,
            epochs,
            s.Batch,
            s.Optimizer,
            s.LearningRate,
            Option.toNullable s.ClipGradients,
            phases,
            Option.toObj s.Augmentation,
            Option.toObj s.Averaging,
            Option.toNullable s.Patience,
            s.Decoding,
            Option.toNullable s.CheckpointMinutes,
            s.Speeds |> Option.map Array.ofList |> Option.toObj
        )

/// One keyword of a schedule, where it stands and what it changes.
type Setting = {
    /// The keyword.
    Keyword: string
    /// The line where it stands.
    Line: int
    /// What it changes.
    Apply: TrainingSettings -> TrainingSettings
}

/// What the compiler says where something else than keywords stands in a schedule.
module internal ScheduleSentence =
    [<Literal>]
    let OnlyKeywords =
        "a training block holds keywords with their values alone: is one misspelt? let goes in front of the block, if and match go into a value, as in seed (if quick then 1 else 2)"

/// `training { ... }`: settings in any order, each at most once but `phase`.
type TrainingBuilder() =
    static let add keyword line apply settings = settings @ [ { Keyword = keyword; Line = line; Apply = apply } ]

    /// The keyword of a part of the schedule, and which of several it is.
    static let keywordOf (problem: SpecProblem) =
        match problem.Path.Split '.' with
        | [| "phases"; i |] -> "phase", int i
        | [| "batch" |] ->
            (if problem.Message.StartsWith("frames", StringComparison.Ordinal) then
                 "batchFrames"
             else
                 "batchSize"),
            0
        | [| "augmentation" |] -> "augment", 0
        | [| "averaging" |] -> "averageWeights", 0
        | [| "patience" |] -> "stopEarly", 0
        | [| "decoding" |] -> "decodeWith", 0
        | [| "checkpointMinutes" |] -> "checkpointEvery", 0
        | _ -> problem.Path, 0

    member _.Yield(()) : Setting list = []

    // Without these the compiler would speak of builders and their methods.
    [<CompilerMessage(ScheduleSentence.OnlyKeywords, 10002, IsError = true)>]
    member _.For(_: 'items, _: 'item -> 'block) : Setting list = []

    [<CompilerMessage(ScheduleSentence.OnlyKeywords, 10002, IsError = true)>]
    member _.Combine(_: Setting list, _: Setting list) : Setting list = []

    [<CompilerMessage(ScheduleSentence.OnlyKeywords, 10002, IsError = true)>]
    member _.Zero() : Setting list = []

    /// The number from which starting weights, order, dropout and masks follow.
    [<CustomOperation "seed">]
    member _.Seed
        (
            settings,
            value: int,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "seed" line (fun s -> { s with Seed = value })

    /// Passes through the data.
    [<CustomOperation "epochs">]
    member _.Epochs
        (
            settings,
            count: int,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "epochs" line (fun s -> { s with Epochs = count })

    /// At most so many utterances in a batch.
    [<CustomOperation "batchSize">]
    member _.BatchSize
        (
            settings,
            utterances: int,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "batchSize" line (fun s -> { s with BatchSize = Some utterances })

    /// At most so many frames in a batch, padding included.
    [<CustomOperation "batchFrames">]
    member _.BatchFrames
        (
            settings,
            frames: int,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "batchFrames" line (fun s -> { s with BatchFrames = Some frames })

    /// How weights move: `sgd`, `adam` or `adamW`.
    [<CustomOperation "optimizer">]
    member _.Optimizer
        (
            settings,
            optimizer: OptimizerSpec,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "optimizer" line (fun s -> { s with Optimizer = optimizer })

    /// How the step size changes.
    [<CustomOperation "learningRate">]
    member _.LearningRate
        (
            settings,
            schedule: LearningRateSchedule,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "learningRate" line (fun s -> { s with LearningRate = schedule })

    /// The longest gradient, as a Euclidean norm over all parameters.
    [<CustomOperation "clipGradients">]
    member _.ClipGradients
        (
            settings,
            norm: float,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "clipGradients" line (fun s -> { s with ClipGradients = Some norm })

    /// What is judged and kept is an average of the weights: `ema 0.999`.
    [<CustomOperation "averageWeights">]
    member _.AverageWeights
        (
            settings,
            average: AveragingSpec,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "averageWeights" line (fun s -> { s with Averaging = Some average })

    /// Masks over the features that the network is trained on: `mask (time = 20, frequency = 4)`.
    [<CustomOperation "augment">]
    member _.Augment
        (
            settings,
            masks: MaskingSpec,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "augment" line (fun s -> { s with Augmentation = Some masks })

    /// How fast the sound is played; one of these is drawn for each utterance and epoch.
    [<CustomOperation "speeds">]
    member _.Speeds
        (
            settings,
            factors: float list,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "speeds" line (fun s -> { s with Speeds = Some factors })

    /// Ends the training when so many epochs have gone by since the best one.
    [<CustomOperation "stopEarly">]
    member _.StopEarly
        (
            settings,
            patience: int<epochs>,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "stopEarly" line (fun s -> { s with Patience = Some(int patience) })

    /// How dev utterances are decoded to choose the best model: `greedy` or `prefixBeam 8`.
    [<CustomOperation "decodeWith">]
    member _.DecodeWith
        (
            settings,
            decoding: DecodingSpec,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "decodeWith" line (fun s -> { s with Decoding = decoding })

    /// The longest time between two checkpoints; one is written after every epoch anyway.
    [<CustomOperation "checkpointEvery">]
    member _.CheckpointEvery
        (
            settings,
            time: float<minutes>,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        settings |> add "checkpointEvery" line (fun s -> { s with CheckpointMinutes = Some(float time) })

    /// A part of the training with its own loss, `ctc` or `viterbi`, and what else differs; several follow one another and make up the whole.
    [<CustomOperation "phase">]
    member _.Phase
        (
            settings,
            name: string,
            length: int<epochs>,
            phase: Phase,
            [<Optional; DefaultParameterValue(null: ``nothing more`` | null)>] _more: ``nothing more`` | null,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) =
        let frozen: IReadOnlyList<string> | null =
            if phase.Frozen.IsEmpty then
                null
            else
                List.toArray phase.Frozen

        let spec = PhaseSpec(name, int length, phase.Loss, phase.LearningRate, phase.Augmentation, frozen)
        settings |> add "phase" line (fun s -> { s with Phases = s.Phases @ [ spec ] })

    member _.Run
        (settings: Setting list, [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string)
        : TrainingSpec =
        let spec = ((TrainingSettings.Default, settings) ||> List.fold (fun s setting -> setting.Apply s)).Spec
        let written keyword = settings |> List.filter (fun s -> s.Keyword = keyword)

        let mistakes = [
            for keyword, group in List.groupBy _.Keyword settings do
                if group.Length > 1 && keyword <> "phase" then
                    yield {
                        Line = (List.last group).Line
                        Message = $"{keyword} stands here {group.Length} times: keep one"
                    }

            match written "epochs", written "phase" with
            | epochs :: _, _ :: _ ->
                yield {
                    Line = epochs.Line
                    Message =
                        "epochs and phases stand here: the phases already say how long the training is, leave epochs out"
                }
            | _ -> ()

            for problem in spec.Validate() do
                let keyword, which = keywordOf problem
                let line = written keyword |> List.tryItem which |> Option.map _.Line
                yield { Line = defaultArg line 0; Message = $"{keyword}: {problem.Message}" }
        ]

        if mistakes.IsEmpty then
            spec
        else
            raise (DeclarationException("the training schedule", file, mistakes, ""))

/// The block of a training schedule.
[<AutoOpen>]
module TrainingBuilders =
    /// A training schedule.
    let training = TrainingBuilder()
