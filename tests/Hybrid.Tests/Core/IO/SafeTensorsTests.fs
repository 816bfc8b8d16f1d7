/// The safetensors format: round trips, and a FormatException at little cost for any invalid file.
module Hybrid.Tests.SafeTensorsTests

open System
open System.IO
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// A file of a header and data.
let private file (header: byte[]) (data: byte[]) =
    Array.concat [ BitConverter.GetBytes(uint64 header.Length); header; data ]

let private read (bytes: byte[]) = SafeTensors.Read(new MemoryStream(bytes))

let private write (tensors: SafeTensors) =
    use stream = new MemoryStream()
    tensors.Write stream
    stream.ToArray()

let private bytes (tensor: StoredTensor) = tensor.Bytes.ToArray()

let private expectSame (expected: SafeTensors) (actual: SafeTensors) =
    let pairs (x: SafeTensors) = [ for p in x.Metadata -> p.Key, p.Value ]
    let content (x: SafeTensors) = [ for t in x.Tensors -> t.Name, t.Type, List.ofSeq t.Shape, bytes t ]
    Expect.equal (pairs actual) (pairs expected) "metadata"
    Expect.equal (content actual) (content expected) "tensors, in order"

let private sample =
    let stored name kind (shape: int64 list) (data: byte[]) =
        StoredTensor(name, kind, List.toArray shape, ReadOnlyMemory data)

    SafeTensors(
        dict [ "key", "value"; "ключ", "значение \"in quotes\"\n"; "", "" ]
        |> Collections.Generic.Dictionary,
        [|
            StoredTensor.FromSingles(
                "z before a",
                ReadOnlySpan [| 1.5f; -2.0f; nanf; infinityf; 0.0f; -0.0f |],
                [ 2; 3 ]
            )
            StoredTensor.FromDoubles("a", ReadOnlySpan [| Math.PI |], [])
            StoredTensor.FromSingles("empty", ReadOnlySpan<float32>.Empty, [ 3; 0; 5 ])
            StoredTensor.FromDoubles("ʒ ə 語 👄", ReadOnlySpan [| 1e-300; Double.MaxValue |], [ 2 ])
            stored "halves" TensorType.F16 [ 2L ] [| 0x00uy; 0x3Cuy; 0xFFuy; 0xFBuy |]
            stored
                "integers"
                TensorType.I32
                [ 2L; 1L ]
                (Array.append (BitConverter.GetBytes -5) (BitConverter.GetBytes Int32.MaxValue))
            stored "long integers" TensorType.I64 [ 1L ] (BitConverter.GetBytes -5L)
            stored "bytes" TensorType.U8 [ 3L ] [| 0uy; 127uy; 255uy |]
        |]
    )

/// A file of a header as text and eight bytes of data.
let private withHeader (header: string) = file (Encoding.UTF8.GetBytes header) (Array.zeroCreate 8)

let private entry name dtype shape offsets =
    $"\"{name}\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}"

let private one dtype shape offsets = "{" + entry "a" dtype shape offsets + "}"

let private two first second = "{" + entry "a" "\"U8\"" "[4]" first + "," + entry "b" "\"U8\"" "[4]" second + "}"

/// Expected messages, and the invalid headers that cause them: a name and a header.
let private headers = [
    "not a safetensors header",
    [
        "no header", ""
        "not JSON", "tensors"
        "torn JSON", """{"a":{"dtype":"F32","""
        "text after the JSON", "{} {}"
        "a name that is not valid text", """{"\ud800":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"""
        "nested too deeply", String('[', 100_000)
        for root in [ "[]"; "null"; "1"; "\"text\"" ] do
            $"root {root}", root
        for tensor in [ "null"; "1"; "[]"; "\"text\"" ] do
            $"tensor {tensor}", $"{{\"a\":{tensor}}}"
        "no dtype", """{"a":{"shape":[8],"data_offsets":[0,8]}}"""
        "no shape", """{"a":{"dtype":"U8","data_offsets":[0,8]}}"""
        "no offsets", """{"a":{"dtype":"U8","shape":[8]}}"""
        "dtype that is not text", one "1" "[8]" "[0,8]"
        for shape in [ "null"; "8"; "\"8\""; "{}" ] do
            $"shape {shape}", one "\"U8\"" shape "[0,8]"
        "metadata that are not an object", """{"__metadata__":[]}"""
        "metadata that are not text", """{"__metadata__":{"a":{}}}"""
    ]

    "tensor a has element type",
    [
        for dtype in [ "\"F8_E4M3\""; "\"f32\""; "\"\""; "\"1\""; "null" ] do
            $"dtype {dtype}", one dtype "[2]" "[0,8]"
    ]

    "tensor a: shape holds",
    [
        for size in [ "8.5"; "1e30"; "9223372036854775808" ] do
            $"size {size}", one "\"U8\"" $"[{size}]" "[0,8]"
    ]

    "does not fit its 8 bytes",
    [
        for shape in
            [
                "[-8]"
                "[-2,-4]"
                "[7]"
                "[9]"
                "[]"
                "[8,0]"
                "[4294967296,4294967296]"
                "[4611686018427387904,4,2]"
                "[9223372036854775807,9223372036854775807,9223372036854775807,9223372036854775807]"
                "[-9223372036854775808,-9223372036854775808,-9223372036854775808]"
            ] do
            $"shape {shape}", one "\"U8\"" shape "[0,8]"
    ]

    "tensor a has the offsets",
    [
        for offsets in [ "[0]"; "[]"; "[0,4,8]"; "[-8,0]"; "[8,0]"; "[0,9]"; "[9,9]"; "[0,9223372036854775807]" ] do
            $"offsets {offsets}", one "\"U8\"" "[8]" offsets
    ]

    "tensor a: data_offsets holds 8.5", [ "offset that is not an integer", one "\"U8\"" "[8]" "[0,8.5]" ]
    "the header names a twice", [ "a duplicate name", "{" + entry "a" "\"U8\"" "[8]" "[0,8]" + ",\"a\":1}" ]
    "tensor \"a.b\" has the offsets", [ "a name with a line break", "{" + entry "a\\nb" "\"U8\"" "[8]" "[0,9]" + "}" ]
    "tensor b begins at byte 0", [ "two tensors at the same offset", two "[0,4]" "[0,4]" ]
    "tensor b begins at byte 2", [ "tensors that overlap", two "[4,8]" "[2,6]" ]
    "tensor a begins at byte 4", [ "a gap", one "\"U8\"" "[4]" "[4,8]" ]
    "the tensors end at byte 4 of 8", [ "data without a tensor", one "\"U8\"" "[4]" "[0,4]" ]
]

/// A name, an invalid file, and the expected message.
let private malformed = [
    for length in [ 0; 1; 7 ] do
        $"{length} bytes", Array.zeroCreate length, "not a safetensors file"

    for length in [ 9UL; 1_000_000_000UL; 1UL <<< 63; UInt64.MaxValue ] do
        let content = Array.append (BitConverter.GetBytes length) (Array.create 8 32uy)
        $"header of {length} bytes", content, "the header at byte 8 claims"

    "not UTF-8", file [| 0x7Buy; 0x22uy; 0xFFuy; 0x22uy; 0x3Auy; 0x31uy; 0x7Duy |] [||], "not a safetensors header"

    for message, wrong in headers do
        for name, header in wrong do
            name, withHeader header, message
]

/// Bytes that this thread allocates while a file is read or refused.
let private allocated name (content: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()

    try
        read content |> ignore<SafeTensors>
    with
    | :? FormatException -> ()
    | error -> failtest $"{name}: {error.GetType()} instead of a FormatException: {error.Message}"

    GC.GetAllocatedBytesForCurrentThread() - before

let private reader: Fuzz.Reader = {
    Name = "safetensors"
    Read = read >> ignore<SafeTensors>
    Refuses = fun error -> error :? FormatException
    Allowed = fun length -> 20_000L + 50L * int64 length
}

[<Tests>]
let safeTensors =
    testList "SafeTensors" [
        test "a file is read back as written: order, metadata, types, names in any script" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "all.safetensors")
                sample.Write path
                expectSame sample (SafeTensors.Read path))
        }
        test "the same content gives the same bytes, before and after reading" {
            Expect.equal (write (read (write sample))) (write sample) "bytes"
        }
        test "the bytes are those of the format" {
            let one =
                SafeTensors(Map.empty, [| StoredTensor.FromSingles("a", ReadOnlySpan [| 1.0f; -2.0f |], [ 2; 1 ]) |])

            let header = """{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"""
            Expect.equal (header.Length % 8) 0 "this header needs no padding"

            let expected =
                file (Encoding.UTF8.GetBytes header) [| 0uy; 0uy; 0x80uy; 0x3Fuy; 0uy; 0uy; 0uy; 0xC0uy |]

            Expect.equal (write one) expected "file"
        }
        test "data begin at a multiple of eight bytes" {
            for name in [ "a"; "ab"; "abc"; "abcd"; "ü" ] do
                let one = SafeTensors(Map.empty, [| StoredTensor.FromDoubles(name, ReadOnlySpan [| 1.0 |], []) |])
                Expect.equal (BitConverter.ToUInt64(write one, 0) % 8UL) 0UL name
        }
        test "duplicate and reserved names are not written" {
            let tensor name = StoredTensor.FromSingles(name, ReadOnlySpan [| 1.0f |], [ 1 ])

            for names, message in
                [ [ "a"; "b"; "a" ], "\"a\""; [ "__metadata__" ], "\"__metadata__\""; [ "x\n"; "x\n" ], "\"x\"" ] do
                expectRefusal<ArgumentException, _> $"would be called {message}" (fun () ->
                    write (SafeTensors(Map.empty, [| for name in names -> tensor name |])))
        }
        test "no tensors at all" {
            let nothing = SafeTensors(Map.empty, [||])
            expectSame nothing (read (write nothing))
        }
        test "tensors may be in another order than their data" {
            let header = Encoding.UTF8.GetBytes(two "[4,8]" "[0,4]")
            let tensors = (read (file header [| 0uy .. 7uy |])).Tensors

            Expect.equal
                [ for t in tensors -> t.Name, bytes t ]
                [ "a", [| 4uy .. 7uy |]; "b", [| 0uy .. 3uy |] ]
                "names and bytes"
        }
        test "elements of every type as doubles and floats" {
            let numbers = [ for t in sample.Tensors -> t.Name, (t.ToDoubles(), t.ToSingles()) ] |> Map
            Expect.equal numbers["halves"] ([| 1.0; -65504.0 |], [| 1.0f; -65504.0f |]) "F16"
            Expect.equal numbers["integers"] ([| -5.0; 2147483647.0 |], [| -5.0f; 2147483648.0f |]) "I32"
            Expect.equal numbers["long integers"] ([| -5.0 |], [| -5.0f |]) "I64"
            Expect.equal numbers["bytes"] ([| 0.0; 127.0; 255.0 |], [| 0.0f; 127.0f; 255.0f |]) "U8"
            Expect.equal (snd numbers["a"]) [| float32 Math.PI |] "F64 as floats"
        }
        for name, content, message in malformed do
            test $"{name}: a FormatException that names the problem" {
                expectRefusal<FormatException, _> message (fun () -> read content)
                Expect.isLessThan (allocated name content) (20_000L + 50L * int64 content.Length) "bytes allocated"
            }
        test "an error in a file names it" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "torn.safetensors")
                File.WriteAllBytes(path, Array.truncate 100 (write sample))
                expectRefusal<FormatException, _> $"{path}: " (fun () -> SafeTensors.Read path))
        }
        test "a file truncated at any byte is a FormatException" {
            let content = write sample

            for length in 0 .. content.Length - 1 do
                expectRefusal<FormatException, _> "" (fun () -> read content[.. length - 1])
        }
        test "damaged files are read or refused, and cost no more memory than they have bytes" {
            Fuzz.run reader 1.0 (fun random -> Fuzz.mutate random (write sample))
        }
        test "spliced files are read or refused" {
            Fuzz.run reader 0.2 (fun random -> Fuzz.splice random (write sample) (Fuzz.mutate random (write sample)))
        }
    ]
