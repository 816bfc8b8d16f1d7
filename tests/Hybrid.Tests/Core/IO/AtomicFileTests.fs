/// Files that are whole or not there.
module Hybrid.Tests.AtomicFileTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private write path (text: string) = AtomicFile.Write(path, _.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes text)))

/// A test with the path of a file that does not exist yet, in a folder of its own.
let private withFile name body = test name { withFolder (fun folder -> body (Path.Combine(folder, "file"))) }

let private expectAlone path =
    let folder = Path.GetDirectoryName(path: string) |> nonNull
    Expect.sequenceEqual (Directory.GetFiles folder) [ path ] "nothing else is left"

[<Tests>]
let atomicFile =
    testList "AtomicFile" [
        withFile "writes a new file, and replaces an old one" (fun path ->
            write path "first, which is longer"
            write path "second"
            Expect.equal (File.ReadAllText path) "second" "content"
            expectAlone path)
        withFile "a failure in the middle of writing leaves the old file and nothing beside it" (fun path ->
            write path "old"

            let fail (stream: Stream) =
                stream.Write(ReadOnlySpan(Array.create 100_000 1uy))
                raise (TimeoutException "of the writer")

            expectRefusal<TimeoutException, unit> "of the writer" (fun () -> AtomicFile.Write(path, fail))
            Expect.equal (File.ReadAllText path) "old" "content"
            expectAlone path)
        withFile "the old file is whole while the new one is written" (fun path ->
            write path "old"

            let look (stream: Stream) =
                stream.Write(ReadOnlySpan [| 1uy |])
                stream.Flush()
                Expect.equal (File.ReadAllText path) "old" "content"

            AtomicFile.Write(path, look))
        withFile "a second writer of the same file is refused and does not disturb the first" (fun path ->
            let first (stream: Stream) =
                expectRefusal<IOException, unit> $"{path} could not be written" (fun () -> write path "second")
                stream.Write(ReadOnlySpan "first"B)

            AtomicFile.Write(path, first)
            Expect.equal (File.ReadAllText path) "first" "content"
            expectAlone path)
        withFile "a link stays one, and what it points to is written, there already or not" (fun path ->
            let target = path + " itself"
            File.CreateSymbolicLink(path, target) |> ignore

            for text in [ "first"; "second" ] do
                write path text
                Expect.equal (File.ReadAllText target) text "content"
                Expect.equal (FileInfo path).LinkTarget target "link"

            Expect.equal (Directory.GetFiles(Path.GetDirectoryName path |> nonNull).Length) 2 "nothing else is left")
        test "a device is written, not replaced" {
            if not (File.Exists "/dev/full") then
                skiptest "this system has no device that is always full"

            // A file in its place would take the text.
            for _ in 1..2 do
                expectRefusal<IOException, unit> "/dev/full could not be written" (fun () -> write "/dev/full" "text")
        }
        withFile "a missing folder is an IOException that names the file" (fun path ->
            let inside = Path.Combine(path, "inside")
            expectRefusal<IOException, unit> $"{inside} could not be written" (fun () -> write inside "text"))
    ]
