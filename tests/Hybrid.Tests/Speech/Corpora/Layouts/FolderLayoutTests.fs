module Hybrid.Tests.FolderLayoutTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CorpusTests

[<Tests>]
let tests =
    testList "folder layout" [
        test "folders are splits and speakers; words and phones are beside the sound" {
            withFolder (fun folder ->
                for name in [ "train/anna/a1"; "train/anna/old/a2"; "train/b"; "dev/carl/c"; "dora/d"; "e" ] do
                    sound folder $"{name}.wav"

                text folder "train/anna/a1.txt" "Hello,\n  world!\n"
                text folder "train/anna/old/a2.lab" "HH AH0 L OW1"
                text folder "train/b.lab" "HELLO WORLD"
                text folder "dev/carl/c.txt" "hello"
                text folder "dev/carl/c.lab" "[SIL] HH AH L OW [SIL]"
                text folder "dora/d.txt" "HELLO"
                text folder "dora/d.lab" "HELLO AGAIN"
                text folder "README.md" "no transcript"
                text folder "docs/notes.txt" "no transcript either"
                let corpus = Corpus.Read folder

                Expect.sequenceEqual
                    (corpus.Utterances |> Seq.map shown)
                    [
                        "e"
                        "dev/carl/c dev carl /[SIL] HH AH L OW [SIL]/"
                        "dora/d  dora HELLO"
                        "train/b train  HELLO WORLD"
                        "train/anna/a1 train anna Hello, world!"
                        "train/anna/old/a2 train old /HH AH L OW/"
                    ]
                    "utterances"

                Expect.equal corpus.Utterances[1].Text "hello" "words are kept beside phones"
                Expect.isEmpty corpus.Skipped "skipped")
        }

        test "unusable files are skipped with reasons" {
            withFolder (fun folder ->
                for name in [ "a"; "b"; "c" ] do
                    sound folder $"{name}.wav"

                text folder "a.txt" "HELLO"
                text folder "b.txt" " \n"
                File.WriteAllBytes(Path.Combine(folder, "c.txt"), Array.zeroCreate ((16 <<< 20) + 1))
                text folder "d.txt" "WHERE"
                text folder "e.mp3" "ID3"
                let corpus = Corpus.Read folder
                Expect.sequenceEqual (corpus.Utterances |> Seq.map shown) [ "a   HELLO" ] "utterances"

                corpus.Skipped
                |> expectSkipped [
                    "b.txt is empty"
                    "c.txt is larger than the limit for transcripts, 16 MiB"
                    "d.txt has no sound file beside it"
                    "e.mp3 is not read, only .wav and .flac"
                ])
        }

        test "circles of links are followed once" {
            if OperatingSystem.IsWindows() then
                skiptest "links need rights on Windows"

            withFolder (fun folder ->
                sound folder "corpus/x/a.wav"
                sound folder "elsewhere/b.wav"

                Directory.CreateSymbolicLink(Path.Combine(folder, "corpus/x/round"), Path.Combine(folder, "corpus"))
                |> ignore

                Directory.CreateSymbolicLink(Path.Combine(folder, "corpus/linked"), Path.Combine(folder, "elsewhere"))
                |> ignore

                Directory.CreateSymbolicLink(
                    Path.Combine(folder, "elsewhere/again"),
                    Path.Combine(folder, "elsewhere")
                )
                |> ignore

                let corpus = Corpus.Read(Path.Combine(folder, "corpus"))
                Expect.sequenceEqual (corpus.Utterances |> Seq.map _.Id) [ "linked/b"; "x/a" ] "utterances")
        }
    ]
