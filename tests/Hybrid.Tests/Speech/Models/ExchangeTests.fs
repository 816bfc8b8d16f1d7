/// Weights travel between Hybrid and PyTorch by name: see tests/golden/pytorch_exchange.py.
module Hybrid.Tests.ExchangeTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Golden

let private path = Path.Combine(TestSettings.root, "tests", "golden", "exchange_hybrid.safetensors")

/// A small network with everything that has a counterpart in PyTorch, after some steps that moved its running
/// statistics.
let private write () =
    let layers block = let (Block layers) = block in [| for placed in layers -> placed.Layer |]

    let encoder =
        stack {
            conv1d (6, kernel = 5, stride = 2)
            batchNorm
            gelu
            residual (6, kernel = 3, squeezeExcite = 2)
            residual (8, kernel = 3, squeezeExcite = 4)
            conv1d (8, kernel = 3, dilation = 2, groups = 2)
            silu
            blstm (5, layers = 2)
            pyramid 2
            bgru 4
        }

    let decoder =
        stack {
            linear (7, bias = false)
            tanh
            linear 5
        }

    let spec = NetworkSpec(4, 5, layers encoder, layers decoder)
    let model = SpeechModel.Create(spec, FeaturePreset.Mfcc 4, PhoneInventory [ "A"; "B"; "C"; "D" ], 11UL)
    let random = CounterRandom(12UL).Stream()

    for step in 1..3 do
        let x = Batch<float32>(Memory [| for _ in 1 .. 30 * 3 * 4 -> float32 (random.Normal()) |], 30, 3, 4)
        model.Network.Forward(x, Pass(Workspace(), true, CounterRandom(uint64 step))) |> ignore

    model.Save path

/// Fails if the logits of a network are not those that PyTorch recorded, or if its lengths differ.
let private expectLogits (network: Network<float32>) (case: Case) =
    let recorded = Recorded<float32>(case, 1e-5)
    let logits = network.Forward(recorded.Batch("x", "lengths"), Pass(Workspace(ThreadTeam 2)))
    Expect.sequenceEqual (logits.Lengths.ToArray()) (case.Ints "output_lengths") "lengths of the output"
    let expected, actual = case.Doubles "logits", Array.map float (logits.Data.ToArray())
    let place, error = worst 1.0 expected actual
    Expect.isBelow error 1e-5 $"logit {place}: PyTorch says %.9g{expected[place]}, Hybrid %.9g{actual[place]}"

[<Tests>]
let tests =
    testList "weights travel" [
        test "a model file of Hybrid gives the same logits in PyTorch" {
            if not (File.Exists path) then
                write ()
                failtest $"{path} was not there and has been written: now run tests/golden/pytorch_exchange.py"

            expectLogits (SpeechModel.Load path).Network (case "exchange_torch" "hybrid")
        }

        test "weights of PyTorch give the same logits in Hybrid" {
            let case = case "exchange_torch" "torch"

            let tensors = [
                for name in case.Names "value" do
                    let tensor = case.Tensor $"value/{name}"
                    StoredTensor(name, tensor.Type, tensor.Shape, tensor.Bytes)
            ]

            expectLogits (Network<float32>((SpeechModel.Load path).Network.Spec, tensors)) case
        }
    ]
