/// `hybrid train`
module Hybrid.Cli.Commands.Train

open System
open Argu
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let private describeData name (data: SpeechDataset) (infeasible: SkippedUtterance seq) =
    say $"{name}: {data.Count} utterances, {data.Hours:F2} hours"
    reportSkipped name data.Skipped
    reportSkipped $"{name}, too short for their phones" infeasible

/// Figures of an update that fit beside a bar on a terminal of 80 columns.
let private shortLine (per: string) (p: TrainingProgress) =
    $"epoch {p.Epoch} step {p.Steps} loss {p.Step.Loss:F3}{per} {p.Remaining:``h\:mm\:ss``} left"

/// Figures of an update, in one line of a log.
let private line (p: TrainingProgress) =
    let step = p.Step

    $"epoch {p.Epoch} step {p.Steps}: loss {step.Loss:F3}, gradient {step.GradientNorm:F2}, "
    + $"blank {100.0 * step.BlankRatio:F0} %%, length {step.MeanOutputLength:F0}, "
    + $"padding {100.0 * step.PaddingShare:F0} %%, {step.Infeasible} infeasible, "
    + $"{p.FramesPerSecond / 1000.0:F0}k frames/s, {p.Remaining:``hh\:mm\:ss``} left"

/// A notice, with the commands and settings that help.
let private notice (notice: TrainingNotice) =
    say notice.Message

    match notice.Kind with
    | TrainingNoticeKind.BlankPlateau ->
        say "`hybrid check-data` finds transcripts of other audio"
        say "`hybrid train --overfit 8` trains on eight utterances only"
    | TrainingNoticeKind.InefficientBatches ->
        say "the limit in frames is training.batch.frames of a recipe file, batchFrames of a schedule"
    | _ -> ()

/// The reason why a training ended, in one line.
let private ending (run: TrainingRun) (options: TrainingOptions) =
    let reason =
        match run.StopReason.Value with
        | StopReason.NoImprovement -> $"no improvement for {run.Recipe.Training.Patience} epochs"
        | StopReason.TimeLimit -> $"the time limit of {options.Limit.Value.TotalMinutes} minutes is reached"
        | StopReason.TargetReached -> $"the target of {options.TargetPer} %% dev PER is reached"
        | _ -> "the schedule is complete"

    $"stopped after epoch {run.History.Count}: {reason}"

/// Runs a prepared training with its table of epochs and a progress bar between them; says why it ended.
let private follow (run: TrainingRun) (options: TrainingOptions) =
    say "epoch    steps  train loss  dev loss  dev PER %  distance   minutes"

    let lastPer = ref ""

    let epoch (report: EpochReport) =
        lastPer.Value <- $" PER {report.DevPer:F1}"

        say (
            $"{report.Epoch, 5} {report.Steps, 8} {report.TrainLoss, 11:F3} {report.DevLoss, 9:F3} "
            + $"{report.DevPer, 10:F2} {report.DevDistance, 9:F2} {report.ElapsedSeconds / 60.0, 9:F2}"
        )

    try
        let model =
            withProgress "training" (fun progress ->
                let step (p: TrainingProgress) =
                    progress.Report(struct (p.Fraction, (if isTerminal then shortLine lastPer.Value p else line p)))

                let observer = TrainingObserver(listener step, listener epoch, listener notice)
                run.Run(options, observer, interruption.Value))

        say (ending run options)
        model
    with :? OperationCanceledException ->
        say $"interrupted after {run.Steps} updates, in epoch {run.History.Count + 1}"

        if not (isNull options.Folder) then
            say "hint: the same command with --resume continues there"

        reraise ()

/// Trains on a corpus and keeps the best model in a folder; one line per epoch.
let train (recipe: Hybrid.Speech.Recipe) (corpus: Corpus) (folder: string) =
    TrainingFolder(folder).RequireFree()
    let run = TrainingRun.Prepare(recipe, corpus, cancellation = interruption.Value)
    describeData "training" run.Train (run.Infeasible run.Train)
    describeData "dev" run.Dev (run.Infeasible run.Dev)
    run, follow run (TrainingOptions folder)

/// The overfit sanity check; if it fails, the likely reasons.
let private overfit (run: TrainingRun) utterances epochs (limit: Nullable<TimeSpan>) team =
    let few = run.Overfit(utterances, epochs, team)
    follow few (TrainingOptions(Limit = limit, TargetPer = Nullable 0.0)) |> ignore<SpeechModel>
    let last = few.History[few.History.Count - 1]

    if last.DevPer = 0.0 then
        say (
            $"PER 0 on {few.Train.Count} utterances after {last.Epoch} epochs, {last.ElapsedSeconds:F0} s: "
            + "the network can overfit them"
        )

        Outcome.Done
    else
        say (
            $"PER is still {last.DevPer:F2} %% on {few.Train.Count} utterances after {last.Epoch} epochs, "
            + $"loss {last.TrainLoss:F3} per phone"
        )

        reportSkipped "too short for their phones after the network's subsampling" (run.Infeasible run.Train)

        say (
            if last.DevPer >= 99.0 then
                "everything is blank: more epochs, a higher learning rate, or transcripts that do not belong to their "
                + "audio"
            elif last.TrainLoss < 0.1 then
                "the loss is low but the best path is not the transcript yet: more epochs"
            else
                "the loss still falls or is high: more epochs, more units, a lower or higher learning rate, less "
                + "subsampling"
        )

        Outcome.Failed

/// Runs `hybrid train`.
let run (arguments: ParseResults<TrainArguments>) =
    let recipe =
        findRecipe(arguments.GetResult TrainArguments.Recipe)
            .With(
                seed = (arguments.TryGetResult TrainArguments.Seed |> Option.map uint64 |> Option.toNullable),
                epochs = (arguments.TryGetResult TrainArguments.Epochs |> Option.toNullable)
            )

    let folder = arguments.TryGetResult TrainArguments.Out

    if folder.IsNone && not (arguments.Contains TrainArguments.Overfit) then
        raise (UserException "--out is missing: name a folder for model and checkpoints")

    let minutes, epochs =
        arguments.TryGetResult TrainArguments.Minutes, arguments.TryGetResult TrainArguments.Epochs

    if minutes.IsSome && epochs.IsSome then
        raise (UserException "--epochs and --minutes exclude each other: give one of them")

    Option.iter (positive "minutes") minutes
    let interval = arguments.TryGetResult TrainArguments.Checkpoint_Seconds
    Option.iter (positive "checkpoint-seconds") interval
    use team = teamOf (arguments.TryGetResult TrainArguments.Threads)
    // Reading a corpus takes time: a folder in use is refused first.
    folder |> Option.iter (fun folder -> TrainingFolder(folder).RequireFree())
    let limit = minutes |> Option.map TimeSpan.FromMinutes |> Option.toNullable
    let channel = channelOf (arguments.TryGetResult TrainArguments.Channel)
    let read (path: string) = Corpus.Read(path).WithChannel channel
    let corpus = read (arguments.GetResult TrainArguments.Corpus)
    reportSkipped "corpus" corpus.Skipped
    let dev = arguments.TryGetResult TrainArguments.Dev |> Option.map read |> Option.toObj
    let lexicons = readLexicons (arguments.GetResults TrainArguments.Lexicon |> List.concat)
    let cache = FeatureCache.Default
    let initial = arguments.TryGetResult TrainArguments.Init |> Option.map SpeechModel.Load |> Option.toObj
    let run = TrainingRun.Prepare(recipe, corpus, dev, lexicons, team, interruption.Value, cache, initial)
    Option.iter say (Option.ofObj cache.Problem)
    describeData "training" run.Train (run.Infeasible run.Train)
    describeData "dev" run.Dev (run.Infeasible run.Dev)

    match arguments.TryGetResult TrainArguments.Overfit with
    | Some utterances ->
        positive "overfit" utterances
        overfit run utterances (defaultArg epochs 300) limit team
    | None ->
        follow
            run
            (TrainingOptions(
                Option.toObj folder,
                limit,
                arguments.Contains TrainArguments.Resume,
                interval |> Option.map TimeSpan.FromSeconds |> Option.toNullable
            ))
        |> ignore<SpeechModel>

        let best = nonNull run.Best
        say $"best dev PER {best.DevPer:F2} %% after epoch {best.Epoch}: {TrainingFolder(folder.Value).Model}"
        Outcome.Done
