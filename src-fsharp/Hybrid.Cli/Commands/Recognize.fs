/// `hybrid recognize`
module Hybrid.Cli.Commands.Recognize

open System
open System.IO
open Argu
open Hybrid.Core
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

/// Reports why a file could not be used; most reasons begin with the file.
let private sayReason (name: string) (reason: string) =
    say (if reason.Contains name then reason else $"{name}: {reason}")

let private outcome (failed: int) (all: int) =
    if failed = 0 then Outcome.Done
    elif failed = all then Outcome.Failed
    else Outcome.PartlyFailed

/// A file of the command line: its name in results, and the path that is reserved for its result, without extension and
/// empty where there is no folder, or the reason why it cannot have one.
type private Input = { File: string; Id: string; Reserved: Result<string, string> }

/// A recognised file, and the path for its result.
type private Recognized = { Input: Input; Path: string; Result: RecognitionResult }

let private extension format =
    match format with
    | RecognizeFormat.Text -> ".txt"
    | RecognizeFormat.Json -> ".json"
    | RecognizeFormat.Ctm -> ".ctm"
    | RecognizeFormat.Textgrid -> ".TextGrid"

/// The content of a file with one result.
let private content format (one: Recognized) =
    match format with
    | RecognizeFormat.Text -> ResultText.Recognition(one.Input.File, one.Result)
    | RecognizeFormat.Json -> ResultJson.Recognitions [ struct (one.Input.File, one.Result) ] + "\n"
    | RecognizeFormat.Ctm -> Hybrid.Speech.Ctm.Write(one.Input.Id, one.Result.Phones)
    | RecognizeFormat.Textgrid -> TextGrid.Of(one.Result).Write()

/// Prints results as they come; an interruption ends a JSON array, so that it stays valid.
let private printAll format (results: Recognized seq) =
    match format with
    | RecognizeFormat.Json ->
        let files = results |> Seq.map (fun one -> struct (one.Input.File, one.Result))
        let mutable hasBegun = false

        try
            for part in ResultJson.RecognitionParts files do
                printResult part
                hasBegun <- true

            printResult "\n"
        with :? OperationCanceledException when hasBegun ->
            printResult (ResultJson.RecognitionsEnd + "\n")
            reraise ()
    | _ -> results |> Seq.iter (content format >> printResult)

/// Recognises files, one on each thread, and yields the results in order; `fail` is called for files without one.
let private recognizeAll
    (recognizer: Recognizer)
    (channel: Nullable<int>)
    (inputs: Input list)
    (fail: Input -> RecognitionOutcome -> unit)
    =
    seq {
        let usable = inputs |> Seq.filter (fun input -> Result.isOk input.Reserved) |> Seq.map _.File
        use outcomes = recognizer.RecognizeAll(usable, channel, interruption.Value).GetEnumerator()

        for input in inputs do
            match input.Reserved with
            | Error reason -> fail input (RecognitionOutcome(input.File, null, reason))
            | Ok path ->
                outcomes.MoveNext() |> ignore

                match outcomes.Current.Result with
                | null -> fail input outcomes.Current
                | result -> { Input = input; Path = path; Result = result }
    }

/// Recognises the sound files of paths into a folder, or to standard output.
let private recognizeFiles
    (recognizer: Recognizer)
    (channel: Nullable<int>)
    format
    (folder: ResultFolder option)
    (paths: string list)
    =
    let expanded = expandPatterns paths |> List.map expand
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

    // A name is reserved before the recognition, whose result could not be written otherwise.
    let inputs = [
        for (file, _), id in Seq.zip files ids do
            let reserved =
                try
                    match folder with
                    | Some folder -> Ok(folder.Take(id, extension format))
                    | None -> Ok ""
                with error when SkippedUtterance.CanSkip error ->
                    Error error.Message

            { File = file; Id = id; Reserved = reserved }
    ]

    let failed, needsChannel = ref skipped.Length, ref false

    let fail (input: Input) (outcome: RecognitionOutcome) =
        failed.Value <- failed.Value + 1
        needsChannel.Value <- needsChannel.Value || outcome.NeedsChannel
        sayReason input.File (string outcome.Reason)

    let recognize (progress: IProgress<struct (float * string)>) =
        let results =
            recognizeAll recognizer channel inputs fail
            |> Seq.mapi (fun i one ->
                progress.Report(struct (float (i + 1) / float inputs.Length, one.Input.File))
                one)

        match folder with
        | None -> printAll format results
        | Some folder ->
            for one in results do
                try
                    folder.Write(one.Path + extension format, content format one)
                with error when SkippedUtterance.CanSkip error ->
                    fail one.Input (RecognitionOutcome(one.Input.File, null, error.Message))

    // Results that appear on a terminal show the progress themselves.
    let isVisible = folder.IsNone && not Console.IsOutputRedirected

    withHint (fun _ -> cause) (fun () ->
        if isVisible || inputs.Length = 1 then
            recognize (Progress<struct (float * string)>())
        else
            withProgress "recognising" recognize)

    Option.iter reportKept folder

    if failed.Value > 0 then
        sayHint cause

    if needsChannel.Value then
        sayHint (Some NeedsChannel)

    outcome failed.Value (inputs.Length + skipped.Length)

/// Recognises corpora and writes the CSV of CMU 11-785 HW3P2.
let private submit (recognizer: Recognizer) (channel: Nullable<int>) (overwrite: bool) (csv: string) paths =
    requireReplaceable overwrite csv
    let corpora = paths |> List.map (fun (path: string) -> Corpus.Read(path).WithChannel channel)

    let utterances = [|
        for corpus in corpora do
            yield! corpus.Utterances
    |]

    reportSkipped "missing rows in the CSV" (corpora |> Seq.collect _.Skipped)

    let results =
        withProgress "recognising" (fun progress -> [
            for i, outcome in Seq.indexed (recognizer.RecognizeAll(utterances, interruption.Value)) do
                progress.Report(struct (float (i + 1) / float utterances.Length, outcome.Id))
                outcome.Reason |> Option.ofObj |> Option.iter (sayReason outcome.Id)
                outcome
        ])

    Hw3p2Submission.Write(csv, recognizer.Model.Inventory, results |> List.map _.Result, overwrite)
    let failed = results |> List.filter (fun outcome -> isNull outcome.Result) |> List.length

    if results |> List.exists _.NeedsChannel then
        sayHint (Some NeedsChannel)

    say $"{utterances.Length} utterances: {csv}"

    if corpora |> List.exists (fun corpus -> corpus.Skipped.Count > 0) then
        Outcome.PartlyFailed
    else
        outcome failed utterances.Length

/// Runs `hybrid recognize FILE...` without options.
let runPlain (paths: string list) =
    let recognizer = loadRecognizer None Search.None ThreadTeam.Default
    recognizeFiles recognizer (Nullable()) RecognizeFormat.Text None paths

/// Runs `hybrid recognize`.
let run (arguments: ParseResults<RecognizeArguments>) =
    use team = teamOf (arguments.TryGetResult RecognizeArguments.Threads)

    let search = {
        Greedy = arguments.Contains RecognizeArguments.Greedy
        Beam = arguments.TryGetResult RecognizeArguments.Beam
        Nbest = arguments.TryGetResult RecognizeArguments.Nbest
        Lm = arguments.TryGetResult RecognizeArguments.Lm
        LmWeight = arguments.TryGetResult RecognizeArguments.Lm_Weight
        LengthBonus = arguments.TryGetResult RecognizeArguments.Length_Bonus
        MinConfidence = arguments.TryGetResult RecognizeArguments.Min_Confidence
        AllowMissingPhones = arguments.Contains RecognizeArguments.Allow_Missing_Phones
    }

    let recognizer = loadRecognizer (arguments.TryGetResult RecognizeArguments.Model) search team

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
