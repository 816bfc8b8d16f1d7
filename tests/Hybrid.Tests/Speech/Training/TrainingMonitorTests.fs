module Hybrid.Tests.TrainingMonitorTests

open Expecto
open Hybrid.Core
open Hybrid.Speech

[<Tests>]
let tests =
    testList "training monitors" [
        test "padding and uneven batches are reported above a third, with the figure, and not below" {
            let advice batches =
                let monitor = PaddingMonitor()

                for frames, padding in batches do
                    monitor.Add(StepReport(0.0, 0.0, 0.0, 0.0, 0, frames, padding))

                List.ofSeq (monitor.Advise())

            Expect.isEmpty (advice [ 70, 0.3; 90, 0.1; 100, 0.0 ]) "30 % of one batch, 14 of 300 in all"

            match advice [ 60, 0.4; 60, 0.4 ] with
            | [ padding ] -> Expect.stringStarts padding "40 % of the frames of an epoch are padding" padding
            | all -> failtest $"{all}"

            // 100, 10 and 10 frames: the mean is 40, 60 % of the largest are idle.
            match advice [ 100, 0.0; 10, 0.0; 10, 0.0 ] with
            | [ memory ] ->
                Expect.stringStarts
                    memory
                    "the largest batch has 100 frames, the mean one 40, so that 60 % of the memory"
                    memory
            | all -> failtest $"{all}"
        }

        test "the all-blank plateau is explained once, after the updates for which it is normal" {
            let step blank = StepReport(3.0, 1.0, blank, 0.0, 0, 100, 0.0)

            let advice (ratios: int64 -> float) =
                let monitor = BlankPlateauMonitor()

                [
                    for i in 1L .. 2000L do
                        match monitor.Advise(i, step (ratios i)) with
                        | null -> ()
                        | text -> i, text
                ]

            Expect.isEmpty (advice (fun i -> if i < 450L then 1.0 else 0.9)) "the plateau ends in time"
            Expect.isEmpty (advice (fun i -> if i % 50L = 0L then 0.5 else 1.0)) "not all blank"

            match advice (fun _ -> 0.995) with
            | [ at, text ] ->
                Expect.equal at 500L "update"
                Expect.stringContains text "all-blank plateau" text
            | other -> failtest $"explained {other.Length} times"
        }
    ]
