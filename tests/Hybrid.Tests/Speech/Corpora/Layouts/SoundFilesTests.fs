/// Folders with links, pipes and devices.
module Hybrid.Tests.SoundFilesTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.CorpusTests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private needLinks () =
    if OperatingSystem.IsWindows() then
        skiptest "links need rights on Windows"

/// A named pipe without a writer: opening it never ends.
let private pipe (path: string) =
    if OperatingSystem.IsWindows() then
        skiptest "Windows has no named pipes in folders"

    use running = Process.Start("mkfifo", [ path ])
    running.WaitForExit()
    Expect.equal running.ExitCode 0 "mkfifo"

let private link (path: string) (target: string) = File.CreateSymbolicLink(path, target) |> ignore

let private find (folder: string) =
    let struct (files, skipped) = SoundFiles.Find folder
    [ for file in files -> Path.GetRelativePath(folder, file) ], List.ofSeq skipped

let private place folder (name: string) = Path.Combine(folder, name)

[<Tests>]
let tests =
    testList "folders with links and special files" [
        test "files in any case, in ordinal order, without dot files" {
            withFolder (fun folder ->
                for name in [ "b/2.wav"; "a.WAV"; "b/c/1.Wav"; ".hidden/x.wav"; "b/._2.wav" ] do
                    sound folder name

                File.WriteAllBytes(place folder "b/3.flac", FlacEncoder.encode FlacTests.sample)
                text folder "b/2.txt" "no sound"
                Expect.equal (find folder) ([ "a.WAV"; "b/2.wav"; "b/3.flac"; "b/c/1.Wav" ], []) "files")
        }

        test "folders and files are listed once, however many links lead to them" {
            needLinks ()

            withFolder (fun folder ->
                let corpus = place folder "corpus"
                sound corpus "x/a.wav"
                sound folder "elsewhere/deep/b.wav"
                link (place corpus "x/circle") corpus
                link (place corpus "y") (place folder "elsewhere")
                // The same folder through a link to its parent, to itself, and to a link.
                link (place corpus "z") (place folder "elsewhere/deep")
                link (place corpus "zz") (place corpus "z")
                // The same file through two links, one of them relative.
                link (place corpus "x/a2.wav") (place corpus "x/a.wav")
                link (place corpus "x/a3.wav") "a2.wav"
                link (place corpus "round.wav") (place corpus "round.wav")
                link (place corpus "nowhere.wav") (place corpus "missing.wav")
                let files, skipped = find corpus
                Expect.equal files [ "x/a.wav"; "y/deep/b.wav" ] "files"

                skipped
                |> expectSkipped [ "round.wav: there is no such file"; "nowhere.wav: there is no such file" ])
        }

        test "named pipes and devices are skipped by name and never opened" {
            withFolder (fun folder ->
                sound folder "a.wav"
                pipe (place folder "q.wav")
                File.WriteAllBytes(place folder "empty.flac", [||])
                link (place folder "zero.wav") "/dev/zero"
                let files, skipped = find folder
                Expect.equal files [ "a.wav" ] "files"

                skipped
                |> expectSkipped [
                    "q: " + place folder "q.wav" + " is empty, or a device or pipe"
                    "empty.flac is empty, or a device or pipe"
                    "zero.wav is empty, or a device or pipe"
                ])
        }

        test "layouts skip pipes among sounds, transcripts and arrays" {
            withFolder (fun folder ->
                let folders = place folder "folders"

                for name in [ "a"; "b" ] do
                    sound folders $"{name}.wav"

                text folders "a.txt" "HAND"
                pipe (place folders "b.txt")
                pipe (place folders "q.wav")
                let corpus = Corpus.Read folders
                Expect.sequenceEqual (Seq.map shown corpus.Utterances) [ "a   HAND" ] "utterances"
                corpus.Skipped |> expectSkipped [ "b.txt is empty"; "q.wav is empty, or a device or pipe" ]

                let books = place folder "books"
                sound books "1/2/1-2-0000.wav"
                text books "1/2/1-2.trans.txt" "1-2-0000 HAND\n"
                pipe (place books "1/2/x.trans.txt")
                pipe (place books "1/2/1-2-0001.flac")
                let corpus = Corpus.Read books
                Expect.sequenceEqual (Seq.map shown corpus.Utterances) [ "1-2-0000  1 HAND" ] "utterances"
                corpus.Skipped |> expectSkipped [ "1-2-0001.flac is empty, or a device or pipe" ]

                let arrays = SyntheticCorpus.Write(place folder "arrays", 9, 3, layout = SyntheticLayout.Hw3p2)
                let first, second = arrays.Utterances[0], arrays.Utterances[1]
                let transcript (u: Utterance) = u.FeaturesPath.Replace("mfcc", "transcript")
                File.Delete(transcript first)
                pipe (transcript first)
                File.Delete second.FeaturesPath
                pipe second.FeaturesPath
                let corpus = Corpus.Read(place folder "arrays")
                corpus.Skipped |> expectSkipped [ $"{transcript first} is empty, or a device or pipe" ]

                let data =
                    SpeechDataset.Load(
                        corpus.Split second.Split |> Seq.filter (fun u -> u.Id = second.Id) |> Array.ofSeq,
                        FeatureExtractor(FeaturePreset.Precomputed 28),
                        PhoneInventory.Arpabet,
                        Pronouncer [],
                        cache = FeatureCache(place folder "cache")
                    )

                data.Skipped |> expectSkipped [ $"{second.FeaturesPath} is empty, or a device or pipe" ])
        }

        test "a manifest's sound must be a regular file; a pipe as manifest in a folder is not opened" {
            withFolder (fun folder ->
                pipe (place folder "q.wav")

                text
                    folder
                    "manifest.jsonl"
                    "{\"audio\":\"q.wav\",\"text\":\"HAND\"}\n{\"id\":\"f\",\"audio\":\".\",\"text\":\"HAND\"}\n"

                let caches: (FeatureCache | null) list = [ null; FeatureCache(place folder "cache") ]

                for cache in caches do
                    let data =
                        SpeechDataset.Load(
                            Corpus.Read(folder).Utterances,
                            FeatureExtractor(FeaturePreset()),
                            PhoneInventory.Arpabet,
                            Pronouncer [ Lexicon.BuiltIn ],
                            cache = cache
                        )

                    data.Skipped |> expectSkipped [ "q.wav is empty, or a device or pipe"; "is a folder; give a file" ]

                File.Delete(place folder "manifest.jsonl")
                pipe (place folder "manifest.jsonl")
                expectRefusal<FormatException, _> "the corpus is empty" (fun () -> Corpus.Read folder))
        }

        test "a file through two links is one utterance, skipped by name only if it has another transcript" {
            needLinks ()

            withFolder (fun folder ->
                sound folder "train/a.wav"
                text folder "train/a.txt" "HAND"
                Directory.CreateDirectory(place folder "dev") |> ignore

                for name in [ "train/b"; "train/c" ] do
                    link (place folder $"{name}.wav") (place folder "train/a.wav")

                link (place folder "train/b.txt") (place folder "train/a.txt")
                text folder "train/c.txt" "LAMP"
                let corpus = Corpus.Read folder
                Expect.sequenceEqual (Seq.map shown corpus.Utterances) [ "train/a train  HAND" ] "utterances"

                corpus.Skipped
                |> expectSkipped [ "train/c: it is the same file as train/a, with another transcript" ])
        }

        test "transcripts in capitals are those of the sound" {
            withFolder (fun folder ->
                for name in [ "A.WAV"; "b.wav"; "C.wav" ] do
                    sound folder name

                text folder "A.TXT" "HAND"
                text folder "A.LAB" "HH AE N D"
                text folder "b.Txt" "LAMP"
                text folder "C.LAB" "LAMP HAND"
                text folder "D.TXT" "LAMP"
                let corpus = Corpus.Read folder

                Expect.sequenceEqual
                    (Seq.map shown corpus.Utterances)
                    [ "A   /HH AE N D/"; "C   LAMP HAND"; "b   LAMP" ]
                    "utterances"

                Expect.equal corpus.Utterances[0].Text "HAND" "words"
                corpus.Skipped |> expectSkipped [ "D.TXT has no sound file beside it" ]

                for input in AlignmentInput.Of(place folder "A.WAV") do
                    Expect.isNull input.Reason "a single file")
        }
    ]
