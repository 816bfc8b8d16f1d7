/// Integer arithmetic at the ends of its ranges.
module Hybrid.Tests.IntMathTests

open System
open System.Runtime.Intrinsics
open Expecto
open Hybrid.Core

[<Tests>]
let tests =
    testList "IntMath" [
        test "CeilDiv is the quotient rounded up, without overflow" {
            for divisor in [ 1; 2; 3; 7; 16; 1000; Int32.MaxValue ] do
                for dividend in
                    [ -17; -16; -1; 0; 1; 2; 15; 16; 17; 999; 1000; 1001; Int32.MaxValue - 1; Int32.MaxValue ] do
                    let expected = int (ceil (float dividend / float divisor))
                    Expect.equal (IntMath.CeilDiv(dividend, divisor)) expected $"{dividend} / {divisor}"

                    Expect.equal
                        (IntMath.CeilDiv(int64 dividend, int64 divisor))
                        (int64 expected)
                        $"{dividend} / {divisor}, 64 bits"

            Expect.equal (IntMath.CeilDiv(Int64.MaxValue, 2L)) (1L <<< 62) "the largest number of 64 bits"
        }
        test "RoundUp is the next multiple" {
            for multiple in [ 1; 2; 5; 8; 16 ] do
                for value in 0..50 do
                    let expected = Seq.find (fun n -> n % multiple = 0) (Seq.initInfinite (fun i -> value + i))
                    Expect.equal (IntMath.RoundUp(value, multiple)) expected $"{value} to multiples of {multiple}"

            Expect.equal (IntMath.RoundUp((1L <<< 40) + 1L, 16L)) ((1L <<< 40) + 16L) "64 bits"
        }
        test "PowerOfTwo is exact for all exponents of normal numbers" {
            for n in -1022 .. 1023 do
                let expected = Math.ScaleB(1.0, n)
                Expect.equal (IntMath.PowerOfTwo(int64 n)) expected $"2^{n}"
                Expect.equal (IntMath.PowerOfTwo(Vector512.Create(int64 n))[5]) expected $"2^{n} in a register"

            for n in -126 .. 127 do
                Expect.equal (IntMath.PowerOfTwo(Vector512.Create n)[9]) (MathF.ScaleB(1.0f, n)) $"2^{n} in float"
        }
    ]
