/// Sums of numbers given by their logarithms.
module Hybrid.Tests.LogMathTests

open System
open Expecto
open Hybrid.Core

let private close expected actual name =
    if not (expected = actual || abs (expected - actual) <= 1e-14 * max 1.0 (abs expected)) then
        failtest $"%s{name}: expected {expected}, got {actual}"

[<Tests>]
let tests =
    testList "LogMath" [
        test "LogAdd is the logarithm of the sum" {
            for a, b in [ 0.0, 0.0; 1.0, 2.0; 2.0, 1.0; -700.0, -701.0; 5.0, -40.0 ] do
                close (log (exp a + exp b)) (LogMath.LogAdd(a, b)) $"{a}, {b}"
        }
        test "LogAdd does not overflow, and negative infinity is a summand of 0" {
            close (1e5 + log 2.0) (LogMath.LogAdd(1e5, 1e5)) "large numbers"
            close (-1e5 + log 2.0) (LogMath.LogAdd(-1e5, -1e5)) "small numbers"
            Expect.equal (LogMath.LogAdd(-infinity, 3.0)) 3.0 "first"
            Expect.equal (LogMath.LogAdd(3.0, -infinity)) 3.0 "second"
            Expect.equal (LogMath.LogAdd(-infinity, -infinity)) -infinity "both"
        }
        test "LogSumExp is the logarithm of the sum for elements of any size" {
            for shift in [ 0.0; 1e4; -1e4 ] do
                let x = [| for i in 0..9 -> shift + float (7 * i % 10) / 3.0 |]
                let expected = shift + log (Seq.sumBy (fun v -> exp (v - shift)) x)
                let actual = LogMath.LogSumExp<float, float>(ReadOnlySpan x)
                Expect.isLessThan (abs (actual - expected)) (1e-15 * abs shift + 1e-14) $"shifted by {shift}"
        }
        test "LogSumExp adds in the type of the sum" {
            let x = [| for i in 0..40 -> float32 i / 7.0f |]
            let expected = LogMath.LogSumExp<float, float>(ReadOnlySpan(Array.map float x))
            Expect.equal (LogMath.LogSumExp<float32, float>(ReadOnlySpan x)) expected "float elements, double sum"
        }
        test "LogSumExp of NaN, or of nothing but negative infinity, is NaN" {
            for x in [ [| 1.0; nan; 2.0 |]; [| -infinity; -infinity |] ] do
                Expect.isTrue (Double.IsNaN(LogMath.LogSumExp<float, float>(ReadOnlySpan x))) $"%A{x}"

            Expect.equal (LogMath.LogSumExp<float, float>(ReadOnlySpan [| -infinity; 2.0 |])) 2.0 "one summand of 0"
        }
        test "ArgMax is the first of the largest elements" {
            for row, expected in [ [| 1.0f; 3.0f; 2.0f |], 1; [| 2.0f; 2.0f |], 0; [| -1.0f; nanf; -0.5f |], 2 ] do
                Expect.equal (RowReductions.ArgMax(ReadOnlySpan row)) expected $"%A{row}"
        }
    ]
