module Hybrid.Tests.LibriSpeechLayoutTests

open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CorpusTests

/// Two parts in the distributed layout, with other files.
let private write folder =
    for name in
        [
            "train-clean-100/103/1240/103-1240-0001"
            "train-clean-100/103/1240/103-1240-0000"
            "train-clean-100/32/5/32-5-0000"
            "dev-clean/84/1/84-1-0000"
            "other/7/1/7-1-0000"
        ] do
        sound folder $"{name}.wav"

    text
        folder
        "train-clean-100/103/1240/103-1240.trans.txt"
        "103-1240-0000 CHAPTER ONE\n103-1240-0001  THAT'S  IT \n\n"

    text folder "train-clean-100/32/5/32-5.trans.txt" "32-5-0000 NO\n"
    text folder "dev-clean/84/1/84-1.trans.txt" "84-1-0000 YES\n"
    text folder "other/7/1/7-1.trans.txt" "7-1-0000 WELL\n"
    text folder "SPEAKERS.TXT" "; a table"
    text folder "train-clean-100/.DS_Store" ""

[<Tests>]
let tests =
    testList "LibriSpeech layout" [
        test "parts are splits, in the order of names" {
            withFolder (fun folder ->
                write folder
                let corpus = Corpus.Read folder

                Expect.sequenceEqual
                    (corpus.Utterances |> Seq.map shown)
                    [
                        "84-1-0000 dev 84 YES"
                        "7-1-0000 other 7 WELL"
                        "103-1240-0000 train 103 CHAPTER ONE"
                        "103-1240-0001 train 103 THAT'S  IT"
                        "32-5-0000 train 32 NO"
                    ]
                    "utterances"

                Expect.isEmpty corpus.Skipped "skipped"
                Expect.isTrue (corpus.Utterances |> Seq.forall (fun u -> File.Exists u.AudioPath)) "sound files")
        }

        test "a folder that is itself a part has no split" {
            withFolder (fun folder ->
                write folder
                let corpus = Corpus.Read(Path.Combine(folder, "dev-clean"))
                Expect.sequenceEqual (corpus.Utterances |> Seq.map shown) [ "84-1-0000  84 YES" ] "utterances")
        }

        test "a line without sound and sound without a line are skipped" {
            withFolder (fun folder ->
                write folder

                text
                    folder
                    "dev-clean/84/1/84-1.trans.txt"
                    "84-1-0000 YES\n84-1-0001 GONE\n84-1-0002 CONVERTED\n\
                    84-1-0000 AGAIN\n../../../secret X\n84-1-0003\n"

                sound folder "dev-clean/84/1/84-1-0004.wav"
                text folder "dev-clean/84/1/84-1-0002.opus" "OggS"
                text folder "dev-clean/secret.wav" "must not be found"
                let corpus = Corpus.Read folder

                corpus.Skipped
                |> expectSkipped [
                    "84-1-0002.opus is not read"
                    "84-1-0001: "
                    "line 3 has no sound file beside it, .wav or .flac"
                    "line 4 is a second transcript"
                    "../../../secret: "
                    "84-1-0003: "
                ]

                Expect.sequenceEqual
                    (corpus.Split "dev" |> Seq.map shown)
                    [ "84-1-0000 dev 84 YES"; "84-1-0004 dev 84" ]
                    "utterances"

                let data =
                    SpeechDataset.Load(
                        corpus.Split "dev",
                        FeatureExtractor(FeaturePreset()),
                        PhoneInventory.Arpabet,
                        Pronouncer [ Lexicon.BuiltIn ]
                    )

                data.Skipped |> expectSkipped [ "84-1-0004: it has no transcript" ])
        }

        test "transcripts without any sound are refused with the reasons" {
            withFolder (fun folder ->
                text folder "84/1/84-1.trans.txt" "84-1-0000 YES\n"
                Expect.stringContains (refusal folder) "nothing in the corpus can be used; 84-1-0000: " "message")
        }

        test "recordings of LibriSpeech in their original layout" {
            let data = shared "data"

            let lexicons = [
                for name in [ "cmudict-0.7a.txt"; "librispeech-lexicon.txt" ] ->
                    Lexicon.Read(Path.Combine(data, "cmudict", name), PhoneInventory.Arpabet)
            ]

            let rows = [ for line in File.ReadLines(Path.Combine(data, "index.tsv")) -> line.Split '\t' ]
            let flac = rows |> List.filter (fun row -> row[1].EndsWith ".flac") |> List.truncate 20

            withFolder (fun folder ->
                for row in flac do
                    let speaker, chapter = row[0].Split('-')[0], row[0].Split('-')[1]
                    let place = $"LibriSpeech/train-clean-100/{speaker}/{chapter}"
                    text folder $"{place}/{speaker}-{chapter}.trans.txt" $"{row[0]} {row[4]}\n"
                    File.Copy(Path.Combine(data, row[1]), Path.Combine(folder, place, row[0] + ".flac"))

                let corpus = Corpus.Read(Path.Combine(folder, "LibriSpeech"))
                Expect.isEmpty corpus.Skipped "skipped"

                Expect.sequenceEqual
                    (corpus.Utterances |> Seq.map shown |> Seq.sort)
                    (flac |> Seq.map (fun row -> $"{row[0]} train {row[3]} {row[4]}") |> Seq.sort)
                    "utterances"

                let loaded =
                    SpeechDataset.Load(
                        corpus.Utterances,
                        FeatureExtractor(FeaturePreset()),
                        PhoneInventory.Arpabet,
                        Pronouncer lexicons
                    )

                Expect.isEmpty loaded.Skipped "every recording is read"
                Expect.isGreaterThan loaded.Hours 0.05 "hours")
        }
    ]
