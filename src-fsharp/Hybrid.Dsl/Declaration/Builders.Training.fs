namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core

/// `training { ... }`: settings in any order, each at most once but `phase`.
type TrainingBuilder() =
    inherit ScheduleBuilderErrors()

    static let add keyword line apply settings =
        settings @ [ { Keyword = keyword; Line = defaultArg line 0; Apply = apply } ]

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

    /// The number from which starting weights, order, dropout and masks follow.
    [<CustomOperation "seed">]
    member _.Seed(settings, value: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "seed" line (fun s -> { s with Seed = value })

    /// Passes through the data.
    [<CustomOperation "epochs">]
    member _.Epochs(settings, count: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "epochs" line (fun s -> { s with Epochs = count })

    /// At most so many utterances in a batch.
    [<CustomOperation "batchSize">]
    member _.BatchSize(settings, utterances: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "batchSize" line (fun s -> { s with BatchSize = Some utterances })

    /// At most so many frames in a batch, padding included.
    [<CustomOperation "batchFrames">]
    member _.BatchFrames(settings, frames: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "batchFrames" line (fun s -> { s with BatchFrames = Some frames })

    /// How weights move: `sgd`, `adam` or `adamW`.
    [<CustomOperation "optimizer">]
    member _.Optimizer(settings, optimizer: OptimizerSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "optimizer" line (fun s -> { s with Optimizer = optimizer })

    /// How the step size changes.
    [<CustomOperation "learningRate">]
    member _.LearningRate
        (settings, schedule: LearningRateSchedule, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "learningRate" line (fun s -> { s with LearningRate = schedule })

    /// The longest gradient, as a Euclidean norm over all parameters.
    [<CustomOperation "clipGradients">]
    member _.ClipGradients(settings, norm: float, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "clipGradients" line (fun s -> { s with ClipGradients = Some norm })

    /// What is judged and kept is an average of the weights: `ema 0.999`.
    [<CustomOperation "averageWeights">]
    member _.AverageWeights
        (settings, average: AveragingSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "averageWeights" line (fun s -> { s with Averaging = Some average })

    /// Masks over the features that the network is trained on: `mask (time = 20, frequency = 4)`.
    [<CustomOperation "augment">]
    member _.Augment(settings, masks: SpecAugmentSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "augment" line (fun s -> { s with Augmentation = Some masks })

    /// How fast the sound is played; one of these is drawn for each utterance and epoch: `speeds [ 0.9; 1.0; 1.1 ]`.
    [<CustomOperation "speeds">]
    member _.Speeds(settings, factors: float list, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "speeds" line (fun s -> { s with Speeds = Some factors })

    /// Ends the training when so many epochs have gone by since the best one.
    [<CustomOperation "stopEarly">]
    member _.StopEarly(settings, patience: int<epochs>, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "stopEarly" line (fun s -> { s with Patience = Some(int patience) })

    /// How dev utterances are decoded to choose the best model: `greedy` or `prefixBeam 8`.
    [<CustomOperation "decodeWith">]
    member _.DecodeWith(settings, decoding: DecodingSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "decodeWith" line (fun s -> { s with Decoding = decoding })

    /// The longest time between two checkpoints; one is written after every epoch anyway.
    [<CustomOperation "checkpointEvery">]
    member _.CheckpointEvery
        (settings, time: float<minutes>, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "checkpointEvery" line (fun s -> { s with CheckpointMinutes = Some(float time) })

    /// A part of the training with its own loss, `ctc` or `viterbi`, and what else differs; several follow one another and make up the whole.
    [<CustomOperation "phase">]
    member _.Phase
        (
            settings,
            name: string,
            length: int<epochs>,
            phase: Phase,
            ?_more: ``nothing more``,
            [<CallerLineNumber>] ?line: int
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

        let problems = [
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

        if problems.IsEmpty then
            spec
        else
            raise (DeclarationException("the training schedule", file, problems, ""))

/// The block of a training schedule.
[<AutoOpen>]
module TrainingBuilders =
    /// A training schedule.
    let training = TrainingBuilder()
