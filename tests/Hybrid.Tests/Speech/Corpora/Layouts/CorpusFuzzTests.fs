/// The readers of manifests and transcripts against damaged and forged ones.
module Hybrid.Tests.CorpusFuzzTests

open System
open System.IO
open System.Text
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Fuzz

/// Writes a file of a corpus and reads the corpus. Its files must be in its folder, except those of a manifest.
let private reader name (folder: string) (file: string) mayLeave = {
    Name = name
    Read =
        fun bytes ->
            File.WriteAllBytes(Path.Combine(folder, file), bytes)
            let corpus = Corpus.Read folder

            if corpus.Utterances.Count = 0 then
                failtest "no utterances"

            for utterance in corpus.Utterances do
                if
                    not mayLeave && not (utterance.SourcePath.StartsWith(folder + string Path.DirectorySeparatorChar))
                then
                    failtest $"{utterance.SourcePath} is outside"
    Refuses = fun error -> error :? FormatException || error :? IOException
    // Text has two bytes per character, and is held as a line, as words, and as phones.
    Allowed = fun length -> 100L * int64 length + 5_000_000L
}

let private manifest =
    """{"id":"a1","audio":"wav/a1.wav","speaker":"anna","split":"train","text":"hello world"}
{"id":"a2","audio":"/wav/a2.wav","speaker":"\ud83d\ude00va","split":null,"phones":["HH","AH0","L","OW1"]}
{"audio":"../a3.wav","segments":{"x":[1,-2.5e3,true]},"offset":1.5,"duration":2e-1,"channel":1,"phones":"HH AH L OW"}
"""

let private transcript =
    "103-1240-0000 CHAPTER ONE\n103-1240-0001 THAT'S IT\r\n../../x NO\n\n103-1240-0000 AGAIN\n"

let private sidecar = "HH AH0 L OW1\n[SIL] \u00e9\n"

let private fuzz name share file mayLeave (make: Random -> byte[]) =
    TestSettings.withFolder (fun folder ->
        for sound in [ "103-1240-0000"; "103-1240-0001" ] do
            CorpusTests.sound folder $"103/1240/{sound}.wav"

        run (reader name folder file mayLeave) share make)

let private damaged (original: string) =
    let bytes = Encoding.UTF8.GetBytes original
    fun random -> mutate random bytes

[<Tests>]
let tests =
    testList "damaged and forged transcripts are read or refused" [
        test "manifests" { fuzz "manifests" 0.5 "manifest.jsonl" true (damaged manifest) }
        test "manifests by their grammar" {
            fuzz "manifests by their grammar" 0.4 "manifest.jsonl" true (grammar [ manifest ])
        }
        test "LibriSpeech" { fuzz "LibriSpeech" 0.25 "103/1240/103-1240.trans.txt" false (damaged transcript) }
        test "LibriSpeech by its grammar" {
            fuzz "LibriSpeech by its grammar" 0.1 "103/1240/103-1240.trans.txt" false (grammar [ transcript ])
        }
        test "sidecar" { fuzz "sidecars" 0.25 "103/1240/103-1240-0000.lab" false (damaged sidecar) }
    ]
