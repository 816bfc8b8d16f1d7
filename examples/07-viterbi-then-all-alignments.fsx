// Two losses without frame labels: CTC of the best alignment (Viterbi), which keeps its first alignment, and CTC over
// all alignments, weighted by their probability. A schedule can start with one and continue with the other.
// Run it with: dotnet fsi examples/07-viterbi-then-all-alignments.fsx
#load "Hybrid.fsx"

open System
open Hybrid.Core
open Hybrid.Dsl

// A toy language of six phones. Each lasts three to eight frames and raises one feature, with noise.
let phones, noise = 6, 0.7

/// A dataset of `count` random utterances with their labels.
let speak (seed: uint64) count =
    let random = CounterRandom(seed).Stream()

    let utterances = [|
        for _ in 1..count ->
            let labels = Array.init (2 + random.Below 4) (fun _ -> 1 + random.Below phones)

            let frames = [|
                for label in labels do
                    yield! Array.replicate (3 + random.Below 6) label
            |]

            let features = [|
                for label in frames do
                    for phone in 1..phones -> float32 ((if phone = label then 1.0 else 0.0) + noise * random.Normal())
            |]

            labels, frames.Length, features
    |]

    {
        new IDataset with
            member _.Count = count
            member _.Features = phones
            member _.Id i = $"utterance {i}"
            member _.Labels i = let labels, _, _ = utterances[i] in labels
            member _.Frames i = let _, frames, _ = utterances[i] in frames

            member _.CopyFeatures(i, destination) =
                let _, _, features = utterances[i] in features.AsSpan().CopyTo destination
    }

let network =
    NetworkSpec(phones, 1 + phones, [| conv1d (16, kernel = 5); relu; blstm 16 |], [| linear (1 + phones) |])

let schedule first second =
    training {
        seed 11785
        phase "first" 4<epochs> first
        phase "second" 6<epochs> second
        batchSize 4
        optimizer (adamW (learningRate = 1e-2))
        learningRate (cosine (floor = 1e-4))
        clipGradients 5.0
    }

let train, dev = speak 1UL 300, speak 2UL 100

/// Trains and prints the error rate of each epoch, and the share of the best alignment in the probability of a
/// transcript.
let run name schedule =
    let trained = Network<float32>(network, 1UL)
    let history = Trainer(trained, schedule, train, dev).Run()
    let pers = history |> Seq.map (fun epoch -> $"{epoch.DevPer:F0}") |> String.concat " "

    let shares = [
        for i in 0 .. dev.Count - 1 ->
            let batch = LabelledBatch.Read(dev, [| i |], ThreadTeam.Default)
            let logProbs = LogProbs.FromLogits(trained.Forward(batch.Features, Pass(Workspace())), 0)
            let best = CtcAligner().Align(logProbs, dev.Labels i).LogProbability
            exp (best - CtcLattice.Of(logProbs, dev.Labels i).LogLikelihood)
    ]

    printfn $"{name}: dev PER {pers} %%; the best alignment has {100.0 * List.average shares:F0} %% of the probability"
    history[history.Count - 1].DevPer

run "best alignment                " (schedule viterbi viterbi) |> ignore
run "all alignments                " (schedule ctc ctc) |> ignore
let both = run "best alignment, then all      " (schedule viterbi ctc)
printfn $"PER after both phases: {both:F1} %%"
