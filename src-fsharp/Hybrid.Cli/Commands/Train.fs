/// `hybrid train`
module Hybrid.Cli.Commands.Train

open System
open System.IO
open Argu
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let private describeData name (data: SpeechDataset) (infeasible: LeftOut seq) =
    say $"{name}: {data.Count} utterances, {data.Hours:F2} hours"
    reportLeftOut name data.LeftOut
    reportLeftOut $"{name}, too short for their phones" infeasible

/// Trains and keeps the best model in a folder; one line per epoch.
let train (recipe: Hybrid.Speech.Recipe) (corpus: Corpus) (dev: Corpus option) lexicons (team: ThreadTeam) (limit: TimeSpan option) (folder: string) =
    let run = TrainingRun.Prepare(recipe, corpus, Option.toObj dev, lexicons, team, interruption.Value)
    describeData "training" run.Train (run.Infeasible run.Train)
    describeData "dev" run.Dev (run.Infeasible run.Dev)
    say "epoch    steps  train loss  dev loss  dev PER %  distance   minutes"

    let model =
        withProgress "training" (fun progress ->
            let told =
                { new IProgress<TrainingProgress> with
                    member _.Report p =
                        progress.Report(struct (p.Fraction, $"epoch {p.Epoch} loss {p.Loss:F3} {p.FramesPerSecond / 1000.0:F0}k frames/s, {p.Remaining:``hh\:mm\:ss``} left")) }

            let epochEnded (report: EpochReport) =
                say $"{report.Epoch, 5} {report.Steps, 8} {report.TrainLoss, 11:F3} {report.DevLoss, 9:F3} {report.DevPer, 10:F2} {report.DevDistance, 9:F2} {report.ElapsedSeconds / 60.0, 9:F2}"

            run.Run(Option.toNullable limit, folder, told, epochEnded, interruption.Value))

    run, model

let run (arguments: ParseResults<TrainArguments>) =
    let recipe =
        findRecipe(arguments.GetResult TrainArguments.Recipe)
            .With(
                seed = (arguments.TryGetResult TrainArguments.Seed |> Option.map uint64 |> Option.toNullable),
                epochs = (arguments.TryGetResult TrainArguments.Epochs |> Option.toNullable)
            )

    let limit = arguments.TryGetResult TrainArguments.Minutes |> Option.map TimeSpan.FromMinutes

    match limit, arguments.TryGetResult TrainArguments.Epochs with
    | Some _, Some _ -> raise (UserException "--epochs and --minutes exclude each other: give one of them")
    | Some time, _ when time <= TimeSpan.Zero -> raise (UserException "--minutes must be positive")
    | _ -> ()

    let threads = arguments.GetResult(TrainArguments.Threads, Environment.ProcessorCount)

    if threads < 1 then
        raise (UserException $"--threads is {threads}, must be at least 1")

    let folder = arguments.GetResult TrainArguments.Out
    let corpus = Corpus.Read(arguments.GetResult TrainArguments.Corpus)
    reportLeftOut "corpus" corpus.LeftOut
    let dev = arguments.TryGetResult TrainArguments.Dev |> Option.map Corpus.Read
    let lexicons = readLexicons (arguments.GetResults TrainArguments.Lexicon |> List.concat)
    let run, _ = train recipe corpus dev lexicons (ThreadTeam threads) limit folder
    let best = run.History |> Seq.minBy _.DevPer
    say $"best dev PER {best.DevPer:F2} %% after epoch {best.Epoch}: {Path.Combine(folder, TrainingRun.ModelName)}"
    Outcome.Done
