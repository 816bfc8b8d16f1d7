/// `hybrid recognize`
module Hybrid.Cli.Commands.Recognize

open System
open System.IO
open Argu
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// The sound files of a path, each with the name of its result: the file itself, or all sound files below a folder.
let private expand (path: string) =
    let named (root: string) (file: string) =
        file, string (Path.ChangeExtension(Path.GetRelativePath(root, file), null))

    if Directory.Exists path then
        let sound (file: string) =
            AudioClip.Extensions
            |> Seq.exists (fun extension -> file.EndsWith(extension, StringComparison.OrdinalIgnoreCase))

        Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
        |> Seq.filter sound
        |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b))
        |> Seq.map (named path)
        |> List.ofSeq
    else
        [ path, string (Path.GetFileNameWithoutExtension path) ]

/// The result, or None after reporting why a file could not be used.
let private attempt (name: string) (recognize: unit -> 'result) =
    interruption.Value.ThrowIfCancellationRequested()

    try
        Some(recognize ())
    with
    | :? AudioFormatException
    | :? FormatException
    | :? IOException
    | :? UnauthorizedAccessException
    | :? ArgumentException as error ->
        // Most messages begin with the file.
        say (
            if error.Message.Contains name then
                error.Message
            else
                $"{name}: {error.Message}"
        )

        None

let private outcome (results: 'result option list) =
    match results |> List.filter Option.isNone |> List.length with
    | 0 -> Outcome.Done
    | failed when failed = results.Length -> Outcome.Failed
    | _ -> Outcome.PartlyFailed

/// A result as text; an n-best list has a line per hypothesis with rank and score.
let private lines (file: string) (result: RecognitionResult) =
    if result.Hypotheses.Count = 1 then
        // Loading F#'s support for interpolated strings would take a tenth of the time of a sentence.
        String.Concat(file, ": ", string result, "\n")
    else
        String.concat "" [
            for i, hypothesis in Seq.indexed result.Hypotheses ->
                $"{file} {i + 1} {hypothesis.Total:F4}: {hypothesis}\n"
        ]

/// The file extension of a format, and the content for one or several results.
let private write format (results: struct (string * RecognitionResult) seq) =
    let each write = results |> Seq.map (fun (struct (file, result)) -> write file result) |> String.concat ""

    match format with
    | RecognizeFormat.Text -> ".txt", each lines
    | RecognizeFormat.Json -> ".json", ResultJson.Recognitions results + "\n"
    | RecognizeFormat.Ctm ->
        ".ctm",
        each (fun file result ->
            Hybrid.Speech.Ctm.Write(string (Path.GetFileNameWithoutExtension file), result.Hypotheses[0].Intervals))
    | RecognizeFormat.Textgrid -> ".TextGrid", each (fun _ result -> TextGrid.Of(result).Write())

/// Recognises the sound files of paths into a folder, or to standard output: text after each file, other formats at the
/// end.
let private recognizeFiles (recognizer: Recognizer) format (folder: string option) (paths: string list) =
    let files = paths |> List.collect expand

    if files.IsEmpty then
        let kinds = String.concat ", " AudioClip.Extensions
        raise (UserException $"there are no sound files ({kinds}) in these folders")

    if folder.IsNone && format = RecognizeFormat.Textgrid && files.Length > 1 then
        raise (UserException "several TextGrids need a folder: give --out FOLDER")

    let results = folder |> Option.map ResultFolder

    let cause =
        match recognizer.Model.Features with
        | preset when preset.Kind = FeatureKind.Precomputed -> Some(HasSound preset.Coefficients)
        | _ -> None

    let recognize (file: string) (name: string) =
        let path = results |> Option.map _.Take(name)
        let result = struct (file, recognizer.Recognize(AudioClip.Read file))
        let ending, content = write format [ result ]

        match path with
        | Some path -> ResultFolder.Write(path + ending, content)
        | None when format = RecognizeFormat.Text -> printResult content
        | None -> ()

        result

    let recognized =
        withHint (fun _ -> cause) (fun () -> [
            for file, name in files do
                attempt file (fun () -> recognize file name)
        ])

    if folder.IsNone && format <> RecognizeFormat.Text then
        printResult (snd (write format (List.choose id recognized)))

    if List.exists Option.isNone recognized then
        sayHint cause

    outcome recognized

/// Recognises corpora and writes the CSV of CMU 11-785 HW3P2.
let private submit (recognizer: Recognizer) (csv: string) (paths: string list) =
    let corpora = paths |> List.map Corpus.Read

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

    Hw3p2Submission.Write(csv, recognizer.Model.Inventory, results |> List.map Option.toObj)
    say $"{results.Length} utterances: {csv}"

    if corpora |> List.exists (fun corpus -> corpus.Skipped.Count > 0) then
        Outcome.PartlyFailed
    else
        outcome results

/// Runs `hybrid recognize FILE...` without options.
let runPlain (paths: string list) = recognizeFiles (loadRecognizer None Search.None) RecognizeFormat.Text None paths

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
        }

    let paths = arguments.GetResult RecognizeArguments.Paths

    let format =
        match arguments.TryGetResult RecognizeArguments.Format, arguments.Contains RecognizeArguments.Json with
        | format, false -> format
        | None, true -> Some RecognizeFormat.Json
        | Some _, true -> raise (UserException "--format and --json exclude each other: give one of them")

    match
        arguments.TryGetResult RecognizeArguments.Submission, format, arguments.TryGetResult RecognizeArguments.Out
    with
    | None, format, folder -> recognizeFiles recognizer (defaultArg format RecognizeFormat.Text) folder paths
    | Some csv, None, None -> submit recognizer csv paths
    | Some _, Some _, _ ->
        raise (UserException "--submission and --json or --format exclude each other: give one of them")
    | Some _, None, Some _ -> raise (UserException "--submission names the file to write: leave --out out")
