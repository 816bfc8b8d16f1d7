/// Results never replace what Hybrid did not write; names of recordings in results.
module Hybrid.Tests.ResultFolderTests

open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine

let private keeps (path: string) (write: unit -> unit) =
    let before = File.ReadAllText path
    let error = messageOf<ResultExistsException, _> write
    Expect.stringContains error $"{path} was not written by Hybrid or has changed since, and is kept" "message"
    Expect.equal (File.ReadAllText path) before "kept"

let private journal folder = Path.Combine(folder, ".hybrid-results")

[<Tests>]
let tests =
    testList "result files" [
        test "a result replaces its earlier version, but no changed file and no file of another program" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.ctm")
                let write (content: string) = ResultFile.Write(path, content)
                write "one"
                write "two"
                Expect.equal (File.ReadAllText path) "two" "its own"
                File.WriteAllText(path, "corrected by hand")
                keeps path (fun () -> write "three")
                keeps path (fun () -> ResultFile.RequireReplaceable path)
                ResultFile.Write(path, "four", overwrite = true)
                write "five"
                Expect.equal (File.ReadAllText path) "five" "its own again"
                let other = Path.Combine(folder, "b.ctm")
                File.WriteAllText(other, "another program's")
                keeps other (fun () -> ResultFile.Write(other, "x"))
                // Empty files have nothing to lose.
                File.WriteAllText(other, "")
                ResultFile.Write(other, "x"))
        }

        test "the record is one of sha256sum; without it everything is kept" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a b.ctm")
                ResultFile.Write(path, "abc")

                Expect.equal
                    (File.ReadAllText(journal folder))
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a b.ctm\n"
                    "line"

                ResultFile.Write(path, "abc")
                Expect.equal (File.ReadAllLines(journal folder)).Length 1 "the same content adds none"

                for damaged in [ ""; "\n\n  \nab  a b.ctm\n"; "a b.ctm" ] do
                    File.WriteAllText(journal folder, damaged)
                    keeps path (fun () -> ResultFile.Write(path, "x"))

                File.Delete(journal folder)
                Directory.CreateDirectory(journal folder) |> ignore
                ResultFile.Write(path, "x", overwrite = true)
                Expect.equal (File.ReadAllText path) "x" "a record that cannot be written"
                keeps path (fun () -> ResultFile.Write(path, "y")))
        }

        test "a long record is shortened and still right" {
            withFolder (fun folder ->
                let path name = Path.Combine(folder, name)

                for i in 1..150 do
                    ResultFile.Write(path "a", $"{i}")

                ResultFile.Write(path "b", "b")
                Expect.isLessThan (File.ReadAllLines(journal folder)).Length 120 "lines"
                ResultFile.Write(path "a", "again")
                ResultFile.Write(path "b", "again"))
        }

        test "a link in place of the record is not written through" {
            if not (System.OperatingSystem.IsWindows()) then
                withFolder (fun folder ->
                    let target = Path.Combine(folder, "target")
                    File.WriteAllText(target, "precious")
                    File.CreateSymbolicLink(journal folder, target) |> ignore
                    ResultFile.Write(Path.Combine(folder, "a"), "a")
                    Expect.equal (File.ReadAllText target) "precious" "target")
        }

        test "a folder refuses before anything is computed, and names what was kept" {
            withFolder (fun folder ->
                let results = ResultFolder folder
                let take (name: string) = results.Take(name, ".ctm", ".words.ctm")
                let hand = Path.Combine(folder, "b.words.ctm")
                File.WriteAllText(hand, "by hand")
                results.Write(take "a" + ".ctm", "a")
                keeps hand (fun () -> take "b" |> ignore)
                Expect.equal (List.ofSeq results.Kept) [ hand ] "kept"
                Expect.stringStarts (take "c/\u001b[0m\n") (Path.Combine(folder, "c/%1B[0m%0A")) "control characters"
                let second = ResultFolder folder
                second.Write(second.Take("a", ".ctm") + ".ctm", "again")
                let third = ResultFolder(folder, overwrite = true)
                third.Write(third.Take("b", ".words.ctm") + ".words.ctm", "again")
                Expect.isEmpty third.Kept "none")
        }

        test "a submission does not replace other files" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "out.csv")
                let write overwrite = Hw3p2Submission.Write(path, PhoneInventory.Arpabet, [ null ], overwrite)
                File.WriteAllText(path, "mine")
                keeps path (fun () -> write false)
                write true
                write false)
        }

        test "synthetic speech does not replace recordings in a folder that Hybrid did not write" {
            withFolder (fun out ->
                for place, more in [ "wav", []; "train-clean-100/mfcc", [ "--layout"; "hw3p2" ] ] do
                    let folder = Path.Combine(out, place.Replace('/', '-'))
                    let file = Path.Combine(folder, place, "speaker002-0002.wav")
                    Directory.CreateDirectory(Path.Combine(folder, place)) |> ignore
                    File.WriteAllText(file, "by hand")

                    let arguments = [ "synth"; "--out"; folder; "--utterances"; "3"; "--speakers"; "3" ] @ more

                    let kept = Process.hybrid out arguments
                    Expect.equal kept.ExitCode 1 (string kept)
                    Expect.stringContains kept.Errors "has files that Hybrid may not have written" (string kept)
                    Expect.equal (File.ReadAllText file) "by hand" "kept"
                    Process.hybrid out (arguments @ [ "--overwrite" ]) |> expectSuccess |> ignore

                let again = [ "synth"; "--out"; "mine"; "--utterances"; "3"; "--speakers"; "3" ]

                for _ in 1..2 do
                    Process.hybrid out again |> expectSuccess |> ignore)
        }

        test "the command line keeps files of others without --overwrite" {
            let folder = untrained.Value

            withFolder (fun out ->
                let at name = Path.Combine(out, name)
                let wav = Directory.GetFiles(Path.Combine(folder, "speech", "wav")) |> Array.min
                let id = string (Path.GetFileNameWithoutExtension wav)
                let speech = [ "--corpus"; Path.Combine(folder, "speech") ]
                let model = [ "--model"; Path.Combine(folder, "run", "model.safetensors") ]

                for file, arguments in
                    [
                        $"{id}.TextGrid", [ "align"; wav; "--text"; "hand"; "--out"; "." ]
                        $"{id}.ctm", [ "recognize"; wav; "--format"; "ctm"; "--out"; "." ]
                        "x.csv", [ "recognize"; "--submission"; "x.csv"; Path.Combine(folder, "speech") ]
                        "x.arpa", [ "lm"; yield! speech; "--out"; "x.arpa" ]
                        "x.safetensors", [ "export"; yield! model; "--out"; "x.safetensors" ]
                        "manifest.jsonl", [ "synth"; "--out"; "."; "--utterances"; "3"; "--speakers"; "3" ]
                    ] do
                    File.WriteAllText(at file, "by hand")
                    let run more = Process.hybrid out (arguments @ more)
                    let kept = run []
                    Expect.notEqual kept.ExitCode 0 $"{file}: {kept}"
                    Expect.stringContains kept.Errors "was not written by Hybrid" $"{file}: {kept}"
                    Expect.stringContains kept.Errors "--overwrite" $"{file}: {kept}"
                    Expect.equal (File.ReadAllText(at file)) "by hand" file
                    run [ "--overwrite" ] |> expectSuccess |> ignore
                    Expect.notEqual (File.ReadAllText(at file)) "by hand" file
                    run [] |> expectSuccess |> ignore)
        }
    ]

[<Tests>]
let ids =
    testList "names of recordings" [
        test "are the file's, or the path in a folder" {
            Expect.equal (RecordingIds.Of "/x/a.b.wav") "a.b" "a file"
            Expect.equal (RecordingIds.Of("/x/deep/er/a.wav", "/x")) "deep/er/a" "in a folder"
        }

        for name, recordings, expected in
            [
                "different ones stay", [ "a", "/x/a.wav"; "b", "/y/b.wav" ], [ "a"; "b" ]
                "distinguished by folders", [ "a", "/x/a.wav"; "a", "/y/a.wav"; "c", "/y/c.wav" ], [ "x/a"; "y/a"; "c" ]
                "as few folders as needed", [ "a", "/1/x/a.wav"; "a", "/2/x/a.wav" ], [ "1/x/a"; "2/x/a" ]
                "names in folders too", [ "d/a", "/x/d/a.wav"; "d/a", "/y/d/a.wav" ], [ "x/d/a"; "y/d/a" ]
                "extensions, if nothing else", [ "a", "/x/a.wav"; "a", "/x/a.flac" ], [ "a.wav"; "a.flac" ]
                "the same file twice", [ "a", "/x/a.wav"; "a", "/x/a.wav" ], [ "a"; "a-2" ]
                "case does not count", [ "a", "/x/a.wav"; "A", "/y/A.wav" ], [ "x/a"; "y/A" ]
                "names of manifests", [ "u", "/x/1.wav"; "u", "/y/2.wav"; "u-2", "/z/3.wav" ], [ "u"; "u-3"; "u-2" ]
                "a name that another one becomes",
                [ "a", "/x/a.wav"; "a", "/y/a.wav"; "y/a", "/y/a.wav" ],
                [ "x/a"; "y/a"; "y/a-2" ]
            ] do
            test $"{name}" {
                let actual = RecordingIds.Distinct [| for id, path in recordings -> struct (id, path) |]
                Expect.equal (List.ofSeq actual) expected "names"
            }

        test "two recordings of one name have two names in a CTM, with recognize and align" {
            let folder = untrained.Value

            withFolder (fun out ->
                let wav = Directory.GetFiles(Path.Combine(folder, "speech", "wav")) |> Array.min

                for part in [ "a"; "b" ] do
                    Directory.CreateDirectory(Path.Combine(out, part)) |> ignore
                    File.Copy(wav, Path.Combine(out, part, "x.wav"))
                    File.WriteAllText(Path.Combine(out, part, "x.txt"), "hand")

                let names (text: string) =
                    List.distinct [ for line in Ctm.Read(new StringReader(text)) -> line.Recording ]

                for paths in [ [ "a/x.wav"; "b/x.wav" ]; [ "a"; "b" ]; [ "." ] ] do
                    let recognized = Process.hybrid out ([ "recognize"; "--format"; "ctm" ] @ paths) |> expectSuccess
                    Expect.equal (names recognized.Output) [ "a/x"; "b/x" ] $"{paths}"

                    Process.hybrid out ([ "align"; "--format"; "ctm"; "--out"; "ctm" ] @ paths)
                    |> expectSuccess
                    |> ignore

                    for id in [ "a/x"; "b/x" ] do
                        Expect.equal
                            (names (File.ReadAllText(Path.Combine(out, "ctm", id + ".ctm"))))
                            [ id ]
                            $"{paths}")
        }
    ]
