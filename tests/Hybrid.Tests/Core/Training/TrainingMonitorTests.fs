module Hybrid.Tests.TrainingMonitorTests

open Expecto
open Hybrid.Core

[<Tests>]
let tests =
    testList "training watches" [
        test "padding and uneven batches are named above a third, each with its figure, and not below" {
            let advice batches =
                let watch = PaddingMonitor()

                for frames, padding in batches do
                    watch.Add(StepReport(0.0, 0.0, 0.0, 0.0, 0, frames, padding))

                List.ofSeq (watch.Advise())

            Expect.isEmpty (advice [ 70, 0.3; 90, 0.1; 100, 0.0 ]) "30 % of one batch, 14 of 300 in all"

            match advice [ 60, 0.4; 60, 0.4 ] with
            | [ padding ] -> Expect.stringStarts padding "40 % of the frames of a pass are padding" padding
            | all -> failtest $"{all}"

            // 100, 10 and 10 frames: the mean is 40, so that six tenths of the largest are idle.
            match advice [ 100, 0.0; 10, 0.0; 10, 0.0 ] with
            | [ memory ] ->
                Expect.stringStarts
                    memory
                    "the largest batch has 100 frames, the mean one 40, so that 60 % of the memory"
                    memory
            | all -> failtest $"{all}"
        }

        test "the all-blank plateau is explained once, and not while it is normal" {
            let step blank = StepReport(3.0, 1.0, blank, 0.0, 0, 100, 0.0)

            let advice (ratios: int64 -> float) =
                let watch = BlankPlateauMonitor()

                [
                    for i in 1L .. 2000L do
                        match watch.Advise(i, step (ratios i)) with
                        | null -> ()
                        | text -> i, text
                ]

            Expect.isEmpty (advice (fun i -> if i < 450L then 1.0 else 0.9)) "leaves the plateau in time"
            Expect.isEmpty (advice (fun i -> if i % 50L = 0L then 0.5 else 1.0)) "not all blank"

            match advice (fun _ -> 0.995) with
            | [ at, text ] ->
                Expect.equal at 500L "when"
                Expect.stringContains text "all-blank plateau" text
            | other -> failtest $"explained {other.Length} times"
        }
    ]
