module Hybrid.Tests.CtcTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck
open Hybrid.Tests.BruteForce
open Hybrid.Tests.Refusal

let private compute (loss: CtcLoss) (logits: Batch<float>) targets =
    loss.Compute(logits, targets, Workspace(ThreadTeam 1))

[<Tests>]
let ctc =
    testList "CTC loss" [
        test "equals the enumeration of all paths for all T <= 6, S <= 3, V <= 4" {
            for symbols in 2..4 do
                for frames in 1..6 do
                    let logits = randomBatch (uint64 (symbols * 10 + frames)) symbols [| frames |]
                    let rows = [| for t in 0 .. frames - 1 -> softmax (logits.Row(t, 0).ToArray()) |]
                    let all = enumerate rows

                    for length in 0..3 do
                        for labels in sequences symbols length do
                            match all.TryFind labels with
                            | Some p ->
                                let result = compute (CtcLoss()) logits [| Array.ofList labels |]

                                Expect.floatClose
                                    { absolute = 1e-9; relative = 0.0 }
                                    result.Loss
                                    (-log p)
                                    $"T {frames}, labels {labels}"
                            | None ->
                                Expect.throwsT<InfeasibleTargetException>
                                    (fun () ->
                                        compute (CtcLoss()) logits [| Array.ofList labels |]
                                        |> ignore<CtcResult<float>>)
                                    $"T {frames}, labels {labels} do not fit"
        }

        test "gradient equals central differences: unequal lengths, repeats, empty target, any blank and reduction" {
            for blank in [ 0; 2 ] do
                let targets = [| [| 1; 1; 3 |]; [||]; [| 3; 1 |]; [| 4 |] |]

                for reduction in Enum.GetValues<CtcReduction>() do
                    let loss = CtcLoss(blank, reduction)
                    let logits = randomBatch 3UL 5 [| 7; 3; 2; 1 |]
                    let gradient = (compute loss logits targets).Gradient

                    compare (fun () -> (compute loss logits targets).Loss) [
                        frames $"logits, {reduction}, blank {blank}" logits gradient
                    ]
                    |> expectSmall "ctc"
        }

        test "no frames: loss 0 without labels, infeasible with labels; no labels: every frame is blank" {
            let nothing = compute (CtcLoss()) (randomBatch 1UL 3 [| 0 |]) [| [||] |]
            Expect.equal nothing.Loss 0.0 "no frames, no labels"

            expectRefusal<InfeasibleTargetException, _> "needs 1 frames, has 0" (fun () ->
                compute (CtcLoss()) (randomBatch 1UL 3 [| 0 |]) [| [| 1 |] |])

            let logits = randomBatch 2UL 4 [| 5 |]
            let expected = -List.sum [ for t in 0..4 -> log ((softmax (logits.Row(t, 0).ToArray())).[0]) ]
            Expect.floatClose Accuracy.high (compute (CtcLoss()) logits [| [||] |]).Loss expected "no labels"
        }

        test "with exactly as many frames as needed there is one alignment" {
            // 1 1 2 needs a blank between the equal labels: 1 - 1 2.
            let logits = randomBatch 3UL 3 [| 4 |]

            let expected =
                -List.sum [
                    for t, symbol in List.indexed [ 1; 0; 1; 2 ] ->
                        log ((softmax (logits.Row(t, 0).ToArray())).[symbol])
                ]

            Expect.floatClose Accuracy.high (compute (CtcLoss()) logits [| [| 1; 1; 2 |] |]).Loss expected "loss"
        }

        test "infeasible utterances are refused with their name, need and remedy, or skipped" {
            // 80 labels, three of them repeats of their neighbours.
            let labels = Array.init 80 (fun i -> if i < 4 then 1 else 1 + (i + 1) % 2)
            Expect.equal (CtcFeasibility.Repeats(ReadOnlySpan labels)) 3 "repeats"
            let logits = randomBatch 4UL 3 [| 82; 3 |]
            let names = [| "lecture"; "word" |]

            Expect.equal
                (messageOf<InfeasibleTargetException, _>(fun () ->
                    CtcLoss().Compute(logits, [| labels; [| 2 |] |], Workspace(ThreadTeam 1), names)))
                ("utterance lecture needs 83 frames, has 82 (80 labels + 3 repeats): "
                 + "use less subsampling or a shorter text")
                "message"

            for reduction in Enum.GetValues<CtcReduction>() do
                let result = compute (CtcLoss(0, reduction, InfeasiblePolicy.Skip)) logits [| labels; [| 2 |] |]

                let alone =
                    compute
                        (CtcLoss(0, reduction))
                        (Batch<float>(
                            Memory [|
                                for t in 0..2 do
                                    yield! logits.Row(t, 1).ToArray()
                            |],
                            3,
                            1,
                            3
                        ))
                        [| [| 2 |] |]

                Expect.equal result.Skipped 1 "counted"
                Expect.equal result.Loss alone.Loss $"{reduction}: in no mean"
                Expect.isTrue (Double.IsNaN result.Losses.Span[0]) "no loss of its own"

                for t in 0..81 do
                    Expect.all
                        (result.Gradient.Row(t, 0).ToArray())
                        (fun g -> g = 0.0)
                        $"{reduction}: gradient of frame {t}"
        }

        test "names of utterances reach messages without control characters" {
            let name = "a\u001b[2J\n" + String('x', 2000)
            let logits = randomBatch 4UL 3 [| 1 |]

            for labels in [ [| 1; 1 |]; [| 0 |] ] do
                let message =
                    try
                        CtcLoss().Compute(logits, [| labels |], Workspace(ThreadTeam 1), [| name |])
                        |> ignore<CtcResult<float>>

                        ""
                    with error ->
                        error.Message

                Expect.stringContains message "utterance \"a.[2J.xxx" "the name"
                Expect.isLessThan message.Length 500 "length"
        }

        test "a label that is the blank or out of range is refused with its position" {
            let logits = randomBatch 5UL 4 [| 9; 9 |]

            for blank, labels, part in
                [
                    0, [| 1; 0 |], "utterance 1: the label at position 1 is the blank, 0"
                    2, [| 1; 3; 2 |], "utterance 1: the label at position 2 is the blank, 2"
                    0, [| 4 |], "utterance 1: label 4 at position 0 is not in 0..3"
                    0, [| 1; -1 |], "utterance 1: label -1 at position 1 is not in 0..3"
                    4, [| 1 |], "blank 4 is not one of 4 symbols"
                ] do
                expectRefusal<ArgumentException, _> part (fun () ->
                    compute (CtcLoss blank) logits [| [| 1 |]; labels |])
        }

        test "the gradient of each frame sums to zero, and reductions scale loss and gradient alike" {
            let logits = randomBatch 6UL 5 [| 12; 7; 9 |]
            let targets = [| [| 1; 2; 2; 4 |]; [| 3 |]; [||] |]
            let sum = compute (CtcLoss(0, CtcReduction.Sum)) logits targets
            let mean = compute (CtcLoss(0, CtcReduction.MeanPerUtterance)) logits targets
            Expect.floatClose Accuracy.high (3.0 * mean.Loss) sum.Loss "loss"

            for b in 0..2 do
                for t in 0..11 do
                    let row = sum.Gradient.Row(t, b).ToArray()
                    Expect.isLessThan (abs (Array.sum row)) 1e-12 $"frame {t} of utterance {b}"

                    for v in 0..4 do
                        Expect.floatClose
                            { absolute = 1e-14; relative = 1e-12 }
                            (3.0 * mean.Gradient.Row(t, b)[v])
                            row[v]
                            $"frame {t} of utterance {b}, symbol {v}"
        }

        test "logits that are not numbers give loss NaN and gradient zero" {
            for bad in [ nan; infinity ] do
                let logits = randomBatch 7UL 3 [| 4; 4 |]
                logits.Row(2, 0)[1] <- bad
                let result = compute (CtcLoss()) logits [| [| 1 |]; [| 2 |] |]
                Expect.isTrue (Double.IsNaN result.Losses.Span[0]) $"{bad}"
                Expect.isTrue (Double.IsFinite result.Losses.Span[1]) "the other utterance is untouched"

                for t in 0..3 do
                    Expect.all (result.Gradient.Row(t, 0).ToArray()) (fun g -> g = 0.0) $"{bad}, frame {t}"
        }
    ]
