module Hybrid.Tests.CtcLatticeTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck
open Hybrid.Tests.BruteForce
open Hybrid.Tests.TestSettings

let private relative = { absolute = 1e-9; relative = 1e-4 }

/// Probabilities in double as float32 log probabilities, rounded once.
let private posteriors (values: float[]) (frames: int) (symbols: int) =
    LogProbs.FromLogProbabilities(ReadOnlySpan [| for p in values -> float32 (log p) |], frames, symbols)

[<Tests>]
let tests =
    testList "CTC lattice" [
        test "without frames only the empty label sequence is possible" {
            let nothing = LogProbs.FromLogProbabilities(ReadOnlySpan [||], 0, 3)
            Expect.equal (CtcLattice.Of(nothing, [||]).LogLikelihood) 0.0 "without labels"
            Expect.equal (CtcLattice.Of(nothing, [| 1 |]).LogLikelihood) Double.NegativeInfinity "a label"
        }

        test "alpha, beta and gamma equal those by enumeration" {
            let labels = [| 2; 2; 1 |]
            let posteriors = logProbs (randomRows 3UL 6 3)
            let lattice = CtcLattice.Of(posteriors, labels)
            Expect.equal (List.ofSeq lattice.Extended) [ 0; 2; 0; 2; 0; 1; 0 ] "extended symbols"
            Expect.equal (List.ofSeq lattice.Skips) [ false; false; false; false; false; true; false ] "skips"
            let all = paths (rowsOf posteriors) |> List.filter (fst >> collapse >> (=) (List.ofArray labels))
            Expect.floatClose Accuracy.high lattice.LogLikelihood (log (List.sumBy snd all)) "likelihood"

            // The state of each frame of a path: 2 n for the blank after n labels, 2 n - 1 for label n.
            let statesOf path =
                (([], 0, 0), path)
                ||> List.fold (fun (states, seen, previous) symbol ->
                    let seen = if symbol <> 0 && symbol <> previous then seen + 1 else seen
                    (if symbol = 0 then 2 * seen else 2 * seen - 1) :: states, seen, symbol)
                |> fun (states, _, _) -> List.rev states

            for t in 0..5 do
                for s in 0..6 do
                    let through = all |> List.filter (fun (path, _) -> (statesOf path)[t] = s) |> List.sumBy snd

                    Expect.floatClose
                        { absolute = 1e-12; relative = 1e-9 }
                        (lattice.Gamma(t, s))
                        (through / exp lattice.LogLikelihood)
                        $"gamma {t} {s}"

                    Expect.floatClose
                        { absolute = 1e-12; relative = 1e-9 }
                        (exp (lattice.LogAlpha(t, s) + lattice.LogBeta(t, s)))
                        through
                        $"alpha beta {t} {s}"
        }

        test "CtcLoss agrees with the lattice for logits up to 1e4 and long inputs" {
            let compare frames S V scale seed tolerance =
                let random = CounterRandom(seed).Stream()
                let labels = Array.init S (fun _ -> 1 + random.Below(V - 1))
                let logits = randomBatch seed V [| frames |]

                for i in 0 .. logits.Data.Length - 1 do
                    logits.Data.Span[i] <- scale * logits.Data.Span[i] |> float32 |> float

                let singles = [| for i in 0 .. logits.Data.Length - 1 -> float32 logits.Data.Span[i] |]

                let result =
                    CtcLoss(reduction = CtcReduction.Sum)
                        .Compute(Batch<float32>(Memory singles, frames, 1, V), [| labels |], Workspace(ThreadTeam 1))

                let wide = CtcLoss(reduction = CtcReduction.Sum).Compute(logits, [| labels |], Workspace(ThreadTeam 1))
                // The reference in double throughout, from the same logits.
                let rows = [| for t in 0 .. frames - 1 -> [| for v in 0 .. V - 1 -> logits.Row(t, 0)[v] |] |]

                let norms =
                    rows
                    |> Array.map (fun row ->
                        let top = Array.max row in top + log (row |> Array.sumBy (fun x -> exp (x - top))))

                let likelihood, occupancy =
                    LogDomain.occupancy (Array.map2 (fun row n -> row |> Array.map (fun x -> x - n)) rows norms) labels

                Expect.floatClose
                    { absolute = 1e-9; relative = 1e-6 }
                    result.Loss
                    -likelihood
                    $"loss, T {frames}, scale {scale}"

                Expect.floatClose
                    { absolute = 1e-9; relative = 1e-6 }
                    wide.Loss
                    -likelihood
                    $"loss in double, T {frames}, scale {scale}"

                for t in 0 .. frames - 1 do
                    for v in 0 .. V - 1 do
                        let expected = exp (rows[t][v] - norms[t]) - occupancy[t][v]

                        Expect.isBelow
                            (abs (float (result.Gradient.Row(t, 0)[v]) - expected))
                            tolerance
                            $"gradient T {frames}, scale {scale}, frame {t}, symbol {v}"

            compare 2000 200 12 1.0 1UL 1e-5
            compare 2000 300 12 30.0 2UL 1e-5
            compare 1600 150 9 3000.0 3UL 1e-5
            compare 20000 400 5 5.0 4UL 1e-4
            // Normally distributed logits times 2500: some reach 1e4.
            compare 20000 40 5 2500.0 5UL 1e-4
            // From within the range of blocks to an exponent per state; a third of the labels repeated, few spare
            // frames.
            for scale in [ 0.1; 3.0; 8.0; 15.0; 25.0; 60.0 ] do
                compare 150 100 4 scale 6UL 1e-5
        }

        test "the reference's alpha, beta, gamma, divergence and gradient" {
            let folder = shared "conformance/ctc_seed"
            let load name = NpyArray.Read(Path.Combine(folder, name))
            let ints name = [| for x in (load name).ToInt64s() -> int x |]
            let probabilities = load "probs.npy"
            let T, B, V = probabilities.Shape[0], probabilities.Shape[1], probabilities.Shape[2]
            let y = probabilities.ToDoubles()

            let lengths, targetLengths, targets =
                ints "input_lengths.npy", ints "target_lengths.npy", ints "targets.npy"

            let padded = targets.Length / B
            let dY = (load "dY.npy").ToDoubles()
            let mutable divergence = 0.0

            for b in 0 .. B - 1 do
                let labels = targets[b * padded .. b * padded + targetLengths[b] - 1]
                let lattice = CtcLattice.OfScores(Array2D.init lengths[b] V (fun t v -> y[(t * B + b) * V + v]), labels)
                let own name = NpyArray.Read(Path.Combine(folder, $"utterance_{b:D2}", name))

                Expect.equal
                    [| for x in (own "extended.npy").ToInt64s() -> int x |]
                    (Array.ofSeq lattice.Extended)
                    "extended symbols"

                Expect.equal [| for x in (own "skip.npy").ToInt64s() -> x <> 0L |] (Array.ofSeq lattice.Skips) "skips"

                for name, value in
                    [
                        "alpha.npy", (fun t s -> exp (lattice.LogAlpha(t, s)))
                        "beta.npy", (fun t s -> exp (lattice.LogBeta(t, s)))
                        "gamma.npy", (fun t s -> lattice.Gamma(t, s))
                    ] do
                    let expected = (own name).ToDoubles()

                    for t in 0 .. lengths[b] - 1 do
                        for s in 0 .. lattice.States - 1 do
                            Expect.floatClose
                                relative
                                (value t s)
                                expected[t * lattice.States + s]
                                $"{name}, utterance {b}, frame {t}, state {s}"

                divergence <- divergence + lattice.ExpectedDivergence / float B

                for t in 0 .. T - 1 do
                    for v in 0 .. V - 1 do
                        let occupancy =
                            if t < lengths[b] then
                                Seq.sum (
                                    seq {
                                        for s in 0 .. lattice.States - 1 do
                                            if lattice.Extended[s] = v then
                                                lattice.Gamma(t, s)
                                    }
                                )
                            else
                                0.0

                        let expected =
                            if occupancy = 0.0 then
                                0.0
                            else
                                -occupancy / y[(t * B + b) * V + v]

                        Expect.floatClose
                            relative
                            dY[(t * B + b) * V + v]
                            expected
                            $"dY, utterance {b}, frame {t}, symbol {v}"

            let expected = (load "loss.npy").ToDoubles()
            Expect.floatClose relative divergence expected[0] "expected divergence"
        }

        test "the reference's greedy path" {
            let array = NpyArray.Read(shared "conformance/greedy_seed/probs.npy")
            let V, T = array.Shape[0], array.Shape[1]
            let values = array.ToDoubles()

            let best =
                GreedyDecoder()
                    .Decode(
                        posteriors
                            [|
                                for t in 0 .. T - 1 do
                                    for v in 0 .. V - 1 -> values[v * T + t]
                            |]
                            T
                            V
                    )

            Expect.equal
                (best.Symbols |> Array.map (fun s -> [| ""; "a"; "b"; "c" |][s]) |> String.concat "")
                "bacabcab"
                "path"

            Expect.floatClose relative (exp best.Acoustic) 0.00029852333474286654 "its probability"
        }
    ]
