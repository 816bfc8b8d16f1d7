namespace Hybrid.Dsl

open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core

/// Passes through the data, as the length of a phase: `2<epochs>`.
[<Measure>]
type epochs

/// The words of a training schedule.
[<AutoOpen; AbstractClass; Sealed>]
type Schedules =
    /// CTC over all alignments, the loss of a phase.
    static member ctc = TrainingLoss.Ctc

    /// CTC of the best alignment alone, the loss of a phase.
    static member viterbi = TrainingLoss.Viterbi

    /// Adam with decoupled weight decay.
    static member adamW(?learningRate: float, ?weightDecay: float, ?beta1: float, ?beta2: float, ?epsilon: float) =
        AdamWSpec(defaultArg learningRate 1e-3, defaultArg weightDecay 1e-2, defaultArg beta1 0.9, defaultArg beta2 0.999, defaultArg epsilon 1e-8)

    /// The optimiser's learning rate all the time.
    static member constant: LearningRateSchedule = ConstantRate()

    /// A straight rise over a number of epochs, then another schedule over the rest.
    static member warmUp(epochs: float, next: LearningRateSchedule) : LearningRateSchedule = WarmUp(epochs, next)

    /// Half a cosine from the optimiser's learning rate down to a floor.
    static member cosine(?floor: float) : LearningRateSchedule = CosineRate(defaultArg floor 0.0)

    /// Half cosines down to a floor; the first takes `period` epochs, each next one `factor` times as many.
    static member cosineWarmRestarts(period: float, ?factor: float, ?floor: float) : LearningRateSchedule =
        CosineWarmRestarts(period, defaultArg factor 1.0, defaultArg floor 0.0)

/// What the keywords of a schedule change.
type TrainingSettings = {
    Seed: int
    Epochs: int
    BatchSize: int
    BatchFrames: int
    Optimizer: AdamWSpec
    LearningRate: LearningRateSchedule
    ClipGradients: float option
    Phases: PhaseSpec list
} with

    /// What holds where a keyword is left out.
    static member Default = {
        Seed = 0
        Epochs = 20
        BatchSize = 32
        BatchFrames = 16000
        Optimizer = AdamWSpec()
        LearningRate = ConstantRate()
        ClipGradients = None
        Phases = []
    }

    /// The schedule as the core takes it.
    member s.Spec =
        let epochs = if s.Phases.IsEmpty then s.Epochs else s.Phases |> List.sumBy _.Epochs
        let phases: IReadOnlyList<PhaseSpec> | null = if s.Phases.IsEmpty then null else List.toArray s.Phases
        TrainingSpec(uint64 s.Seed, epochs, BatchSize(s.BatchSize, s.BatchFrames), s.Optimizer, s.LearningRate, Option.toNullable s.ClipGradients, phases)

/// One keyword of a schedule, where it stands and what it changes.
type Setting = {
    Keyword: string
    Line: int
    Apply: TrainingSettings -> TrainingSettings
}

/// `training { ... }`: settings in any order, each at most once.
type TrainingBuilder() =
    static let add keyword line apply settings = settings @ [ { Keyword = keyword; Line = line; Apply = apply } ]
    member _.Yield(()) : Setting list = []

    /// The number from which starting weights, order, dropout and masks follow.
    [<CustomOperation "seed">]
    member _.Seed(settings, value: int, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "seed" line (fun s -> { s with Seed = value })

    /// Passes through the data.
    [<CustomOperation "epochs">]
    member _.Epochs(settings, count: int, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "epochs" line (fun s -> { s with Epochs = count })

    /// At most so many utterances in a batch.
    [<CustomOperation "batchSize">]
    member _.BatchSize(settings, utterances: int, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "batchSize" line (fun s -> { s with BatchSize = utterances })

    /// At most so many frames in a batch, padding included.
    [<CustomOperation "batchFrames">]
    member _.BatchFrames(settings, frames: int, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "batchFrames" line (fun s -> { s with BatchFrames = frames })

    /// How weights move.
    [<CustomOperation "optimizer">]
    member _.Optimizer(settings, optimizer: AdamWSpec, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "optimizer" line (fun s -> { s with Optimizer = optimizer })

    /// How the step size changes.
    [<CustomOperation "learningRate">]
    member _.LearningRate(settings, schedule: LearningRateSchedule, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "learningRate" line (fun s -> { s with LearningRate = schedule })

    /// The longest gradient, as a Euclidean norm over all parameters.
    [<CustomOperation "clipGradients">]
    member _.ClipGradients(settings, norm: float, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "clipGradients" line (fun s -> { s with ClipGradients = Some norm })

    /// A part of the training with its own loss, `ctc` or `viterbi`; several follow one another and make up the whole.
    [<CustomOperation "phase">]
    member _.Phase(settings, name: string, length: int<epochs>, loss: TrainingLoss, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        settings |> add "phase" line (fun s -> { s with Phases = s.Phases @ [ PhaseSpec(name, int length, loss) ] })

    member _.Run(settings: Setting list) : TrainingSpec =
        let spec = ((TrainingSettings.Default, settings) ||> List.fold (fun s setting -> setting.Apply s)).Spec

        let mistakes = [
            for keyword, group in List.groupBy _.Keyword settings do
                if group.Length > 1 && keyword <> "phase" then
                    yield { Line = (List.last group).Line; Message = $"{keyword} stands here {group.Length} times: keep one" }

            let written keyword = settings |> List.tryFind (fun s -> s.Keyword = keyword)

            match written "epochs", written "phase" with
            | Some epochs, Some _ -> yield { Line = epochs.Line; Message = "epochs and phases stand here: the phases already say how long the training is, leave epochs out" }
            | _ -> ()

            for problem in spec.Validate() do
                yield { Line = 0; Message = problem }
        ]

        if mistakes.IsEmpty then spec else raise (DeclarationException("the training schedule", mistakes))

/// The block of a training schedule.
[<AutoOpen>]
module TrainingBuilders =
    /// A training schedule.
    let training = TrainingBuilder()
