/// Long recordings in chunking give what the whole gives.
module Hybrid.Tests.ChunkingOptionsTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech

let private features frames =
    let random = CounterRandom(3UL).Stream()
    Array.init (frames * 28) (fun _ -> float32 (random.Normal()))

let private forward (network: Network<float32>) (chunking: ChunkingOptions) frames =
    chunking.Forward(network, features frames, frames, Workspace(ThreadTeam 1), null)

let private whole = ChunkingOptions(MaxUnchunkedFrames = Int32.MaxValue)

let private worst (a: float32[]) (b: float32[]) =
    Expect.equal a.Length b.Length "numbers"
    Seq.map2 (fun x y -> abs (float x - float y)) a b |> Seq.max

let private networks: (string * LayerSpec list) list = [
    "a convolution", [ Conv1dSpec(6, 5) ]
    "a strided one", [ Conv1dSpec(6, 5, 2) ]
    "a strided one of even width", [ Conv1dSpec(6, 4, 2) ]
    "one without padding", [ Conv1dSpec(6, 5, 2, Nullable 0) ]
    "a pyramid behind a stride", [ Conv1dSpec(6, 3, 2); FrameStackingSpec 2 ]
    "three taps over many channels", [ Conv1dSpec(48, 3); Conv1dSpec(50, 3) ]
    "upsampling after a stride", [ Conv1dSpec(6, 3, 2); FrameUnstackingSpec 2 ]
    "upsampling before a pyramid", [ Conv1dSpec(6, 3); FrameUnstackingSpec 2; FrameStackingSpec 3 ]
    "upsampling alone", [ FrameUnstackingSpec 4 ]
    "pyramids of 3 and 2", [ FrameStackingSpec 3; Conv1dSpec(6, 3); FrameStackingSpec 2 ]
]

[<Tests>]
let tests =
    testList "chunking" [
        for name, layers in networks do
            test $"{name}: frame by frame what the whole gives" {
                let network = Network<float32>(NetworkSpec(28, 41, List.toArray layers, [| LinearSpec 41 |]), 1UL)

                for frames in [ 101..130 ] @ [ 240; 241; 242; 243; 367 ] do
                    for chunking in
                        [ ChunkingOptions(100, 40, 20); ChunkingOptions(100, 37, 13); ChunkingOptions(60, 60, 31) ] do
                        let difference = worst (forward network whole frames) (forward network chunking frames)
                        Expect.isLessThan difference 1e-5 $"{frames} frames, {chunking}"
            }

        test "recurrent layers lose what they would remember beyond the context, and no more" {
            let layers: LayerSpec list = [ Conv1dSpec(6, 5, 2); LstmSpec(8, true); LstmSpec(8, true) ]
            let network = Network<float32>(NetworkSpec(28, 41, List.toArray layers, [| LinearSpec 41 |]), 2UL)
            let expected = forward network whole 1000

            Expect.isLessThan
                (worst expected (forward network (ChunkingOptions(500, 200, 150)) 1000))
                1e-4
                "a context of 1.5 seconds"

            Expect.isGreaterThan (worst expected (forward network (ChunkingOptions(500, 200, 0)) 1000)) 1e-3 "none"
        }

        test "recordings of up to 160 seconds go through as a whole" {
            let network = Network<float32>(NetworkSpec(28, 41, [| LstmSpec(8, true) |], [| LinearSpec 41 |]), 2UL)
            Expect.equal (forward network (ChunkingOptions()) 16000) (forward network whole 16000) "bit for bit"
        }
    ]
