/// The best epoch, and when a training is stuck.
module Hybrid.Tests.EpochSelectionTests

open System
open Expecto
open Hybrid.Core

/// An epoch with its dev PER in percent, dev loss and whether all output is blank.
let private report epoch (per, loss, blank) =
    EpochReport(epoch, 10L * int64 epoch, loss, loss, per, per / 10.0, 1e-3, 1.0, blank)

let private history (figures: (float * float * bool) list) =
    figures |> List.mapi (fun i figures -> report (i + 1) figures)

let private best metric figures =
    match EpochSelection.Best(ResizeArray(history figures), metric) with
    | null -> 0
    | found -> found.Epoch

let private blank loss = 100.0, loss, true
let private heard per loss = per, loss, false

/// The epoch after which a training with this patience ends; None if it runs to the end.
let private stop metric patience figures =
    [ 1 .. List.length figures ]
    |> List.tryFind (fun epochs ->
        let state = TrainerState(Epoch = epochs, History = ResizeArray(history (List.take epochs figures)))
        state.IsStuck(Nullable patience, metric))

/// Thirty epochs as they often are: outputs of untrained weights, the plateau with a falling loss, then learning to PER
/// 37.
let private healthy = [
    for epoch in 1..30 ->
        if epoch = 1 then
            heard 98.5 9.0
        elif epoch < 10 then
            blank (4.2 - 0.1 * float epoch)
        else
            heard (99.4 - 3.12 * float (epoch - 10)) (3.2 - 0.1 * float (epoch - 10))
]

[<Tests>]
let tests =
    testList "epoch selection" [
        test "a healthy run on the all-blank plateau is not stopped, and its last epoch is the best" {
            let per, _, _ = List.last healthy
            Expect.isBelow per 37.01 "the run reaches PER 37"
            Expect.equal (stop SelectionMetric.DevPer 3 healthy) None "not stopped"
            Expect.equal (best SelectionMetric.DevPer healthy) 30 "the best"
        }

        test "on the plateau the loss decides; the first epoch with output beats blank and untrained weights" {
            let until epoch = best SelectionMetric.DevPer (List.take epoch healthy)
            Expect.equal [ for epoch in 1..12 -> until epoch ] [ 1..12 ] "every epoch is the best so far"
            // Without output of untrained weights, and with a loss that is no longer the lowest.
            Expect.equal (best SelectionMetric.DevPer [ blank 5.0; blank 3.0; heard 99.0 3.1 ]) 3 "lower error rate"
            Expect.equal (best SelectionMetric.DevPer [ blank 5.0; blank 3.0; heard 103.0 2.9 ]) 3 "lower loss"
            Expect.equal (best SelectionMetric.DevPer [ blank 5.0; blank 3.0; heard 103.0 3.1 ]) 2 "neither"
        }

        test "a plateau whose loss does not fall either ends the training" {
            let dead = heard 98.5 9.0 :: List.replicate 20 (blank 3.5)
            Expect.equal (stop SelectionMetric.DevPer 4 dead) (Some 6) "epoch 2 and four more"
        }

        test "a trained network that collapses to blanks does not replace the best epoch" {
            let collapsed = [ blank 4.0; heard 60.0 4.5; blank 3.3; blank 3.2 ]
            Expect.equal (best SelectionMetric.DevPer collapsed) 2 "best"
            Expect.equal (stop SelectionMetric.DevPer 2 collapsed) (Some 4) "stopped"
        }

        test "equal error rates go to the lower loss, equal losses to the lower error rate, all equal to the first" {
            Expect.equal (best SelectionMetric.DevPer [ heard 40.0 2.0; heard 40.0 1.5; heard 40.0 1.7 ]) 2 "loss"

            Expect.equal
                (best SelectionMetric.DevLoss [ heard 40.0 2.0; heard 39.0 2.0; heard 41.0 2.0 ])
                2
                "error rate"

            Expect.equal (best SelectionMetric.DevPer [ heard 40.0 2.0; heard 40.0 2.0 ]) 1 "first"
        }

        test "the metric decides where both differ" {
            let figures = [ heard 40.0 2.0; heard 39.0 2.5; heard 41.0 1.5 ]
            Expect.equal (best SelectionMetric.DevPer figures) 2 "error rate"
            Expect.equal (best SelectionMetric.DevLoss figures) 3 "loss"
            Expect.equal (stop SelectionMetric.DevPer 2 (figures @ [ heard 42.0 1.4 ])) (Some 4) "stopped by error rate"
            Expect.equal (stop SelectionMetric.DevLoss 2 (figures @ [ heard 42.0 1.4 ])) None "not by loss"
        }

        test "figures that are NaN are the worst; the first epoch is the best of none" {
            Expect.equal (best SelectionMetric.DevPer []) 0 "no epochs"
            Expect.equal (best SelectionMetric.DevPer [ heard nan nan; heard nan nan ]) 1 "only NaN"
            Expect.equal (best SelectionMetric.DevPer [ heard nan 1.0; heard 90.0 nan ]) 2 "error rate"
            Expect.equal (best SelectionMetric.DevLoss [ heard 10.0 nan; heard 90.0 1.0 ]) 2 "loss"
        }

        test "the rate falls on a plateau by the same rules, by the schedule's metric or its own" {
            let rates (schedule: LearningRateSchedule) metric figures =
                let points = [|
                    for e in history figures -> ValidationPoint(float e.Epoch, e.DevPer, e.DevLoss, e.DevAllBlank)
                |]

                [
                    for epochs in 1 .. points.Length ->
                        schedule.At(1.0, float epochs, float points.Length, ReadOnlySpan(points, 0, epochs), metric)
                ]

            let plateau metric = ReduceOnPlateau(0.5, 1, SelectBy = metric)
            let follows = plateau (Nullable())
            Expect.all (rates follows SelectionMetric.DevPer healthy) ((=) 1.0) "a healthy run"
            let figures = [ heard 40.0 2.0; heard 40.0 1.9; heard 41.0 1.8; heard 42.0 1.7 ]
            Expect.equal (rates follows SelectionMetric.DevPer figures) [ 1.0; 1.0; 1.0; 0.5 ] "error rate"
            Expect.equal (rates follows SelectionMetric.DevLoss figures) [ 1.0; 1.0; 1.0; 1.0 ] "loss"

            Expect.equal
                (rates (plateau (Nullable SelectionMetric.DevLoss)) SelectionMetric.DevPer figures)
                [ 1.0; 1.0; 1.0; 1.0 ]
                "its own metric"
        }
    ]
