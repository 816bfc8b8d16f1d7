/// Wrong usage and unusable data on the command line.
module Hybrid.Tests.CliRefusalTests

open System.IO
open Expecto
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

[<Tests>]
let tests =
    testList "command line, bad input" [
        test "bad input ends in one sentence that names it" {
            let folder = untrained.Value
            let model = "run/model.safetensors"
            let write name (text: string) = File.WriteAllText(Path.Combine(folder, name), text)
            write "torn.safetensors" "torn"
            write "broken.wav" "not a sound"
            write "empty.jsonl" "\n"
            write "line.jsonl" "{\"id\": \"a\"}\n"

            write
                "missing.jsonl"
                ("{\"id\":\"a\",\"audio\":\"nowhere.wav\",\"text\":\"HAND\",\"split\":\"train\","
                 + "\"speaker\":\"x\"}\n{\"id\":\"b\",\"audio\":\"nowhere.wav\",\"text\":\"HAND\",\"split\":\"dev\","
                 + "\"speaker\":\"y\"}\n")

            write "spec.json" "{}"
            let train recipe corpus = hybrid folder [ "train"; "--recipe"; recipe; "--corpus"; corpus; "--out"; "x" ]
            hybrid folder [ "fly" ] |> expectRefusal 1 [ "fly" ]

            hybrid folder [ "synth"; "--out"; "x"; "--utterances"; "5"; "--speakers"; "2" ]
            |> expectRefusal 1 [ "--speakers is 2" ]

            hybrid folder [ "synth"; "--out"; "x"; "--utterances"; "5" ] |> expectRefusal 1 [ "--speakers" ]
            train "huge" "speech" |> expectRefusal 1 [ "huge"; "tiny, small, base" ]
            train "spec.json" "speech" |> expectRefusal 1 [ "spec.json" ]
            train "tiny" "nowhere" |> expectRefusal 1 [ "nowhere"; "LibriSpeech" ]

            hybrid folder [ "recognize"; "--model"; model; "--json"; "--submission"; "x.csv"; "speech" ]
            |> expectRefusal 1 [ "--submission and --json" ]

            hybrid folder [ "recognize"; "--model"; model; "--json"; "--format"; "ctm"; "speech" ]
            |> expectRefusal 1 [ "--format and --json" ]

            hybrid folder [ "recognize"; "--model"; model; "--beam"; "3"; "--nbest"; "4"; "speech" ]
            |> expectRefusal 1 [ "--nbest is 4"; "--beam, 3" ]

            hybrid folder [ "recognize"; "--model"; model; "--greedy"; "--beam"; "3"; "speech" ]
            |> expectRefusal 1 [ "--greedy excludes --beam" ]

            hybrid folder [ "recognize"; "--model"; model; "--lm-weight"; "0.5"; "speech" ]
            |> expectRefusal 1 [ "--lm-weight needs --lm FILE" ]

            hybrid folder [ "recognize"; "--model"; model; "--beam"; "0"; "speech" ]
            |> expectRefusal 1 [ "beam width is 0" ]

            hybrid folder [ "recognize"; "--model"; model; "--lm"; "nowhere.arpa"; "speech" ]
            |> expectRefusal 1 [ "nowhere.arpa" ]

            hybrid folder [ "recognize"; "--model"; model; "--lm"; "line.jsonl"; "speech" ]
            |> expectRefusal 1 [ "line.jsonl"; "not an ARPA model" ]

            hybrid folder [ "recognize"; "--model"; model; "--format"; "textgrid"; "speech" ]
            |> expectRefusal 1 [ "--out FOLDER" ]

            hybrid folder [ "align"; "--model"; model; "--out"; "x" ] |> expectRefusal 1 [ "nothing to align" ]

            hybrid folder [ "align"; "--model"; model; "--out"; "x"; "--corpus"; "speech"; "broken.wav" ]
            |> expectRefusal 1 [ "--corpus excludes sound files" ]

            hybrid folder [ "align"; "--model"; model; "--out"; "x"; "a.wav"; "b.wav"; "--text"; "hope" ]
            |> expectRefusal 1 [ "--text is for one sound file" ]

            hybrid folder [ "align"; "--model"; model; "--out"; "x"; "nowhere.wav" ]
            |> expectRefusal 2 [ "nowhere.wav"; "0 of 1 aligned" ]

            hybrid folder [ "lm"; "--corpus"; "speech"; "--out"; "x.arpa"; "--order"; "9" ]
            |> expectRefusal 1 [ "--order is 9" ]

            hybrid folder [ "evaluate"; "--model"; model; "--corpus"; "speech"; "--fold"; "none" ]
            |> expectRefusal 1 [ "no fold and no file named none" ]

            train "tiny" "empty.jsonl" |> expectRefusal 1 [ "empty.jsonl"; "empty" ]
            train "tiny" "line.jsonl" |> expectRefusal 1 [ "line.jsonl"; "line 1"; "audio" ]
            train "tiny" "missing.jsonl" |> expectRefusal 1 [ "nowhere.wav" ]

            hybrid folder [
                "train"
                "--recipe"
                "tiny"
                "--corpus"
                "speech"
                "--out"
                "x"
                "--epochs"
                "1"
                "--minutes"
                "1"
            ]
            |> expectRefusal 1 [ "--epochs and --minutes" ]

            hybrid folder [ "recognize"; "--model"; "torn.safetensors"; "broken.wav" ]
            |> expectRefusal 1 [ "torn.safetensors" ]

            for name in [ "broken.wav"; "nowhere.wav" ] do
                let finished = hybrid folder [ "recognize"; "--model"; model; name ] |> refused 1 [ name ]
                Expect.equal (finished.Errors.Split(name).Length - 1) 1 $"the path is said once: {finished}"

            let good = Directory.GetFiles(Path.Combine(folder, "speech", "wav"))[0]

            hybrid folder [ "recognize"; "--model"; model; "broken.wav"; good ]
            |> expectRefusal 2 [ "broken.wav" ]

            hybrid folder [ "evaluate"; "--model"; model; "--corpus"; "speech"; "--split"; "none" ]
            |> expectRefusal 1 [ "none"; "train" ]

            hybrid folder [ "info" ] |> expectRefusal 1 [ "--model FILE or --recipe NAME" ]
        }

        test "the last line is the error, one sentence, with the nearest verb or option" {
            let folder = untrained.Value
            let write name (text: string) = File.WriteAllText(Path.Combine(folder, name), text)

            let lastLine parts arguments =
                let finished = hybrid folder arguments |> refused 1 []
                let last = finished.Errors.TrimEnd().Split '\n' |> Array.last
                Expect.stringStarts last "hybrid: " (string finished)

                for part in parts do
                    Expect.stringContains last part (string finished)

                finished.Errors

            let only parts arguments =
                let errors = lastLine parts arguments
                Expect.equal (errors.Trim().Split('\n').Length) 1 errors

            only [ "'recogniz'"; "the nearest is recognize"; "`hybrid --help`" ] [ "recogniz"; "a.wav" ]
            only [ "'algin'"; "the nearest is align" ] [ "algin" ]
            only [ "'qqqqqqqq'" ] [ "qqqqqqqq" ]
            only [ "name a verb"; "`hybrid --help`" ] []

            only [ "'--lexcon'"; "the nearest is --lexicon"; "`hybrid train --help`" ] [
                "train"
                "--recipe"
                "tiny"
                "--corpus"
                "speech"
                "--lexcon"
                "x"
            ]

            only [ "'--tread'"; "the nearest is --threads"; "`hybrid recognize --help`" ] [
                "recognise"
                "--tread"
                "2"
                "a.wav"
            ]

            only [ "--speakers"; "`hybrid synth --help`" ] [ "synth"; "--out"; "x"; "--utterances"; "5" ]
            only [ "--epochs"; "many" ] [ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--epochs"; "many" ]
            only [ "--threads is 0" ] [ "evaluate"; "--corpus"; "speech"; "--threads"; "0" ]

            only [ "--lexicon nowhere.dict: there is no such file" ] [
                "evaluate"
                "--corpus"
                "speech"
                "--lexicon"
                "nowhere.dict"
            ]

            only [ "--lexicon speech: it is a folder" ] [ "evaluate"; "--corpus"; "speech"; "--lexicon"; "speech" ]

            // A hint precedes the error.
            write "unknown.jsonl" "{\"id\":\"a\",\"audio\":\"a.wav\",\"text\":\"ZYZZYVA\"}\n"

            let errors = lastLine [] [ "lm"; "--corpus"; "unknown.jsonl"; "--out"; "x.arpa" ]

            Expect.stringContains errors "hint: " errors
        }
    ]
