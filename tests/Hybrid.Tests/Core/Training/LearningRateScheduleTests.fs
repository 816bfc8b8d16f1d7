/// Properties of all learning-rate schedules; GoldenTests compares their curves with PyTorch's.
module Hybrid.Tests.LearningRateScheduleTests

open System
open Expecto
open Hybrid.Core

let private rate = 2e-3
let private epochs = 30.0
let private moments = [ for i in 0..3000 -> float i / 100.0 ]

let private schedules: LearningRateSchedule list = [
    ConstantRate()
    CosineRate()
    CosineRate 1e-4
    CosineWarmRestarts 5.0
    CosineWarmRestarts(4.0, 2.0, 1e-5)
    CosineWarmRestarts(0.3, 1.1)
    WarmUp(3.0, ConstantRate())
    WarmUp(2.5, CosineRate 1e-5)
    WarmUp(1.0, WarmUp(1.0, CosineWarmRestarts(7.0, 1.5, 1e-5)))
    ScaledRate(0.1, CosineRate())
    StepRate(7.0, 0.5)
    StepRate 1e-300
    ExponentialRate 0.9
    OneCycle()
    OneCycle(1.0, 1.0, 1.0)
    ReduceOnPlateau()
    SequenceRate([| RatePart(5.0, ConstantRate()); RatePart(2.5, OneCycle 0.4) |], WarmUp(1.0, CosineRate()))
    SequenceRate([||], ConstantRate())
]

let private at (schedule: LearningRateSchedule) epoch = schedule.At(rate, epoch, epochs)

let private close = Expect.floatClose { absolute = 1e-15; relative = 1e-12 }

let private spec schedule = TrainingSpec(1UL, 30, BatchSize(8, 1000), AdamWSpec(), schedule)

[<Tests>]
let schedules' =
    testList "LearningRateSchedule" [
        for schedule in schedules do
            test $"{schedule}: between 0 and the rate, in proportion to it, and the same through JSON" {
                for epoch in moments do
                    Expect.isTrue
                        (at schedule epoch >= 0.0 && at schedule epoch <= rate)
                        $"epoch {epoch}: {at schedule epoch}"

                Expect.isEmpty (schedule.Problems()) "problems"
                let again = TrainingSpec.FromJson((spec schedule).ToJson()).LearningRate
                Expect.equal again schedule "through JSON"
            }
        test "a warm-up rises linearly from zero, then the other schedule starts with the remaining epochs" {
            let schedule = WarmUp(10.0, CosineRate 1e-4)

            for epoch in [ 0.0; 0.5; 3.0; 9.5 ] do
                close (at schedule epoch) (rate * epoch / 10.0) $"epoch {epoch}"

            for epoch in [ 10.0; 12.5; 25.0; 30.0 ] do
                close (at schedule epoch) (CosineRate(1e-4).At(rate, epoch - 10.0, 20.0)) $"epoch {epoch}"
        }
        test "a cosine goes from the rate to the floor, through their mean, and never rises" {
            let schedule = CosineRate 1e-4
            close (at schedule 0.0) rate "at the beginning"
            close (at schedule 15.0) ((rate + 1e-4) / 2.0) "in the middle"
            close (at schedule 30.0) 1e-4 "at the end"
            Expect.isDescending [ for epoch in moments -> at schedule epoch ] "rates"
        }
        test "the rate of a training of zero length is the floor" {
            close (CosineRate(1e-4).At(rate, 0.0, 0.0)) 1e-4 "rate"
        }
        test "cycles start at the rate, end at the floor and grow by the factor" {
            let schedule = CosineWarmRestarts(2.0, 3.0, 1e-4)

            for start, length in [ 0.0, 2.0; 2.0, 6.0; 8.0, 18.0; 26.0, 54.0 ] do
                close (at schedule start) rate $"beginning at {start}"

                close
                    (at schedule (start + length / 2.0))
                    ((rate + 1e-4) / 2.0)
                    $"in the middle of {start} to {start + length}"

                close (at schedule (start + length * (1.0 - 1e-9))) 1e-4 $"end at {start + length}"
        }
        test "equal cycles of any length terminate" {
            for period in [ 1e-3; 1e-9; 1e-300 ] do
                let value = at (CosineWarmRestarts period) 30.0
                Expect.isTrue (value >= 0.0 && value <= rate) $"period {period}: {value}"
        }
        test "invalid settings are reported" {
            let problems (schedule: LearningRateSchedule) = List.ofSeq (schedule.Problems())

            Expect.equal
                (problems (WarmUp(0.0, CosineRate -1.0)))
                [ "length of the warm-up is 0, must be positive"; "floor is -1, must not be negative" ]
                "warm-up and what follows"

            Expect.equal
                (problems (CosineWarmRestarts(-0.5, 0.5, nan)))
                [
                    "period is -0.5, must be positive"
                    "floor is NaN, must not be negative"
                    "factor is 0.5, must be at least 1"
                ]
                "restarts"

            Expect.equal
                (problems (CosineWarmRestarts(nan, nan)))
                [ "period is NaN, must be positive"; "factor is NaN, must be at least 1" ]
                "NaN"

            let wrong: (LearningRateSchedule * string list) list = [
                ScaledRate(0.0, StepRate(0.0, 2.0)),
                [
                    "factor is 0, must be in (0, 1]"
                    "epochs between steps is 0, must be positive"
                    "factor is 2, must be in (0, 1]"
                ]
                ExponentialRate -1.0, [ "factor is -1, must be in (0, 1]" ]
                OneCycle(0.0, 0.5, infinity),
                [
                    "rise is 0, must be in (0, 1]"
                    "start divisor is 0.5, must be at least 1"
                    "end divisor is Infinity, must be at least 1"
                ]
                ReduceOnPlateau(1.5, -1, 1.0, -2, -1.0),
                [
                    "factor is 1.5, must be in (0, 1]"
                    "patience is -1, must not be negative"
                    "threshold is 1, must be in [0, 1)"
                    "cooldown is -2, must not be negative"
                    "floor is -1, must not be negative"
                ]
                SequenceRate([| RatePart(0.0, ExponentialRate 0.0) |], CosineRate nan),
                [
                    "length of a part is 0, must be positive"
                    "factor is 0, must be in (0, 1]"
                    "floor is NaN, must not be negative"
                ]
            ]

            for schedule, expected in wrong do
                Expect.equal (problems schedule) expected $"{schedule}"
        }
        test "parts of a sequence have their own time and validation results" {
            let plateau = ReduceOnPlateau(0.5, 0)
            let schedule = SequenceRate([| RatePart(3.0, plateau); RatePart(4.0, CosineRate()) |], plateau)
            let validations = [| for epoch in 1..10 -> ValidationPoint(float epoch, 50.0) |]
            let at epoch = schedule.At(rate, epoch, 10.0, ReadOnlySpan(validations, 0, int epoch))
            // The first validation of each part is its best, every further one causes a step.
            close (at 1.5) rate "first validation"
            close (at 2.5) (rate / 2.0) "second validation"
            close (at 5.0) (rate / 2.0) "half of the cosine"
            close (at 8.5) rate "the last part starts at the full rate"
            close (at 10.0) (rate / 4.0) "and is reduced in turn"
        }
        test "one cycle starts and ends at fractions of the rate" {
            let schedule = OneCycle(0.3, 10.0, 100.0)
            close (at schedule 0.0) (rate / 10.0) "at the beginning"
            close (at schedule 9.0) rate "at the top"
            close (at schedule 30.0) (rate / 1000.0) "at the end"
        }
        test "invalid JSON is a FormatException" {
            let unknown = (spec (ConstantRate())).ToJson().Replace("constant", "sawtooth")

            for json in [ "null"; "{}"; "[]"; "text"; unknown ] do
                Expect.throwsT<FormatException> (fun () -> TrainingSpec.FromJson json |> ignore<TrainingSpec>) json
        }
    ]
