/// Values of parameters: every way of writing them reaches the products, and each Forward allows one Backward.
module Hybrid.Tests.ParameterTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck
open Hybrid.Tests.Refusal

let private close (actual: float[]) (expected: float[]) name =
    Expect.equal actual.Length expected.Length name

    for a, e in Seq.zip actual expected do
        Expect.floatClose Accuracy.high a e name

[<Tests>]
let values =
    testList "values of parameters" [
        test "a product after a change uses the new weights, however they were written" {
            let layer = Linear<float>(3, 2)
            let weight, bias = layer.Parameters[0], layer.Parameters[1]
            let x = randomBatch 1UL 3 [| 4; 2 |]

            let expectProduct name =
                let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1)))

                let expected = [|
                    for t in 0..3 do
                        for b in 0..1 do
                            for o in 0..1 ->
                                if t < x.Lengths.Span[b] then
                                    bias[o] + Seq.sum [ for i in 0..2 -> weight[o, i] * x[t, b, i] ]
                                else
                                    0.0
                |]

                close (y.Data.ToArray()) expected name

            expectProduct "initial"
            weight.Set(array2D [ [ 1.0; 2.0; 3.0 ]; [ -4.0; 5.0; 0.5 ] ])
            Expect.equal (weight.ToArray()) [| 1.0; 2.0; 3.0; -4.0; 5.0; 0.5 |] "row by row"
            expectProduct "a rectangular array"
            weight[1, 2] <- 9.0
            Expect.equal weight[5] 9.0 "the last element"
            expectProduct "an element by row and column"
            weight[0] <- -7.0
            expectProduct "an element by index"
            weight.Set [| 6.0; 5.0; 4.0; 3.0; 2.0; 1.0 |]
            expectProduct "an array"
            bias.Set [| 0.5; -0.5 |]
            expectProduct "a bias"
        }

        test "the next step of a cell uses the weights that were set" {
            for cell in [ GruCell<float>(3, 4) :> Cell<float>; LstmCell<float>(3, 4); RnnCell<float>(3, 4) ] do
                randomizeAll cell.Parameters
                let workspace = Workspace(ThreadTeam 1)
                let x = MatrixView<float>(array2D [ [ 0.5; -1.0; 2.0 ] ])
                let state = CellState(MatrixView<float>(array2D [ [ 0.1; 0.2; -0.3; 0.4 ] ]))
                let before = cell.Forward(x, state, workspace).State.H.ToArray()
                cell.WeightHh.Set(Array.zeroCreate<float> cell.WeightHh.Length)
                let without = cell.Forward(x, state, workspace).State.H.ToArray()
                Expect.notEqual without before "another result"

                // Without recurrent weights, only GRU and LSTM use the state; another cell with these weights agrees.
                let fresh: Cell<float> =
                    match cell with
                    | :? GruCell<float> -> GruCell<float>(3, 4)
                    | :? LstmCell<float> -> LstmCell<float>(3, 4)
                    | _ -> RnnCell<float>(3, 4)

                for p, q in Seq.zip fresh.Parameters cell.Parameters do
                    p.Set q.Value

                Expect.equal (fresh.Forward(x, state, workspace).State.H.ToArray()) without "as in a new cell"
        }

        test "values of another size are refused, and nothing is written" {
            let weight = Parameter<float>.Constant("w", 1.0, 2, 3)

            expectRefusal<ArgumentException, _> "w [2, 3] takes 6 values, not 5" (fun () ->
                weight.Set(Array.zeroCreate<float> 5))

            expectRefusal<ArgumentException, _> "w [2, 3] takes [2, 3] values, not [3, 2]" (fun () ->
                weight.Set(Array2D.zeroCreate<float> 3 2))

            expectRefusal<ArgumentOutOfRangeException, _> "row" (fun () -> weight[2, 0])
            Expect.allEqual (weight.ToArray()) 1.0 "unchanged"
        }
    ]

/// Layers that keep values of the forward pass.
let private recording: (string * Layer<float>) list = [
    "linear", Linear<float>(6, 5)
    "convolution", Conv1d<float>(6, 5, 3)
    "batch norm", BatchNorm1d<float> 6
    "layer norm", LayerNorm<float> 6
    "activation", Activation<float>(ActivationFunction.Tanh, 6)
    "pyramid", FrameStacking<float>(6, 2)
    "log-softmax", LogSoftmax<float> 6
    "squeeze and excitation", SqueezeExcite<float>(6, 2)
    "residual block", (Networks.block 6).Build<float> 6
    "lstm", RecurrentStack<float>(CellKind.Lstm, 6, RecurrentSettings(5, true, 2))
    "sequence", Sequential<float>(6, Linear<float>(6, 5), Linear<float>(5, 4))
]

let private message = "Backward needs a Forward with the same workspace before it"

[<Tests>]
let passes =
    testList "one Backward for each Forward" [
        for name, layer in recording do
            test $"{name}: Backward without Forward, twice, or after a reset is refused" {
                let workspace = Workspace(ThreadTeam 1)
                let pass = Pass(workspace, true, CounterRandom 1UL)
                let x = randomBatch 3UL 6 [| 6; 4 |]
                let dy () = (layer.Forward(x, Pass(Workspace(ThreadTeam 1), true))).Data.ToArray()
                let gradient = dy ()
                let like (y: Batch<float>) = y.With(Memory gradient, y.F)
                let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1), true))

                let refused () =
                    expectRefusal<InvalidOperationException, _> message (fun () -> layer.Backward(like y, pass))

                refused ()
                layer.Forward(x, pass) |> ignore
                layer.Backward(like y, pass) |> ignore
                refused ()
                layer.Forward(x, pass) |> ignore
                workspace.Reset()
                refused ()
                layer.Forward(x, pass) |> ignore
                layer.Backward(like y, pass) |> ignore
            }

        test "a network refuses a second Backward and names the layer" {
            let network = Network<float>(NetworkSpec(3, 4, [| LstmSpec 5 |], [| LinearSpec 4 |]))
            let pass = Pass(Workspace(ThreadTeam 1), true)
            let logits = network.Forward(randomBatch 1UL 3 [| 5; 2 |], pass)
            network.Backward(logits, pass)

            expectRefusal<InvalidOperationException, _> $"decoder.0 (Linear): {message}" (fun () ->
                network.Backward(logits, pass))
        }

        test "a step of a cell has one Backward" {
            let cell = GruCell<float>(3, 4)
            let workspace = Workspace(ThreadTeam 1)
            let step = cell.Forward(MatrixView<float>(Array2D.zeroCreate 2 3), CellState(), workspace)
            cell.Backward(step, CellState(), workspace) |> ignore

            expectRefusal<InvalidOperationException, _> "the step has had its Backward" (fun () ->
                cell.Backward(step, CellState(), workspace))
        }
    ]
