module Hybrid.Tests.NpyTests

open System
open System.IO
open System.Text.Json
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// Files that NumPy wrote, recorded by tests/golden/make_npy.py.
let golden =
    lazy (JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "tests", "golden", "npy.json"))).RootElement)

let elements (name: string) (case: JsonElement) = [ for element in case.GetProperty(name).EnumerateArray() -> element ]
let text (name: string) (case: JsonElement) = string (case.GetProperty(name).GetString())
let file (case: JsonElement) = Convert.FromBase64String(text "file" case)
let read (bytes: byte[]) = NpyArray.Read(new MemoryStream(bytes), int64 bytes.Length)

let private write (array: NpyArray) =
    use stream = new MemoryStream()
    array.Write stream
    stream.ToArray()

/// Infinities and NaN are recorded as text, because JSON lacks them.
let private number (value: JsonElement) =
    if value.ValueKind = JsonValueKind.Number then
        value.GetDouble()
    else
        match value.GetString() with
        | "inf" -> infinity
        | "-inf" -> -infinity
        | _ -> nan

/// Fails unless shape and values equal the recorded ones.
let expectArray (case: JsonElement) (array: NpyArray) =
    let name = text "name" case
    let values = elements "values" case
    Expect.sequenceEqual array.Shape [ for size in elements "shape" case -> size.GetInt32() ] $"{name}: shape"
    Expect.equal array.Count values.Length $"{name}: number of elements"

    match array.Type.Kind with
    | NpyKind.Text
    | NpyKind.Bytes ->
        Expect.sequenceEqual (array.ToStrings()) [ for value in values -> string (value.GetString()) ] name
    | NpyKind.Float ->
        // Bit by bit, so that -0 differs from 0; but a NaN may have any sign.
        let bits (value: float) = BitConverter.DoubleToInt64Bits(if Double.IsNaN value then nan else value)
        Expect.sequenceEqual (array.ToDoubles() |> Array.map bits) [ for value in values -> bits (number value) ] name
    | _ -> Expect.sequenceEqual (array.ToInt64s()) [ for value in values -> value.GetInt64() ] name

let private refusal (bytes: byte[]) = messageOf<FormatException, _>(fun () -> read bytes)

/// A file of version 1 with a header as text.
let private withHeader (header: string) =
    Array.concat [
        [| 0x93uy; byte 'N'; byte 'U'; byte 'M'; byte 'P'; byte 'Y'; 1uy; 0uy |]
        BitConverter.GetBytes(uint16 header.Length)
        Text.Encoding.Latin1.GetBytes header
        Array.zeroCreate 64
    ]

[<Tests>]
let npy =
    testList "npy" [
        test "reads files that NumPy wrote" {
            for case in elements "arrays" golden.Value do
                let array = read (file case)
                Expect.equal (string array.Type) (text "type" case) (text "name" case)
                expectArray case array
        }

        test "writes the bytes that numpy.save writes" {
            for case in elements "arrays" golden.Value do
                Expect.sequenceEqual
                    (read (file case) |> write)
                    (Convert.FromBase64String(text "saved" case))
                    (text "name" case)
        }

        test "values of every type are written and read back" {
            let random = Random 5
            let halves = Array.init 6 (fun _ -> Half.op_Explicit (random.NextSingle()): Half)
            let singles = Array.init 6 (fun _ -> random.NextSingle())
            let doubles = Array.init 6 (fun _ -> random.NextDouble())
            let integers = Array.init 6 (fun _ -> random.Next())
            let longs = Array.init 6 (fun _ -> random.NextInt64())
            let words = [| "AA"; "[SIL]"; ""; "\u00e9t\u00e9"; "\U0001d11e"; "x" |]
            let roundTrip = write >> read

            Expect.sequenceEqual
                (roundTrip(NpyArray.FromHalves(halves, 2, 3)).ToSingles())
                (halves |> Array.map Half.op_Explicit)
                "halves"

            Expect.sequenceEqual (roundTrip(NpyArray.FromSingles(singles, 2, 3)).ToSingles()) singles "singles"
            Expect.sequenceEqual (roundTrip(NpyArray.FromDoubles(doubles, 2, 3)).ToDoubles()) doubles "doubles"

            Expect.sequenceEqual
                (roundTrip(NpyArray.FromInt32s(integers, 2, 3)).ToInt64s())
                (integers |> Array.map int64)
                "32-bit integers"

            Expect.sequenceEqual (roundTrip(NpyArray.FromInt64s(longs, 2, 3)).ToInt64s()) longs "64-bit integers"
            let text = roundTrip (NpyArray.FromStrings(words, 2, 3))
            Expect.sequenceEqual (text.ToStrings()) words "text"
            Expect.equal (string text.Type) "<U5" "as wide as the longest"
            Expect.sequenceEqual text.Shape [ 2; 3 ] "shape"
            Expect.sequenceEqual (NpyArray.FromDoubles([| 0.1 |], 1).ToSingles()) [ 0.1f ] "doubles are rounded"
        }

        test "a shape that does not fit the values is refused" {
            let three = [| 1f; 2f; 3f |]

            expectRefusal<ArgumentException, _> "shape (2, 2) does not fit 3 elements" (fun () ->
                NpyArray.FromSingles(three, 2, 2))
        }

        test "elements of the wrong kind are refused" {
            let words, numbers = NpyArray.FromStrings([| "a" |], 1), NpyArray.FromSingles([| 1f |], 1)

            let huge =
                read (
                    write (NpyArray.FromInt64s([| -1L |], 1))
                    |> Array.map (fun b -> if b = byte 'i' then byte 'u' else b)
                )

            for what, get, message in
                [
                    "text as numbers", (fun () -> words.ToSingles() |> ignore<float32[]>), "<U1 where numbers"
                    "numbers as text", (fun () -> numbers.ToStrings() |> ignore<string[]>), "<f4 where text"
                    "floats as integers", (fun () -> numbers.ToInt64s() |> ignore<int64[]>), "<f4 where integers"
                    "an integer beyond 64 bits with sign",
                    (fun () -> huge.ToInt64s() |> ignore<int64[]>),
                    "9223372036854775807"
                ] do
                Expect.stringContains (messageOf<FormatException, _> get) message what
        }

        test "a header with a key twice is refused" {
            for key, header in
                [
                    "descr", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'descr': '<f8', }"
                    "shape", "{'shape': (2,), 'descr': '<f4', 'shape': (1,), 'fortran_order': False}"
                    "fortran_order", "{'fortran_order': True, \"fortran_order\": True, 'descr': '<f4', 'shape': (2,)}"
                ] do
                Expect.stringContains (refusal (withHeader header)) $"the key \"{key}\" twice" header
        }

        test "entries of a header may have any order, quotes and spacing" {
            for header in
                [
                    "{'shape':(2L,),'fortran_order':False,'descr':'<f4'}"
                    "{ \"descr\" : \"<f4\" ,\"shape\":( 2 , ) , \"fortran_order\":False , }\n"
                ] do
                let array = read (withHeader header)
                Expect.equal (string array.Type, List.ofSeq array.Shape) ("<f4", [ 2 ]) header
        }

        test "a header that is not exactly the dictionary of an array is refused" {
            for header in
                [
                    "{'descr': '<f4', 'fortran_order': False}"
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': True}"
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} {}"
                    "'descr': '<f4', 'fortran_order': False, 'shape': (2,)"
                    "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}"
                    "{'descr': (2,), 'fortran_order': False, 'shape': '<f4'}"
                    "{'descr': '<f4', 'fortran_order': (1,), 'shape': (2,)}"
                    "{'descr': '<f4\", 'fortran_order': False, 'shape': (2,)}"
                ] do
                Expect.stringContains (refusal (withHeader header)) "the header is" header
        }

        test "unsupported files are refused in one sentence, and nothing is executed" {
            for case in elements "refused" golden.Value do
                Expect.stringContains (refusal (file case)) (text "message" case) (text "name" case)
        }

        test "invalid Unicode is refused" {
            let bytes = write (NpyArray.FromStrings([| "AB" |], 1))

            let codes = [ [| 0uy; 0xD8uy; 0uy; 0uy |]; [| 0uy; 0uy; 0x11uy; 0uy |]; [| 255uy; 255uy; 255uy; 255uy |] ]

            for code in codes do
                expectRefusal<FormatException, _> "text 0" (fun () ->
                    read(Array.append bytes[.. bytes.Length - 5] code).ToStrings())
        }

        test "the message of a file names it" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "torn.npy")
                NpyArray.FromSingles([| 1f; 2f |], 2).Write path
                File.WriteAllBytes(path, File.ReadAllBytes(path)[..130])
                expectRefusal<FormatException, _> $"{path}: shape (2) of <f4" (fun () -> NpyArray.Read path))
        }
    ]
