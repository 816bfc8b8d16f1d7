module Hybrid.Tests.NpzTests

open System
open System.IO
open System.IO.Compression
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
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

let private refusal (bytes: byte[]) = messageOf<FormatException, _>(fun () -> Npz.Read(new MemoryStream(bytes)))

let private expectDamaged (bytes: byte[]) name =
    let message = refusal bytes
    Expect.stringContains message "entry \"a.npy\": its CRC-32 is" name
    Expect.stringContains message "it is damaged" name

[<Tests>]
let npz =
    testList "npz" [
        test "reads archives that NumPy wrote" {
            for case in elements "archives" golden.Value do
                let archive = Npz.Read(new MemoryStream(file case))
                let expected = elements "arrays" case
                Expect.sequenceEqual archive.Keys (expected |> List.map (text "name")) (text "name" case)

                for array in expected do
                    expectArray array archive[text "name" array]
        }

        test "written archives are read back, and equal arrays give equal files" {
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

        test "entries that are not arrays are ignored, and names never become paths" {
            let bytes = NpyArray.FromSingles([| 1f |], 1)
            use stream = new MemoryStream()
            bytes.Write stream

            let archive =
                Npz.Read(new MemoryStream(archive [ "readme.txt", [| 1uy |]; "../../x.npy", stream.ToArray() ]))

            Expect.sequenceEqual archive.Keys [ "../../x" ] "names"
        }

        test "a small archive that unpacks beyond the limit is refused before memory is allocated" {
            let before = GC.GetAllocatedBytesForCurrentThread()
            let bomb = archive [ "zeros.npy", Array.zeroCreate 100_000_000 ]
            let made = GC.GetAllocatedBytesForCurrentThread()
            Expect.isLessThan bomb.Length 200_000 "the archive is small"
            Expect.stringContains (refusal bomb) "unpack to 100000000" "message"
            Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - made) (made - before) "memory"
        }

        test "an archive that claims more than deflate can give is refused before memory is taken" {
            let array = NpyArray.FromSingles(Array.zeroCreate<float32> 100, 100)
            use stream = new MemoryStream()
            array.Write stream
            let bytes = archive [ "a.npy", stream.ToArray() ]
            // The sizes in the central directory, the last part before 22 bytes of the end record.
            let directory = bytes.Length - 22 - 46 - "a.npy".Length
            BitConverter.GetBytes(60_000_000).CopyTo(bytes, directory + 24)
            let before = GC.GetAllocatedBytesForCurrentThread()
            Expect.stringContains (refusal bytes) "entry \"a.npy\" claims 60000000 bytes" "message"
            Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 1_000_000L "bytes allocated"
        }

        test "the check sum of every entry is verified" {
            let array = NpyArray.FromSingles(features, 6)
            use stream = new MemoryStream()
            array.Write stream

            for level in [ CompressionLevel.NoCompression; CompressionLevel.Optimal ] do
                use packed = new MemoryStream()

                using (new ZipArchive(packed, ZipArchiveMode.Create, true)) (fun archive ->
                    use entry = archive.CreateEntry("a.npy", level).Open()
                    entry.Write(ReadOnlySpan(stream.ToArray())))

                let bytes = packed.ToArray()
                let back = Npz.Read(new MemoryStream(bytes))
                Expect.sequenceEqual (back["a"].ToSingles()) features "undamaged"
                let stored = bytes.Length - 22 - 46 - "a.npy".Length + 16

                expectDamaged (Array.updateAt stored (bytes[stored] ^^^ 1uy) bytes) $"{level}: the stored check sum"

                if level = CompressionLevel.NoCompression then
                    // The last byte of the elements, before the central directory.
                    let last = bytes.Length - 22 - 46 - "a.npy".Length - 1
                    expectDamaged (Array.updateAt last (bytes[last] ^^^ 1uy) bytes) "an element"
        }

        test "truncated and foreign archives are refused" {
            let whole = archive [ "a.npy", [| 1uy; 2uy |] ]
            Expect.stringContains (refusal whole) "entry \"a.npy\": not a .npy file" "an entry that is not an array"
            Expect.stringContains (refusal whole[.. whole.Length - 10]) "not an archive of arrays" "a truncated archive"
            Expect.stringContains (refusal [||]) "not an archive of arrays" "an empty file"

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
