/// The gradient checker itself: it accepts correct gradients and reports wrong ones.
module Hybrid.Tests.GradientCheckTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Tests.Refusal
open Interop

let private network layers = NetworkSpec(3, 5, List.toArray layers, [| LinearSpec 5 |])

[<Tests>]
let tests =
    testList "GradientCheck" [
        test "CheckNetwork covers every trainable parameter of a network with layers of every kind" {
            let report = GradientCheck.CheckNetwork Networks.everything
            Expect.isTrue report.IsCorrect (string report)

            Expect.equal
                (Set [ for d in report.Deviations -> d.Tensor ])
                (Set [
                    for p in Network<float>(Networks.everything).Parameters do
                        if p.IsTrainable then
                            p.Name
                ])
                "names"
        }

        test "CheckNetwork reports a wrong gradient by its path" {
            let layer problem = custom ($"network scale {problem}", CustomScaleLayer problem)
            let check problem = GradientCheck.CheckNetwork(network [ LinearSpec 4; layer problem ])
            Expect.isTrue (check ScaleProblem.None).IsCorrect "without an error"
            let wrong = check ScaleProblem.Weight
            Expect.isFalse wrong.IsCorrect "an error in the layer's weight"
            Expect.equal (Seq.length wrong.Problems) 1 $"{wrong}"
            Expect.stringContains (Seq.head wrong.Problems) "encoder.1.weight[" "its path"
            let before = check ScaleProblem.Input
            Expect.stringContains (Seq.head before.Problems) "encoder.0.weight[" "the layer before the wrong one"
        }

        test "CheckNetwork works with subsampling" {
            let layers: LayerSpec list = [ FrameStackingSpec 2; Conv1dSpec(4, 3, 2) ]
            let report = GradientCheck.CheckNetwork(network layers)
            Expect.isTrue report.IsCorrect (string report)
        }

        test "CheckLayer refuses a layer that does not fit its input" {
            expectRefusal<ArgumentException, _> "with 3 input features" (fun () ->
                GradientCheck.CheckLayer(Conv1dSpec(4, 3, Groups = 2), 3))
        }

        test "CheckLoss compares each element, and restores the variables" {
            let x = [| 1.0; -2.0; 0.5 |]
            let loss () = x[0] * x[0] + 3.0 * x[1] * x[2]

            let check (gradient: float[]) =
                GradientCheck.CheckLoss(loss, [ GradientVariable.Of("x", Memory x, ReadOnlyMemory gradient) ])

            Expect.isTrue (check [| 2.0; 1.5; -6.0 |]).IsCorrect "correct"
            let wrong = check [| 2.0; 1.5; -6.1 |]
            Expect.isFalse wrong.IsCorrect "wrong"
            Expect.equal (Seq.exactlyOne wrong.Deviations).Index 2 "the worst element"
            Expect.isFalse (check [| nan; 1.5; -6.0 |]).IsCorrect "NaN"
            Expect.equal (check [| nan; 1.5; -6.0 |]).Deviations[0].Relative infinity "NaN is the largest deviation"
            Expect.sequenceEqual x [ 1.0; -2.0; 0.5 ] "the variables"
        }

        test "a gradient of another size is refused" {
            expectRefusal<ArgumentException, _> "x has 2 elements, its gradient has 3" (fun () ->
                GradientVariable.Of("x", Memory(Array.zeroCreate<float> 2), ReadOnlyMemory(Array.zeroCreate<float> 3)))
        }
    ]
