/// Fuzz tests of the readers of NumPy files.
module Hybrid.Tests.NpyFuzzTests

open System
open System.IO
open System.Text
open System.IO.Compression
open Expecto
open Hybrid.Core
open Hybrid.Tests.Fuzz
open Hybrid.Tests.NpyTests

/// Converts the elements too, because invalid text is refused there.
let private convert (array: NpyArray) =
    match array.Type.Kind with
    | NpyKind.Text
    | NpyKind.Bytes ->
        if array.ToStrings().Length <> array.Count then
            failtest "elements are missing"
    | _ ->
        if array.ToDoubles().Length <> array.Count then
            failtest "elements are missing"

let private refuses (error: exn) = error :? FormatException || error :? IOException

/// Allocations: the elements twice while a column-major array is reordered, then as doubles or strings: up to 32 bytes
/// per byte.
let private npyReader = {
    Name = "npy"
    Read = read >> convert
    Refuses = refuses
    Allowed = fun length -> 40L * int64 length + 1_000_000L
}

/// Allocations: any archive may unpack to 64 MiB, which are converted as above.
let private npzReader = {
    Name = "npz"
    Read =
        fun bytes ->
            for array in Npz.Read(new MemoryStream(bytes)).Values do
                convert array
    Refuses = refuses
    Allowed = fun _ -> 40L * (64L <<< 20)
}

let private files = lazy [| for case in elements "arrays" golden.Value -> file case |]
let private archives = lazy [| for case in elements "archives" golden.Value -> file case |]
let private one (random: Random) (all: Lazy<'item[]>) = all.Value[random.Next all.Value.Length]

/// Headers of NumPy files as text.
let private headers =
    lazy
        (grammar [
            for bytes in files.Value do
                if bytes[6] = 1uy then
                    Encoding.Latin1.GetString(bytes, 10, int (BitConverter.ToUInt16(bytes, 8)))
        ])

/// A file with a header that is changed by its grammar, of a version and a declared length that mostly fit.
let private forgedHeader (random: Random) =
    let header = headers.Value random
    let version = 1 + random.Next 3

    let length =
        if version = 1 then
            BitConverter.GetBytes(uint16 header.Length)
        else
            BitConverter.GetBytes header.Length

    let file =
        Array.concat [
            [| 0x93uy; yield! "NUMPY"B; byte version; 0uy |]
            length
            header
            Array.zeroCreate (random.Next 200)
        ]

    if random.Next 4 = 0 then
        extremeField random [ 6, 1; 7, 1; 8, 2; 8, 4; 10, 2 ] file
    else
        file

/// An archive with an extreme value in a field of its directory.
let private forgedDirectory (random: Random) =
    let bytes = one random archives

    let fields = [
        for at in offsetsOf "PK\001\002"B bytes do
            yield! [ at + 8, 2; at + 10, 2; at + 16, 4; at + 20, 4; at + 24, 4; at + 28, 2; at + 30, 2; at + 42, 4 ]
        for at in offsetsOf "PK\003\004"B bytes do
            yield! [ at + 6, 2; at + 8, 2; at + 14, 4; at + 18, 4; at + 22, 4; at + 26, 2; at + 28, 2 ]
        for at in offsetsOf "PK\005\006"B bytes do
            yield! [ at + 8, 2; at + 10, 2; at + 12, 4; at + 16, 4; at + 20, 2 ]
    ]

    if random.Next 5 = 0 then
        splice random (extremeField random fields bytes) (one random archives)
    else
        extremeField random fields bytes

/// A valid archive of damaged arrays.
let private forged (random: Random) =
    use stream = new MemoryStream()

    using (new ZipArchive(stream, ZipArchiveMode.Create, true)) (fun archive ->
        for i in 0 .. random.Next 3 do
            use entry = archive.CreateEntry($"{i}.npy", CompressionLevel.Fastest).Open()
            entry.Write(mutate random (one random files)))

    stream.ToArray()

[<Tests>]
let tests =
    testList "damaged and forged NumPy files are read or refused" [
        test "npy" { run npyReader 0.6 (fun random -> mutate random (one random files)) }
        test "spliced npy" { run npyReader 0.2 (fun random -> splice random (one random files) (one random files)) }
        test "npy with forged headers" { run { npyReader with Name = "npy with forged headers" } 0.4 forgedHeader }
        test "npz with forged directories" {
            run { npzReader with Name = "npz with forged directories" } 0.15 forgedDirectory
        }
        test "npz" { run npzReader 0.2 (fun random -> mutate random (one random archives)) }
        test "npz of damaged arrays" { run { npzReader with Name = "npz of damaged arrays" } 0.2 forged }
    ]
