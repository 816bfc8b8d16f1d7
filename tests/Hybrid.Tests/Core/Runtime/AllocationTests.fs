/// Once a size has been seen, training and inference leave the managed heap alone. All threads of the process are
/// counted, so these tests run alone.
module Hybrid.Tests.AllocationTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests

/// The bytes that `run` allocates when it has run often enough for its code to be compiled.
let private allocated run =
    let bytes times =
        let before = GC.GetTotalAllocatedBytes true

        for _ in 1..times do
            run ()

        GC.GetTotalAllocatedBytes true - before

    bytes 50 |> ignore
    // The runtime itself allocates now and then, while it compiles; a pass would do so in every round.
    List.min [ for _ in 1..10 -> bytes 20 ]

[<Tests>]
let tests =
    testSequenced
    <| testList "allocation" [
        for name, spec in
            [
                "every kind of layer", Networks.everything
                "the homework's layers", Networks.homework
                "wide convolutions", Networks.wide
            ] do
            for threads in [ 1; 2 ] do
                test $"{name}: a training step allocates nothing with {threads} threads" {
                    let trainer, batch = Networks.trainer spec threads, Networks.batch spec 1UL [| 12; 9; 31; 20 |]
                    Expect.equal (allocated (fun () -> trainer.Step(batch, 1e-3) |> ignore)) 0L "bytes"
                }

                test $"{name}: with momentum, masks, frozen layers and averaged weights, {threads} threads" {
                    let phase = PhaseSpec("all", 1, TrainingLoss.Viterbi, ReduceOnPlateau(), Frozen = [| "encoder.0" |])

                    let schedule =
                        TrainingSpec(
                            7UL,
                            1,
                            BatchSize(4, 200),
                            SgdSpec(0.1, 0.9),
                            ConstantRate(),
                            5.0,
                            [| phase |],
                            SpecAugmentSpec(2, 1),
                            AveragingSpec()
                        )

                    let batch = Networks.batch spec 1UL [| 12; 9; 31; 20 |]
                    let trainer = Networks.trainerBy schedule spec threads
                    Expect.equal (allocated (fun () -> trainer.Step(batch, 1e-3, phase) |> ignore)) 0L "bytes"
                }

                test $"{name}: a forward pass in evaluation allocates nothing with {threads} threads" {
                    let network, workspace = Network<float32>(spec, 7UL), Workspace(ThreadTeam threads)
                    let batch = Networks.batch spec 1UL [| 12; 9; 31; 20 |]

                    let run () =
                        workspace.Reset()
                        network.Forward(batch.Features, Pass workspace) |> ignore

                    Expect.equal (allocated run) 0L "bytes"
                }
    ]
