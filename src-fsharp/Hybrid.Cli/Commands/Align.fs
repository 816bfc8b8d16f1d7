/// `hybrid align`
module Hybrid.Cli.Commands.Align

open System
open System.Collections.Generic
open System.IO
open Argu
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// The duration in seconds from which memory use is announced before an alignment.
let private long = 600.0

/// The lexicons and the paths of the command line: folders, sound files and manifests that follow --lexicon, which
/// takes all arguments up to the next option, are no lexicons.
let private lexiconsAndPaths (arguments: ParseResults<AlignArguments>) =
    let isInput (path: string) =
        Directory.Exists path
        || Seq.append AudioClip.Extensions [ ".jsonl" ]
           |> Seq.exists (fun kind -> path.EndsWith(kind, StringComparison.OrdinalIgnoreCase))

    let following, lexicons =
        arguments.GetResults AlignArguments.Lexicon |> List.concat |> List.partition isInput

    let named = arguments.TryGetResult AlignArguments.Paths |> Option.defaultValue []
    readLexicons lexicons, expandPatterns (named @ following)

let private inputs (arguments: ParseResults<AlignArguments>) (paths: string list) =
    let split = arguments.TryGetResult AlignArguments.Split

    match paths, arguments.TryGetResult AlignArguments.Text, arguments.TryGetResult AlignArguments.Corpus with
    | [], None, Some corpus -> AlignmentInput.Of(corpus, split = Option.toObj split)
    | _, _, Some _ -> raise (UserException "--corpus excludes sound files and --text: use two calls")
    | _ when split.IsSome -> raise (UserException "--split needs --corpus PATH")
    | [], _, None -> raise (UserException "nothing to align: name sound files, folders, or a corpus with --corpus PATH")
    | [ path ], (Some _ as text), None -> AlignmentInput.Of(path, text = Option.toObj text)
    | _, Some _, None ->
        raise (UserException "--text is for one sound file: for several, put a .txt of the same name beside each")
    | paths, None, None ->
        RecordingIds.Distinct [|
            for path in paths do
                yield! AlignmentInput.Of path
        |]

/// Runs `hybrid align`.
let run (arguments: ParseResults<AlignArguments>) =
    let folder =
        ResultFolder(arguments.GetResult AlignArguments.Out, arguments.Contains AlignArguments.Overwrite)

    let format =
        match arguments.GetResult(AlignArguments.Format, AlignFormat.Textgrid) with
        | AlignFormat.Textgrid -> AlignmentFormat.TextGrid
        | AlignFormat.Textgrid_Short -> AlignmentFormat.TextGridShort
        | AlignFormat.Ctm -> AlignmentFormat.Ctm
        | AlignFormat.Json -> AlignmentFormat.Json

    let channel = channelOf (arguments.TryGetResult AlignArguments.Channel)
    let lexicons, paths = lexiconsAndPaths arguments

    let inputs =
        inputs arguments paths |> Seq.map _.WithChannel(channel) |> Array.ofSeq :> IReadOnlyList<AlignmentInput>

    use team = teamOf (arguments.TryGetResult AlignArguments.Threads)
    let recognizer = loadRecognizer (arguments.TryGetResult AlignArguments.Model) Search.None team
    let aligner = Aligner(recognizer, lexicons)

    let need =
        listener (fun (need: AlignmentNeed) ->
            if need.DurationSeconds >= long then
                say (
                    $"{need.Id}: {need.DurationSeconds / 60.0:F0} minutes, {need.Phones} phones; "
                    + $"the alignment takes about {need.Bytes >>> 20} MiB besides sound and network"
                ))

    let guessed = ResizeArray<string>()

    let failed =
        withProgress "aligning" (fun progress ->
            let completed =
                listener (fun (struct (place, _): struct (int * string)) ->
                    progress.Report(struct (float (place + 1) / float inputs.Count, inputs[place].Id)))

            let aligned =
                listener (fun (alignment: Alignment) ->
                    if alignment.GuessedWords.Count > 0 then
                        let words = String.Join(", ", alignment.GuessedWords)
                        guessed.Add $"{alignment.Id}: pronounced by their letters: {words}")

            AlignmentFiles.Write(aligner, inputs, folder, format, completed, need, interruption.Value, aligned))

    guessed |> Seq.iter say

    for left in failed do
        say $"{left}"

    if failed.Count > 0 then
        inputs
        |> Seq.choose (fun input -> Option.ofObj input.Utterance)
        |> Causes.ofAlignment recognizer.Model.Features lexicons
        |> sayHint

    sayHint (Causes.ofSkipped failed)

    if inputs |> Seq.exists (fun input -> isNull input.Utterance) then
        say "hint: give the words of one sound file with --text, or put a .txt or .lab beside each"

    reportKept folder
    say $"{inputs.Count - failed.Count} of {inputs.Count} aligned: {folder.Folder}"

    if failed.Count > 0 then
        Outcome.PartlyFailed
    else
        Outcome.Done
