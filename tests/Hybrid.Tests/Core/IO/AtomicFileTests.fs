/// Files that are written as a whole or not at all.
module Hybrid.Tests.AtomicFileTests

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private write path (text: string) = AtomicFile.Write(path, _.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes text)))

/// A test with the path of a missing file in an empty folder.
let private withFile name body = test name { withFolder (fun folder -> body (Path.Combine(folder, "file"))) }

let private expectAlone path =
    let folder = Path.GetDirectoryName(path: string) |> nonNull
    Expect.sequenceEqual (Directory.GetFiles folder) [ path ] "no other file is left"

[<Tests>]
let atomicFile =
    testList "AtomicFile" [
        withFile "writes a new file, and replaces an old one" (fun path ->
            write path "first, which is longer"
            write path "second"
            Expect.equal (File.ReadAllText path) "second" "content"
            expectAlone path)
        withFile "a failure during writing keeps the old file and leaves no temporary one" (fun path ->
            write path "old"

            let fail (stream: Stream) =
                stream.Write(ReadOnlySpan(Array.create 100_000 1uy))
                raise (TimeoutException "of the writer")

            expectRefusal<TimeoutException, unit> "of the writer" (fun () -> AtomicFile.Write(path, fail))
            Expect.equal (File.ReadAllText path) "old" "content"
            expectAlone path)
        withFile "the old file is complete while the new one is written" (fun path ->
            write path "old"

            let look (stream: Stream) =
                stream.Write(ReadOnlySpan [| 1uy |])
                stream.Flush()
                Expect.equal (File.ReadAllText path) "old" "content"

            AtomicFile.Write(path, look))
        withFile "of two writers at the same time the last to finish wins" (fun path ->
            let first (stream: Stream) =
                write path "second"
                Expect.equal (File.ReadAllText path) "second" "written while the first writer is busy"
                stream.Write(ReadOnlySpan "first"B)

            AtomicFile.Write(path, first)
            Expect.equal (File.ReadAllText path) "first" "content"
            expectAlone path)
        withFile "several writers and readers of one path: every read is of one complete file" (fun path ->
            // Content of writer w: w times a thousand bytes of value w.
            let content (w: int) = Array.create (1000 * w) (byte w)
            let replace w = AtomicFile.Write(path, _.Write(ReadOnlySpan(content w)))
            replace 1
            let mutable writing, torn, reads = 6, 0, 0

            let write w () =
                try
                    for _ in 1..40 do
                        replace w
                finally
                    Interlocked.Decrement &writing |> ignore

            let read () =
                while Volatile.Read &writing > 0 do
                    let bytes = File.ReadAllBytes path
                    Interlocked.Increment &reads |> ignore

                    if bytes.Length = 0 || bytes <> content (int bytes[0]) then
                        Interlocked.Increment &torn |> ignore

            [| yield! [ for w in 1..6 -> write w ]; yield! [ read; read; read ] |]
            |> Array.map (fun work -> Task.Factory.StartNew(work, TaskCreationOptions.LongRunning))
            |> Task.WaitAll

            Expect.isGreaterThan reads 10 "reads"
            Expect.equal torn 0 $"torn reads of {reads}"
            expectAlone path)
        withFile "a planted link with the name of a temporary file is not followed" (fun path ->
            let victim, planted = path + " of another user", path + ".tmp"
            File.WriteAllText(victim, "theirs")
            File.CreateSymbolicLink(planted, victim) |> ignore
            write path "text"
            Expect.equal (File.ReadAllText victim) "theirs" "the target of the link"
            Expect.equal (FileInfo planted).LinkTarget victim "the link"
            Expect.equal (File.ReadAllText path) "text" "content")
        withFile "temporary files of killed writers are deleted, those of other paths are not" (fun path ->
            let mutable left = ""

            let kill (stream: Stream) =
                left <- (stream :?> FileStream).Name
                raise (TimeoutException "killed")

            expectRefusal<TimeoutException, unit> "killed" (fun () -> AtomicFile.Write(path, kill))
            // What a killed process would leave.
            File.WriteAllText(left, "half")
            let others = [ path + ".tmp"; path + "s.abcdefgh.ijk.tmp"; path + ".abcdefgh.ijk.tmp.txt"; path ]

            for other in others do
                File.WriteAllText(other, "")

            AtomicFile.DeleteAbandoned path

            Expect.sequenceEqual
                (Directory.GetFiles(Path.GetDirectoryName path |> nonNull) |> Array.sort)
                (List.sort others)
                "files left")
        withFile "a long file name leaves space for that of the temporary file" (fun path ->
            let path = Path.Combine(Path.GetDirectoryName path |> nonNull, String('n', 255))
            write path "text"
            Expect.equal (File.ReadAllText path) "text" "content")
        withFile "a symbolic link stays one, and its target is written, whether it exists or not" (fun path ->
            let target = path + " target"
            File.CreateSymbolicLink(path, target) |> ignore

            for text in [ "first"; "second" ] do
                write path text
                Expect.equal (File.ReadAllText target) text "content"
                Expect.equal (FileInfo path).LinkTarget target "link"

            Expect.equal (Directory.GetFiles(Path.GetDirectoryName path |> nonNull).Length) 2 "no other file is left")
        test "a device is written directly, not replaced" {
            if not (File.Exists "/dev/full") then
                skiptest "this system has no device that is always full"

            // A file in its place would accept the text the second time.
            for _ in 1..2 do
                expectRefusal<IOException, unit> "/dev/full could not be written" (fun () -> write "/dev/full" "text")
        }
        withFile "a missing folder is an IOException that names the file" (fun path ->
            let inside = Path.Combine(path, "inside")
            expectRefusal<IOException, unit> $"{inside} could not be written" (fun () -> write inside "text"))
        withFile "a folder is flushed to disk where the platform allows" (fun path ->
            let folder = Path.GetDirectoryName path |> nonNull
            Expect.equal (FolderSync.TryFlush folder) (not (OperatingSystem.IsWindows())) "an existing folder"
            Expect.isFalse (FolderSync.TryFlush path) "a missing folder")
    ]
