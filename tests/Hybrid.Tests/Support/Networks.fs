/// Networks shared by tests.
module Hybrid.Tests.Networks

open System
open Hybrid.Core
open Hybrid.Dsl

/// A residual block with every kind of normalisation.
let block width =
    ResidualSpec(
        [|
            Conv1dSpec(width, 3)
            BatchNormSpec()
            ActivationSpec ActivationFunction.Silu
            Conv1dSpec(width, 3, Dilation = 2)
            LayerNormSpec()
            SqueezeExciteSpec 2
        |],
        ActivationFunction.Relu
    )

/// A network with every kind of layer.
let everything =
    let layers: LayerSpec list = [
        SpecAugmentSpec(2, 1)
        Conv1dSpec(6, 3, Groups = 3)
        block 6
        block 8
        LayerNormSpec()
        ActivationSpec ActivationFunction.Sigmoid
        DropoutSpec(0.1, true)
        FrameStackingSpec 2
        GruSpec(5, true, Layers = 2, Dropout = 0.1, LayerNorm = true)
        RnnSpec 4
        LstmSpec(5, true)
    ]

    NetworkSpec(3, 6, List.toArray layers, [| LinearSpec 6 |])

/// The same without layers that use batch statistics.
let withoutBatchStatistics =
    let rec without (layers: LayerSpec seq) : LayerSpec[] = [|
        for layer in layers do
            match layer with
            | :? BatchNormSpec -> ()
            | :? ResidualSpec as around -> ResidualSpec(without around.Body, around.Activation)
            | other -> other
    |]

    NetworkSpec(everything.Inputs, everything.Symbols, without everything.Encoder, without everything.Decoder)

/// The recipe hw3p2 with fewer blocks and units.
let homework =
    let network =
        encoderDecoder {
            features (mfcc 28)

            encoder {
                mask (time = 5, frequency = 3)
                conv1d (8, kernel = 7)
                batchNorm
                relu

                for width in [ 8; 16 ] do
                    residual (width, kernel = 3, squeezeExcite = 4)
                    residual (width, kernel = 3, squeezeExcite = 4)

                blstm 12
                pyramid 2
                blstm 12
                pyramid 2
            }

            decoder {
                batchNorm
                linear 16
                relu
                linear 12
                relu
                linear phones
            }
        }

    network.Network

/// Convolutions of three taps over enough channels to be computed by Winograd's minimal filtering.
let wide =
    let layers: LayerSpec list = [
        Conv1dSpec(48, 3)
        BatchNormSpec()
        Conv1dSpec(51, 3)
        ActivationSpec ActivationFunction.Gelu
        Conv1dSpec(48, 3)
    ]

    NetworkSpec(28, 6, List.toArray layers, [| LinearSpec 6 |])

/// Utterances of random features, with half as many labels as output frames.
let batch (spec: NetworkSpec) seed lengths =
    let x = GradientCheck.randomBatch seed spec.Inputs lengths

    let features =
        Batch<float32>(Memory(Array.map float32 (x.Data.ToArray())), x.T, x.B, x.F, x.Lengths, x.Keys)

    let network = Network<float32> spec

    let labels = [|
        for length in lengths -> Array.init (network.OutputLength length / 2) (fun i -> 1 + i % (spec.Symbols - 1))
    |]

    LabelledBatch(features, labels, [| for b in 0 .. lengths.Length - 1 -> $"utterance {b}" |])

/// A trainer of a network with weights of seed 7, for tests that pass batches to it directly.
let trainerBy (schedule: TrainingSpec) (spec: NetworkSpec) threads =
    let data = {
        new IDataset with
            member _.Count = 1
            member _.Features = spec.Inputs
            member _.Id _ = ""
            member _.Frames _ = 0
            member _.Labels _ = [||]
            member _.CopyFeatures(_, _) = ()
    }

    Trainer(Network<float32>(spec, 7UL), schedule, data, data, ThreadTeam threads)

/// A trainer with a simple schedule.
let trainer = trainerBy (TrainingSpec(7UL, 1, BatchSize(4, 200), AdamWSpec(), CosineRate(), 5.0))
