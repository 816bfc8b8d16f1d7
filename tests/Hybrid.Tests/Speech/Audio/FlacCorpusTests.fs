/// Training from FLAC and from WAV of the same samples.
module Hybrid.Tests.FlacCorpusTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

/// The same corpus with its sound as FLAC.
let private asFlac (folder: string) (corpus: Corpus) =
    for utterance in corpus.Utterances do
        let samples = (AudioClip.Read utterance.AudioPath).Samples |> Array.map (fun x -> int64 (x * 32768f))
        let flac = FlacEncoder.plain 16000 16 FlacEncoder.Independent FlacEncoder.Verbatim 4096 [| samples |]
        File.WriteAllBytes(Path.Combine(folder, $"{utterance.Id}.flac"), FlacEncoder.encode flac)

    let line (utterance: Utterance) =
        let phones = String.concat " " (Transcripts.Transcribe(utterance, Pronouncer []))

        $"{{\"id\":\"{utterance.Id}\",\"audio\":\"{utterance.Id}.flac\",\
        \"speaker\":\"{utterance.Speaker}\",\"split\":\"{utterance.Split}\",\"phones\":\"{phones}\"}}"

    File.WriteAllLines(Path.Combine(folder, "manifest.jsonl"), corpus.Utterances |> Seq.map line)
    Corpus.Read folder

let private features (data: SpeechDataset) = [|
    for i in 0 .. data.Count - 1 do
        let features = Array.zeroCreate<float32>(data.Frames i * data.Features)
        data.CopyFeatures(i, features)
        features
|]

[<Tests>]
let tests =
    testList "FLAC corpus" [
        test "trains to the same weights as WAV, bit for bit" {
            withFolder (fun folder ->
                let wav = SyntheticCorpus.Write(Path.Combine(folder, "wav"), 12, 4)
                let network = NetworkSpec(28, 41, [| Conv1dSpec(8, 3, 2); LstmSpec(8, true) |], [| LinearSpec 41 |])

                let recipe =
                    Recipe(
                        "test",
                        FeaturePreset(),
                        network,
                        TrainingSpec(1UL, 2, BatchSize(4, 8000), AdamWSpec(), ConstantRate())
                    )

                let trained corpus =
                    let run = TrainingRun.Prepare(recipe, corpus)
                    Expect.isEmpty run.Train.Skipped "all are used"

                    features run.Train,
                    [ for tensor in run.Run().Network.Save() -> tensor.Name, tensor.Bytes.ToArray() ]

                Directory.CreateDirectory(Path.Combine(folder, "flac")) |> ignore
                let flac = asFlac (Path.Combine(folder, "flac")) wav
                let (wavFeatures, wavWeights), (flacFeatures, flacWeights) = trained wav, trained flac
                Expect.equal flacFeatures wavFeatures "features"
                Expect.equal flacWeights wavWeights "weights")
        }
    ]
