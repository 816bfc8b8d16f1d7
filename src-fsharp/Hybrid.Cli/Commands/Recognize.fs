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

let run (arguments: ParseResults<RecognizeArguments>) =
    let recognizer = Recognizer.Load(arguments.GetResult RecognizeArguments.Model)
    let files = arguments.GetResult RecognizeArguments.Paths |> List.collect expand

    if files.IsEmpty then
        let kinds = String.concat ", " AudioClip.Extensions
        raise (UserException $"there are no sound files ({kinds}) in the folders given")

    let json = arguments.Contains RecognizeArguments.Json

    let results = [
        for file in files do
            interruption.Value.ThrowIfCancellationRequested()

            try
                let result = recognizer.Recognize(AudioClip.Read file)
                if not json then printfn "%s: %O" file result
                Ok struct (file, result)
            with
            | :? AudioFormatException
            | :? IOException
            | :? UnauthorizedAccessException
            | :? ArgumentException as error ->
                say $"{file}: {error.Message}"
                Error()
    ]

    if json then
        printfn "%s" (ResultJson.Recognitions(results |> List.choose Result.toOption))

    match results |> List.filter Result.isError |> List.length with
    | 0 -> Outcome.Done
    | failed when failed = files.Length -> Outcome.Failed
    | _ -> Outcome.PartlyFailed
