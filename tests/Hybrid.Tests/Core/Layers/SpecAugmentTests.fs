/// The widths of masks, their share of an utterance, and their independence of the batch.
module Hybrid.Tests.SpecAugmentTests

open System
open Expecto
open Hybrid.Core

let private features = 8

/// Utterances of ones with keys 0, 1, ... after masking in training.
let private masked (layer: SpecAugment<float32>) (lengths: int[]) =
    let T, B = Array.max lengths, lengths.Length
    let keys = Array.init B uint64

    let x =
        Batch<float32>(Memory(Array.create (T * B * features) 1.0f), T, B, features, Memory lengths, Memory keys)

    layer.Forward(x, Pass(Workspace(ThreadTeam 1), true, CounterRandom 3UL))

/// The number of frames of an utterance that are all zero.
let private erased (y: Batch<float32>) b =
    Seq.length (
        seq {
            for t in 0 .. y.Lengths.Span[b] - 1 do
                if Array.forall ((=) 0.0f) (y.Row(t, b).ToArray()) then
                    t
        }
    )

[<Tests>]
let tests =
    testList "SpecAugment" [
        test "two time masks of up to 100 frames erase at most the share of 20 frames" {
            for share in [ 0.0; 0.25; 0.4; 1.0 ] do
                for timeCount in [ 1; 2 ] do
                    let layer = SpecAugment<float32>(features, 100, 0, timeCount, share = share)
                    let y = masked layer (Array.create 500 20)
                    let counts = [ for b in 0 .. y.B - 1 -> erased y b ]
                    let name = $"share {share}, {timeCount} masks"
                    Expect.all counts (fun count -> float count <= share * 20.0) name
                    Expect.equal (List.min counts) 0 $"{name}: the least erased"

                    // Two masks may overlap; one has all of the share.
                    if timeCount = 1 then
                        Expect.equal (List.max counts) (int (share * 20.0)) $"{name}: the most erased"
        }
        test "by default at most 40 % of the frames are erased, in utterances of any length" {
            let lengths = Array.init 120 id
            let y = masked (SpecAugment<float32>(features, 30, 0, timeCount = 3)) (Array.append lengths lengths)

            for b in 0 .. y.B - 1 do
                let length = y.Lengths.Span[b]
                Expect.isLessThanOrEqual (float (erased y b)) (0.4 * float length) $"{length} frames"
        }
        test "widths of one mask are uniform from 0 to the limit" {
            // The limit is 0.4 * 20 = 8 frames: nine widths.
            let y = masked (SpecAugment<float32>(features, 100, 0)) (Array.create 9000 20)
            let counts = Seq.countBy (erased y) (seq { 0 .. y.B - 1 }) |> Map
            Expect.equal (List.ofSeq counts.Keys) [ 0..8 ] "widths"
            Expect.all counts.Values (fun count -> abs (count - 1000) < 150) $"%A{counts}"
        }
        test "the share has no influence on long utterances" {
            let limited = masked (SpecAugment<float32>(features, 20, 3, timeCount = 2)) [| 100; 150; 400 |]

            let unlimited =
                masked (SpecAugment<float32>(features, 20, 3, timeCount = 2, share = 1.0)) [| 100; 150; 400 |]

            Expect.equal (limited.Data.ToArray()) (unlimited.Data.ToArray()) "masked frames"
        }
        test "frequency masks cover all frames and at most the given width" {
            let y = masked (SpecAugment<float32>(features, 0, 3)) (Array.create 200 10)

            let widths = [
                for b in 0 .. y.B - 1 ->
                    let rows = [ for t in 0..9 -> y.Row(t, b).ToArray() ]
                    Expect.equal (List.distinct rows).Length 1 $"utterance {b}: frames"
                    Seq.length (Seq.filter ((=) 0.0f) rows.Head)
            ]

            Expect.equal (List.sort (List.distinct widths)) [ 0..3 ] "widths"
        }
        test "masks of an utterance depend on its key, not on its batch" {
            let layer = SpecAugment<float32>(features, 10, 3)
            let row (y: Batch<float32>) b = [ for t in 0 .. y.Lengths.Span[b] - 1 -> y.Row(t, b).ToArray() ]
            let alone, together = masked layer [| 50 |], masked layer [| 50; 70; 30 |]
            Expect.equal (row together 0) (row alone 0) "utterance 0"
        }
        test "in evaluation, masks and dropout return their input" {
            let x = Batch<float32>(Memory(Array.create (3 * features) 1.0f), 3, 1, features)

            let layers: Layer<float32> list = [
                SpecAugment<float32>(features, 9, 9 - 1)
                Dropout<float32>(features, 0.5)
            ]

            for layer in layers do
                let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1)))
                Expect.isTrue (y.Data.Equals x.Data) $"{layer}: the same memory"
        }
        test "settings out of range are refused" {
            for share in [ -0.1; 1.1; nan ] do
                Refusal.expectRefusal<ArgumentOutOfRangeException, _>
                    "the share of masked frames is in [0, 1]"
                    (fun () -> SpecAugment<float32>(features, 5, 2, share = share))

            Refusal.expectRefusal<ArgumentOutOfRangeException, _> "frequency mask is in 0..8" (fun () ->
                SpecAugment<float32>(features, 5, 9))
        }
        test "a mask of an earlier file has the default share" {
            let json =
                """{"inputs": 8, "symbols": 5,
                    "encoder": [{"layer": "masking", "time": 5, "frequency": 3, "timeCount": 2, "frequencyCount": 1}],
                    "decoder": [{"layer": "linear", "outputs": 5}]}"""

            let spec = NetworkSpec.FromJson json
            Expect.equal (List.ofSeq spec.Encoder) [ SpecAugmentSpec(5, 3, 2) ] "layer"
            Expect.equal (SpecAugmentSpec(5, 3)).Share 0.4 "share"
            Expect.stringContains (spec.ToJson()) "\"share\": 0.4" "JSON"
        }
    ]
