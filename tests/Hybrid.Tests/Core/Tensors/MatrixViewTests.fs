/// Elements, rows, slices and copies of matrices and batches, and their use as each other.
module Hybrid.Tests.MatrixViewTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal

/// [3, 4]: 10 i + j.
let private numbers () = MatrixView<float>(Array2D.init 3 4 (fun i j -> float (10 * i + j)))

[<Tests>]
let tests =
    testList "matrices and batches" [
        test "elements are read and written by row and column, in every view" {
            let m = numbers ()
            Expect.equal m[2, 3] 23.0 "an element"
            m[2, 3] <- -1.0
            Expect.equal m.Transposed[3, 2] -1.0 "the same element"
            Expect.equal (m.SliceRows(1, 2).SliceColumns(2, 2)[1, 1]) -1.0 "and in a slice"
            Expect.equal (m.Row(1).ToArray()) [| 10.0; 11.0; 12.0; 13.0 |] "a row"
            Expect.equal (m.SliceColumns(1, 2).Row(1).ToArray()) [| 11.0; 12.0 |] "a row of a slice"

            for row, column in [ 3, 0; -1, 0; 0, 4; 0, -1 ] do
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> m[row, column] |> ignore) $"{row}, {column}"

            expectRefusal<InvalidOperationException, _> "copy the view with ToArray" (fun () ->
                m.Transposed.Row(0).Length)
        }

        test "copies are in the order of the view's own rows" {
            let m = (numbers ()).SliceColumns(1, 2).Transposed
            Expect.equal (m.ToArray()) [| 1.0; 11.0; 21.0; 2.0; 12.0; 22.0 |] "one behind the other"
            Expect.equal (m.ToArray2D()) (array2D [ [ 1.0; 11.0; 21.0 ]; [ 2.0; 12.0; 22.0 ] ]) "rectangular"
        }

        test "slices beyond the matrix are refused" {
            let m = numbers ()

            let refused (slice: unit -> MatrixView<float>) =
                expectRefusal<ArgumentOutOfRangeException, _> "are not within the" slice

            refused (fun () -> m.SliceRows(2, 2))
            refused (fun () -> m.SliceRows(-1, 2))
            refused (fun () -> m.SliceColumns(0, 5))
            refused (fun () -> m.SliceColumns(4, Int32.MaxValue))
            Expect.equal (m.SliceRows(3, 0).ToArray()) [||] "none at the end"
        }

        test "rows of a matrix are a batch in the same memory; other views are refused" {
            let rows = MatrixView<float>(Array2D.init 6 2 (fun i j -> float (10 * i + j)))
            let batch = Batch<float>(rows.SliceRows(2, 4), 2, 2)
            Expect.equal (batch.Data.ToArray()) [| 20.0; 21.0; 30.0; 31.0; 40.0; 41.0; 50.0; 51.0 |] "frames"
            batch[1, 0, 1] <- 7.0
            Expect.equal rows[4, 1] 7.0 "the same memory"
            Expect.equal (batch.Keys.ToArray()) [| 0UL; 1UL |] "keys are indices"

            expectRefusal<ArgumentException, _> "not contiguous: copy them with ToArray" (fun () ->
                Batch<float>(rows.SliceColumns(0, 1), 3, 2))
        }

        test "a batch of utterances, without keys, equals one assembled by hand" {
            let first, second = array2D [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ]; [ 5.0; 6.0 ] ], array2D [ [ 7.0; 8.0 ] ]
            let batch = Batch<float>.FromUtterances(first, second)

            let byHand =
                Batch<float>([| 1.0; 2.0; 7.0; 8.0; 3.0; 4.0; 0.0; 0.0; 5.0; 6.0; 0.0; 0.0 |], 3, 2, 2, [| 3; 1 |])

            Expect.equal (batch.Data.ToArray()) (byHand.Data.ToArray()) "frames and padding"
            Expect.equal (batch.Lengths.ToArray()) [| 3; 1 |] "lengths"
            Expect.equal (batch.Keys.ToArray()) (byHand.Keys.ToArray()) "keys"
            Expect.equal (batch.Utterance(0).ToArray2D()) first "the frames of an utterance"
            Expect.equal (batch.Utterance(1).ToArray2D()) second "without its padding"

            expectRefusal<ArgumentException, _> "utterance 1 has 3 features per frame, utterance 0 has 2" (fun () ->
                Batch<float>.FromUtterances(first, Array2D.zeroCreate 1 3))
        }

        test "tensors print type, shape and their first elements" {
            Expect.equal (string (numbers ())) "double [3, 4] 0, 1, 2, 3, 10, 11, 12, 13, ..." "a matrix"

            Expect.equal
                (string (Batch<float32>.FromUtterances(array2D [ [ 0.5f; 2.0f ] ])))
                "[T, B, F] = float [1, 1, 2] 0.5, 2; lengths 1"
                "a batch"

            Expect.equal
                (string (NpyArray.FromDoubles(ReadOnlySpan [| 1.0; 0.25 |], 2, 1)))
                "<f8 [2, 1] 1, 0.25"
                "an array of numbers"

            Expect.equal
                (string (NpyArray.FromStrings(ReadOnlySpan [| "AA"; "B" |], 2)))
                "<U2 [2] \"AA\", \"B\""
                "an array of texts"
        }
    ]
