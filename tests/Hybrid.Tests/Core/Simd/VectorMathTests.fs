/// The vector functions against System.Math in double, and the normal distribution against its own expansions.
module Hybrid.Tests.VectorMathTests

open System
open System.Runtime.Intrinsics
open Expecto
open Hybrid.Core

// Bounds of the relative error. The documented ones are those of Phi.
let private singleBound, private doubleBound = 3e-7, 1e-15
let private singlePhiBound, private doublePhiBound = 6e-7, 2e-15

// The smallest normal numbers. Below them relative errors mean little, and results only have to be as small.
let private singleTiny, private doubleTiny = 1.1754944e-38, 2.2250738585072014e-308

let private singles (f: Vector512<float32> -> Vector512<float32>) (x: float) =
    let y = f (Vector512.Create(float32 x))
    // Every lane computes the same.
    if y <> Vector512.Create(y[0]) && not (Single.IsNaN y[0]) then
        failtest $"the lanes differ at {x}: {y}"

    float y[0]

let private doubles (f: Vector512<float> -> Vector512<float>) (x: float) = f(Vector512.Create x)[0]

let private special = [ infinity; -infinity; nan; 0.0; -0.0 ]

/// Floats over all bit patterns - every magnitude, both signs, infinities, NaN - and evenly over the range of exp.
let private singlePoints = [|
    for pattern in 0u .. 40_961u .. UInt32.MaxValue -> float (BitConverter.UInt32BitsToSingle pattern)
    for i in -30_000 .. 30_000 -> float (float32 i / 300.0f)
    yield! special
|]

let private doublePoints = [|
    for i in 0UL .. 99_999UL -> BitConverter.UInt64BitsToDouble(i * 184_467_440_737_095UL)
    for i in -40_000 .. 40_000 -> float i / 53.0
    yield! special
|]

let private relative (expected: float) actual = abs (actual - expected) / abs expected

/// The largest relative error of f at the points, or a failure where NaN comes or goes, or a tiny result is not tiny.
let private worst points tiny (f: float -> float) (reference: float -> float) =
    Seq.max (
        seq {
            for x in points do
                let expected, actual = reference x, f x

                if Double.IsNaN expected <> Double.IsNaN actual then
                    failtest $"at {x}: expected {expected}, got {actual}"
                elif Double.IsNaN expected || expected = actual then
                    ()
                elif abs expected < tiny then
                    if not (abs actual <= 1.1 * tiny) then
                        failtest $"at {x}: expected {expected}, got {actual}"
                else
                    relative expected actual, x
        }
    )

let private expectWithin bound points tiny f reference =
    let error, x = worst points tiny f reference
    Expect.isBelow error bound $"relative error at {x}: expected {reference x}, got {f x}"

// Exp stays at the ends of its range, which are these.
let private singleExp x = exp (min (float 88.02f) (max (float -87.33f) x))
let private doubleExp x = exp (min 709.0 (max -708.0 x))

let private sigmoid x = 1.0 / (1.0 + exp -x)

/// Phi and its density at multiples of 1/256, whose squares are exact: near zero the Taylor series with 28 digits, in
/// the tails Mills' ratio as a continued fraction (Abramowitz and Stegun 26.2.11 and 26.2.14).
let private normal (x: float) =
    let density = 0.39894228040143267794 * exp -(x * x / 2.0)
    let x = decimal (int (256.0 * x)) / 256M
    let magnitude = abs x

    let tail =
        if magnitude < 3M then
            let square = x * x / 2M


            let terms next first =
                (0M, first)
                |> Seq.unfold (fun (k, term) ->
                    if term = 0M then
                        None
                    else
                        Some(term, (k + 1M, next k term)))

            // exp (-square) by repeated squaring of its series, which has small terms only.
            let small = terms (fun k term -> -term * square / 32M / (k + 1M)) 1M |> Seq.sum
            let exponential = Seq.fold (fun e _ -> e * e) small [ 1..5 ]
            let series = terms (fun k term -> term * x * x / (2M * k + 3M)) magnitude |> Seq.sum
            float (0.5M - 0.3989422804014326779399460599M * exponential * series)
        else
            let fraction = Seq.fold (fun f k -> magnitude + decimal k / f) magnitude [ 200..-1..1 ]
            density * float (1M / fraction)

    struct ((if x > 0M then 1.0 - tail else tail), density)

let private singleNormal (x: float) =
    let struct (cumulative, density) = VectorMath.Normal(Vector512.Create(float32 x))
    struct (float cumulative[0], float density[0])

let private doubleNormal (x: float) =
    let struct (cumulative, density) = VectorMath.Normal(Vector512.Create x)
    struct (cumulative[0], density[0])

let private expectNormal name phiBound densityBound tiny limit (f: float -> struct (float * float)) =
    let points = [| for i in -int(256.0 * limit) .. int (256.0 * limit) -> float i / 256.0 |]
    let cumulative (struct (c, _)) = c
    let density (struct (_, d)) = d

    testList $"Normal in {name}" [
        test "Phi" { expectWithin phiBound points tiny (f >> cumulative) (normal >> cumulative) }
        test "density" { expectWithin densityBound points tiny (f >> density) (normal >> density) }
    ]

let private saturation name edge limit tiny (f: float -> struct (float * float)) =
    test $"{name}: far out Phi is 0 or 1 and its density 0, for numbers of any size" {
        for x in [ limit; 2.0 * limit; 1e3; 1e10; 1e15; 1e19; 1e25; 3e38; infinity ] do
            Expect.equal (f x) (struct (1.0, 0.0)) $"at {x}"
            Expect.equal (f -x) (struct (0.0, 0.0)) $"at {-x}"

        for i in 0..1000 do
            let x = edge + (limit - edge) * float i / 1000.0
            let struct (cumulative, density) = f -x

            Expect.isTrue
                (cumulative >= 0.0 && cumulative < 3.0 * tiny && density >= 0.0)
                $"{cumulative}, {density} at {-x}"
    }

/// The output of a GELU layer for one number, and its derivative.
let private gelu x =
    let layer = Activation<float32>(ActivationFunction.Gelu, 1)
    let pass = Pass(Workspace(ThreadTeam 1))
    let y = layer.Forward(Batch<float32>(Memory [| x |], 1, 1, 1), pass)
    let dx = layer.Backward(Batch<float32>(Memory [| 1.0f |], 1, 1, 1), pass)
    y.Data.Span[0], dx.Data.Span[0]

[<Tests>]
let vectorMath =
    testList "VectorMath" [
        test "Exp in float" { expectWithin singleBound singlePoints singleTiny (singles VectorMath.Exp) singleExp }
        test "Exp in double" { expectWithin doubleBound doublePoints doubleTiny (doubles VectorMath.Exp) doubleExp }
        test "Sigmoid in float" {
            expectWithin singleBound singlePoints singleTiny (singles VectorMath.Sigmoid) sigmoid
        }
        test "Sigmoid in double" {
            expectWithin doubleBound doublePoints doubleTiny (doubles VectorMath.Sigmoid) sigmoid
        }
        test "Tanh in float" { expectWithin singleBound singlePoints singleTiny (singles VectorMath.Tanh) tanh }
        test "Tanh in double" { expectWithin doubleBound doublePoints doubleTiny (doubles VectorMath.Tanh) tanh }
        expectNormal "float" singlePhiBound singleBound singleTiny 13.0 singleNormal
        expectNormal "double" doublePhiBound doubleBound doubleTiny 37.5 doubleNormal
        saturation "float" 13.0 13.3 singleTiny singleNormal
        saturation "double" 37.5 37.7 doubleTiny doubleNormal
        test "Normal of NaN is NaN" {
            for struct (cumulative, density) in [ singleNormal nan; doubleNormal nan ] do
                Expect.isTrue (Double.IsNaN cumulative && Double.IsNaN density) $"{cumulative}, {density}"
        }
        test "saturated functions are exactly 0, 1 and -1" {
            for x in [ 1e3; 1e30; infinity ] do
                Expect.equal (singles VectorMath.Tanh x, singles VectorMath.Tanh -x) (1.0, -1.0) $"tanh in float at {x}"

                Expect.equal
                    (doubles VectorMath.Tanh x, doubles VectorMath.Tanh -x)
                    (1.0, -1.0)
                    $"tanh in double at {x}"

                Expect.equal (singles VectorMath.Sigmoid x, doubles VectorMath.Sigmoid x) (1.0, 1.0) $"sigmoid at {x}"
        }
        test "GELU is x or nothing, with slope 1 or 0, for numbers of any size" {
            for x in [ 14.0f; 1e3f; 1e10f; 1e15f; 1e19f; 3e38f ] do
                Expect.equal (gelu x) (x, 1.0f) $"at {x}"
                let y, slope = gelu -x
                Expect.equal (abs y, abs slope) (0.0f, 0.0f) $"at {-x}"
        }
    ]
