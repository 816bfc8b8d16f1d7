/// Limits of networks: nothing is built from a spec that would take all memory or time.
module Hybrid.Tests.NetworkLimitTests

open System
open System.Diagnostics
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Tests

let private network inputs (encoder: LayerSpec list) =
    NetworkSpec(inputs, 41, List.toArray encoder, [| LinearSpec 41 |])

let private problems spec = [ for problem in (spec: NetworkSpec).Validate() -> string problem ]

/// The only problem of a network with these layers.
let private problem inputs encoder =
    match problems (network inputs encoder) with
    | [ problem ] -> problem
    | other -> failtest $"%A{other}"

let private manyGroups = Conv1dSpec(1 <<< 20, 1, Groups = (1 <<< 20)) :> LayerSpec

[<Tests>]
let limits =
    testList "limits of networks" [
        test "2^20 groups are refused, from a file of less than a kilobyte" {
            let json = (network (1 <<< 20) [ manyGroups ]).ToJson()
            Expect.isLessThan json.Length 1000 "length of the file"

            Expect.equal
                (problems (NetworkSpec.FromJson json))
                [
                    "the network takes 1048576 features, must be in 1..65536"
                    "encoder.0: conv1d 1048576, kernel 1, groups 1048576: \
                    number of channels is 1048576, must be at most 65536"
                    "encoder.0: conv1d 1048576, kernel 1, groups 1048576: groups is 1048576, must be at most 4096"
                ]
                "problems"
        }
        test "400 layers of 2^20 groups are refused in a few lines and without memory" {
            let spec = network (1 <<< 20) (List.replicate 400 manyGroups)
            let before = GC.GetAllocatedBytesForCurrentThread()

            let message = Refusal.messageOf<InvalidSpecException, _>(fun () -> Network<float32> spec)
            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            Expect.isLessThan message.Length 4000 "length of the message"
            Expect.stringContains message "there are 781 more problems" "message"
            Expect.isLessThan allocated (8L <<< 20) "bytes"
        }
        test "a dilation of 524288 is refused" {
            Expect.equal
                (problem 28 [ Conv1dSpec(64, 2, Dilation = 524288) ])
                "encoder.0: conv1d 64, kernel 2, dilation 524288: dilation is 524288, must be at most 4096"
                "problem"
        }
        test "a padding of 524288 is refused" {
            Expect.equal
                (problem 28 [ Conv1dSpec(64, 3, Padding = 524288) ])
                "encoder.0: conv1d 64, kernel 3, padding 524288: padding is 524288, must be at most 2"
                "problem"

            Expect.equal
                (problem 28 [ Conv1dSpec(64, 1024, Dilation = 4, Padding = 524288) ])
                "encoder.0: conv1d 64, kernel 1024, padding 524288, dilation 4: padding is 524288, must be at most 4092"
                "with the widest convolution"
        }
        test "sizes of all kinds of layers have a limit" {
            let most = Int32.MaxValue

            for layer, text in
                [
                    LinearSpec most :> LayerSpec, "number of outputs is 2147483647, must be at most 65536"
                    Conv1dSpec(most, 3), "number of channels is 2147483647, must be at most 65536"
                    Conv1dSpec(8, most), "kernel is 2147483647, must be at most 1024"
                    Conv1dSpec(8, 3, most), "stride is 2147483647, must be at most 65536"
                    LstmSpec most, "number of hidden units is 2147483647, must be at most 65536"
                    LstmSpec(RecurrentSettings(8, Layers = 101)), "number of layers is 101, must be at most 100"
                    FrameStackingSpec most, "factor is 2147483647, must be at most 2340"
                    SpecAugmentSpec(5, 3, most), "timeCount is 2147483647, must be at most 1000"
                    SpecAugmentSpec(most, 3), "time is 2147483647, must be at most 65536"
                    GruSpec(65536, true), "the output has 131072 features, must have at most 65536"
                ] do
                Expect.stringContains (List.head (problems (network 28 [ layer ]))) text $"{layer}"
        }
        test "parameters of all layers together have a limit" {
            let layer = LinearSpec 16384 :> LayerSpec
            Expect.isEmpty (problems (network 28 [ layer; layer ])) "one large layer"

            Expect.equal
                (problem 28 [ layer; layer; layer; layer ])
                "encoder.2: linear 16384: the network has 537378816 parameters up to this layer, \
                must have at most 536870912"
                "the layer that exceeds the limit"
        }
        test "groups of all convolutions together have a limit" {
            let grouped = Conv1dSpec(4096, 1, Groups = 4096) :> LayerSpec
            Expect.isEmpty (problems (network 4096 (List.replicate 64 grouped))) "64 layers"

            Expect.stringStarts
                (problem 4096 (List.replicate 65 grouped))
                "encoder.64: conv1d 4096, kernel 1, groups 4096: \
                the network has 266240 groups of channels up to this layer"
                "65 layers"
        }
        test "layers that only keep values have a limit" {
            let wide: LayerSpec list =
                LinearSpec 65536 :: List.replicate 500 (ActivationSpec ActivationFunction.Relu)

            Expect.stringStarts
                (problem 1 wide)
                "encoder.20: relu: the network has 137625600 values in 100 frames up to this layer, \
                must have at most 134217728"
                "problem"
        }
        test "frames added by padding count" {
            let padded = Conv1dSpec(1024, 128, Padding = 127, Groups = 1024) :> LayerSpec
            Expect.isEmpty (problems (network 1024 (List.replicate 20 padded))) "20 layers"

            Expect.stringContains
                (problem 1024 (List.replicate 100 padded))
                "values in 100 frames up to this layer"
                "100 layers add 12,700 frames"
        }
        test "multiply-adds have a limit" {
            let padded = Conv1dSpec(1024, 1024, Padding = 1023, Groups = 4) :> LayerSpec

            Expect.stringStarts
                (problem 1024 [ padded ])
                "encoder.0: conv1d 1024, kernel 1024, padding 1023, groups 4: the network has 301"
                "multiply-adds"
        }
        test "residual blocks are nested at most 16 levels deep" {
            let nest levels =
                Seq.fold (fun layer _ -> ResidualSpec [| layer |] :> LayerSpec) (BatchNormSpec()) (seq { 1..levels })

            Expect.isEmpty (problems (network 28 [ nest 16 ])) "16 levels"
            Expect.equal (problem 28 [ nest 17 ]) "residual blocks are nested deeper than 16 levels" "17 levels"
            Expect.equal (problem 28 [ nest 1_000_000 ]) "residual blocks are nested deeper than 16 levels" "a million"
        }
        test "of very many problems the first ones are listed" {
            let found = problems (network 28 (List.replicate 300 (LinearSpec 0)))
            Expect.equal found.Length 21 "problems"
            Expect.equal (List.last found) "there are 280 more problems" "the last"
        }
        test "long descriptions are cut" {
            let block = ResidualSpec [| for _ in 1..500 -> LinearSpec 8 :> LayerSpec |]
            Expect.isLessThan (problem 9 [ block; LinearSpec 0 ]).Length 250 "a short problem"
            let wide = ResidualSpec [| for _ in 1..900 -> Conv1dSpec(65536, 1, Groups = 4096) :> LayerSpec |]
            Expect.isLessThan (problem 65536 [ wide ]).Length 300 "a long description"
        }
        test "the recipes keep far away from all limits" {
            for recipe in Recipes.all do
                // Ten times as many layers between the first and the last.
                let repeated = [
                    for layer in recipe.Network.Encoder do
                        match layer with
                        | :? Conv1dSpec
                        | :? ResidualSpec
                        | :? RecurrentSpec -> yield! List.replicate 6 layer
                        | _ -> layer
                ]

                Expect.isEmpty (problems (network recipe.Network.Inputs repeated)) recipe.Name
        }
        test "refusals take no time" {
            let watch = Stopwatch.StartNew()

            for encoder in
                [
                    [ manyGroups ]
                    List.replicate 400 manyGroups
                    [ Conv1dSpec(64, 2, Dilation = 524288) ]
                    [ LstmSpec(RecurrentSettings(65536, true, 100)) ]
                ] do
                Expect.isNonEmpty (problems (network 28 encoder)) "problems"

            Expect.isLessThan watch.Elapsed.TotalSeconds 5.0 "seconds"
        }
    ]

/// Sizes for which a tensor would exceed an array, each with the layer that has them.
let private oversized: (string * (unit -> obj)) list = [
    let large, huge = 1 <<< 20, 1 <<< 30
    "linear", (fun () -> Linear<float32>(large, large))
    "linear of the largest sizes", (fun () -> Linear<float32>(Int32.MaxValue, Int32.MaxValue))
    "convolution", (fun () -> Conv1d<float32>(large, 64, 1024))
    "dilation", (fun () -> Conv1d<float32>(1, 1, large, dilation = large))
    "padding", (fun () -> Conv1d<float32>(1, 1, 3, padding = Int32.MaxValue))
    "pyramid", (fun () -> FrameStacking<float32>(large, large))
    "squeeze and excitation", (fun () -> SqueezeExcite<float32>(large, 1))
    "rnn cell", (fun () -> RnnCell<float32>(1, huge))
    "gru cell", (fun () -> GruCell<float32>(1, huge))
    "lstm cell", (fun () -> LstmCell<float32>(1, huge))
    "lstm cell of many inputs", (fun () -> LstmCell<float32>(huge, 64))
    "recurrent stack", (fun () -> RecurrentStack<float32>(CellKind.Lstm, large, RecurrentSettings(large, true)))
    "packed matrix", (fun () -> PackedMatrix<float32>(1 <<< 27, 1))
    "packed matrix of the largest sizes", (fun () -> PackedMatrix<float32>(Int32.MaxValue, Int32.MaxValue))
    "parameter", (fun () -> Parameter<float32>.Constant("w", 0.0, large, large))

    "batch",
    (fun () ->
        let x = Batch<float32>(Memory(Array.zeroCreate<float32> 8), 4, 2, 1)
        x.Like(Workspace(ThreadTeam 1), huge))
]

[<Tests>]
let exceptions =
    testList "oversized layers" [
        for name, make in oversized do
            test $"{name}: an ArgumentException before memory is taken" {
                let before = GC.GetAllocatedBytesForCurrentThread()
                Refusal.messageOf<ArgumentException, _> make |> ignore<string>
                Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) (1L <<< 20) "bytes"
            }
    ]
