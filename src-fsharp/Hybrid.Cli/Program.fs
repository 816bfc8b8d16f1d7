/// The program `hybrid`: dispatches to the verbs, reports failures and returns the exit code.
module Hybrid.Cli.Program

open System
open System.Globalization
open Argu
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console
open Hybrid.Cli.Commands

let private dispatchAny (arguments: string[]) =
    let parser = ArgumentParser.Create<Verb>(programName = "hybrid")

    match parser.ParseCommandLine(arguments).GetSubCommand() with
    | Demo arguments -> Demo.run arguments
    | Synth arguments -> Synth.run arguments
    | Check_Data arguments -> CheckData.run arguments
    | Train arguments -> Train.run arguments
    | Evaluate arguments -> Evaluate.run arguments
    | Recognize arguments -> Recognize.run arguments
    | Align arguments -> Align.run arguments
    | Lm arguments -> Lm.run arguments
    | G2p arguments -> G2p.run arguments
    | Export arguments -> Export.run arguments
    | Info arguments -> Info.run arguments
    | Bench arguments -> Bench.run arguments

/// Building the parser takes a third of the time of recognising a sentence, so `hybrid recognize FILE...` avoids it.
let private dispatch (arguments: string[]) =
    match List.ofArray arguments with
    | "recognize" :: (_ :: _ as paths) when not (paths |> List.exists (fun path -> path.StartsWith '-')) ->
        Recognize.runPlain paths
    | _ -> dispatchAny arguments

/// The first inner exception of an AggregateException.
let rec private cause (error: exn) =
    match error with
    | :? AggregateException as all when all.InnerExceptions.Count > 0 -> cause all.InnerExceptions[0]
    | _ -> error

/// Runs the program and returns the exit code.
[<EntryPoint>]
let main arguments =
    CultureInfo.DefaultThreadCurrentCulture <- CultureInfo.InvariantCulture
    CultureInfo.CurrentCulture <- CultureInfo.InvariantCulture

    try
        dispatch arguments |> int
    with error ->
        match cause error with
        | :? ArguParseException as usage when usage.ErrorCode = ErrorCode.HelpText ->
            printBlock usage.Message
            int Outcome.Done
        | :? ArguParseException as usage ->
            sayBlock usage.Message
            int Outcome.Failed
        | :? OperationCanceledException ->
            say "stopped: what was written so far stays usable"
            int Outcome.Failed
        | error ->
            sayFailure error
            int Outcome.Failed
