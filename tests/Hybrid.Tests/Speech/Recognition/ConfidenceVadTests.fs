/// Voice activity detection: cases with known results, and random posteriors against its definition.
module Hybrid.Tests.ConfidenceVadTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// Frames in which one of three symbols has a probability of its own, and the others share the rest.
let private frames (best: (int * float32) list) =
    let rows = [|
        for symbol, p in best do
            for v in 0..2 -> if v = symbol then p else (1.0f - p) / 2.0f
    |]

    LogProbs.FromProbabilities(ReadOnlySpan rows, best.Length, 3)

let private kept reach least (logProbs: LogProbs) (hypothesis: Hypothesis) =
    ConfidenceVad(logProbs, reach, least).Apply(hypothesis).Labels |> List.ofSeq

let private greedy (logProbs: LogProbs) = GreedyDecoder().Decode logProbs
let private starts labels = labels |> List.map (fun (label: LabelSpan) -> label.Start)

/// The definition, frame by frame.
let private isSpeech reach least (logProbs: LogProbs) (label: LabelSpan) =
    let middle = (label.Start + label.End - 1) / 2

    let certainties = [
        for t in max 0 (middle - reach) .. min (logProbs.T - 1) (middle + reach) do
            let row = logProbs[t].ToArray() |> Array.map (float >> exp)

            if Array.max row > row[0] then
                Array.max row
    ]

    not certainties.IsEmpty && List.average certainties >= least

let private spec = NetworkSpec(28, 41, [| LstmSpec(4, true) |], [| LinearSpec 41 |])

let private model least =
    let fresh = SpeechModel.Create(spec, FeaturePreset(), PhoneInventory.Arpabet, 5UL)
    SpeechModel(fresh.Network, fresh.Inventory, fresh.Features, MinConfidence = least)

[<Tests>]
let tests =
    testList "voice activity detection" [
        test "phones above the threshold are kept, those below dropped; blanks in between do not count" {
            let sound = frames [ 1, 0.9f; 0, 0.99f; 2, 0.9f; 0, 0.99f; 0, 0.99f; 1, 0.6f; 0, 0.99f; 2, 0.7f ]
            Expect.equal (kept 2 0.75 sound (greedy sound) |> starts) [ 0; 2 ] "within two frames"
            Expect.equal (kept 7 0.75 sound (greedy sound) |> starts) [ 0; 2; 5; 7 ] "all together are 0.775"
            Expect.equal (kept 7 0.78 sound (greedy sound) |> starts) [] "and not 0.78"
        }

        test "a threshold of 0 keeps every phone unchanged" {
            let sound = frames [ 1, 0.4f; 0, 0.9f; 2, 0.35f ]
            let hypothesis = greedy sound
            Expect.isTrue (obj.ReferenceEquals(ConfidenceVad(sound, 2, 0.0).Apply hypothesis, hypothesis)) "the same"
        }

        test "a phone of the language model alone, amid blanks, is dropped" {
            let sound = frames [ 0, 0.9f; 0, 0.9f; 0, 0.9f; 1, 0.9f ]
            let hypothesis = Hypothesis([| LabelSpan(2, 1, 2, 0.05); LabelSpan(1, 3, 4, 0.9) |], -3.0)
            Expect.equal (kept 1 0.5 sound hypothesis |> starts) [ 3 ] "within a frame"
            Expect.equal (kept 2 0.5 sound hypothesis |> starts) [ 1; 3 ] "within two"
        }

        test "scores are those of all labels" {
            let hypothesis = Hypothesis([| LabelSpan(1, 0, 1, 0.5) |], -3.0, -2.0, 1.0)
            let gated = ConfidenceVad(frames [ 1, 0.5f ], 2, 0.9).Apply hypothesis
            Expect.isEmpty gated.Labels "labels"
            Expect.equal (gated.Acoustic, gated.Total) (-3.0, -4.0) "scores"
        }

        test "equals its definition on random posteriors, for every decoder" {
            for seed in 1UL .. 40UL do
                let random = CounterRandom(seed).Stream()
                let T, V = 1 + int (random.Uniform(0.0, 60.0)), 4
                let logits = Array.init (T * V) (fun _ -> float32 (random.Uniform(-3.0, 3.0)))
                let logProbs = LogProbs.FromLogits(ReadOnlySpan logits, T, V)
                let reach, least = int (random.Uniform(0.0, 8.0)), random.Uniform(0.5, 0.9)

                for name, hypothesis in
                    [ "greedy", greedy logProbs; "beam", (PrefixBeamSearchDecoder().Decode logProbs)[0] ] do
                    let expected = hypothesis.Labels |> Seq.filter (isSpeech reach least logProbs) |> List.ofSeq
                    Expect.equal (kept reach least logProbs hypothesis) expected $"{name}, seed {seed}"
        }

        test "a model file stores the threshold; without one it has the bytes of earlier versions" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "model")
                (model 0.73).Save path
                Expect.equal (SpeechModel.Load path).MinConfidence 0.73 "read back"
                Expect.equal (Recognizer.Load path).MinConfidence 0.73 "the recogniser's"
                let keys = (model 0.0).Describe().Keys |> List.ofSeq
                Expect.isFalse (keys |> List.exists _.Contains("confidence")) $"{keys}")
        }

        test "recognition drops phones below the threshold of the model" {
            // Starting weights are sure of nothing: the best of 41 symbols has hardly more than the others.
            let samples = Array.init 16000 (fun i -> 0.1f * sin (float32 (i * i % 7919)))
            let recognize least = Recognizer(model least).Recognize(samples, 16000)
            Expect.isNonEmpty (recognize 0.0).Phones "all"
            Expect.isEmpty (recognize 0.5).Phones "those that are sure"
            Expect.equal (recognize 0.5).LogProbability (recognize 0.0).LogProbability "score"
        }

        test "thresholds outside of [0, 1] are refused" {
            for least in [ -0.1; 1.1; nan ] do
                expectRefusal<ArgumentOutOfRangeException, _> "from 0 to 1" (fun () -> model least)

                expectRefusal<ArgumentOutOfRangeException, _> "from 0 to 1" (fun () ->
                    Recognizer(model 0.5, MinConfidence = least))

            let description = (model 0.5).Describe()

            for text in [ "high"; "-1"; "2"; "NaN"; "" ] do
                description["hybrid.least-confidence"] <- text

                expectRefusal<FormatException, _> "must be a number from 0 to 1" (fun () ->
                    ModelFile.Build(description, (model 0.5).Network.Save()))
        }
    ]
