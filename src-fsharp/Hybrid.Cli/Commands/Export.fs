/// `hybrid export`
module Hybrid.Cli.Commands.Export

open System.IO
open Argu
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Runs `hybrid export`.
let run (arguments: ParseResults<ExportArguments>) =
    let path = arguments.GetResult ExportArguments.Out
    let model = SpeechModel.Load(arguments.GetResult ExportArguments.Model)

    let minConfidence =
        defaultArg (arguments.TryGetResult ExportArguments.Min_Confidence) model.MinConfidence

    let allowMissing = arguments.Contains ExportArguments.Allow_Missing_Phones

    let language =
        weighted
            model
            (arguments.TryGetResult ExportArguments.Lm)
            (arguments.TryGetResult ExportArguments.Lm_Weight)
            (arguments.TryGetResult ExportArguments.Length_Bonus)
            allowMissing

    let exported =
        SpeechModel(
            model.Network,
            model.Inventory,
            model.Features,
            MinConfidence = share "min-confidence" minConfidence,
            LanguageModel = Option.toObj language
        )

    requireAllPhones (Recognizer(exported, AllowMissingPhones = allowMissing)) |> ignore<Recognizer>

    writeResult (arguments.Contains ExportArguments.Overwrite) path (fun () ->
        exported.Save(path, halves = arguments.Contains ExportArguments.Half))

    say $"{FileInfo(path).Length} bytes: {path}"
    Outcome.Done
