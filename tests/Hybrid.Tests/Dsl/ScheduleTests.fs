/// The words of a training schedule, and the specs that they make.
module Hybrid.Tests.ScheduleTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Dsl

[<Tests>]
let tests =
    testList "schedule" [
        test "a schedule takes its settings in any order and refuses duplicates" {
            let one =
                training {
                    epochs 3
                    seed 5
                }

            let two =
                training {
                    seed 5
                    epochs 3
                }

            Expect.equal (one.ToJson()) (two.ToJson()) "order"

            let message =
                try
                    training {
                        seed 1
                        epochs 0
                        seed 2
                    }
                    |> ignore

                    failtest "accepted"
                with :? DeclarationException as error ->
                    error.Message

            Expect.stringContains message "seed is given 2 times: keep one" message
            Expect.stringContains message "epochs: number of epochs is 0, must be at least 1" message
        }

        test "a schedule made by a function needs no annotations" {
            let made number passes loss rate =
                training {
                    seed number
                    phase "all" passes loss
                    learningRate rate
                }

            let schedule = made 3 2<epochs> ctc (cosine ())
            Expect.equal (schedule.Seed, schedule.Epochs) (3UL, 2) "seed and epochs"
        }

        test "phases have their own loss, and their lengths add up to the training" {
            let schedule =
                training {
                    phase "hard alignments" 2<epochs> viterbi
                    phase "all alignments" 6<epochs> ctc
                }

            Expect.equal schedule.Epochs 8 "epochs"

            let losses = [
                for epoch in [ 0.0; 1.9; 2.0; 8.0 ] ->
                    let struct (phase, _, _) = schedule.PhaseAt epoch in (nonNull phase).Loss
            ]

            Expect.equal
                losses
                [ TrainingLoss.Viterbi; TrainingLoss.Viterbi; TrainingLoss.Ctc; TrainingLoss.Ctc ]
                "losses"

            Expect.equal (TrainingSpec.FromJson(schedule.ToJson()).ToJson()) (schedule.ToJson()) "JSON"

            let message =
                try
                    training {
                        epochs 3
                        phase "none" 0<epochs> ctc
                    }
                    |> ignore

                    failtest "accepted"
                with :? DeclarationException as error ->
                    error.Message

            Expect.stringContains message "leave epochs out" message
            Expect.stringContains message "phase: phase \"none\": number of epochs is 0, must be at least 1" message
        }

        test "every word sets its setting" {
            let all =
                training {
                    seed 5
                    batchSize 8
                    optimizer (sgd (learningRate = 0.1, momentum = 0.9, nesterov = true))

                    learningRate (
                        sequence (
                            [ 1.0, constant; 2.0, scaled (0.5, exponential 0.9) ],
                            reduceOnPlateau (patience = 2, selectBy = devPer)
                        )
                    )

                    clipGradients 5.0
                    averageWeights (ema 0.99)
                    augment (mask (time = 20, frequency = 4, share = 0.25))
                    speeds [ 0.9; 1.0; 1.1 ]
                    phase "first" 2<epochs> (viterbi |> withoutAugmentation |> withLearningRate (step 1.0))

                    phase
                        "rest"
                        8<epochs>
                        (ctc |> withFrozen [ "encoder.0" ] |> withAugmentation (mask (time = 40, frequency = 8)))

                    selectBy devLoss
                    stopEarly 3<epochs>
                    decodeWith (prefixBeam 4)
                    checkpointEvery 0.5<minutes>
                }

            let phases = [|
                PhaseSpec("first", 2, TrainingLoss.Viterbi, StepRate 1.0, SpecAugmentSpec(0, 0))
                PhaseSpec("rest", 8, TrainingLoss.Ctc, null, SpecAugmentSpec(40, 8), [| "encoder.0" |])
            |]

            let rates =
                SequenceRate(
                    [| RatePart(1.0, ConstantRate()); RatePart(2.0, ScaledRate(0.5, ExponentialRate 0.9)) |],
                    ReduceOnPlateau(Patience = 2, SelectBy = Nullable SelectionMetric.DevPer)
                )

            let expected =
                TrainingSpec(
                    5UL,
                    10,
                    BatchSize(8, Int32.MaxValue),
                    SgdSpec(0.1, 0.9, true),
                    rates,
                    5.0,
                    phases,
                    SpecAugmentSpec(20, 4, Share = 0.25),
                    AveragingSpec 0.99,
                    3,
                    PrefixBeamDecoding 4,
                    0.5,
                    [| 0.9; 1.0; 1.1 |],
                    SelectionMetric.DevLoss
                )

            Expect.equal (all.ToJson()) (expected.ToJson()) "spec"
            Expect.equal (TrainingSpec.FromJson(all.ToJson()).ToJson()) (all.ToJson()) "through JSON"
        }

        test "batches are limited by utterances, by frames, or by both" {
            let batch (schedule: TrainingSpec) = schedule.Batch
            Expect.equal (batch (training { seed 1 })) (BatchSize(32, 16000)) "neither"
            Expect.equal (batch (training { batchSize 8 })) (BatchSize(8, Int32.MaxValue)) "count"
            Expect.equal (batch (training { batchFrames 900 })) (BatchSize(Int32.MaxValue, 900)) "frames"

            let both =
                training {
                    batchFrames 900
                    batchSize 8
                }

            Expect.equal (batch both) (BatchSize(8, 900)) "both"
        }
    ]
