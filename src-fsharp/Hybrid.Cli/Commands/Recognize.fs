/// `hybrid recognize`
module Hybrid.Cli.Commands.Recognize

open System
open System.IO
open Argu
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// The files that paths stand for: themselves, or the sound files in a folder and those below it.
let private expand (path: string) =
    if Directory.Exists path then
        let sound (file: string) = AudioClip.Extensions |> Seq.exists (fun extension -> file.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
        Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) |> Seq.filter sound |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b)) |> List.ofSeq
    else
        [ path ]

/// A result, or nothing where a file could not be used, which is said.
let private attempt (name: string) (recognize: unit -> Recognition) =
    interruption.Value.ThrowIfCancellationRequested()

    try
        Some(recognize ())
    with
    | :? AudioFormatException
    | :? FormatException
    | :? IOException
    | :? UnauthorizedAccessException
    | :? ArgumentException as error ->
        say $"{name}: {error.Message}"
        None

let private outcome (results: 'result option list) =
    match results |> List.filter Option.isNone |> List.length with
    | 0 -> Outcome.Done
    | failed when failed = results.Length -> Outcome.Failed
    | _ -> Outcome.PartlyFailed

/// The sound files of paths, as text or JSON.
let private recognizeFiles (recognizer: Recognizer) (json: bool) (paths: string list) =
    let files = paths |> List.collect expand

    if files.IsEmpty then
        let kinds = String.concat ", " AudioClip.Extensions
        raise (UserException $"there are no sound files ({kinds}) in the folders given")

    let results = [
        for file in files do
            let result = attempt file (fun () -> recognizer.Recognize(AudioClip.Read file))
            if not json then result |> Option.iter (printfn "%s: %O" file)
            result |> Option.map (fun result -> struct (file, result))
    ]

    if json then
        printfn "%s" (ResultJson.Recognitions(List.choose id results))

    outcome results

/// The utterances of corpora, as the CSV that CMU 11-785 HW3P2 takes.
let private submit (recognizer: Recognizer) (csv: string) (paths: string list) =
    let corpora = paths |> List.map Corpus.Read
    let utterances = [ for corpus in corpora do yield! corpus.Utterances ]
    reportLeftOut "rows are missing in the CSV" (corpora |> Seq.collect _.LeftOut)

    let results =
        withProgress "recognising" (fun progress -> [
            for index, utterance in List.indexed utterances do
                attempt utterance.Id (fun () -> recognizer.Recognize utterance)
                progress.Report(struct (float (index + 1) / float utterances.Length, utterance.Id))
        ])

    Submission.Write(csv, recognizer.Model.Inventory, results |> List.map Option.toObj)
    say $"{results.Length} utterances: {csv}"
    if corpora |> List.exists (fun corpus -> corpus.LeftOut.Count > 0) then Outcome.PartlyFailed else outcome results

let run (arguments: ParseResults<RecognizeArguments>) =
    let recognizer = Recognizer.Load(arguments.GetResult RecognizeArguments.Model)
    let paths = arguments.GetResult RecognizeArguments.Paths

    match arguments.TryGetResult RecognizeArguments.Submission, arguments.Contains RecognizeArguments.Json with
    | None, json -> recognizeFiles recognizer json paths
    | Some csv, false -> submit recognizer csv paths
    | Some _, true -> raise (UserException "--submission and --json exclude each other: give one of them")
