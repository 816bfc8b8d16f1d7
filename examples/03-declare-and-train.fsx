// Declare a small network, train it on synthetic speech, and recognise an unseen speaker.
// Run it with: dotnet fsi examples/03-declare-and-train.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Dsl

let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (48, kernel = 5, stride = 2)
            batchNorm
            relu

            for _ in 1..2 do
                blstm 64
        }

        decoder { linear phones }
    }

let schedule =
    training {
        seed 11785
        epochs 8
        batchSize 4
        optimizer (adamW (learningRate = 6e-3, weightDecay = 1e-2))
        learningRate (warmUp (0.5, cosine (floor = 1e-5)))
        clipGradients 5.0
    }

let folder = Directory.CreateTempSubdirectory("hybrid-example-").FullName
let corpus = synthesize (folder, utterances = 380, speakers = 40, seed = 1)
let result = train (network, schedule, corpus)

let unseen = corpus.Split "test"
printfn $"PER on unseen speakers: {(evaluate (result.Model, unseen)).Per:F1} %%"

let utterance = unseen[0]
printfn $"{utterance.Text}: {recognize (result.Model, utterance.AudioPath)}"
Directory.Delete(folder, true)
