// Align synthetic speech with its phones and measure the errors of the boundaries, which are known exactly.
// Run it with: dotnet fsi examples/02-align.fsx
// Or with another model and synthetic corpus:
// dotnet fsi examples/02-align.fsx hybrid-demo/model.safetensors hybrid-demo/speech test
#load "Hybrid.fsx"

open System.Collections.Generic
open System.IO
open System.Text.Json
open Hybrid.Speech
open Hybrid.Dsl

let model, folder, split =
    match fsi.CommandLineArgs with
    | [| _; model; folder; split |] -> SpeechModel.Load model, folder, split
    | _ ->
        // Voices that were not in the training data.
        let folder = Directory.CreateTempSubdirectory("hybrid-example-").FullName
        synthesize (folder, utterances = 60, speakers = 12, seed = 5) |> ignore
        SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors")), folder, "test"

/// Start and end of each phone from the manifest of the synthesiser, without pauses.
let known =
    let utterances = Dictionary<string, (float * float)[]>()

    for line in File.ReadLines(Path.Combine(folder, "manifest.jsonl")) do
        let utterance = JsonDocument.Parse(line).RootElement

        utterances[string (utterance.GetProperty "id")] <- [|
            for segment in utterance.GetProperty("segments").EnumerateArray() do
                if string (segment.GetProperty "phone") <> PhoneInventory.Silence then
                    segment.GetProperty("startSeconds").GetDouble(), segment.GetProperty("endSeconds").GetDouble()
        |]

    utterances

/// The alignments of the split, computed on all processors.
let alignments = [| for outcome in alignAll (model, folder, split = split) -> outcome.Alignment |]

let errors =
    [|
        for aligned in alignments do
            for phone, (start, finish) in Seq.zip aligned.Phones known[aligned.Id] do
                1000.0 * abs (phone.StartSeconds - start)
                1000.0 * abs (phone.EndSeconds - finish)
    |]
    |> Array.sort

let percentile p = errors[int (float (errors.Length - 1) * p)]
printfn $"{errors.Length} boundaries: median error {percentile 0.5:F1} ms, 90th percentile {percentile 0.9:F1} ms"

let large = errors |> Array.filter (fun e -> e > 50.0)
printfn $"boundaries more than 50 ms off: {100.0 * float large.Length / float errors.Length:F1} %%"

for word in alignments[0].Words do
    printfn $"{word.StartSeconds:F2} {word.EndSeconds:F2} {word.Label} ({word.Confidence:F2})"
