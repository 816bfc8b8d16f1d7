/// Pieces of recordings in manifests: features, cache, validation, alignment and recognition.
module Hybrid.Tests.UtterancePieceTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.TestSettings

let private rate = 16000

/// A synthetic corpus of separate files, and one with all utterances in one stereo recording of each format, whose
/// other channel is noise.
let private write folder =
    let separate = SyntheticCorpus.Write(Path.Combine(folder, "separate"), 9, 3, 5UL)
    let random = Random 1

    let parts = [|
        for u in separate.Utterances -> (AudioClip.Read u.AudioPath).Samples |> Array.map (fun x -> int64 (x * 32768f))
    |]

    let speech = Array.concat parts
    let noise = speech |> Array.map (fun _ -> random.NextInt64(-3000L, 3000L))
    let place name = Path.Combine(folder, "joined", name)
    Directory.CreateDirectory(place "") |> ignore
    File.WriteAllBytes(place "all.flac", encode (plain rate 16 Independent Verbatim 4096 [| noise; speech |]))

    let data =
        Array.init speech.Length (fun i ->
            Array.append (BitConverter.GetBytes(int16 noise[i])) (BitConverter.GetBytes(int16 speech[i])))

    File.WriteAllBytes(
        place "all.wav",
        WavEncoder.riff [
            WavEncoder.chunk "fmt " (WavEncoder.format WavEncoder.pcm16 2 rate)
            WavEncoder.chunk "data" (Array.concat data)
        ]
    )

    let starts = parts |> Array.scan (fun at part -> at + part.Length) 0

    let line i (u: Utterance) =
        let offset, duration = float starts[i] / float rate, float parts[i].Length / float rate
        let phones = String.concat " " (nonNull u.Phones)
        let file = if i % 2 = 0 then "all.wav" else "all.flac"

        $"{{\"id\":\"{u.Id}\",\"audio\":\"{file}\",\"offset\":{offset},\"duration\":{duration},\"channel\":1,"
        + $"\"speaker\":\"{u.Speaker}\",\"split\":\"{u.Split}\",\"phones\":\"{phones}\"}}"

    File.WriteAllLines(place "manifest.jsonl", Seq.mapi line separate.Utterances)
    separate, Corpus.Read(Path.Combine(folder, "joined"))

let private extractor = FeatureExtractor(FeaturePreset())

let private load (corpus: Corpus) cache =
    let data =
        SpeechDataset.Load(corpus.Utterances, extractor, PhoneInventory.Arpabet, Pronouncer [], cache = cache)

    Expect.isEmpty data.Skipped "all are used"

    [
        for i in 0 .. data.Count - 1 ->
            let features = Array.zeroCreate<float32>(data.Frames i * data.Features)
            data.CopyFeatures(i, features)
            features
    ],
    data.Hours

[<Tests>]
let tests =
    testList "pieces in a corpus" [
        test "features of pieces are those of separate files, computed, cached and at other speeds" {
            withFolder (fun folder ->
                let separate, joined = write folder
                let expected = load separate null
                Expect.equal (load joined null) expected "computed"
                let cache () = FeatureCache(Path.Combine(folder, "cache"), MemoryBytes = 0L)
                Expect.equal (load joined (cache ())) expected "written to the cache"
                Expect.equal (load joined (cache ())) expected "read from the cache"
                Expect.equal (Directory.GetFiles(cache().Folder, "*", SearchOption.AllDirectories)).Length 9 "entries"

                for a, b in Seq.zip separate.Utterances joined.Utterances do
                    let struct (x, _) = extractor.Extract a
                    let struct (y, _) = extractor.Extract b
                    Expect.equal y x a.Id)
        }

        test "validation reads pieces: duplicates, lengths and pieces outside the recording" {
            withFolder (fun folder ->
                let _, joined = write folder
                let recipe = Hybrid.Dsl.Recipes.tiny
                let first = joined.Utterances[0]
                let length = first.DurationSeconds.Value

                let corpus =
                    Corpus [|
                        yield! joined.Utterances
                        Utterance(
                            "again",
                            first.AudioPath,
                            "",
                            "train",
                            null,
                            first.Phones,
                            OffsetSeconds = first.OffsetSeconds,
                            DurationSeconds = first.DurationSeconds,
                            Channel = Nullable 1
                        )
                        Utterance("late", first.AudioPath, "", "train", null, first.Phones, OffsetSeconds = 1e6)
                        Utterance(
                            "long",
                            first.AudioPath,
                            "",
                            "train",
                            null,
                            first.Phones,
                            DurationSeconds = Nullable 1e6
                        )
                        Utterance("three", first.AudioPath, "", "train", null, first.Phones, Channel = Nullable 2)
                        Utterance("early", first.AudioPath, "", "train", null, first.Phones, OffsetSeconds = -1.0)
                    |]

                let check = recipe.ValidateCorpus corpus
                Expect.equal [ for d in check.Duplicates -> List.ofSeq d.Ids ] [ [ first.Id; "again" ] ] "duplicates"

                check.Unusable
                |> CorpusTests.expectSkipped [
                    "late: " + first.AudioPath + ": the piece begins at 1000000 s"
                    "long: " + first.AudioPath + ": the piece ends at 1000000 s"
                    "three: " + first.AudioPath + ": there is no channel 2"
                    "early: the offset of a piece is -1 s"
                ]

                let seconds = check.Splits |> Seq.sumBy (fun split -> split.Hours * 3600.0)
                let expected = joined.Utterances |> Seq.sumBy (fun u -> u.DurationSeconds.Value)
                Expect.floatClose Accuracy.high seconds (expected + length) "seconds")
        }

        test "recognition and alignment of a piece are those of a separate file, with times from its start" {
            withFolder (fun folder ->
                let separate, joined = write folder
                let recognizer = Recognizer.Default
                let aligner = Aligner recognizer

                for a, b in Seq.zip separate.Utterances joined.Utterances |> Seq.take 4 do
                    let json (u: Utterance) = ResultJson.Recognitions [ struct (a.Id, recognizer.Recognize u) ]
                    Expect.equal (json b) (json a) $"{a.Id}: recognition"

                    let expected, aligned = aligner.Align a, aligner.Align b
                    Expect.equal aligned.DurationSeconds expected.DurationSeconds $"{a.Id}: length"
                    Expect.sequenceEqual aligned.Phones expected.Phones $"{a.Id}: alignment")
        }

        test "a training on pieces has the same weights as on separate files" {
            withFolder (fun folder ->
                let separate, joined = write folder
                let recipe = Hybrid.Dsl.Recipes.tiny.With(epochs = Nullable 1)

                let weights corpus = [
                    for tensor in TrainingRun.Prepare(recipe, corpus).Run().Network.Save() ->
                        tensor.Name, tensor.Bytes.ToArray()
                ]

                Expect.equal (weights joined) (weights separate) "weights")
        }
    ]
