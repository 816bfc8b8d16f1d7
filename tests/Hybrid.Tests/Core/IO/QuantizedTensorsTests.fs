/// Weights as signed bytes with one scale per row.
module Hybrid.Tests.QuantizedTensorsTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal

let private matrix =
    StoredTensor.FromSingles(
        "w",
        ReadOnlySpan [| 1.27f; -0.5f; 0.0f; 0.0f; 0.0f; 0.0f; 254.0f; 1.0f; -3.1f |],
        [ 3; 3 ]
    )

let private vector = StoredTensor.FromSingles("b", ReadOnlySpan [| 0.123f; 4.56f |], [ 2 ])
let private stored = QuantizedTensors.Quantize [ matrix; vector ] |> Seq.toArray

[<Tests>]
let tests =
    testList "quantized tensors" [
        test "matrices become bytes and scales, vectors stay" {
            Expect.equal
                [ for t in stored -> t.Name, t.Type ]
                [ "w", TensorType.I8; "w.scale", TensorType.F32; "b", TensorType.F32 ]
                "tensors"

            Expect.equal (stored[0].ToDoubles()) [| 127.0; -50.0; 0.0; 0.0; 0.0; 0.0; 127.0; 0.0; -2.0 |] "levels"
        }

        test "the values come back within half a level of their row" {
            let read = QuantizedTensors.Dequantize stored
            Expect.equal [ for t in read -> t.Name ] [ "w"; "b" ] "names"
            let expected, actual = matrix.ToSingles(), read[0].ToSingles()

            for i in 0..8 do
                let half = [ 0.005f; 0.0f; 1.0f ][i / 3]
                Expect.isLessThanOrEqual (abs (actual[i] - expected[i])) (half * 1.0001f) $"element {i}"

            Expect.equal (read[1].ToSingles()) (vector.ToSingles()) "a vector is unchanged"
        }

        test "bytes without scales, and scales without bytes or of another length, are refused" {
            let refusal (tensors: StoredTensor list) =
                messageOf<FormatException, _>(fun () -> QuantizedTensors.Dequantize(List.toArray tensors))

            Expect.stringContains (refusal [ stored[0] ]) "tensor w of signed bytes has no scales" "no scales"
            Expect.stringContains (refusal [ stored[1] ]) "no tensor belongs to the scales w.scale" "no bytes"
            let short = StoredTensor.FromSingles("w.scale", ReadOnlySpan [| 1.0f |], [ 1 ])
            Expect.stringContains (refusal [ stored[0]; short ]) "do not fit its rows" "another length"
        }
    ]
