/// Files that every reader refuses before reading, and the names of files in errors.
module Hybrid.Tests.InputFileTests

open System
open System.Diagnostics
open System.IO
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private readers: (string * (string -> unit)) list = [
    "npy", (fun path -> NpyArray.Read path |> ignore<NpyArray>)
    "npz", (fun path -> Npz.Read path |> ignore)
    "safetensors", (fun path -> SafeTensors.Read path |> ignore<SafeTensors>)
    "ARPA",
    fun path -> Hybrid.Speech.LanguageModels.Read(path, Hybrid.Speech.PhoneInventory.Arpabet) |> ignore<NGramModel>
]

/// A named pipe that nothing writes to: opening it for reading would never return.
let private pipe (folder: string) =
    let path = Path.Combine(folder, "pipe")

    try
        use created = Process.Start("mkfifo", [ path ])
        created.WaitForExit()
    with :? ComponentModel.Win32Exception ->
        ()

    if File.Exists path then
        path
    else
        skiptest "this system has no named pipes"

[<Tests>]
let inputFile =
    testList "InputFile" [
        for name, read in readers do
            test $"{name}: a folder is refused" {
                withFolder (fun folder ->
                    expectRefusal<IOException, _> $"{folder} is a folder; give a file" (fun () -> read folder))
            }

            test $"{name}: an empty file is refused" {
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "empty")
                    File.WriteAllBytes(path, [||])
                    expectRefusal<FormatException, _> $"{path} is empty" (fun () -> read path))
            }

            test $"{name}: a device is refused" {
                if not (File.Exists "/dev/zero") then
                    skiptest "this system has no /dev/zero"

                expectRefusal<FormatException, _> "/dev/zero is empty, or a device or pipe" (fun () -> read "/dev/zero")
            }

            test $"{name}: a link to a device is refused" {
                if not (File.Exists "/dev/zero") then
                    skiptest "this system has no /dev/zero"

                withFolder (fun folder ->
                    let path = Path.Combine(folder, "link")
                    File.CreateSymbolicLink(path, "/dev/zero") |> ignore
                    expectRefusal<FormatException, _> $"{path} is empty, or a device or pipe" (fun () -> read path))
            }

            test $"{name}: a named pipe is refused without waiting for a writer" {
                withFolder (fun folder ->
                    let path = pipe folder
                    expectRefusal<FormatException, _> $"{path} is empty, or a device or pipe" (fun () -> read path))
            }

            test $"{name}: a sparse file larger than memory is refused without reading it" {
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "sparse")

                    try
                        use file = File.Create path
                        file.SetLength(1L <<< 42)
                    with :? IOException ->
                        skiptest "this file system has no sparse files of 4 TiB"

                    expectRefusal<IOException, _> $"{path} has 4398046511104 bytes" (fun () -> read path))
            }

            test $"{name}: a sparse file of zeros is refused at little cost" {
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "sparse")

                    using (File.Create path) (fun file -> file.SetLength(1L <<< 30))
                    let before = GC.GetAllocatedBytesForCurrentThread()
                    expectRefusal<FormatException, _> path (fun () -> read path)
                    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
                    Expect.isLessThan allocated 2_000_000L "bytes allocated")
            }

            test $"{name}: a missing file is an IOException" {
                withFolder (fun folder ->
                    expectRefusal<IOException, _> "missing" (fun () -> read (Path.Combine(folder, "missing"))))
            }

            test $"{name}: messages about hostile content are one bounded line" {
                withFolder (fun folder ->
                    // Escape sequences in the file's own name too.
                    let path = Path.Combine(folder, "a\u001b[2J\nb" + String('n', 200))
                    let garbage = String.replicate 300_000 "\u001b[31mforged \r\n"

                    let headers = [
                        garbage
                        "\\data\\\nngram 1=1\n\n\\1-grams:\n" + garbage.Replace("\r\n", "")
                        "\\data\\\nngram 1=" + garbage
                        "\\data\\\nngram 1=1\n\n\\1-grams:\n" + String('9', 60_000) + " a"
                    ]

                    let withLength (header: string) =
                        let bytes = Encoding.UTF8.GetBytes header
                        Array.append (BitConverter.GetBytes(uint64 bytes.Length)) bytes

                    let json = [
                        "{\"" + String.replicate 200_000 "\\u001b[2Jx" + "\":{}}"
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":["
                        + String.Join(",", [ 1..500_000 ])
                        + "]}}"
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":["
                        + String.Join(",", [ 1..500_000 ])
                        + "],\"data_offsets\":[0,0]}}"
                        "{\"a\":{\"dtype\":\"" + String('F', 1_000_000) + "\"}}"
                    ]

                    let numpy (header: string) =
                        let bytes = Encoding.UTF8.GetBytes header

                        Array.concat [
                            [| 0x93uy; byte 'N'; byte 'U'; byte 'M'; byte 'P'; byte 'Y'; 3uy; 0uy |]
                            BitConverter.GetBytes(uint32 bytes.Length)
                            bytes
                        ]

                    let dictionaries = [
                        garbage[..60_000]
                        $"{{'descr': '{String('f', 60_000)}', 'fortran_order': False, 'shape': ()}}"
                        $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({String('9', 60_000)},)}}"
                        for axes in [ String.replicate 64 "1,"; String.replicate 63 "00000000000001," ] do
                            $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({axes}9)}}"
                    ]

                    for content in
                        [
                            for header: string in headers do
                                Encoding.UTF8.GetBytes header
                            yield! List.map withLength json
                            yield! List.map numpy dictionaries
                        ] do
                        File.WriteAllBytes(path, content)
                        let message = messageOf<FormatException, _>(fun () -> read path)
                        Expect.isLessThan message.Length 500 message
                        Expect.isFalse (Seq.exists Char.IsControl message) $"%A{message}"
                        Expect.stringStarts message (Quoted.Path path) "the file is named")
            }

        test "an error of a reader names the file" {
            let fail () : int = raise (FormatException "at byte 7: torn")
            expectRefusal<FormatException, _> "a/b.npy: at byte 7: torn" (fun () -> InputFile.Named("a/b.npy", fail))
        }
        test "other errors of a reader are not changed" {
            let fail () : int = raise (TimeoutException "slow")
            expectRefusal<TimeoutException, _> "slow" (fun () -> InputFile.Named("a", fail))
        }
    ]
