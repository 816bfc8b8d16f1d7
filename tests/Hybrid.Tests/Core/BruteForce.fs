/// CTC by enumeration: every path over the symbols, what it collapses to, and its probability.
module Hybrid.Tests.BruteForce

open System
open Hybrid.Core

/// All label sequences of a length over the symbols 1 .. symbols - 1.
let rec sequences symbols length =
    if length = 0 then
        [ [] ]
    else
        [ for rest in sequences symbols (length - 1) do
              for label in 1 .. symbols - 1 -> label :: rest ]

/// Joins equal neighbours and drops the blank, 0.
let collapse (path: int list) =
    (path, []) ||> List.foldBack (fun s rest -> match rest with head :: _ when head = s -> rest | _ -> s :: rest) |> List.filter ((<>) 0)

/// Every path with its probability.
let paths (probabilities: float[][]) =
    let rec upTo t =
        if t < 0 then
            [ [], 1.0 ]
        else
            [ for path, p in upTo (t - 1) do
                  for s in 0 .. probabilities[t].Length - 1 -> s :: path, p * probabilities[t][s] ]

    upTo (probabilities.Length - 1) |> List.map (fun (path, p) -> List.rev path, p)

/// Every label sequence with its probability over all alignments.
let enumerate (probabilities: float[][]) =
    paths probabilities |> List.groupBy (fst >> collapse) |> List.map (fun (labels, group) -> labels, List.sumBy snd group) |> Map.ofList

let softmax (logits: float[]) =
    let top = Array.max logits
    let e = logits |> Array.map (fun x -> exp (x - top))
    let sum = Array.sum e
    e |> Array.map (fun x -> x / sum)

/// Random distributions: a few symbols stand out, as in real posteriors.
let randomRows (seed: uint64) frames symbols =
    let random = CounterRandom(seed).Stream()
    [| for _ in 1..frames -> softmax (Array.init symbols (fun _ -> 2.0 * random.Normal())) |]

let logProbs (rows: float[][]) =
    let symbols = rows[0].Length
    let flat = [| for row in rows do for p in row -> float32 (log p) |]
    LogProbs.FromLogProbabilities(ReadOnlySpan flat, rows.Length, symbols)

/// What a `LogProbs` holds, as probabilities in double.
let rowsOf (logProbs: LogProbs) =
    [| for t in 0 .. logProbs.T - 1 -> [| for v in 0 .. logProbs.V - 1 -> exp (float logProbs[t].[v]) |] |]
