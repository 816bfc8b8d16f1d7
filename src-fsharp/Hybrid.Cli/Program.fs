/// The program `hybrid`: dispatches to the verbs, reports failures and returns the exit code.
module Hybrid.Cli.Program

open System
open System.Globalization
open System.Reflection
open Argu
open FSharp.Reflection
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console
open Hybrid.Cli.Commands

/// The version, with the commit where it is known.
let private version () =
    let attribute =
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()

    match (nonNull attribute).InformationalVersion.Split '+' with
    | [| version; commit |] -> $"{version} ({commit[..7]})"
    | parts -> parts[0]

let private dispatchAny (arguments: string[]) =
    let parser = ArgumentParser.Create<Verb>(programName = "hybrid")
    let results = parser.ParseCommandLine(arguments)

    match results.TryGetSubCommand() with
    | None when results.Contains Verb.Version ->
        print $"hybrid {version ()}"
        Outcome.Done
    | None
    | Some Verb.Version ->
        raise (UserException "name a verb, such as `hybrid recognize a.wav`; `hybrid --help` lists them")
    | Some(Demo arguments) -> Demo.run arguments
    | Some(Synth arguments) -> Synth.run arguments
    | Some(Check_Data arguments) -> CheckData.run arguments
    | Some(Train arguments) -> Train.run arguments
    | Some(Evaluate arguments) -> Evaluate.run arguments
    | Some(Recognize arguments) -> Recognize.run arguments
    | Some(Align arguments) -> Align.run arguments
    | Some(Lm arguments) -> Lm.run arguments
    | Some(G2p arguments) -> G2p.run arguments
    | Some(Export arguments) -> Export.run arguments
    | Some(Info arguments) -> Info.run arguments
    | Some(Bench arguments) -> Bench.run arguments

/// Other spellings of verbs.
let private spellings = Map [ "recognise", "recognize"; "synthesise", "synth"; "synthesize", "synth" ]

/// Building the parser takes a third of the time of recognising a sentence, so `hybrid recognize FILE...` avoids it.
let private dispatch (arguments: string list) =
    match arguments with
    | "recognize" :: (_ :: _ as paths) when not (paths |> List.exists (fun path -> path.StartsWith '-')) ->
        Recognize.runPlain paths
    | _ -> dispatchAny (List.toArray arguments)

/// A union case as it is written on the command line.
let private written (case: UnionCaseInfo) = case.Name.ToLowerInvariant().Replace('_', '-')

/// The options of a verb.
let private optionsOf (verb: UnionCaseInfo) =
    let results = Array.exactlyOne (verb.GetFields())
    let arguments = Array.exactlyOne (results.PropertyType.GetGenericArguments())

    [
        for case in FSharpType.GetUnionCases arguments do
            if not (Array.isEmpty (case.GetCustomAttributes typeof<SubCommandAttribute>)) then
                written case
            elif Array.isEmpty (case.GetCustomAttributes typeof<MainCommandAttribute>) then
                "--" + written case
    ]

/// The sentence of Argu about wrong usage, without the help that follows it.
let private sentenceOf (error: ArguParseException) =
    let ends (line: string) = line = "" || line.StartsWith "USAGE:" || line.StartsWith "OPTIONS:"

    let sentence =
        error.Message.Split '\n' |> Seq.map _.Trim() |> Seq.takeWhile (ends >> not) |> String.concat " "

    sentence.Replace("ERROR: ", "").Trim().TrimEnd '.'

/// A sentence about wrong usage, with the nearest option or verb to an unknown one, and where all of them are listed.
let private usageError (arguments: string list) (said: string) =
    let verbs =
        FSharpType.GetUnionCases typeof<Verb> |> Seq.filter (fun case -> case.GetFields().Length > 0)

    let known, help =
        match verbs |> Seq.tryFind (fun verb -> List.contains (written verb) (List.truncate 1 arguments)) with
        | Some verb -> optionsOf verb, $"hybrid {written verb} --help"
        | None -> [ for verb in verbs -> written verb ], "hybrid --help"

    let nearest =
        match said.Split '\'' with
        | [| start; unknown; _ |] when start.StartsWith "unrecognized" ->
            match NearestWord(known).Find unknown with
            | null -> ""
            | nearest -> $", the nearest is {nearest}"
        | _ -> ""

    $"{said}{nearest}; `{help}` shows what there is"

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

    let arguments =
        match List.ofArray arguments with
        | verb :: rest -> defaultArg (spellings.TryFind verb) verb :: rest
        | [] -> []

    try
        dispatch arguments |> int
    with error ->
        match cause error with
        | :? ArguParseException as usage when usage.ErrorCode = ErrorCode.HelpText ->
            printBlock usage.Message
            int Outcome.Done
        | :? ArguParseException as usage ->
            sayFailure (UserException(usageError arguments (sentenceOf usage)))
            int Outcome.Failed
        | UnknownOptionException option ->
            sayFailure (UserException(usageError arguments $"unrecognized argument: '{option}'"))
            int Outcome.Failed
        | :? OperationCanceledException ->
            say "stopped: what was written so far stays usable"
            int Outcome.Failed
        | error ->
            sayFailure error
            int Outcome.Failed
