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
        gradient "Upsample 2" (fun () -> FrameUnstacking<float>(6, 2)) 6
        gradient "Upsample 3" (fun () -> FrameUnstacking<float>(3, 3)) 3
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
                        p, p.ToArray()
            ]

            let x = randomBatch 4UL spec.Inputs lengths
            let labels = [| [| 1; 2; 1 |]; [| 3 |]; [||]; [| 4; 4 |] |]
            let pass = Pass(Workspace(ThreadTeam 1), true, CounterRandom 5UL)

            let forward () =
                for p, value in statistics do
                    p.Set value

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

        test "a layer maps frames as its spec says" {
            let specs: LayerSpec list = [
                Conv1dSpec(5, 3)
                Conv1dSpec(5, 4)
                Conv1dSpec(5, 7, 2, 1, 3)
                Conv1dSpec(5, 3, Padding = 0)
                FrameStackingSpec 3
                FrameUnstackingSpec 3
                LinearSpec 5
                LstmSpec 5
                Networks.block 6
            ]

            for spec in specs do
                Expect.equal spec.FrameMapping (spec.Build<float> 6).FrameMapping (spec.Describe())

            Expect.equal (Conv1dSpec(5, 7, 2, 1, 3)).FrameMapping (FrameMapping(2, 8.0)) "stride and offset"
            Expect.isFalse (Conv1dSpec(5, 4)).FrameMapping.IsIdentity "an even kernel"
            Expect.isTrue (Conv1dSpec(5, 3)).FrameMapping.IsIdentity "an odd kernel"
        }

        test "frame splitting undoes frame stacking" {
            let pass = Pass(Workspace(ThreadTeam 1))
            let x = randomBatch 3UL 5 [| 9; 6; 3 |]
            let stacked = FrameStacking<float>(5, 3).Forward(x, pass)
            let y = FrameUnstacking<float>(15, 3).Forward(stacked, pass)
            Expect.equal (y.Data.ToArray()) (x.Data.ToArray()) "values"
            Expect.equal (y.Lengths.ToArray()) [| 9; 6; 3 |] "lengths"

            let mapping = (FrameStackingSpec 3).FrameMapping.Then (FrameUnstackingSpec 3).FrameMapping
            Expect.isTrue mapping.IsIdentity "every frame in its position"
        }

        test "the mapping of two layers is that of the second within that of the first" {
            let first, second = FrameMapping(2, 0.5), FrameMapping(3, 1.0)
            let both = first.Then second

            for k in 0..4 do
                let middle = float k * second.Stride + second.Offset
                let expected = middle * first.Stride + first.Offset
                Expect.equal (float k * both.Stride + both.Offset) expected $"frame {k}"

            Expect.equal (FrameMapping.Identity.Then first) first "after the identity"
            Expect.equal (first.Then FrameMapping.Identity) first "before the identity"
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

/// Every kind of layer, for six features.
let private allKinds: (string * Layer<float>) list = [
    "linear", Linear<float>(6, 5)
    "convolution", Conv1d<float>(6, 5, 3)
    "convolution with stride", Conv1d<float>(6, 5, 4, 2)
    "convolution in groups", Conv1d<float>(6, 6, 3, groups = 3)
    "batch norm", BatchNorm1d<float> 6
    "layer norm", LayerNorm<float> 6
    "relu", Activation<float>(ActivationFunction.Relu, 6)
    "gelu", Activation<float>(ActivationFunction.Gelu, 6)
    "silu", Activation<float>(ActivationFunction.Silu, 6)
    "tanh", Activation<float>(ActivationFunction.Tanh, 6)
    "sigmoid", Activation<float>(ActivationFunction.Sigmoid, 6)
    "dropout", Dropout<float>(6, 0.5)
    "masks", SpecAugment<float>(6, 3, 2)
    "pyramid", FrameStacking<float>(6, 2)
    "upsampling", FrameUnstacking<float>(6, 2)
    "log-softmax", LogSoftmax<float> 6
    "squeeze and excitation", SqueezeExcite<float>(6, 2)
    "residual block", (Networks.block 6).Build<float> 6
    "rnn", RecurrentStack<float>(CellKind.Rnn, 6, RecurrentSettings(5, true, 2))
    "relu rnn", RecurrentStack<float>(CellKind.ReluRnn, 6, RecurrentSettings 5)
    "gru", RecurrentStack<float>(CellKind.Gru, 6, RecurrentSettings(5, true))
    "lstm", RecurrentStack<float>(CellKind.Lstm, 6, RecurrentSettings(5, true))
]

/// The outputs of each utterance in evaluation.
let private outputs (layer: Layer<float>) (x: Batch<float>) =
    let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1)))

    [
        for b in 0 .. y.B - 1 ->
            [|
                for t in 0 .. y.Lengths.Span[b] - 1 do
                    yield! y.Row(t, b).ToArray()
            |]
    ]

[<Tests>]
let notNumbers =
    testList "NaN in layers" [
        for name, layer in allKinds do
            test $"{name}: a NaN reaches the outputs of its utterance, and no other" {
                randomize layer |> ignore<Layer<float>>
                let expected = outputs layer (randomBatch 7UL 6 [| 9; 6; 8 |])
                let x = randomBatch 7UL 6 [| 9; 6; 8 |]
                x.Row(2, 1)[3] <- nan
                let actual = outputs layer x
                Expect.equal actual[0] expected[0] "the utterance before"
                Expect.equal actual[2] expected[2] "the utterance after"
                Expect.exists actual[1] Double.IsNaN "the utterance itself"
            }

        test "three taps over many channels: a NaN reaches the frames of the definition" {
            for frame in 0..6 do
                let layer = Conv1d<float>(48, 48, 3)
                let x = randomBatch 8UL 48 [| 7 |]
                x.Row(frame, 0)[5] <- nan
                let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1)))

                for t in 0..6 do
                    let reached = Array.exists Double.IsNaN (y.Row(t, 0).ToArray())
                    Expect.equal reached (abs (t - frame) <= 1) $"NaN in frame {frame}: frame {t}"
        }

        test "batch norm in training: a NaN makes its channel NaN in all utterances" {
            let x = randomBatch 9UL 6 [| 4; 4 |]
            x.Row(1, 0)[2] <- nan
            let y = BatchNorm1d<float>(6).Forward(x, Pass(Workspace(ThreadTeam 1), true))

            for b in 0..1 do
                for t in 0..3 do
                    let row = y.Row(t, b).ToArray()
                    Expect.equal [ for value in row -> Double.IsNaN value ] [ for c in 0..5 -> c = 2 ] $"({t}, {b})"
        }
    ]
