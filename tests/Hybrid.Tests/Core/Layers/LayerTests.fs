module Hybrid.Tests.LayerTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck

/// With T 11 and B 4; below, features and kernels are other numbers, and differ among themselves.
let private lengths = [| 11; 4; 1; 6 |]

let private gradient name (layer: unit -> Layer<float>) features =
    testList name [
        test $"{name}: gradients equal central differences in training" {
            expectCorrect name (randomize (layer ())) (randomBatch 1UL features lengths) true
        }
        test $"{name}: gradients equal central differences in evaluation" {
            expectCorrect name (randomize (layer ())) (randomBatch 2UL features lengths) false
        }
    ]

[<Tests>]
let gradients =
    testList "gradients of layers" [
        gradient "Linear" (fun () -> Linear<float>(3, 5)) 3
        gradient "Linear without bias" (fun () -> Linear<float>(3, 5, false)) 3
        gradient "Conv1d" (fun () -> Conv1d<float>(3, 5, 7)) 3
        gradient "Conv1d even kernel" (fun () -> Conv1d<float>(3, 5, 6)) 3
        gradient "Conv1d stride 2" (fun () -> Conv1d<float>(3, 5, 7, 2)) 3
        gradient "Conv1d stride 3 without padding" (fun () -> Conv1d<float>(3, 5, 1, 3, 0)) 3
        gradient "Conv1d wider than the input" (fun () -> Conv1d<float>(2, 3, 13)) 2
        gradient "Conv1d of three taps and many channels" (fun () -> Conv1d<float>(48, 49, 3)) 48
        gradient "BatchNorm1d" (fun () -> BatchNorm1d<float>(5)) 5
        gradient "ReLU" (fun () -> Activation<float>(ActivationFunction.Relu, 5)) 5
        gradient "GELU" (fun () -> Activation<float>(ActivationFunction.Gelu, 5)) 5
        gradient "Dropout" (fun () -> Dropout<float>(6, 0.4)) 6
        gradient "Masking" (fun () -> SpecAugment<float>(6, 3, 2)) 6
        gradient "Pyramid 2" (fun () -> FrameStacking<float>(3, 2)) 3
        gradient "Pyramid 3" (fun () -> FrameStacking<float>(2, 3)) 2
        gradient "LogSoftmax" (fun () -> LogSoftmax<float>(5)) 5
        gradient "Conv1d dilation 2" (fun () -> Conv1d<float>(3, 5, 7, dilation = 2)) 3
        gradient "Conv1d stride 2, dilation 3" (fun () -> Conv1d<float>(3, 5, 6, 2, dilation = 3)) 3
        gradient "Conv1d in 3 groups" (fun () -> Conv1d<float>(6, 9, 5, groups = 3)) 6
        gradient "Conv1d in 2 groups, stride 2, dilation 2" (fun () -> Conv1d<float>(6, 10, 7, 2, 5, 2, 2)) 6
        gradient "LayerNorm" (fun () -> LayerNorm<float>(5)) 5
        gradient "SiLU" (fun () -> Activation<float>(ActivationFunction.Silu, 5)) 5
        gradient "tanh" (fun () -> Activation<float>(ActivationFunction.Tanh, 5)) 5
        gradient "sigmoid" (fun () -> Activation<float>(ActivationFunction.Sigmoid, 5)) 5
        gradient "Dropout, locked" (fun () -> Dropout<float>(6, 0.4, true)) 6
        gradient "SqueezeExcite" (fun () -> SqueezeExcite<float>(6, 2)) 6
        gradient "Residual, same width" (fun () -> (Networks.block 5).Build<float> 5) 5
        gradient "Residual, another width" (fun () -> (Networks.block 12).Build<float> 5) 5
        gradient
            "Residual of dropout alone, without function"
            (fun () -> ResidualSpec([| DropoutSpec 0.3 |]).Build<float> 3)
            3
        gradient "LSTM" (fun () -> RecurrentStack<float>(CellKind.Lstm, 3, RecurrentSettings 5)) 3
        gradient "BiLSTM" (fun () -> RecurrentStack<float>(CellKind.Lstm, 3, RecurrentSettings(5, true))) 3
        gradient
            "BiLSTM wider than a register"
            (fun () -> RecurrentStack<float>(CellKind.Lstm, 2, RecurrentSettings(9, true)))
            2
        gradient
            "BiGRU wider than a register"
            (fun () -> RecurrentStack<float>(CellKind.Gru, 2, RecurrentSettings(9, true)))
            2
    ]

[<Tests>]
let losses =
    testList "gradients of losses" [
        test "softmax and cross-entropy: the gradient equals central differences" {
            let logits = randomBatch 3UL 5 lengths
            let labels = [| for length in lengths -> Array.init length (fun t -> 7 * t % 5) |]
            let loss () = SoftmaxCrossEntropy.Compute(logits, labels, Workspace(ThreadTeam 1))

            compare (fun () -> loss().Loss) [ frames "logits" logits (loss().Gradient) ]
            |> expectSmall "crossentropy"
        }

        test "one of every kind of layer with CTC: gradients equal central differences" {
            let spec = Networks.everything
            let network = Network<float> spec
            randomizeAll network.Parameters

            let statistics = [
                for p in network.Parameters do
                    if not p.IsTrainable then
                        p, Array.copy p.Value
            ]

            let x = randomBatch 4UL spec.Inputs lengths
            let labels = [| [| 1; 2; 1 |]; [| 3 |]; [||]; [| 4; 4 |] |]
            let pass = Pass(Workspace(ThreadTeam 1), true, CounterRandom 5UL)

            let forward () =
                for p, value in statistics do
                    value.CopyTo(p.Value, 0)

                pass.Workspace.Reset()
                CtcLoss(policy = InfeasiblePolicy.Skip).Compute(network.Forward(x, pass), labels, pass.Workspace)

            network.ClearGradients()
            network.Backward(forward().Gradient, pass)

            compare (fun () -> forward().Loss) [
                for p in network.Parameters do
                    if p.IsTrainable then
                        parameter p
            ]
            |> expectSmall "network"
        }
    ]

[<Tests>]
let structure =
    testList "layers made of layers" [
        test "paths and names go down to the innermost layer" {
            let network = Network<float>(Networks.everything)

            let rec paths (layer: Layer<float>) = [
                layer.Path
                for child in layer.Children do
                    yield! paths child
            ]

            let all = network.Layers |> Seq.collect paths |> List.ofSeq

            for path in
                [
                    "encoder.3"
                    "encoder.3.body.5"
                    "encoder.3.body.5.fc.2"
                    "encoder.3.shortcut"
                    "encoder.8.dropout_l0"
                    "decoder.0"
                ] do
                Expect.contains all path "paths"

            Expect.equal (List.distinct all) all "every path is there once"
            let names = [ for p in network.Parameters -> p.Name ]

            for name in
                [
                    "encoder.3.body.0.weight"
                    "encoder.3.body.1.running_var"
                    "encoder.3.body.5.fc.0.weight"
                    "encoder.3.shortcut.weight"
                    "encoder.8.weight_ih_l1_reverse"
                    "encoder.8.layer_norm_l1.bias"
                    "decoder.0.weight"
                ] do
                Expect.contains names name "names"

            Expect.equal (List.distinct names) names "every name is there once"
        }

        test "sizes and multiply-adds are those of all parts" {
            let network =
                Network<float>(NetworkSpec(4, 7, [| Networks.block 6; FrameStackingSpec 2 |], [| LinearSpec 7 |]))

            Expect.equal (network.OutputLength 9) 4 "length"
            Expect.equal network.FrameMapping (FrameMapping(2, 0.5)) "stride and offset"
            let residual = 4 * 6 * 3 + 6 * 6 * 3 + 4 * 6
            Expect.equal (network.MultiplyAdds 9) (int64 (9 * residual + 4 * 12 * 7)) "multiply-adds"
        }

        test "dropout inside of layers draws by its path" {
            let block () = ResidualSpec([| DropoutSpec 0.5 |]).Build<float> 32
            let x = Batch<float>(Memory(Array.create (2 * 32) 1.0), 2, 1, 32)
            let pass = Pass(Workspace(ThreadTeam 1), true, CounterRandom 1UL)
            let twice = Sequential<float>(32, block (), block ())
            let first = twice.Children[0].Forward(x, pass).Data.ToArray()
            let second = twice.Children[1].Forward(x, pass).Data.ToArray()
            Expect.notEqual first second "two blocks"
        }
    ]
