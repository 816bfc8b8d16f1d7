/// Fuzz tests of the readers of NumPy files.
module Hybrid.Tests.NpyFuzzTests

open System
open System.IO
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
        test "npz" { run npzReader 0.2 (fun random -> mutate random (one random archives)) }
        test "npz of damaged arrays" { run { npzReader with Name = "npz of damaged arrays" } 0.2 forged }
    ]
