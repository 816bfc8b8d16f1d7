/// Times and problems of a training schedule.
module Hybrid.Tests.TrainingSpecTests

open System
open Expecto
open Hybrid.Core

let private spec epochs (rate: LearningRateSchedule) phases =
    TrainingSpec(1UL, epochs, BatchSize(8, 1000), AdamWSpec 1e-3, rate, Phases = phases)

let private tooHigh floor rate =
    $"floor is {floor}, above the learning rate of {rate}: give a lower floor or a higher learning rate"

let private problems (spec: TrainingSpec) = [ for problem in spec.Validate() -> string problem ]

[<Tests>]
let tests =
    testList "TrainingSpec" [
        test "phases begin and end at whole epochs for every length" {
            for epochs in 2..500 do
                let phases = [|
                    PhaseSpec("first", 1, TrainingLoss.Viterbi)
                    PhaseSpec("rest", epochs - 1, TrainingLoss.Ctc)
                |]

                let spec = spec epochs (ConstantRate()) phases

                for epoch in 0..epochs do
                    let struct (phase, start, ending) = spec.PhaseAt(float epoch)

                    let expected =
                        if epoch < 1 then
                            "first", 0.0, 1.0
                        else
                            "rest", 1.0, float epochs

                    Expect.equal ((nonNull phase).Name, start, ending) expected $"epoch {epoch} of {epochs}"
        }

        test "phases share other numbers of epochs in proportion" {
            let spec =
                spec 60 (ConstantRate()) [|
                    PhaseSpec("a", 2, TrainingLoss.Viterbi)
                    PhaseSpec("b", 1, TrainingLoss.Ctc)
                    PhaseSpec("c", 7, TrainingLoss.Ctc)
                |]

            let at epoch = let struct (phase, start, ending) = spec.PhaseAt epoch in (nonNull phase).Name, start, ending
            Expect.equal (at 11.99) ("a", 0.0, 12.0) "a"
            Expect.equal (at 12.0) ("b", 12.0, 18.0) "b"
            Expect.equal (at 18.0) ("c", 18.0, 60.0) "c"
            Expect.equal (at 60.0) ("c", 18.0, 60.0) "end"
        }

        test "boundaries at whole epochs are reached however their lengths are written" {
            let at (schedule: LearningRateSchedule) epoch = schedule.At(1.0, epoch, 500.0)

            for period in [ 0.1; 0.2; 0.25; 0.5; 1.0 ] do
                for epoch in 0.0 .. 500.0 do
                    Expect.equal (at (CosineWarmRestarts period) epoch) 1.0 $"restart every {period}, epoch {epoch}"

                    Expect.equal
                        (at (StepRate(period, 0.999)) epoch)
                        (Math.Pow(0.999, Math.Round(epoch / period)))
                        $"step every {period}, epoch {epoch}"

            let tenths =
                SequenceRate([| for _ in 1..10 -> RatePart(0.1, ConstantRate()) |], ScaledRate(0.5, ConstantRate()))

            Expect.equal (at tenths 1.0) 0.5 "ten parts of 0.1"
            Expect.equal (at tenths 0.999999) 1.0 "just before"
            Expect.equal (at (WarmUp(1.1, StepRate(0.9, 0.5))) 2.0) 0.5 "a step of 0.9 after a warm-up of 1.1"
        }

        test "a floor above the learning rate is refused with the remedy" {
            let refused: LearningRateSchedule list = [
                CosineRate 1e-2
                CosineWarmRestarts(1.0, 1.0, 1e-2)
                ReduceOnPlateau(Floor = 1e-2)
                WarmUp(1.0, CosineRate 1e-2)
                SequenceRate([| RatePart(1.0, CosineRate 1e-2) |], ConstantRate())
                SequenceRate([| RatePart(1.0, ConstantRate()) |], CosineRate 1e-2)
            ]

            for schedule in refused do
                Expect.equal
                    (problems (spec 5 schedule null))
                    [ $"""learningRate: {tooHigh "0.01" "0.001"}""" ]
                    $"{schedule}"

            Expect.equal
                (problems (spec 5 (ScaledRate(0.1, CosineRate 5e-4)) null))
                [ $"""learningRate: {tooHigh "0.0005" "0.0001"}""" ]
                "scaled"

            Expect.isEmpty (problems (spec 5 (CosineRate 1e-3) null)) "equal to it"

            let phases = [| PhaseSpec("one", 1, TrainingLoss.Ctc, CosineRate 1.0) |]

            Expect.equal
                (problems (spec 5 (ConstantRate()) phases))
                [ $"""phases.0: phase "one": {tooHigh "1" "0.001"}""" ]
                "in a phase"
        }

        test "a warm-up or parts longer than the schedule are refused with the remedy" {
            let tooLong what length all =
                $"length of the {what} is {length} epochs, of {all} in all: shorten the {what} or train longer"

            let warmUp = WarmUp(3.0, ConstantRate())
            Expect.equal (problems (spec 2 warmUp null)) [ $"""learningRate: {tooLong "warm-up" 3 2}""" ] "warm-up"
            Expect.isEmpty (problems (spec 3 warmUp null)) "as long as the training"

            Expect.equal
                (problems (spec 4 (WarmUp(2.0, warmUp)) null))
                [ $"""learningRate: {tooLong "warm-up" 3 2}""" ]
                "after another"

            let phases = [| PhaseSpec("a", 2, TrainingLoss.Ctc, warmUp); PhaseSpec("b", 8, TrainingLoss.Ctc, warmUp) |]

            Expect.equal
                (problems (spec 10 (ConstantRate()) phases))
                [ $"""phases.0: phase "a": {tooLong "warm-up" 3 2}""" ]
                "in a phase"

            let parts =
                SequenceRate([| RatePart(2.0, ConstantRate()); RatePart(2.5, ConstantRate()) |], ConstantRate())

            Expect.equal (problems (spec 4 parts null)) [ $"""learningRate: {tooLong "parts" 4.5 4}""" ] "parts"
            Expect.isEmpty (problems (spec 5 parts null)) "parts that fit"

            let tenths =
                SequenceRate([| for _ in 1..10 -> RatePart(0.1, ConstantRate()) |], WarmUp(1.0, ConstantRate()))

            Expect.isEmpty (problems (spec 2 tenths null)) "apart from rounding"
        }

        test "a metric that does not exist is refused" {
            let wrong = enum<SelectionMetric> 7

            Expect.equal
                (problems (TrainingSpec(SelectBy = wrong, LearningRate = ReduceOnPlateau(SelectBy = Nullable wrong))))
                [ "learningRate: selection metric 7 does not exist"; "selectBy: selection metric 7 does not exist" ]
                "problems"
        }

        test "the metric goes through JSON, and is the error rate in JSON without it" {
            let spec = TrainingSpec(SelectBy = SelectionMetric.DevLoss)
            Expect.equal (TrainingSpec.FromJson(spec.ToJson())).SelectBy SelectionMetric.DevLoss "through JSON"

            let older =
                spec.ToJson().Replace("\"speeds\": null,", "\"speeds\": null").Replace("\"selectBy\": \"DevLoss\"", "")

            Expect.equal (TrainingSpec.FromJson older).SelectBy SelectionMetric.DevPer "without it"
        }
    ]
