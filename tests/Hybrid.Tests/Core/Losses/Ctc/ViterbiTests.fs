module Hybrid.Tests.ViterbiTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck
open Hybrid.Tests.BruteForce
open Hybrid.Tests.TestSettings

let private compute (loss: SequenceLoss) (logits: Batch<float>) targets =
    loss.Compute(logits, targets, Workspace(ThreadTeam 1))

/// The symbol of each frame of an alignment.
let private pathOf frames (alignment: CtcAlignment) =
    let path = Array.zeroCreate frames

    for span in alignment.Labels do
        for t in span.Start .. span.End - 1 do
            path[t] <- span.Symbol

    List.ofArray path

/// Reference implementation with a full table, scores in double, ties as documented.
let private plain (rows: float32[][]) (labels: int[]) =
    let S = labels.Length
    let symbol s = if s % 2 = 0 then 0 else labels[s / 2]
    let score = Array2D.create (rows.Length + 1) (2 * S + 1) -infinity
    let from = Array2D.zeroCreate (rows.Length + 1) (2 * S + 1)
    score[0, 0] <- 0.0

    for t in 1 .. rows.Length do
        for s in 0 .. 2 * S do
            let candidates = [
                score[t - 1, s], 0
                if s > 0 then
                    score[t - 1, s - 1], 1
                if s > 1 && s % 2 = 1 && labels[s / 2] <> labels[s / 2 - 1] then
                    score[t - 1, s - 2], 2
            ]

            let best = candidates |> List.map fst |> List.max
            from[t, s] <- candidates |> List.find (fst >> (=) best) |> snd
            score[t, s] <- best + float rows[t - 1].[symbol s]

    let mutable state =
        if S > 0 && score[rows.Length, 2 * S - 1] > score[rows.Length, 2 * S] then
            2 * S - 1
        else
            2 * S

    let total = score[rows.Length, state]
    let path = Array.zeroCreate rows.Length

    for t in rows.Length .. -1 .. 1 do
        path[t - 1] <- symbol state
        state <- state - from[t, state]

    List.ofArray path, total

[<Tests>]
let tests =
    testList "best alignment" [
        test "is the best of all paths for all T <= 6, S <= 3, V <= 4" {
            for symbols in 2..4 do
                for frames in 1..6 do
                    let posteriors = logProbs (randomRows (uint64 (10 * symbols + frames)) frames symbols)
                    let all = paths (rowsOf posteriors) |> List.groupBy (fst >> collapse) |> Map.ofList

                    for length in 0..3 do
                        for labels in sequences symbols length do
                            match all.TryFind labels with
                            | Some group ->
                                let best = group |> List.map snd |> List.max
                                let alignment = CtcAligner().Align(posteriors, Array.ofList labels)

                                Expect.floatClose
                                    { absolute = 1e-9; relative = 1e-9 }
                                    alignment.LogProbability
                                    (log best)
                                    $"T {frames}, {labels}"

                                let path = pathOf frames alignment
                                Expect.equal (collapse path) labels "collapses to the labels"

                                Expect.floatClose
                                    Accuracy.high
                                    (group |> List.find (fst >> (=) path) |> snd)
                                    best
                                    "is that path"
                            | None ->
                                Expect.throwsT<InfeasibleTargetException>
                                    (fun () -> CtcAligner().Align(posteriors, Array.ofList labels) |> ignore)
                                    $"T {frames}, {labels}"
        }

        test "equals the reference implementation on random cases, ties included" {
            for seed in 1UL .. 200UL do
                let random = CounterRandom(seed).Stream()
                let S, V = random.Below 40, 2 + random.Below 5
                let labels = Array.init S (fun _ -> 1 + random.Below(V - 1))
                let frames = CtcFeasibility.FramesNeeded(ReadOnlySpan labels) + random.Below 60 + 1
                // Few different values, so that many paths tie.
                let logits = Array.init frames (fun _ -> Array.init V (fun _ -> float32 (random.Below 3)))
                let posteriors = LogProbs.FromLogits(ReadOnlySpan(Array.concat logits), frames, V)
                let rows = [| for t in 0 .. frames - 1 -> posteriors[t].ToArray() |]
                let path, total = plain rows labels
                let alignment = CtcAligner().Align(posteriors, labels)
                Expect.equal (pathOf frames alignment) path $"seed {seed}"
                Expect.floatClose Accuracy.high alignment.LogProbability total $"seed {seed}"
        }

        test "bounds its memory by recomputing decisions, with the same result" {
            // 40 000 frames with 5 000 labels: 75 MB of decisions, above the budget of 64 MiB.
            let random = CounterRandom(5UL).Stream()
            let S, frames, V = 5000, 40000, 5
            let labels = Array.init S (fun _ -> 1 + random.Below(V - 1))
            let planted = Array.zeroCreate frames
            // Each label in one of its eight frames.
            for i in 0 .. S - 1 do
                planted[8 * i + 2 + random.Below 3] <- labels[i]

            let logits = [|
                for t in 0 .. frames - 1 do
                    for v in 0 .. V - 1 -> if planted[t] = v then 8f else float32 (random.Uniform())
            |]

            let posteriors = LogProbs.FromLogits(ReadOnlySpan logits, frames, V)
            Expect.isGreaterThan (int64 frames * int64 (S / 8 * 3)) (64L <<< 20) "the case is above the budget"
            Expect.isLessThan (CtcAligner.MemoryNeeded(frames, S)) (80L <<< 20) "the memory is bounded"
            Expect.isLessThan (CtcAligner.MemoryNeeded(720000, 60000)) (2L <<< 30) "two hours with 60 000 phones"
            Expect.equal (pathOf frames (CtcAligner().Align(posteriors, labels))) (List.ofArray planted) "alignment"
        }

        test "ViterbiLoss is the best path's; its gradient equals central differences" {
            let targets = [| [| 1; 1; 3 |]; [||]; [| 3; 1 |]; [| 4 |] |]

            for reduction in Enum.GetValues<CtcReduction>() do
                for blank in [ 0; 2 ] do
                    let loss = ViterbiLoss(blank, reduction)
                    let logits = randomBatch 3UL 5 [| 7; 3; 2; 1 |]
                    let gradient = (compute loss logits targets).Gradient

                    GradientCheck.compare (fun () -> (compute loss logits targets).Loss) [
                        GradientCheck.frames $"logits, {reduction}, blank {blank}" logits gradient
                    ]
                    |> GradientCheck.expectSmall "viterbi"

            let logits = randomBatch 8UL 4 [| 6 |]
            let rows = [| for t in 0..5 -> softmax (logits.Row(t, 0).ToArray()) |]
            let best = paths rows |> List.filter (fst >> collapse >> (=) [ 2; 2; 1 ]) |> List.map snd |> List.max

            Expect.floatClose
                Accuracy.high
                (compute (ViterbiLoss()) logits [| [| 2; 2; 1 |] |]).Loss
                (-log best)
                "value"
        }

        test "is never below the loss over all alignments" {
            for seed in 1UL .. 50UL do
                let random = CounterRandom(seed).Stream()
                let labels = Array.init (random.Below 6) (fun _ -> 1 + random.Below 4)
                let frames = CtcFeasibility.FramesNeeded(ReadOnlySpan labels) + 1 + random.Below 10
                let logits = randomBatch seed 5 [| frames |]

                Expect.isGreaterThanOrEqual
                    (compute (ViterbiLoss()) logits [| labels |]).Loss
                    ((compute (CtcLoss()) logits [| labels |]).Loss - 1e-12)
                    $"seed {seed}"
        }

        test "planted labels are found at their frames" {
            let random = CounterRandom(6UL).Stream()
            let frames, V = 300, 6

            let spans = [
                for i in 0..29 -> let start = 10 * i + random.Below 3 in 1 + i % 5, start, start + 3 + random.Below 5
            ]

            let logits = Array.zeroCreate (frames * V)

            for t in 0 .. frames - 1 do
                let symbol =
                    spans
                    |> List.tryPick (fun (s, a, b) -> if t >= a && t < b then Some s else None)
                    |> Option.defaultValue 0

                logits[t * V + symbol] <- 9f

            let alignment =
                CtcAligner().Align(LogProbs.FromLogits(ReadOnlySpan logits, frames, V), [| for s, _, _ in spans -> s |])

            Expect.equal [ for span in alignment.Labels -> span.Symbol, span.Start, span.End ] spans "spans"

            for span in alignment.Labels do
                Expect.isTrue (span.Confidence > 0.99 && span.Confidence <= 1.0) $"{span}"
        }

        longTest "two hours of 10 ms frames with 60 000 phones take less than 2 GB" (fun () ->
            let random = CounterRandom(9UL).Stream()
            let S, frames, V = 60000, 720000, 41
            let labels = Array.init S (fun _ -> 1 + random.Below(V - 1))
            let planted = Array.zeroCreate frames

            for i in 0 .. S - 1 do
                planted[12 * i + 2 + random.Below 8] <- labels[i]

            let probabilities = Array.create (frames * V) (0.1f / 40f)

            for t in 0 .. frames - 1 do
                probabilities[t * V + planted[t]] <- 0.9f

            let posteriors = LogProbs.FromProbabilities(ReadOnlySpan probabilities, frames, V)
            let before = GC.GetAllocatedBytesForCurrentThread()
            let alignment = CtcAligner().Align(posteriors, labels)
            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            printfn $"two hours: {allocated >>> 20} MiB, MemoryNeeded {CtcAligner.MemoryNeeded(frames, S) >>> 20} MiB"

            Expect.isLessThan
                (allocated + int64 (frames * V * sizeof<float32>))
                (2L <<< 30)
                "bytes, log probabilities included"

            Expect.isTrue (pathOf frames alignment = List.ofArray planted) "alignment")

        test "logits that are not numbers give loss NaN and gradient zero" {
            for bad in [ nan; infinity ] do
                let logits = randomBatch 7UL 3 [| 5; 4 |]
                // In the last frame, after gradients of earlier frames were written.
                logits.Row(4, 0)[2] <- bad
                let result = compute (ViterbiLoss()) logits [| [| 1 |]; [| 2 |] |]
                Expect.isTrue (Double.IsNaN result.Losses.Span[0]) $"{bad}"
                Expect.isTrue (Double.IsFinite result.Losses.Span[1]) "the other utterance"

                for t in 0..4 do
                    Expect.all (result.Gradient.Row(t, 0).ToArray()) (fun g -> g = 0.0) $"{bad}, frame {t}"
        }

        test "if all alignments have probability 0, the result has no labels" {
            let posteriors = LogProbs.FromProbabilities(ReadOnlySpan [| 0.5f; 0.5f; 0f; 1f; 0f; 0f |], 2, 3)
            let alignment = CtcAligner().Align(posteriors, [| 2 |])
            Expect.equal (alignment.Labels.Count, alignment.LogProbability) (0, -infinity) "no labels, probability 0"
        }
    ]
