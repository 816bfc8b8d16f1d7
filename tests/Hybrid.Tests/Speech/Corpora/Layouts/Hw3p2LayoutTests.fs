module Hybrid.Tests.Hw3p2LayoutTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CorpusTests

let private write (folder: string) (name: string) (array: NpyArray) =
    let path = Path.Combine(folder, name + ".npy")
    Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
    array.Write path

let private features (folder: string) name =
    let frames: float32[] = Array.init 56 float32
    write folder name (NpyArray.FromSingles(frames, 2, 28))

let private transcript folder name (phones: string list) =
    let phones = Array.ofList phones
    write folder name (NpyArray.FromStrings(phones, phones.Length))

/// Three parts in the layout of the homework.
let private writeAll folder =
    for name in
        [
            "train-clean-100/mfcc/103-1240-0000"
            "train-clean-100/mfcc/26-495-0001"
            "dev-clean/mfcc/84-1-0000"
            "test-clean/mfcc/61-70968-0001"
            "test-clean/mfcc/61-70968-0000"
        ] do
        features folder name

    transcript folder "train-clean-100/transcript/103-1240-0000" [
        "[SOS]"
        "[SIL]"
        "HH"
        "AH0"
        "L"
        "OW1"
        "[SIL]"
        "[EOS]"
    ]

    transcript folder "train-clean-100/transcript/26-495-0001" [ "AA"; "B" ]
    transcript folder "dev-clean/transcript/84-1-0000" [ "[SOS]"; "K"; "[EOS]" ]
    text folder "test-clean/transcript/random_submission.csv" "index,label\n"

[<Tests>]
let tests =
    testList "HW3P2 layout" [
        test "parts are splits; marks and stress are removed, silence is kept; the test part has no transcripts" {
            withFolder (fun folder ->
                writeAll folder
                let corpus = Corpus.Read folder

                Expect.sequenceEqual
                    (corpus.Utterances |> Seq.map shown)
                    [
                        "84-1-0000 dev 84 /K/"
                        "61-70968-0000 test 61"
                        "61-70968-0001 test 61"
                        "103-1240-0000 train 103 /[SIL] HH AH L OW [SIL]/"
                        "26-495-0001 train 26 /AA B/"
                    ]
                    "utterances"

                Expect.isEmpty corpus.Skipped "skipped"

                for utterance in corpus.Utterances do
                    Expect.isTrue (File.Exists utterance.FeaturesPath) utterance.FeaturesPath
                    Expect.equal utterance.AudioPath "" "no sound"

                let part = Corpus.Read(Path.Combine(folder, "test-clean"))

                Expect.sequenceEqual
                    (part.Utterances |> Seq.map shown)
                    [ "61-70968-0000  61"; "61-70968-0001  61" ]
                    "a part by itself has no split")
        }

        test "unusable transcripts, and features without one, are skipped" {
            withFolder (fun folder ->
                writeAll folder
                transcript folder "dev-clean/transcript/84-1-0001" [ "K" ]
                features folder "dev-clean/mfcc/84-1-0002"
                features folder "dev-clean/mfcc/84-1-0003"
                features folder "dev-clean/transcript/84-1-0003"
                features folder "train-clean-100/mfcc/84-1-0000"
                let corpus = Corpus.Read folder

                corpus.Skipped
                |> expectSkipped [
                    "84-1-0001.npy has no features of the same name in mfcc"
                    "84-1-0003: the array holds <f4 where text is expected"
                    "84-1-0000: the id is a duplicate"
                ]

                let data =
                    SpeechDataset.Load(
                        corpus.Utterances,
                        FeatureExtractor(FeaturePreset.Precomputed 28),
                        PhoneInventory.Arpabet,
                        Pronouncer []
                    )

                data.Skipped
                |> expectSkipped [ "84-1-0002: it has no transcript"; "61-70968-0000"; "61-70968-0001" ]

                Expect.equal data.Count 3 "usable utterances"
                Expect.floatClose Accuracy.high (data.Hours * 3600.0) 0.06 "two frames each")
        }

        test "objects in a transcript are never loaded" {
            withFolder (fun folder ->
                writeAll folder

                let objects =
                    NpyTests.elements "refused" NpyTests.golden.Value
                    |> List.find (fun case -> NpyTests.text "name" case = "objects")

                File.WriteAllBytes(Path.Combine(folder, "dev-clean/transcript/84-1-0000.npy"), NpyTests.file objects)
                Corpus.Read(folder).Skipped |> expectSkipped [ "pickled objects are never loaded" ])
        }

        test "speeds need audio: precomputed features have none" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 9, 3, layout = SyntheticLayout.Hw3p2)
                let tiny = Hybrid.Dsl.Recipes.tiny

                let schedule =
                    TrainingSpec(1UL, 1, BatchSize(8, 8000), AdamWSpec(), ConstantRate(), Speeds = [| 0.9; 1.1 |])

                let recipe = Recipe("fast", tiny.Features, tiny.Network, schedule)

                Refusal.expectRefusal<ArgumentException, _> "leave speeds out of the schedule" (fun () ->
                    TrainingRun.Prepare(recipe, corpus)))
        }

        test "a recipe for audio takes precomputed features" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 9, 3, layout = SyntheticLayout.Hw3p2)
                let recipe = Hybrid.Dsl.Recipes.tiny.With(epochs = Nullable 1)
                let run = TrainingRun.Prepare(recipe, corpus)
                Expect.equal run.Recipe.Features (FeaturePreset.Precomputed 28) "features"
                Expect.isEmpty run.Train.Skipped "all are used"
                let speech = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 9, 3)
                Expect.equal (recipe.For speech) recipe "a corpus of audio does not change it")
        }
    ]
