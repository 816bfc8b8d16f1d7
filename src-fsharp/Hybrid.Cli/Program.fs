/// The program `hybrid`: its verbs, and what becomes of their failures.
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
    | Export arguments -> Export.run arguments
    | Info arguments -> Info.run arguments
    | Bench arguments -> Bench.run arguments

/// Learning all verbs and options takes a third of the time in which a sentence is recognised; files alone need none of them.
let private dispatch (arguments: string[]) =
    match List.ofArray arguments with
    | "recognize" :: (_ :: _ as paths) when not (paths |> List.exists (fun path -> path.StartsWith '-')) ->
        Recognize.runPlain paths
    | _ -> dispatchAny arguments

/// The first failure inside those that only wrap others.
let rec private cause (error: exn) =
    match error with
    | :? AggregateException as all when all.InnerExceptions.Count > 0 -> cause all.InnerExceptions[0]
    | _ -> error

/// Does what the arguments ask for; gives the exit code.
[<EntryPoint>]
let main arguments =
    CultureInfo.DefaultThreadCurrentCulture <- CultureInfo.InvariantCulture
    CultureInfo.CurrentCulture <- CultureInfo.InvariantCulture

    try
        dispatch arguments |> int
    with error ->
        match cause error with
        | :? ArguParseException as usage when usage.ErrorCode = ErrorCode.HelpText ->
            printfn "%s" usage.Message
            int Outcome.Done
        | :? ArguParseException as usage ->
            say usage.Message
            int Outcome.Failed
        | :? OperationCanceledException ->
            say "stopped: what was written so far stays usable"
            int Outcome.Failed
        | UserException message ->
            say $"hybrid: {message}"
            int Outcome.Failed
        | error ->
            say $"hybrid: {error.Message}"
            int Outcome.Failed
