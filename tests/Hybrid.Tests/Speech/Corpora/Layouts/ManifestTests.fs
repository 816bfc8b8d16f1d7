/// Manifests of corpora, and the messages about invalid ones.
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
                    """{"id":"u1", "audio":"sub/one.wav", "speaker":"anna", "split":"train", "text":"hello world"}"""
                    ""
                    """{"audio": "/far/two.flac", "phones": "HH AH  L OW", "speaker": null, "segments": [1, {}]}"""
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

        test "pieces and channels, with distinct default ids" {
            reading
                [
                    """{"audio": "long.wav", "offset": 1.5, "duration": 2, "text": "a"}"""
                    """{"audio": "long.wav", "offset": 3.5, "channel": 1, "text": "b"}"""
                    """{"audio": "long.wav", "offset": 0, "text": "c"}"""
                    """{"audio": "long.wav", "duration": 1e1, "channel": 0, "text": "d"}"""
                    """{"audio": "long.wav", "offset": null, "duration": null, "channel": null, "text": "e"}"""
                    """{"id": "x", "audio": "long.wav", "offset": 2.25, "text": "f"}"""
                ]
                (fun folder ->
                    let corpus = Corpus.Read folder

                    Expect.equal
                        [
                            for u in corpus.Utterances ->
                                u.Id, u.OffsetSeconds, Option.ofNullable u.DurationSeconds, Option.ofNullable u.Channel
                        ]
                        [
                            "long-1500", 1.5, Some 2.0, None
                            "long-3500-c1", 3.5, None, Some 1
                            "long-0", 0.0, None, None
                            "long-c0", 0.0, Some 10.0, Some 0
                            "long", 0.0, None, None
                            "x", 2.25, None, None
                        ]
                        "pieces")
        }

        for name, nearest in
            [
                "ofset", ", the nearest known one is \"offset\""
                "Duration", ", the nearest known one is \"duration\""
                "chanel", ", the nearest known one is \"channel\""
                "texts", ", the nearest known one is \"text\""
                "phonemes", ", the nearest known one is \"phones\""
                "audio_filepath", ""
                "", ""
            ] do
            test $"the unknown field \"{name}\" is refused with the nearest known one" {
                reading [ $"{{{audio}, \"text\": \"hello\", \"{name}\": 1}}" ] (fun folder ->
                    expectRefusal<FormatException, _>
                        $"line 1: unknown field \"{name}\"{nearest}; known are id, audio, offset, duration, channel, "
                        (fun () -> Corpus.Read folder))
            }

        for name, line, message in
            [
                "an unknown field with control characters",
                $"{{{audio}, \"text\": \"\", \"a\\u001b[31mb\": 1}}",
                "unknown field \"a.[31mb\""
                "a duplicate field", $"{{{audio}, \"text\": \"a\", \"text\": \"b\"}}", "field \"text\" is a duplicate"
                "offset a string",
                $"{{{audio}, \"text\": \"\", \"offset\": \"1\"}}",
                "\"offset\" is not a number of seconds"
                "offset negative", $"{{{audio}, \"text\": \"\", \"offset\": -1}}", "\"offset\" is negative"
                "offset infinite",
                $"{{{audio}, \"text\": \"\", \"offset\": 1e999}}",
                "\"offset\" is not a number of seconds"
                "duration 0", $"{{{audio}, \"text\": \"\", \"duration\": 0}}", "\"duration\" is 0, must be positive"
                "channel negative",
                $"{{{audio}, \"text\": \"\", \"channel\": -1}}",
                "\"channel\" is not the index of a channel"
                "channel a fraction",
                $"{{{audio}, \"text\": \"\", \"channel\": 0.5}}",
                "\"channel\" is not the index of a channel"
                "channel a name",
                $"{{{audio}, \"text\": \"\", \"channel\": \"left\"}}",
                "\"channel\" is not the index of a channel"
                "not JSON", "hello", "'h' is an invalid start of a value"
                "truncated JSON", "{\"id\": \"x\", ", ""
                "no object", "[1, 2]", "not a JSON object"
                "no audio", """{"id": "x", "text": "hello"}""", "\"audio\" is missing"
                "audio null", """{"audio": null, "text": "hello"}""", "\"audio\" is missing"
                "audio no string", """{"audio": 5, "text": "hello"}""", "\"audio\" is not a string"
                "neither text nor phones", $"{{{audio}}}", "utterance a has neither \"text\" nor \"phones\""
                "text no string", $"{{{audio}, \"text\": [\"a\"]}}", "\"text\" is not a string"
                "speaker no string", $"{{{audio}, \"text\": \"\", \"speaker\": 7}}", "\"speaker\" is not a string"
                "phones a number", $"{{{audio}, \"phones\": 1}}", "\"phones\" is neither a list"
                "phones of numbers", $"{{{audio}, \"phones\": [\"AA\", 1]}}", "\"phones\" is neither a list"
                "the same id twice", """{"id": "ok", "audio": "b.wav", "text": ""}""", "the id ok is a duplicate"
                "an unpaired surrogate", """{"audio": "\ud800", "text": ""}""", ""
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
