/// The matrix product against its definition, in both precisions, for all layouts and splits of the work.
module Hybrid.Tests.GemmTests

open System
open System.Runtime.Intrinsics
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal

/// Precision and conversions of a number type.
type private Precision<'R> = {
    Name: string
    Epsilon: float
    OfFloat: float -> 'R
    ToFloat: 'R -> float
    MultiplyAdd: 'R -> 'R -> 'R -> 'R
}

let private single = {
    Name = "float"
    Epsilon = 2.0 ** -24.0
    OfFloat = float32
    ToFloat = float
    MultiplyAdd = fun a b c -> MathF.FusedMultiplyAdd(a, b, c)
}

let private double = {
    Name = "double"
    Epsilon = 2.0 ** -53.0
    OfFloat = id
    ToFloat = id
    MultiplyAdd = fun a b c -> Math.FusedMultiplyAdd(a, b, c)
}

/// A random matrix, stored row by row or column by column.
let private random p (stream: RandomStream) rows columns transposed =
    let data = Memory(Array.init (rows * columns) (fun _ -> p.OfFloat(stream.Uniform(-1.0, 1.0))))

    if transposed then
        MatrixView<_>(data, columns, rows).Transposed
    else
        MatrixView<_>(data, rows, columns)

let private copy (m: MatrixView<_>) =
    MatrixView<_>(Memory(m.Data.ToArray()), m.Rows, m.Columns, m.RowStride, m.ColumnStride)

let private at (m: MatrixView<_>) i j = m.Data.Span[i * m.RowStride + j * m.ColumnStride]

/// All elements, row by row.
let private elements (m: MatrixView<_>) = [|
    for i in 0 .. m.Rows - 1 do
        for j in 0 .. m.Columns - 1 -> at m i j
|]

/// Element (i, j) of c + a b: the sum in double with a bound of its rounding error, and the documented chain of fused
/// multiply-adds, k ascending.
let private expected p (a: MatrixView<_>) (b: MatrixView<_>) start i j =
    let mutable sum, magnitude, chain = p.ToFloat start, abs (p.ToFloat start), start

    for k in 0 .. a.Columns - 1 do
        let x, y = at a i k, at b k j
        sum <- sum + p.ToFloat x * p.ToFloat y
        magnitude <- magnitude + abs (p.ToFloat x * p.ToFloat y)
        chain <- p.MultiplyAdd x y chain

    struct (sum, float (a.Columns + 1) * 2.0 * p.Epsilon * magnitude, chain)

let private expectProduct p (a: MatrixView<_>) b (before: MatrixView<_>) (c: MatrixView<_>) accumulate name =
    for i in 0 .. c.Rows - 1 do
        for j in 0 .. c.Columns - 1 do
            let start = if accumulate then at before i j else p.OfFloat 0.0
            let struct (sum, bound, chain) = expected p a b start i j
            let actual = at c i j

            if not (abs (p.ToFloat actual - sum) <= bound) then
                failtest $"{name}, element ({i}, {j}): expected {sum} within {bound}, got {actual}"

            // With vector instructions off, products are rounded before they are added.
            if Vector128.IsHardwareAccelerated && actual <> chain then
                failtest $"{name}, element ({i}, {j}): {actual} is not the chain of fused multiply-adds, {chain}"

/// A Latin square of sizes: every pair of (M, N), of (M, K) and of (N, K) in 1..40 occurs.
let private shapes = [
    for M in 1..40 do
        for N in 1..40 -> M, N, 1 + (7 * M + 11 * N) % 40
]

let private allShapes p =
    test $"{p.Name}: every pair of sizes up to 40, for all layouts, packed or not, accumulating or not" {
        let stream = CounterRandom(1UL).Stream()

        for M, N, K in shapes do
            for transposeA in [ false; true ] do
                for transposeB in [ false; true ] do
                    let a, b = random p stream M K transposeA, random p stream K N transposeB
                    let before = random p stream M N false

                    for accumulate in [ false; true ] do
                        let name =
                            $"[{M}, {K}] x [{K}, {N}], transposed {transposeA} {transposeB}, accumulate {accumulate}"

                        let c, packed = copy before, copy before
                        Gemm.Multiply(a, b, c, accumulate)
                        expectProduct p a b before c accumulate name
                        Gemm.Multiply(a, PackedMatrix<_>(b), packed, accumulate)
                        Expect.sequenceEqual (packed.Data.ToArray()) (c.Data.ToArray()) $"{name}: packed or not"
    }

// Beyond every block: 240 rows, 512 terms, 2048 columns.
let private M, private N, private K = 253, 2083, 521

let private splits p =
    test $"{p.Name}: the same bits for any number of threads and any split of rows or columns" {
        let stream = CounterRandom(2UL).Stream()
        let a, b, before = random p stream M K true, random p stream K N false, random p stream M N false
        let packed = PackedMatrix<_>(b)

        for accumulate in [ false; true ] do
            let whole = copy before
            Gemm.Multiply(a, b, whole, accumulate)

            expectProduct
                p
                (a.SliceRows(M - 3, 3))
                b
                (before.SliceRows(M - 3, 3))
                (whole.SliceRows(M - 3, 3))
                accumulate
                "last rows"

            let expectSame name multiply =
                let c = copy before
                multiply c

                Expect.isTrue
                    (c.Data.Span.SequenceEqual(Span.op_Implicit whole.Data.Span))
                    $"{name}, accumulate {accumulate}"

            for threads in [ 1; 2; 3 ] do
                let team = ThreadTeam threads
                expectSame $"{threads} threads" (fun c -> Gemm.Multiply(a, b, c, accumulate, team))
                expectSame $"{threads} threads, packed" (fun c -> Gemm.Multiply(a, packed, c, accumulate, team))

            for rows in [ 1; 7; 64; 121 ] do
                expectSame $"{rows} rows at a time" (fun c ->
                    for i in 0..rows .. M - 1 do
                        let count = min rows (M - i)
                        Gemm.Multiply(a.SliceRows(i, count), packed, c.SliceRows(i, count), accumulate))

            for columns in [ 3; 100; 600 ] do
                expectSame $"{columns} columns at a time" (fun c ->
                    for j in 0..columns .. N - 1 do
                        let count = min columns (N - j)
                        Gemm.Multiply(a, b.SliceColumns(j, count), c.SliceColumns(j, count), accumulate))
    }

// Beyond every block again, with boundaries of rows that no tile has.
let private twoProducts p =
    test $"{p.Name}: two products that share some rows of A have the bits of one after the other" {
        let stream = CounterRandom(6UL).Stream()
        let b, e = random p stream K N false, random p stream K 33 false

        for shared, firstAlone, secondAlone in [ 253, 0, 0; 130, 61, 62; 0, 5, 248; 250, 3, 0; 241, 0, 12 ] do
            let a = random p stream (shared + firstAlone + secondAlone) K true
            let beforeC = random p stream (shared + firstAlone) N false
            let beforeD = random p stream (shared + secondAlone) 33 false
            let expectedC, expectedD = copy beforeC, copy beforeD
            Gemm.Multiply(a.SliceRows(0, shared + firstAlone), b, expectedC, true)
            Gemm.Multiply(a.SliceRows(0, shared), e, expectedD.SliceRows(0, shared), true)

            Gemm.Multiply(
                a.SliceRows(shared + firstAlone, secondAlone),
                e,
                expectedD.SliceRows(shared, secondAlone),
                true
            )

            for threads in [ 1; 2; 3 ] do
                let c, d = copy beforeC, copy beforeD
                Gemm.MultiplyWithSharedA(a, b, c, e, d, ThreadTeam threads)
                let name = $"{shared} rows shared, {threads} threads"
                Expect.isTrue (c.Data.Span.SequenceEqual(Span.op_Implicit expectedC.Data.Span)) $"C, {name}"
                Expect.isTrue (d.Data.Span.SequenceEqual(Span.op_Implicit expectedD.Data.Span)) $"D, {name}"
    }

let private numbers count = Memory(Array.init count float32)

[<Tests>]
let gemm =
    testList "Gemm" [
        allShapes single
        allShapes double
        splits single
        splits double
        twoProducts single
        twoProducts double

        test "nothing outside the product is written" {
            let stream = CounterRandom(3UL).Stream()

            for rows, columns, terms in [ 1, 1, 1; 5, 3, 7; 13, 33, 9; 30, 65, 300 ] do
                let a, b = random single stream rows terms false, random single stream terms columns false
                let stride = columns + 5
                let memory = Array.create (rows * stride + 20) 7.0f
                Gemm.Multiply(a, b, MatrixView(Memory(memory, 10, rows * stride), rows, columns, stride))
                let inside i = i >= 10 && i < 10 + rows * stride && (i - 10) % stride < columns

                for i in 0 .. memory.Length - 1 do
                    if not (inside i) then
                        Expect.equal memory[i] 7.0f $"[{rows}, {columns}]: element {i} of the memory around"
        }
        test "a sum of no terms is zero, or what was there" {
            for accumulate, expected in [ false, [| 0.0f; 0.0f; 0.0f; 0.0f |]; true, [| 0.0f; 1.0f; 2.0f; 3.0f |] ] do
                let c = MatrixView<float32>(numbers 4, 2, 2)
                Gemm.Multiply(MatrixView<float32>(numbers 0, 2, 0), MatrixView<float32>(numbers 0, 0, 2), c, accumulate)
                Expect.equal (elements c) expected $"accumulate {accumulate}"
        }
        test "a product without rows or columns is nothing" {
            let empty rows columns = MatrixView<float32>(numbers 0, rows, columns)
            Gemm.Multiply(empty 0 3, MatrixView<float32>(numbers 6, 3, 2), empty 0 2)
            Gemm.Multiply(MatrixView<float32>(numbers 6, 2, 3), empty 3 0, empty 2 0)
        }
        test "a NaN spoils its row and its column, and nothing else" {
            let stream = CounterRandom(4UL).Stream()
            let a, b = random single stream 20 30 false, random single stream 30 40 false
            a.Data.Span[7 * 30 + 5] <- nanf
            b.Data.Span[5 * 40 + 9] <- nanf
            let c = MatrixView<float32>(numbers 800, 20, 40)
            Gemm.Multiply(a, b, c)

            for i in 0..19 do
                for j in 0..39 do
                    Expect.equal (Single.IsNaN(at c i j)) (i = 7 || j = 9) $"({i}, {j}) is NaN"
        }
        test "packing again takes the new values" {
            let stream = CounterRandom(5UL).Stream()

            let a, first, second =
                random single stream 4 6 false, random single stream 6 5 false, random single stream 6 5 true

            let packed = PackedMatrix<float32>(first)
            packed.Pack second
            let expected, actual = MatrixView<float32>(numbers 20, 4, 5), MatrixView<float32>(numbers 20, 4, 5)
            Gemm.Multiply(a, second, expected)
            Gemm.Multiply(a, packed, actual)
            Expect.equal (elements actual) (elements expected) "product"
        }
        test "sizes that do not fit are refused with the sizes" {
            let refused text = expectRefusal<ArgumentException, unit> text
            let view rows columns = MatrixView<float32>(numbers (rows * columns), rows, columns)

            let packed = PackedMatrix<float32>(view 3 5)

            refused "a [2, 3] times [4, 5] product does not fit [2, 5]" (fun () ->
                Gemm.Multiply(view 2 3, view 4 5, view 2 5))

            refused "[3, 5] product does not fit [2, 4]" (fun () -> Gemm.Multiply(view 2 3, view 3 5, view 2 4))
            refused "[3, 5] product does not fit [3, 5]" (fun () -> Gemm.Multiply(view 2 3, packed, view 3 5))
            refused "must be contiguous" (fun () -> Gemm.Multiply(view 2 3, view 3 5, (view 5 2).Transposed))

            refused "products of 2 and 3 rows do not match the 6 rows of A" (fun () ->
                Gemm.MultiplyWithSharedA(view 6 3, view 3 5, view 2 5, view 3 4, view 3 4, null))

            refused "a 5 x 3 matrix does not fit a packed one of 3 x 5" (fun () -> packed.Pack(view 5 3))
        }
        test "a view that reaches beyond its memory is refused" {
            for rows, columns, rowStride, columnStride in
                [
                    3, 4, 4, 1
                    2, 5, 7, 1
                    3, 2, 1, 9
                    Int32.MaxValue, 2, Int32.MaxValue, 1
                    2, 2, -1, 1
                    2, 2, 1, -1
                    -1, 2, 2, 1
                    2, -1, 2, 1
                ] do
                let view () = MatrixView<float32>(numbers 11, rows, columns, rowStride, columnStride)
                expectRefusal<ArgumentException, _> "" view

            MatrixView<float32>(numbers 11, 3, 3, 4, 1) |> ignore<MatrixView<float32>>
        }
    ]
