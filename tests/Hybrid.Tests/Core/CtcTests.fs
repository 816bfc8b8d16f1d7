module Hybrid.Tests.CtcTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck
open Hybrid.Tests.BruteForce

let private compute (loss: CtcLoss) (logits: Batch<float>) targets =
    loss.Compute(logits, targets, Workspace(ThreadTeam 1))

[<Tests>]
let ctc =
    testList "CTC loss" [
        test "equals the enumeration of all paths for all T <= 5, S <= 3, V <= 4" {
            for symbols in 2..4 do
                for frames in 1..5 do
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

        test
            "gradient equals central differences for unequal lengths, repeats, an empty target, any blank and reduction" {
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
    ]
