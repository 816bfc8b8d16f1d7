/// The factory methods of LogProbs: accepted input, and messages about any other.
module Hybrid.Tests.LogProbsTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal

let private fromLogits (x: float32[]) frames symbols = LogProbs.FromLogits(ReadOnlySpan x, frames, symbols)

let private fromProbabilities (x: float32[]) frames symbols =
    LogProbs.FromProbabilities(ReadOnlySpan x, frames, symbols)

let private fromLogProbabilities (x: float32[]) frames symbols =
    LogProbs.FromLogProbabilities(ReadOnlySpan x, frames, symbols)

let private factories = [
    "logits", fromLogits
    "probabilities", fromProbabilities
    "log probabilities", fromLogProbabilities
]

let private random frames symbols scale =
    let random = CounterRandom(4UL).Stream()
    Array.init (frames * symbols) (fun _ -> float32 (scale * random.Normal()))

let private data (x: LogProbs) = x.Data.ToArray()

let private close = Expect.floatClose { absolute = 1e-5; relative = 0.0 }

let private expectClose (expected: float32[]) (actual: float32[]) name =
    for i in 0 .. expected.Length - 1 do
        close (float actual[i]) (float expected[i]) $"{name}, number {i}"

let private refused text (make: unit -> LogProbs) = expectRefusal<ArgumentException, _> text make

[<Tests>]
let logProbs =
    testList "LogProbs" [
        test "the three factory methods agree" {
            let expected = fromLogits (random 20 7 3.0) 20 7
            let probabilities = data expected |> Array.map exp
            expectClose (data expected) (data (fromProbabilities probabilities 20 7)) "from probabilities"
            expectClose (data expected) (data (fromLogProbabilities (data expected) 20 7)) "from log probabilities"
        }
        test "every row is a distribution, for logits of any magnitude" {
            for scale in [ 0.0; 1.0; 100.0; 1e30 ] do
                let x = fromLogits (random 30 11 scale) 30 11

                for t in 0..29 do
                    let row = x[t].ToArray()
                    close (row |> Array.sumBy (float >> exp)) 1.0 $"scale {scale}, row {t}"
                    Expect.all row (fun v -> v <= 0.0f) $"scale {scale}, row {t} at most 0"
        }
        test "logits are log probabilities up to a constant of the row" {
            let logits = random 5 4 2.0
            let x = fromLogits logits 5 4

            for t in 0..4 do
                let norm = log (Seq.sum (seq { for v in 0..3 -> exp (float logits[t * 4 + v]) }))

                for v in 0..3 do
                    close (float (x[t][v])) (float logits[t * 4 + v] - norm) $"frame {t}, symbol {v}"
        }
        test "one utterance of a batch" {
            let batch = GradientCheck.randomBatch 3UL 4 [| 3; 5 |]

            let singles =
                Batch<float32>(Memory(batch.Data.ToArray() |> Array.map float32), 5, 2, 4, batch.Lengths, batch.Keys)

            for b, frames in [ 0, 3; 1, 5 ] do
                let own =
                    [|
                        for t in 0 .. frames - 1 do
                            yield! batch.Row(t, b).ToArray()
                    |]
                    |> Array.map float32

                let x = LogProbs.FromLogits(singles, b)
                Expect.equal (x.T, x.V) (frames, 4) "size"
                expectClose (data (fromLogits own frames 4)) (data x) $"utterance {b}"
        }
        test "the given array is copied" {
            let logProbabilities = [| log 0.5f; log 0.5f |]
            let x = fromLogProbabilities logProbabilities 1 2
            logProbabilities[0] <- 7.0f
            Expect.equal (x[0][0]) (log 0.5f) "after a change of the array"
        }
        test "zero frames are allowed, zero symbols are not" {
            for name, make in factories do
                Expect.equal (make [||] 0 3).T 0 name
                expectRefusal<ArgumentOutOfRangeException, _> "symbols" (fun () -> make [||] 3 0)

                expectRefusal<ArgumentOutOfRangeException, _> "must be 1 to 65536" (fun () ->
                    make [||] 0 Int32.MaxValue)

                expectRefusal<ArgumentOutOfRangeException, _> "frames" (fun () -> make [||] -1 3)
        }
        test "a number of elements other than T times V is refused with both" {
            for name, make in factories do
                refused $"{name}: [T, V] = [2, 2] needs 4 numbers, not 3" (fun () -> make [| 1.0f; 2.0f; 3.0f |] 2 2)
                refused "[65537, 65536] needs 4295032832 numbers" (fun () -> make [| 1.0f |] 65537 65536)
        }
        test "logits that are not finite are refused with their frame" {
            for bad, text in [ nanf, "NaN"; infinityf, "Infinity"; -infinityf, "-Infinity" ] do
                refused $"logits: frame 1 holds {text}" (fun () -> fromLogits [| 0.0f; 1.0f; 2.0f; bad |] 2 2)
        }

        for text, make in
            [
                "probabilities: row 1 holds -0.25; for log probabilities use FromLogProbabilities, "
                + "for network outputs FromLogits",
                fun () -> fromProbabilities [| 0.5f; 0.5f; 1.25f; -0.25f |] 2 2
                "probabilities: row 0 sums to 4, not to 1", (fun () -> fromProbabilities [| 3.0f; 1.0f |] 1 2)
                "probabilities: row 0 holds NaN", (fun () -> fromProbabilities [| nanf; 1.0f |] 1 2)
                "log probabilities: row 0 sums to 10.1073, not to 1; rows are frames, [T, V] = [1, 2]; "
                + "for network outputs use FromLogits, for probabilities FromProbabilities",
                fun () -> fromLogProbabilities [| 1.0f; 2.0f |] 1 2
                "row 0 sums to 3.29744", (fun () -> fromLogProbabilities [| 0.5f; 0.5f |] 1 2)
                "row 0 sums to NaN", (fun () -> fromLogProbabilities [| nanf; 0.0f |] 1 2)
            ] do
            test $"\"{text}\"" { refused text make }

        test "a logarithm taken twice, and transposed axes, are refused" {
            let once = data (fromLogits (random 6 4 1.0) 6 4)
            refused "row 0 sums to" (fun () -> fromLogProbabilities (once |> Array.map (fun x -> log -x)) 6 4)

            let transposed = [|
                for v in 0..3 do
                    for t in 0..5 -> once[t * 4 + v]
            |]

            refused "[T, V] = [6, 4]" (fun () -> fromLogProbabilities transposed 6 4)
        }
        test "probability 0 is allowed" {
            let x = fromProbabilities [| 0.0f; 1.0f |] 1 2
            Expect.equal (data x) [| -infinityf; 0.0f |] "logarithms"
            Expect.equal (data (fromLogProbabilities (data x) 1 2)) (data x) "and taken again"
        }
        test "a row that sums to 1 within the tolerance has no positive logarithm" {
            Expect.equal (data (fromProbabilities [| 1.0005f; 0.0f |] 1 2)) [| 0.0f; -infinityf |] "probabilities"
            Expect.equal (data (fromLogProbabilities [| 5e-4f |] 1 1)) [| 0.0f |] "log probabilities"
        }

        test "rectangular arrays of double or float give the same as spans" {
            let x = random 5 4 2.0
            let doubles = Array2D.init 5 4 (fun t v -> float x[4 * t + v])
            let singles = Array2D.init 5 4 (fun t v -> x[4 * t + v])
            let expected = fromLogits x 5 4
            Expect.equal (data (LogProbs.FromLogits singles)) (data expected) "logits of float"
            expectClose (data expected) (data (LogProbs.FromLogits doubles)) "logits of double"
            let logs = Array2D.init 5 4 (fun t v -> float expected[t].[v])
            expectClose (data expected) (data (LogProbs.FromLogProbabilities logs)) "log probabilities"
            expectClose (data expected) (data (LogProbs.FromProbabilities(Array2D.map exp logs))) "probabilities"
            Expect.equal (string expected) "log probabilities of 4 symbols in 5 frames" "text"
        }

        test "a probability in double that float cannot hold keeps its logarithm" {
            let tiny = LogProbs.FromProbabilities(array2D [ [ 1.0 - 1e-60; 1e-60 ] ])
            Expect.floatClose Accuracy.low (float tiny[0].[1]) (log 1e-60) "1e-60"
            refused "row 0 sums to 0.9" (fun () -> LogProbs.FromProbabilities(array2D [ [ 0.5; 0.4 ] ]))
        }
    ]
