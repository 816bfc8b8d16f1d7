/// Declarations of networks: blocks, words, problems, recipes.
module Hybrid.Tests.NetworkDeclarationTests

open Expecto
open FsCheck
open FsCheck.FSharp
open Hybrid.Core
open Hybrid.Dsl

let private layersOf (Block layers) = layers |> List.map _.Layer

let private messageOf (declare: unit -> Architecture) =
    try
        declare () |> ignore
        failtest "the declaration was accepted"
    with :? DeclarationException as error ->
        error.Message

/// Nested blocks of layers, as a tree with a known flattening.
type private Tree =
    | Leaf of LayerSpec
    | Node of Tree list

let rec private build tree =
    match tree with
    | Leaf layer -> stack { layer }
    | Node children ->
        stack {
            for child in children do
                build child
        }

let rec private flatten tree =
    match tree with
    | Leaf layer -> [ layer ]
    | Node children -> List.collect flatten children

let private trees =
    let leaf = Gen.elements [ linear 3; relu; blstm 4; pyramid 2; dropout 0.5 ] |> Gen.map Leaf

    let rec sized size =
        if size = 0 then
            leaf
        else
            Gen.oneof [ leaf; Gen.resize (size / 2) (Gen.listOf (sized (size / 2))) |> Gen.map Node ]

    Gen.sized sized

[<Tests>]
let tests =
    testList "network declarations" [
        TestSettings.property "a block of blocks equals its flattening" 100 (Arb.fromGen trees) (fun tree ->
            Expect.equal (layersOf (build tree)) (flatten tree) "layers")

        test "if, for, let and fragments work inside blocks" {
            let fragment =
                stack {
                    linear 8
                    relu
                }

            let block deep =
                stack {
                    let width = 3

                    for i in 1..2 do
                        blstm (width * i)

                    if deep then
                        fragment

                    fragment
                }

            Expect.equal (layersOf (block false)) [ blstm 3; blstm 6; linear 8; relu ] "without"
            Expect.equal (layersOf (block true)) [ blstm 3; blstm 6; linear 8; relu; linear 8; relu ] "with"
        }

        test "features are computed from sound or precomputed" {
            let network preset =
                encoderDecoder {
                    features preset
                    encoder { relu }
                    decoder { linear phones }
                }

            Expect.equal (network (mfcc 13)).Network.Inputs 13 "inputs of mfcc"
            Expect.equal (network (mfcc (13, deltas = 2))).Network.Inputs 39 "inputs of mfcc with deltas"
            Expect.equal (network (logMel 40)).Network.Inputs 40 "inputs of log mel energies"
            let ready = network (precomputed 80)
            Expect.equal ready.Network.Inputs 80 "inputs of precomputed features"

            let back =
                Hybrid.Speech.Recipe.FromJson(
                    Hybrid.Speech.Recipe("r", ready.Features, ready.Network, Recipes.tiny.Training).ToJson()
                )

            Expect.equal back.Features ready.Features "JSON"
        }

        test "the recipes have the documented sizes" {
            let parameters (recipe: Hybrid.Speech.Recipe) = Network<float32>(recipe.Network).ParameterCount
            Expect.equal (parameters Recipes.``base``) 5053353L "base"
            Expect.isLessThanOrEqual (parameters Recipes.tiny) 500000L "tiny"
            Expect.isTrue (abs (float (parameters Recipes.small) - 2e6) < 2e5) "small"
            Expect.equal (parameters Recipes.hw3p2) 19766633L "hw3p2"
        }

        test "a recipe is read back from its JSON" {
            for recipe in Recipes.all do
                let back = Hybrid.Speech.Recipe.FromJson(recipe.ToJson())
                Expect.equal (back.ToJson()) (recipe.ToJson()) recipe.Name
        }

        test "all problems are reported at once, each with line, value and remedy" {
            let here = int __LINE__

            let message =
                messageOf (fun () ->
                    encoderDecoder {
                        features (mfcc 28)

                        encoder {
                            conv1d (64, kernel = 0)
                            dropout 1.5
                            pyramid 1
                        }

                        decoder { linear phones }
                    })

            Expect.stringContains message "3 problems" message

            Expect.stringContains
                message
                $"line {here + 8}: encoder.0: conv1d 64, kernel 0: kernel is 0, must be at least 1"
                message

            Expect.stringContains
                message
                $"line {here + 9}: encoder.1: dropout 1.5: probability is 1.5, must be in [0, 1)"
                message

            Expect.stringContains
                message
                $"line {here + 10}: encoder.2: pyramid 1: factor is 1, must be at least 2"
                message
        }

        test "each word builds its layer with its settings" {
            let expected: LayerSpec list = [
                RnnSpec(8, Nonlinearity = RnnNonlinearity.Relu)
                RnnSpec(8, true)
                GruSpec(8, Layers = 2, Dropout = 0.3, Locked = true)
                GruSpec(8, true, LayerNorm = true)
                LstmSpec 8
                LstmSpec(8, true, Layers = 3)
                LstmSpec(8, true)
                Conv1dSpec(6, 5, 2, 1, 3, 2)
                SqueezeExciteSpec 4
                LayerNormSpec()
                DropoutSpec(0.2, true)
                ActivationSpec ActivationFunction.Silu
                ActivationSpec ActivationFunction.Tanh
                ActivationSpec ActivationFunction.Sigmoid
            ]

            let block =
                stack {
                    rnn (8, nonlinearity = RnnNonlinearity.Relu)
                    brnn 8
                    gru (8, layers = 2, dropout = 0.3, locked = true)
                    bgru (8, layerNorm = true)
                    lstm 8
                    blstm (8, layers = 3)
                    lstm (8, bidirectional = true)
                    conv1d (6, kernel = 5, stride = 2, padding = 1, dilation = 3, groups = 2)
                    squeezeExcite 4
                    layerNorm
                    lockedDropout 0.2
                    silu
                    tanh
                    sigmoid
                }

            Expect.equal (layersOf block) expected "layers"
        }

        test "a residual block has two convolutions with batch norm, or any layers" {
            let described layer = (layer: LayerSpec).Describe()
            let convolutions = "conv1d 64, kernel 3; batch norm; relu; conv1d 64, kernel 3; batch norm"
            Expect.equal (described (residual 64)) $"residual ({convolutions}), relu" "without squeeze and excitation"
            let excitation = "squeeze and excitation, reduction 16"

            Expect.equal
                (described (residual (64, kernel = 3, squeezeExcite = 16)))
                $"residual ({convolutions}; {excitation}), relu"
                "with it"

            let own =
                residual (
                    stack {
                        layerNorm
                        bgru 8
                    }
                )

            Expect.equal (described own) "residual (layer norm; bgru 8)" "any layers"
        }

        test "a network must end with one output for each symbol" {
            let message =
                messageOf (fun () ->
                    encoderDecoder {
                        features (mfcc 28)
                        encoder { blstm 8 }
                        decoder { linear 40 }
                    })

            Expect.stringContains
                message
                "linear 40: the network ends with 40 outputs for 41 symbols, must end with linear 41"
                message
        }
    ]
