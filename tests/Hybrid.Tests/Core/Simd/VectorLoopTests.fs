/// SIMD loops of every length: the same bits for an element at any index, and nothing written beyond the end.
module Hybrid.Tests.VectorLoopTests

open System
open Expecto
open Hybrid.Core

let private input = [| for i in 0..99 -> float32 (sin (float (i * i))) |]

/// A layer applied to each element on its own.
let private one (layer: Layer<float32>) (x: float32) =
    let pass = Pass(Workspace(ThreadTeam 1))
    layer.Forward(Batch<float32>(Memory [| x |], 1, 1, 1), pass).Data.Span[0]

[<Tests>]
let tests =
    testList "VectorLoop" [
        test "activations of 1 to 67 elements have the bits of single elements" {
            for f in Enum.GetValues<ActivationFunction>() do
                let expected = Array.map (one (Activation<float32>(f, 1))) input

                for length in 1..67 do
                    let layer, pass = Activation<float32>(f, length), Pass(Workspace(ThreadTeam 1))
                    let y = layer.Forward(Batch<float32>(Memory(Array.copy input, 0, length), 1, 1, length), pass)
                    Expect.equal (y.Data.ToArray()) expected[.. length - 1] $"{f}, {length} elements"
        }
        test "the exponential of floats in double has the bits of single elements and writes no others" {
            let x = [| yield! input; -1000.0f; 1000.0f; nanf; -infinityf; infinityf |]

            let single (v: float32) =
                let y = [| 7.0; 7.0 |]
                VectorMath.Exp(ReadOnlySpan [| v |], Span y)
                Expect.equal y[1] 7.0 "the element after a single one"
                y[0]

            for length in 0 .. x.Length do
                let y = Array.create (length + 3) 7.0
                VectorMath.Exp(ReadOnlySpan(x, x.Length - length, length), Span y)
                let expected = [| for v in x[x.Length - length ..] -> BitConverter.DoubleToInt64Bits(single v) |]
                let actual = [| for v in y[.. length - 1] -> BitConverter.DoubleToInt64Bits v |]
                Expect.equal actual expected $"{length} elements"
                Expect.equal y[length..] [| 7.0; 7.0; 7.0 |] $"the elements after {length}"

            Expect.equal (single -1000.0f) 0.0 "below the normal numbers"
            Expect.isTrue (Double.IsNaN(single nanf)) "NaN"
        }
        test "the exponential into a shorter span is refused" {
            Refusal.expectRefusal<ArgumentException, unit> "2 elements are too few for 3 results" (fun () ->
                VectorMath.Exp(ReadOnlySpan input[..2], Span(Array.zeroCreate<float> 2)))
        }
        test "optimisers move every element alike, at any index of tensors of 1 to 40 elements" {
            let specs: OptimizerSpec list = [
                AdamSpec(WeightDecay = 0.1)
                AdamWSpec()
                SgdSpec(0.1, 0.9, true, 0.1)
                SgdSpec 0.1
            ]

            for spec in specs do
                for length in [ 1; 7; 15; 16; 17; 31; 32; 40 ] do
                    let parameter = Parameter<float32>.Constant("w", 0.5, length)
                    Array.fill parameter.Gradient 0 length 0.25f
                    let optimizer = spec.Build [ parameter ]

                    for _ in 1..3 do
                        optimizer.Step(0.01, 0.5, ThreadTeam.Default)

                    Expect.allEqual (parameter.ToArray()) parameter[0] $"{spec}, {length} elements"
                    Expect.notEqual parameter[0] 0.5f $"{spec}, {length} elements: moved"
        }
        test "weights-only decay spares tensors of one axis, and decays others as without it" {
            let specs: (bool -> OptimizerSpec) list = [
                fun only -> SgdSpec(0.1, 0.9, true, 0.1, only)
                fun only -> AdamSpec(WeightDecay = 0.1, DecayWeightsOnly = only)
                fun only -> AdamWSpec(WeightDecay = 0.1, DecayWeightsOnly = only)
            ]

            for spec in specs do
                let after (spec: OptimizerSpec) (shape: int array) =
                    let parameter = Parameter<float32>.Constant("p", 0.5, shape)
                    Array.fill parameter.Gradient 0 parameter.Length 0.25f
                    let optimizer = spec.Build [ parameter ]

                    for _ in 1..3 do
                        optimizer.Step(0.01, 1.0, ThreadTeam 1)

                    parameter[0]

                let without: OptimizerSpec =
                    match spec true with
                    | :? SgdSpec -> SgdSpec(0.1, 0.9, true)
                    | :? AdamSpec -> AdamSpec()
                    | _ -> AdamWSpec(WeightDecay = 0.0)

                Expect.equal (after (spec true) [| 6 |]) (after without [| 6 |]) $"{spec true}: no decay"
                Expect.notEqual (after (spec false) [| 6 |]) (after without [| 6 |]) $"{spec false}: decay"
                Expect.equal (after (spec true) [| 2; 3 |]) (after (spec false) [| 2; 3 |]) $"{spec true}: a matrix"
        }
        test "the norm of a gradient counts every element" {
            for length in 1..40 do
                let parameter = Parameter<float32>.Constant("w", 0.5, length)
                Array.fill parameter.Gradient 0 length 2.0f
                Expect.equal (GradientNorm.Of [| parameter |]) (sqrt (4.0 * float length)) $"{length} elements"
        }
        test "sums over rows of 1 to 40 columns count every element" {
            for columns in 1..40 do
                for rows in [ 1; 3; 4; 5; 9; 300 ] do
                    let matrix = MatrixView<float>(Memory(Array.create (rows * columns) 1.0), rows, columns)
                    let sum = Array.create columns 0.5
                    RowReductions.AddSum(matrix, Span sum, Workspace(ThreadTeam 2))
                    Expect.equal sum (Array.create columns (float rows + 0.5)) $"{rows} x {columns}"
        }
    ]
