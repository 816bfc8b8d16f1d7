/// `hybrid lm`
module Hybrid.Cli.Commands.Lm

open Argu
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Runs `hybrid lm`.
let run (arguments: ParseResults<LmArguments>) =
    let order, path = arguments.GetResult(LmArguments.Order, 3), arguments.GetResult LmArguments.Out

    if order < 1 || order > 8 then
        raise (UserException $"--order is {order}, must be 1 to 8")

    let corpus = Corpus.Read(arguments.GetResult LmArguments.Corpus)
    let utterances = ofSplit corpus (arguments.TryGetResult LmArguments.Split)
    let lexicons = readLexicons (arguments.GetResults LmArguments.Lexicon |> List.concat)
    let inventory = PhoneInventory.Arpabet
    let cause _ = Causes.ofData None lexicons utterances

    let struct (model, skipped) =
        withHint cause (fun () -> LanguageModels.Estimate(utterances, inventory, order, lexicons))

    reportSkipped "corpus" skipped

    if skipped.Count > 0 then
        sayHint (cause ())

    writeResult (arguments.Contains LmArguments.Overwrite) path (fun () -> LanguageModels.Write(path, model, inventory))

    let counts = [ for length in 1..order -> string (model.Count length) ] |> String.concat ", "
    say $"n-grams of {utterances.Count - skipped.Count} transcripts, by length: {counts}: {path}"

    if skipped.Count > 0 then
        Outcome.PartlyFailed
    else
        Outcome.Done
