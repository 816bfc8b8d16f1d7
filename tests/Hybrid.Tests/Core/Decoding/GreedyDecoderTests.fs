/// Greedy decoding of cases computed by hand.
module Hybrid.Tests.GreedyDecoderTests

open System
open Expecto
open Hybrid.Core

/// Rows of probabilities as log probabilities.
let private probabilities (rows: float32 list list) =
    LogProbs.FromProbabilities(
        ReadOnlySpan [|
            for row in rows do
                yield! row
        |],
        rows.Length,
        rows.Head.Length
    )

/// Frames in which one of three symbols has probability 0.8.
let private path symbols = probabilities [ for s in symbols -> [ for v in 0..2 -> if v = s then 0.8f else 0.1f ] ]

let private spans (h: Hypothesis) = [ for label in h.Labels -> label.Symbol, label.Start, label.End ]

[<Tests>]
let greedy =
    testList "GreedyDecoder" [
        for frames, expected in
            [
                [ 0; 0 ], []
                [ 1; 1; 1 ], [ 1, 0, 3 ]
                [ 1; 0; 1 ], [ 1, 0, 1; 1, 2, 3 ]
                [ 0; 1; 1; 2; 0; 0; 2; 2 ], [ 1, 1, 3; 2, 3, 4; 2, 6, 8 ]
                [ 2; 1; 2 ], [ 2, 0, 1; 1, 1, 2; 2, 2, 3 ]
            ] do
            test $"{frames}: merges equal neighbours and drops blanks" {
                Expect.equal
                    (spans (GreedyDecoder().Decode(path frames)))
                    expected
                    "symbol, first frame, frame after the last"
            }

        test "a blank other than 0" {
            Expect.equal
                (spans (GreedyDecoder(2).Decode(path [ 0; 2; 0; 1 ])))
                [ 0, 0, 1; 0, 2, 3; 1, 3, 4 ]
                "with blank 2"
        }
        test "no frames: no labels, log probability 0" {
            let h = GreedyDecoder().Decode(LogProbs.FromProbabilities(ReadOnlySpan<float32>.Empty, 0, 3))
            Expect.isEmpty h.Labels "labels"
            Expect.equal h.Acoustic 0.0 "log probability of an empty product"
        }
        test "at equal probability the smaller index wins" {
            let equal = probabilities [ [ 0.2f; 0.4f; 0.4f ]; [ 0.4f; 0.2f; 0.4f ]; [ 0.3f; 0.3f; 0.4f ] ]
            Expect.equal (spans (GreedyDecoder().Decode equal)) [ 1, 0, 1; 2, 2, 3 ] "labels"
        }
        test "score is the log probability of the path, confidence the mean probability of the label's frames" {
            let h = GreedyDecoder().Decode(probabilities [ [ 0.3f; 0.7f ]; [ 0.1f; 0.9f ]; [ 0.6f; 0.4f ] ])
            Expect.floatClose Accuracy.medium h.Acoustic (log 0.7 + log 0.9 + log 0.6) "score"
            Expect.equal h.Total h.Acoustic "the total has no other term"
            Expect.floatClose Accuracy.medium h.Labels[0].Confidence 0.8 "confidence"
            Expect.sequenceEqual h.Symbols [ 1 ] "symbols without times"
        }
        test "a blank that is not one of the symbols is refused" {
            for blank in [ -1; 3 ] do
                Expect.throwsT<ArgumentException>
                    (fun () -> GreedyDecoder(blank).Decode(path [ 0 ]) |> ignore<Hypothesis>)
                    $"blank {blank}"
        }
        test "a batch gives the hypotheses of single utterances, in order" {
            let random = CounterRandom(5UL).Stream()

            let batch = [|
                for _ in 1..40 ->
                    let frames = random.Below 60

                    LogProbs.FromLogits(
                        ReadOnlySpan(Array.init (frames * 5) (fun _ -> float32 (2.0 * random.Normal()))),
                        frames,
                        5
                    )
            |]

            for threads in [ 1; 4 ] do
                let together = GreedyDecoder(2).Decode(batch, ThreadTeam threads)
                Expect.equal together.Count 40 "one per utterance"

                for i in 0..39 do
                    let alone = GreedyDecoder(2).Decode batch[i]

                    Expect.equal
                        (List.ofSeq together[i].Labels, together[i].Acoustic)
                        (List.ofSeq alone.Labels, alone.Acoustic)
                        $"utterance {i}, {threads} threads"
        }
        test "an utterance of a batch without the blank is refused" {
            Expect.throwsT<ArgumentException>
                (fun () ->
                    GreedyDecoder(2).Decode [| path [ 0 ]; LogProbs.FromLogits(ReadOnlySpan [| 0f; 1f |], 1, 2) |]
                    |> ignore)
                "blank 2 of 2 symbols"
        }
    ]
