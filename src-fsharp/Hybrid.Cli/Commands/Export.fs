/// `hybrid shrink`
module Hybrid.Cli.Commands.Shrink

open System.IO
open Argu
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Does what `hybrid shrink` is asked for and tells how it ended.
let run (arguments: ParseResults<ShrinkArguments>) =
    let path = arguments.GetResult ShrinkArguments.Out
    let model = SpeechModel.Load(arguments.GetResult ShrinkArguments.Model)

    let least = defaultArg (arguments.TryGetResult ShrinkArguments.Least_Confidence) model.LeastConfidence

    let language =
        weighted
            model
            (arguments.TryGetResult ShrinkArguments.Lm)
            (arguments.TryGetResult ShrinkArguments.Lm_Weight)
            (arguments.TryGetResult ShrinkArguments.Length_Bonus)

    SpeechModel(
        model.Network,
        model.Inventory,
        model.Features,
        LeastConfidence = share "least-confidence" least,
        LanguageModel = Option.toObj language
    )
        .Save(path, halves = true)

    say $"{FileInfo(path).Length} bytes: {path}"
    Outcome.Done
