/// Manifests of corpora, and what is said of broken ones.
module Hybrid.Tests.ManifestTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private reading (lines: string list) check =
    withFolder (fun folder ->
        File.WriteAllLines(Path.Combine(folder, Corpus.ManifestName), lines)
        check folder)

let private audio = "\"audio\": \"a.wav\""

[<Tests>]
let manifest =
    testList "Manifest" [
        test "every field of a manifest" {
            reading
                [
                    """{"id": "u1", "audio": "sub/one.wav", "speaker": "anna", "split": "train", "text": "hello world"}"""
                    ""
                    """{"audio": "/far/two.flac", "phones": "HH AH  L OW", "speaker": null, "more": [1, {}]}"""
                    """{"id": "ü", "audio": "3.wav", "text": "", "phones": ["W", "ER"], "split": "dev"}"""
                ]
                (fun folder ->
                    let corpus = Corpus.Read folder

                    let expected = [
                        "u1", Path.Combine(folder, "sub/one.wav"), "anna", "train", "hello world", ""
                        "two", "/far/two.flac", "", "", "none", "HH AH L OW"
                        "ü", Path.Combine(folder, "3.wav"), "", "dev", "", "W ER"
                    ]

                    let actual = [
                        for u in corpus.Utterances do
                            let phones = u.Phones |> Option.ofObj |> Option.map (String.concat " ")

                            u.Id,
                            u.AudioPath,
                            u.Speaker,
                            u.Split,
                            (u.Text |> Option.ofObj |> Option.defaultValue "none"),
                            Option.defaultValue "" phones
                    ]

                    Expect.equal actual expected "utterances"
                    Expect.sequenceEqual corpus.Splits [ "train"; ""; "dev" ] "splits in order of appearance"
                    Expect.sequenceEqual [ for u in corpus.Split "dev" -> u.Id ] [ "ü" ] "a split"
                    Expect.isEmpty (corpus.Split "test") "a split that is not there"
                    let same = Corpus.Read(Path.Combine(folder, Corpus.ManifestName))

                    Expect.sequenceEqual
                        [ for u in same.Utterances -> u.AudioPath ]
                        [ for u in corpus.Utterances -> u.AudioPath ]
                        "by its file")
        }

        for name, line, message in
            [
                "not JSON", "hello", "'h' is an invalid start of a value"
                "torn JSON", "{\"id\": \"x\", ", ""
                "no object", "[1, 2]", "not a JSON object"
                "no audio", """{"id": "x", "text": "hello"}""", "\"audio\" is missing"
                "audio null", """{"audio": null, "text": "hello"}""", "\"audio\" is missing"
                "audio no text", """{"audio": 5, "text": "hello"}""", "\"audio\" is no text"
                "neither text nor phones", $"{{{audio}}}", "utterance a has neither \"text\" nor \"phones\""
                "text no text", $"{{{audio}, \"text\": [\"a\"]}}", "\"text\" is no text"
                "speaker no text", $"{{{audio}, \"text\": \"\", \"speaker\": 7}}", "\"speaker\" is no text"
                "phones a number", $"{{{audio}, \"phones\": 1}}", "\"phones\" is neither a list"
                "phones of numbers", $"{{{audio}, \"phones\": [\"AA\", 1]}}", "\"phones\" is neither a list"
                "the same id twice", """{"id": "ok", "audio": "b.wav", "text": ""}""", "the id ok occurs twice"
                "half a character", """{"audio": "\ud800", "text": ""}""", ""
            ] do
            test $"{name}: a FormatException with file and line" {
                reading [ """{"id": "ok", "audio": "a.wav", "text": "hello"}"""; line ] (fun folder ->
                    let place = $"{Path.Combine(folder, Corpus.ManifestName)}, line 2: "
                    expectRefusal<FormatException, _> (place + message) (fun () -> Corpus.Read folder))
            }

        test "empty lines count as lines, but not as utterances" {
            reading [ ""; "  "; "oops" ] (fun folder ->
                expectRefusal<FormatException, _> "line 3: " (fun () -> Corpus.Read folder))
        }
        test "an empty corpus is refused" {
            for lines in [ []; [ ""; " " ] ] do
                reading lines (fun folder ->
                    expectRefusal<FormatException, _> "the corpus is empty" (fun () -> Corpus.Read folder))
        }
    ]
