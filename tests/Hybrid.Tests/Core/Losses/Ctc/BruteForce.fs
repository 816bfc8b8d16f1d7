/// CTC by enumeration: every path over the symbols, its labels and its probability.
module Hybrid.Tests.BruteForce

open System
open Hybrid.Core

/// All label sequences of a length over the symbols 1 .. symbols - 1.
let rec sequences symbols length =
    if length = 0 then
        [ [] ]
    else
        [
            for rest in sequences symbols (length - 1) do
                for label in 1 .. symbols - 1 -> label :: rest
        ]

/// Merges equal neighbours and drops the blank, 0.
let collapse (path: int list) =
    (path, [])
    ||> List.foldBack (fun s rest ->
        match rest with
        | head :: _ when head = s -> rest
        | _ -> s :: rest)
    |> List.filter ((<>) 0)

/// Every path with its probability.
let paths (probabilities: float[][]) =
    let rec upTo t =
        if t < 0 then
            [ [], 1.0 ]
        else
            [
                for path, p in upTo (t - 1) do
                    for s in 0 .. probabilities[t].Length - 1 -> s :: path, p * probabilities[t][s]
            ]

    upTo (probabilities.Length - 1) |> List.map (fun (path, p) -> List.rev path, p)

/// Every label sequence with its probability over all alignments.
let enumerate (probabilities: float[][]) =
    paths probabilities
    |> List.groupBy (fst >> collapse)
    |> List.map (fun (labels, group) -> labels, List.sumBy snd group)
    |> Map.ofList

let softmax (logits: float[]) =
    let top = Array.max logits
    let e = logits |> Array.map (fun x -> exp (x - top))
    let sum = Array.sum e
    e |> Array.map (fun x -> x / sum)

/// Random distributions with a few dominant symbols, as in real posteriors.
let randomRows (seed: uint64) frames symbols =
    let random = CounterRandom(seed).Stream()
    [| for _ in 1..frames -> softmax (Array.init symbols (fun _ -> 2.0 * random.Normal())) |]

let logProbs (rows: float[][]) =
    let symbols = rows[0].Length

    let flat = [|
        for row in rows do
            for p in row -> float32 (log p)
    |]

    LogProbs.FromLogProbabilities(ReadOnlySpan flat, rows.Length, symbols)

/// The probabilities of a `LogProbs`, in double.
let rowsOf (logProbs: LogProbs) = [|
    for t in 0 .. logProbs.T - 1 -> [| for v in 0 .. logProbs.V - 1 -> exp (float logProbs[t].[v]) |]
|]

/// The forward-backward recursion in logarithms and double: log-likelihood of the labels, occupancy by frame and
/// symbol.
module LogDomain =
    let private add a b =
        let large, small = max a b, min a b

        if small = -infinity then
            large
        else
            large + log (1.0 + exp (small - large))

    let occupancy (logY: float[][]) (labels: int[]) =
        let T, S = logY.Length, 2 * labels.Length + 1
        let symbol s = if s % 2 = 0 then 0 else labels[s / 2]
        let skips s = s > 1 && s % 2 = 1 && labels[s / 2] <> labels[s / 2 - 1]
        let alpha = Array.init T (fun _ -> Array.create S -infinity)
        let beta = Array.init T (fun _ -> Array.create S -infinity)

        for t in 0 .. T - 1 do
            for s in 0 .. S - 1 do
                let mutable sum =
                    if t = 0 then
                        (if s < 2 then 0.0 else -infinity)
                    else
                        alpha[t - 1][s]

                if t > 0 && s > 0 then
                    sum <- add sum (alpha[t - 1][s - 1])

                if t > 0 && skips s then
                    sum <- add sum (alpha[t - 1][s - 2])

                alpha[t][s] <- sum + logY[t][symbol s]

        for t in T - 1 .. -1 .. 0 do
            for s in 0 .. S - 1 do
                if t = T - 1 then
                    if s >= S - 2 then
                        beta[t][s] <- 0.0
                else
                    let later s = beta[t + 1][s] + logY[t + 1][symbol s]
                    let mutable sum = later s

                    if s + 1 < S then
                        sum <- add sum (later (s + 1))

                    if s + 2 < S && skips (s + 2) then
                        sum <- add sum (later (s + 2))

                    beta[t][s] <- sum

        let total = add (alpha[T - 1][S - 1]) (if S > 1 then alpha[T - 1][S - 2] else -infinity)

        let occupied = [|
            for t in 0 .. T - 1 ->
                let row = Array.zeroCreate logY[0].Length

                for s in 0 .. S - 1 do
                    row[symbol s] <- row[symbol s] + exp (alpha[t][s] + beta[t][s] - total)

                row
        |]

        total, occupied
