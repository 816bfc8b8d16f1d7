module Hybrid.Tests.NpzTests

open System
open System.IO
open System.IO.Compression
open Expecto
open Hybrid.Core
open Hybrid.Tests.TestSettings
open Hybrid.Tests.NpyTests

let private features: float32[] = Array.init 6 float32

let private arrays =
    dict [
        "mfcc", NpyArray.FromSingles(features, 2, 3)
        "transcript", NpyArray.FromStrings([| "AA"; "B" |], 2)
    ]

let private archive (entries: (string * byte[]) list) =
    use stream = new MemoryStream()

    using (new ZipArchive(stream, ZipArchiveMode.Create, true)) (fun archive ->
        for name, content in entries do
            use entry = archive.CreateEntry(name, CompressionLevel.Optimal).Open()
            entry.Write content)

    stream.ToArray()

let private refusal (bytes: byte[]) =
    let error = Expect.throwsC (fun () -> Npz.Read(new MemoryStream(bytes)) |> ignore) id
    Expect.isTrue (error :? FormatException) $"{error}"
    error.Message

[<Tests>]
let npz =
    testList "npz" [
        test "reads what NumPy wrote" {
            for case in elements "archives" golden.Value do
                let archive = Npz.Read(new MemoryStream(file case))
                let expected = elements "arrays" case
                Expect.sequenceEqual archive.Keys (expected |> List.map (text "name")) (text "name" case)

                for array in expected do
                    expectArray array archive[text "name" array]
        }

        test "what it writes it reads, and equal arrays give equal files" {
            withFolder (fun folder ->
                for compress in [ false; true ] do
                    let path = Path.Combine(folder, $"{compress}.npz")
                    Npz.Write(path, arrays, compress)
                    let bytes = File.ReadAllBytes path
                    let back = Npz.Read path
                    Expect.sequenceEqual back.Keys arrays.Keys "names"

                    for KeyValue(name, array) in arrays do
                        Expect.sequenceEqual back[name].Shape array.Shape name
                        Expect.isTrue (back[name].Bytes.Span.SequenceEqual array.Bytes.Span) name

                    Npz.Write(path, arrays, compress)
                    Expect.sequenceEqual (File.ReadAllBytes path) bytes "again")
        }

        test "entries that are no arrays are passed over, and names never become paths" {
            let bytes = NpyArray.FromSingles([| 1f |], 1)
            use stream = new MemoryStream()
            bytes.Write stream

            let archive =
                Npz.Read(new MemoryStream(archive [ "readme.txt", [| 1uy |]; "../../x.npy", stream.ToArray() ]))

            Expect.sequenceEqual archive.Keys [ "../../x" ] "names"
        }

        test "a small archive that unpacks to more than it justifies is refused before memory is taken" {
            let before = GC.GetAllocatedBytesForCurrentThread()
            let bomb = archive [ "zeros.npy", Array.zeroCreate 100_000_000 ]
            let made = GC.GetAllocatedBytesForCurrentThread()
            Expect.isLessThan bomb.Length 200_000 "the archive is small"
            Expect.stringContains (refusal bomb) "unpack to 100000000" "message"
            Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - made) (made - before) "memory"
        }

        test "torn and foreign archives are refused" {
            let whole = archive [ "a.npy", [| 1uy; 2uy |] ]
            Expect.stringContains (refusal whole) "entry \"a.npy\": not a .npy file" "an entry that is no array"
            Expect.stringContains (refusal whole[.. whole.Length - 10]) "no archive of arrays" "a torn archive"
            Expect.stringContains (refusal [||]) "no archive of arrays" "an empty file"

            Expect.stringContains
                (refusal (
                    archive [
                        "a.npy", file (elements "arrays" golden.Value).Head
                        "a.npy", file (elements "arrays" golden.Value).Head
                    ]
                ))
                "twice"
                "a name twice"
        }
    ]
