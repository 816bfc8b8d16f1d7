/// `hybrid recognize`
module Hybrid.Cli.Commands.Recognize

open System
open System.IO
open Argu
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// The files of a path with the names of their results, and the files that cannot be used: the path itself, or the
/// sound files in a folder and the folders below it.
let private expand (path: string) =
    if Directory.Exists path then
        let struct (files, skipped) = SoundFiles.Find path

        [ for file in files -> file, RecordingIds.Of(file, path) ], List.ofSeq skipped
    else
        [ path, RecordingIds.Of path ], []

/// The result, or the error after reporting why a file could not be used.
let private attempt (name: string) (recognize: unit -> 'result) =
    interruption.Value.ThrowIfCancellationRequested()

    try
        Ok(recognize ())
    with error when SkippedUtterance.CanSkip error ->
        // Most messages begin with the file.
        say (
            if error.Message.Contains name then
                error.Message
            else
                $"{name}: {error.Message}"
        )

        Error error

/// The outcome for these results and a number of inputs that were skipped before.
let private outcome (results: Result<'result, exn> list) (skipped: int) =
    match skipped + (results |> List.filter Result.isError |> List.length) with
    | 0 -> Outcome.Done
    | failed when failed = results.Length + skipped -> Outcome.Failed
    | _ -> Outcome.PartlyFailed

/// The first known cause among the errors.
let private hint (results: Result<'result, exn> list) =
    results
    |> List.tryPick (fun result ->
        match result with
        | Error error -> Causes.ofException error
        | Ok _ -> None)

/// A recognised file: its path, its name in results, and the result.
type private Recognized = { File: string; Id: string; Result: RecognitionResult }

let private extension format =
    match format with
    | RecognizeFormat.Text -> ".txt"
    | RecognizeFormat.Json -> ".json"
    | RecognizeFormat.Ctm -> ".ctm"
    | RecognizeFormat.Textgrid -> ".TextGrid"

/// The content of a file with these results.
let private content format (results: Recognized list) =
    let each write = results |> List.map write |> String.concat ""

    match format with
    | RecognizeFormat.Text -> each (fun one -> ResultText.Recognition(one.File, one.Result))
    | RecognizeFormat.Json -> ResultJson.Recognitions [ for one in results -> struct (one.File, one.Result) ] + "\n"
    | RecognizeFormat.Ctm -> each (fun one -> Hybrid.Speech.Ctm.Write(one.Id, one.Result.Phones))
    | RecognizeFormat.Textgrid -> each (fun one -> TextGrid.Of(one.Result).Write())

/// Recognises the sound files of paths into a folder, or to standard output: text after each file, other formats at the
/// end.
let private recognizeFiles
    (recognizer: Recognizer)
    (channel: Nullable<int>)
    format
    (folder: ResultFolder option)
    (paths: string list)
    =
    let expanded = List.map expand paths
    let files, skipped = List.collect fst expanded, List.collect snd expanded

    for one in skipped do
        say one.Reason

    if files.IsEmpty then
        let kinds = String.concat ", " AudioClip.Extensions
        raise (UserException $"there are no sound files ({kinds}) in these folders")

    if folder.IsNone && format = RecognizeFormat.Textgrid && files.Length > 1 then
        raise (UserException "several TextGrids need a folder: give --out FOLDER")

    let ids = RecordingIds.Distinct [| for file, name in files -> struct (name, file) |]

    let cause =
        match recognizer.Model.Features with
        | preset when preset.Kind = FeatureKind.Precomputed -> Some(HasSound preset.Coefficients)
        | _ -> None

    let recognize (file: string) (name: string) =
        let path = folder |> Option.map _.Take(name, extension format)
        let one = { File = file; Id = name; Result = recognizer.Recognize(AudioClip.Read(file, channel = channel)) }

        match folder, path with
        | Some folder, Some path -> folder.Write(path + extension format, content format [ one ])
        | _ when format = RecognizeFormat.Text -> printResult (content format [ one ])
        | _ -> ()

        one

    let recognized =
        withHint (fun _ -> cause) (fun () -> [
            for (file, _), id in Seq.zip files ids do
                attempt file (fun () -> recognize file id)
        ])

    match folder with
    | Some folder -> reportKept folder
    | None when format <> RecognizeFormat.Text -> printResult (content format (List.choose Result.toOption recognized))
    | None -> ()

    if List.exists Result.isError recognized then
        sayHint cause

    sayHint (hint recognized)

    outcome recognized skipped.Length

/// Recognises corpora and writes the CSV of CMU 11-785 HW3P2.
let private submit (recognizer: Recognizer) (channel: Nullable<int>) (overwrite: bool) (csv: string) paths =
    requireReplaceable overwrite csv
    let corpora = paths |> List.map (fun (path: string) -> Corpus.Read(path).WithChannel channel)

    let utterances = [
        for corpus in corpora do
            yield! corpus.Utterances
    ]

    reportSkipped "missing rows in the CSV" (corpora |> Seq.collect _.Skipped)

    let results =
        withProgress "recognising" (fun progress -> [
            for index, utterance in List.indexed utterances do
                attempt utterance.Id (fun () -> recognizer.Recognize utterance)
                progress.Report(struct (float (index + 1) / float utterances.Length, utterance.Id))
        ])

    let rows = results |> List.map (Result.toOption >> Option.toObj)
    Hw3p2Submission.Write(csv, recognizer.Model.Inventory, rows, overwrite)
    sayHint (hint results)
    say $"{results.Length} utterances: {csv}"

    if corpora |> List.exists (fun corpus -> corpus.Skipped.Count > 0) then
        Outcome.PartlyFailed
    else
        outcome results 0

/// Runs `hybrid recognize FILE...` without options.
let runPlain (paths: string list) =
    recognizeFiles (loadRecognizer None Search.None) (Nullable()) RecognizeFormat.Text None paths

/// Runs `hybrid recognize`.
let run (arguments: ParseResults<RecognizeArguments>) =
    let recognizer =
        loadRecognizer (arguments.TryGetResult RecognizeArguments.Model) {
            Greedy = arguments.Contains RecognizeArguments.Greedy
            Beam = arguments.TryGetResult RecognizeArguments.Beam
            Nbest = arguments.TryGetResult RecognizeArguments.Nbest
            Lm = arguments.TryGetResult RecognizeArguments.Lm
            LmWeight = arguments.TryGetResult RecognizeArguments.Lm_Weight
            LengthBonus = arguments.TryGetResult RecognizeArguments.Length_Bonus
            MinConfidence = arguments.TryGetResult RecognizeArguments.Min_Confidence
            AllowMissingPhones = arguments.Contains RecognizeArguments.Allow_Missing_Phones
        }

    let channel = channelOf (arguments.TryGetResult RecognizeArguments.Channel)
    let paths = arguments.GetResult RecognizeArguments.Paths
    let overwrite = arguments.Contains RecognizeArguments.Overwrite

    let format =
        match arguments.TryGetResult RecognizeArguments.Format, arguments.Contains RecognizeArguments.Json with
        | format, false -> format
        | None, true -> Some RecognizeFormat.Json
        | Some _, true -> raise (UserException "--format and --json exclude each other: give one of them")

    match
        arguments.TryGetResult RecognizeArguments.Submission, format, arguments.TryGetResult RecognizeArguments.Out
    with
    | None, format, folder ->
        let folder = folder |> Option.map (fun folder -> ResultFolder(folder, overwrite))
        recognizeFiles recognizer channel (defaultArg format RecognizeFormat.Text) folder paths
    | Some csv, None, None -> submit recognizer channel overwrite csv paths
    | Some _, Some _, _ ->
        raise (UserException "--submission and --json or --format exclude each other: give one of them")
    | Some _, None, Some _ -> raise (UserException "--submission names the file to write: leave --out out")
