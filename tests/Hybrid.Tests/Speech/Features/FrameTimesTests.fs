/// Times of output frames, computed by hand.
module Hybrid.Tests.FrameTimesTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech

let private network (layers: LayerSpec list) =
    Network<float32>(NetworkSpec(4, 3, List.toArray layers, [| LinearSpec 3 |]))

let private convolution kernel stride (padding: int option) : LayerSpec =
    Conv1dSpec(4, kernel, stride, Option.toNullable padding)

/// The input frames that can change output frame k of one utterance: first and last.
let private receptiveField (network: Network<float32>) frames k =
    let output (changed: int option) =
        let data = Array.init (frames * 4) (fun i -> if changed = Some(i / 4) then 2.0f else 1.0f)
        let y = network.Forward(Batch<float32>(Memory data, frames, 1, 4), Pass(Workspace(ThreadTeam 1)))
        y.Row(k, 0).ToArray()

    let unchanged = output None

    let seen = [
        for t in 0 .. frames - 1 do
            if output (Some t) <> unchanged then
                t
    ]

    List.head seen, List.last seen

let private centers = [
    // layers, stride, offset
    [], 1, 0.0
    [ convolution 3 1 None ], 1, 0.0
    // Without padding, output 0 depends on inputs 0, 1, 2: its centre is 1.
    [ convolution 3 1 (Some 0) ], 1, 1.0
    // Taps -1, 0, 1, 2 around output 0.
    [ convolution 4 1 None ], 1, 0.5
    [ convolution 5 2 None ], 2, 0.0
    [ FrameStackingSpec 2 ], 2, 0.5
    [ FrameStackingSpec 3 ], 3, 1.0
    // Output k joins frames 2k and 2k + 1 of the convolution, which are centred on 4k and 4k + 2: 4k + 1.
    [ convolution 3 2 None; FrameStackingSpec 2 ], 4, 1.0
    // And again: frames 2k and 2k + 1 of that, centred on 8k + 1 and 8k + 5: 8k + 3.
    [ convolution 3 2 None; FrameStackingSpec 2; FrameStackingSpec 2 ], 8, 3.0
    // Pairs centred on 2k + 1/2; three of them around 2 (2k + 1) + 1/2.
    [ FrameStackingSpec 2; convolution 3 2 (Some 0) ], 4, 2.5
]

let private times = FrameTimes(4, 1.0, 0.01, 0.025)

let private close = Expect.floatClose { absolute = 1e-12; relative = 0.0 }

[<Tests>]
let frameTimes =
    testList "FrameTimes" [
        for layers, stride, offset in centers do
            let name = String.Join(", ", [ for layer in layers -> layer.Describe() ])

            test $"after [{name}] frame k is centred on {stride} k + {offset}" {
                let network = network layers
                Expect.equal network.FrameMapping (FrameMapping(stride, offset)) "stride and offset"

                // A frame well inside is centred in the middle of the inputs that it depends on.
                for k in [ 2; 3 ] do
                    let first, last = receptiveField network 48 k

                    Expect.equal
                        (float (first + last) / 2.0)
                        (float (k * stride) + offset)
                        $"middle of {first}..{last}, the receptive field of output {k}"
            }

        test "layers with a receptive field of one frame or of all do not move centres" {
            let layers: LayerSpec list = [
                BatchNormSpec()
                ActivationSpec ActivationFunction.Gelu
                DropoutSpec 0.1
                SpecAugmentSpec(3, 2)
                LstmSpec(4, true)
                LinearSpec 4
            ]

            Expect.equal (network layers).FrameMapping FrameMapping.Identity "stride and offset"
        }
        test "lengths after strided convolution and frame stacking" {
            let network = network [ convolution 3 2 None; FrameStackingSpec 2 ]
            // ceil (T / 2), then floor by 2.
            for frames, expected in [ 0, 0; 1, 0; 2, 0; 3, 1; 4, 1; 6, 1; 7, 2; 8, 2; 100, 25; 101, 25; 103, 26 ] do
                Expect.equal (network.OutputLength frames) expected $"{frames} frames"
        }
        test "a frame begins half a stride before its centre, where the previous frame ends" {
            // Input frame t is centred on 0.0125 + 0.01 t seconds, output frame k on input 4 k + 1: 0.0225 + 0.04 k.
            for k, start in [ 0, 0.0025; 1, 0.0425; 10, 0.4025 ] do
                close (times.Start k) start $"frame {k}"

            let struct (start, finish) = times.Span(1, 4, 10.0)
            close start 0.0425 "start of frames 1 to 3"
            close finish 0.1625 "end of frames 1 to 3"
        }
        test "times are inside the audio" {
            Expect.equal (FrameTimes(8, 0.0, 0.01, 0.025).Start 0) 0.0 "half a stride before the first centre"
            let struct (_, finish) = times.Span(0, 5, 0.1)
            Expect.equal finish 0.1 "cut at the end"
            Expect.equal (times.Span(5, 9, 0.1)) (struct (0.1, 0.1)) "after the end"
        }
        test "a model's times follow from its network and its features" {
            let spec = NetworkSpec(28, 41, [| convolution 3 2 None; FrameStackingSpec 2 |], [| LinearSpec 41 |])
            let model = SpeechModel.Create(spec, FeaturePreset.Mfcc 28, PhoneInventory.Arpabet, 1UL)
            Expect.equal model.Times times "times"
        }
    ]
