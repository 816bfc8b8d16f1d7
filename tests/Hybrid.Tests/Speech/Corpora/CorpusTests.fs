module Hybrid.Tests.CorpusTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings

/// A short sound file; the folders on the way are made.
let sound (folder: string) (name: string) =
    let path = Path.Combine(folder, name)
    Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
    AudioClip(Array.init 800 (fun i -> 0.1f * sin (float32 i)), 16000).WriteWav path

let text (folder: string) (name: string) (content: string) =
    let path = Path.Combine(folder, name)
    Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
    File.WriteAllText(path, content)

/// The identity of an utterance in these tests: id, split, speaker and transcript.
let shown (utterance: Utterance) =
    let transcript =
        match utterance.Phones with
        | null -> string utterance.Text
        | phones -> "/" + String.concat " " phones + "/"

    $"{utterance.Id} {utterance.Split} {utterance.Speaker} {transcript}".TrimEnd()

/// Each reason has one of these texts.
let expectSkipped (expected: string list) (skipped: SkippedUtterance seq) =
    let reasons = skipped |> Seq.map string |> List.ofSeq
    Expect.equal reasons.Length expected.Length $"{reasons}"

    for part in expected do
        Expect.exists reasons _.Contains(part) $"{part} in {reasons}"

let refusal (path: string) =
    let error = Expect.throwsC (fun () -> Corpus.Read path |> ignore<Corpus>) id
    error.Message

[<Tests>]
let tests =
    testList "corpus" [
        test "a path that is not a corpus is refused with the supported layouts" {
            withFolder (fun folder ->
                text folder "notes.txt" "nothing"

                for path in [ folder; Path.Combine(folder, "nowhere") ] do
                    let message = refusal path

                    for part in [ path; "manifest.jsonl"; "HW3P2"; "LibriSpeech"; ".lab" ] do
                        Expect.stringContains message part "message")
        }

        test "a manifest takes precedence over the files beside it, and may name any path" {
            withFolder (fun folder ->
                let elsewhere = Path.Combine(folder, "elsewhere.wav")
                sound folder "corpus/train/a.wav"
                text folder "corpus/train/a.txt" "HAND"

                text
                    folder
                    "corpus/manifest.jsonl"
                    $"{{\"audio\":\"../b.wav\",\"text\":\"HAND\"}}\n\
                    {{\"audio\":{Text.Json.JsonSerializer.Serialize elsewhere},\"phones\":\"HH AE\"}}\n"

                for path in [ "corpus"; "corpus/manifest.jsonl" ] do
                    let corpus = Corpus.Read(Path.Combine(folder, path))

                    Expect.sequenceEqual
                        (corpus.Utterances |> Seq.map shown)
                        [ "b   HAND"; "elsewhere   /HH AE/" ]
                        path

                    Expect.equal
                        (Path.GetFullPath corpus.Utterances[0].AudioPath)
                        (Path.Combine(folder, "b.wav"))
                        "relative to the manifest"

                    Expect.equal corpus.Utterances[1].AudioPath elsewhere "absolute"
                    Expect.isEmpty corpus.Skipped "skipped")
        }

        test "a synthetic corpus is the same in both layouts" {
            withFolder (fun folder ->
                let write name layout = SyntheticCorpus.Write(Path.Combine(folder, name), 12, 4, 7UL, layout = layout)
                let manifest, homework = write "a" SyntheticLayout.Manifest, write "b" SyntheticLayout.Hw3p2
                let byId (corpus: Corpus) = corpus.Utterances |> Seq.sortBy _.Id |> List.ofSeq
                Expect.equal homework.Utterances.Count 12 "utterances"

                for a, b in List.zip (byId manifest) (byId homework) do
                    Expect.equal (b.Id, b.Split, b.Speaker) (a.Id, a.Split, a.Speaker) "id, split, speaker"

                    match b.Phones with
                    | null -> Expect.equal a.Split "test" "the test part has no transcripts"
                    | phones ->
                        Expect.sequenceEqual
                            (phones |> Seq.filter ((<>) PhoneInventory.Silence))
                            (Option.ofObj a.Phones).Value
                            "phones without pauses"

                        Expect.equal phones[0] PhoneInventory.Silence "pauses are kept"

                    // The audio of the manifest is rounded to 16 bits; otherwise features are the same.
                    let struct (computed, _) = FeatureExtractor(FeaturePreset()).Extract a
                    let struct (given, _) = FeatureExtractor(FeaturePreset.Precomputed 28).Extract b
                    Expect.equal given.Length computed.Length "frames"
                    let difference = Array.map2 (fun x y -> abs (x - y)) given computed

                    Expect.isLessThan
                        (Array.average difference)
                        0.05f
                        $"{a.Id}: mean difference of normalised features")
        }
    ]
