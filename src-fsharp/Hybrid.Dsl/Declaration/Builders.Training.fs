namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core

/// `training { ... }`: settings in any order, each at most once except `phase`.
/// Each keyword has two overloads: the one that sets a value, and one for values of any other type, with the compiler's
/// error message. The parameters of the second are generic: otherwise the compiler would require annotations where a
/// function makes a schedule, as in `let quick count = training { epochs count }`.
type TrainingBuilder() =
    inherit ScheduleBuilderErrors()

    static let add keyword line apply settings =
        settings @ [ { Keyword = keyword; Line = defaultArg line 0; Apply = apply } ]

    /// The keyword of a problem's path, and which of several it is.
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

    /// Seed of the initial weights, the order of utterances, dropout, masks and speeds.
    [<CustomOperation "seed">]
    member _.Seed(settings, value: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "seed" line (fun s -> { s with Seed = value })

    [<CustomOperation "seed";
      CompilerMessage("seed takes one whole number: seed 11785",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Seed(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Passes through the data.
    [<CustomOperation "epochs">]
    member _.Epochs(settings, count: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "epochs" line (fun s -> { s with Epochs = count })

    [<CustomOperation "epochs";
      CompilerMessage("epochs takes one whole number, without a unit: epochs 20",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Epochs(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Maximum number of utterances in a batch.
    [<CustomOperation "batchSize">]
    member _.BatchSize(settings, utterances: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "batchSize" line (fun s -> { s with BatchSize = Some utterances })

    [<CustomOperation "batchSize";
      CompilerMessage("batchSize takes one whole number, the utterances of a batch: batchSize 32",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.BatchSize(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Maximum number of frames in a batch, padding included.
    [<CustomOperation "batchFrames">]
    member _.BatchFrames(settings, frames: int, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "batchFrames" line (fun s -> { s with BatchFrames = Some frames })

    [<CustomOperation "batchFrames";
      CompilerMessage("batchFrames takes one whole number, the frames of a batch: batchFrames 16000",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.BatchFrames(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Optimiser: `sgd`, `adam` or `adamW`.
    [<CustomOperation "optimizer">]
    member _.Optimizer(settings, optimizer: OptimizerSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "optimizer" line (fun s -> { s with Optimizer = optimizer })

    [<CustomOperation "optimizer";
      CompilerMessage("optimizer takes sgd, adam or adamW, with their settings in parentheses: "
                      + "optimizer (adamW (learningRate = 1e-3))",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Optimizer(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Learning-rate schedule.
    [<CustomOperation "learningRate">]
    member _.LearningRate
        (settings, schedule: LearningRateSchedule, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "learningRate" line (fun s -> { s with LearningRate = schedule })

    [<CustomOperation "learningRate";
      CompilerMessage("learningRate takes a schedule: learningRate (cosine ()); the rate itself is a setting of the "
                      + "optimizer: optimizer (adamW (learningRate = 1e-3))",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.LearningRate(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Maximum Euclidean norm of the gradient over all parameters.
    // No second overload: it would refuse whole numbers, which F# converts.
    [<CustomOperation "clipGradients">]
    member _.ClipGradients(settings, norm: float, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "clipGradients" line (fun s -> { s with ClipGradients = Some norm })

    /// Average of the weights for validation and the model: `ema 0.999`.
    [<CustomOperation "averageWeights">]
    member _.AverageWeights
        (settings, average: AveragingSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "averageWeights" line (fun s -> { s with Averaging = Some average })

    [<CustomOperation "averageWeights";
      CompilerMessage("averageWeights takes an average: averageWeights (ema 0.999)",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.AverageWeights(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Masks over the input features in training: `mask (time = 20, frequency = 4)`.
    [<CustomOperation "augment">]
    member _.Augment(settings, masks: SpecAugmentSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "augment" line (fun s -> { s with Augmentation = Some masks })

    [<CustomOperation "augment";
      CompilerMessage("augment takes masks: augment (mask (time = 20, frequency = 4)); dropout is a layer and goes "
                      + "into encoder or decoder",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Augment(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Speed perturbation: one of the factors is drawn for each utterance and epoch, `speeds [ 0.9; 1.0; 1.1 ]`.
    [<CustomOperation "speeds">]
    member _.Speeds(settings, factors: float list, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "speeds" line (fun s -> { s with Speeds = Some factors })

    [<CustomOperation "speeds";
      CompilerMessage("speeds takes a list of factors: speeds [ 0.9; 1.0; 1.1 ]",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Speeds(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Figure that decides which epoch is the best: `devPer` or `devLoss`.
    [<CustomOperation "selectBy">]
    member _.SelectBy(settings, metric: SelectionMetric, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "selectBy" line (fun s -> { s with SelectBy = metric })

    [<CustomOperation "selectBy";
      CompilerMessage("selectBy takes devPer or devLoss: selectBy devLoss",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.SelectBy(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Ends the training after a number of epochs without improvement.
    [<CustomOperation "stopEarly">]
    member _.StopEarly(settings, patience: int<epochs>, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "stopEarly" line (fun s -> { s with Patience = Some(int patience) })

    [<CustomOperation "stopEarly";
      CompilerMessage("stopEarly takes one whole number of epochs, with the unit: stopEarly 5<epochs>",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.StopEarly(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Decoder of the validation: `greedy` or `prefixBeam 8`.
    [<CustomOperation "decodeWith">]
    member _.DecodeWith(settings, decoding: DecodingSpec, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int) =
        settings |> add "decodeWith" line (fun s -> { s with Decoding = decoding })

    [<CustomOperation "decodeWith";
      CompilerMessage("decodeWith takes greedy or a beam: decodeWith (prefixBeam 8)",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.DecodeWith(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// Maximum time between two checkpoints; there is one after every epoch anyway.
    [<CustomOperation "checkpointEvery">]
    member _.CheckpointEvery
        (settings, time: float<minutes>, ?_more: ``nothing more``, [<CallerLineNumber>] ?line: int)
        =
        settings |> add "checkpointEvery" line (fun s -> { s with CheckpointMinutes = Some(float time) })

    [<CustomOperation "checkpointEvery";
      CompilerMessage("checkpointEvery takes minutes, with a decimal point and the unit: checkpointEvery 5.0<minutes>",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.CheckpointEvery(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    /// A phase of the training: name, length, objective (`ctc` or `viterbi`) and other differences. Phases run in order
    /// and make up the whole training.
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

    [<CustomOperation "phase";
      CompilerMessage("phase takes a name, a length in epochs with the unit, and a loss: "
                      + "phase \"all alignments\" 28<epochs> ctc",
                      ScheduleMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Phase(settings: Setting list, ?_name: 'name, ?_length: 'length, ?_loss: 'loss, ?_more: obj, ?_line: int) =
        settings

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
                        Message = $"{keyword} is given {group.Length} times: keep one"
                    }

            match written "epochs", written "phase" with
            | epochs :: _, _ :: _ ->
                yield {
                    Line = epochs.Line
                    Message =
                        "epochs and phases are both given: the lengths of the phases add up to the training, "
                        + "leave epochs out"
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
