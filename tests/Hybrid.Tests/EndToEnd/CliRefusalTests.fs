/// Wrong usage and unusable data on the command line.
module Hybrid.Tests.CliRefusalTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

/// An n-gram file of all phones but one.
let private lacking (missing: string) =
    let phones = PhoneInventory.Arpabet.Symbols |> Seq.skip 1 |> Seq.filter ((<>) missing) |> List.ofSeq
    let lines = [ "-99\t<s>"; "-1\t</s>"; yield! [ for phone in phones -> $"-1.6\t{phone}" ] ]
    let text = String.concat "\n" lines
    $"\\data\\\nngram 1={lines.Length}\n\n\\1-grams:\n{text}\n\n\\end\\\n"

[<Tests>]
let bounded =
    testList "command line, long and endless files" [
        test "names of any length give lines of at most 500 characters" {
            TestSettings.withFolder (fun folder ->
                let long, file = String('n', 1_000_000), Path.Combine(folder, "manifest.jsonl")

                let entry (id: string) (split: string) (text: string) =
                    let audio = id.Substring(0, min 999 id.Length)
                    $"{{\"id\":\"{id}\",\"audio\":\"{audio}.wav\",\"split\":\"{split}\",\"text\":\"{text}\"}}"

                File.WriteAllLines(file, [ entry long long long; entry "\\u001b[2J" "b" "HAND" ])

                for verb in
                    [
                        [ "evaluate"; "--split"; "none" ]
                        [ "evaluate" ]
                        [ "align"; "--out"; "a"; "--split"; "none" ]
                        [ "align"; "--out"; "a" ]
                        [ "lm"; "--out"; "a" ]
                        [ "check-data" ]
                        [ "train"; "--recipe"; "tiny"; "--out"; "run" ]
                    ] do
                    let finished = hybrid folder (verb @ [ "--corpus"; "manifest.jsonl" ])
                    Expect.notEqual finished.ExitCode 0 $"{verb}"
                    Expect.isFalse (finished.Errors.Contains "   at ") $"{verb}: a stack trace"
                    let longest = (finished.Output + finished.Errors).Split '\n' |> Array.map _.Length |> Array.max
                    Expect.isLessThanOrEqual longest 500 $"{verb}")
        }

        test "a device or a folder as recipe is refused" {
            if not (File.Exists "/dev/zero") then
                skiptest "this system has no /dev/zero"

            hybrid untrained.Value [ "info"; "--recipe"; "/dev/zero" ]
            |> expectRefusal 1 [ "/dev/zero is empty, or a device or pipe" ]

            hybrid untrained.Value [ "info"; "--recipe"; "speech" ] |> expectRefusal 1 [ "speech is a folder" ]
        }
    ]

[<Tests>]
let missingPhones =
    testList "command line, missing phones" [
        test "recognize, evaluate and export name the phones that n-grams lack and stop, unless allowed" {
            let folder = untrained.Value
            let model = "run/model.safetensors"
            File.WriteAllText(Path.Combine(folder, "lacks.arpa"), lacking "NG")
            let file = Directory.GetFiles(Path.Combine(folder, "speech", "wav"))[0]
            let stored = "lacks.safetensors"

            let verbs model lm = [
                [ "recognize"; "--model"; model; file ] @ lm
                [ "evaluate"; "--model"; model; "--corpus"; "speech"; "--split"; "test" ] @ lm
            ]

            let export = [ "export"; "--model"; model; "--out"; stored; "--lm"; "lacks.arpa" ]

            for verb in export :: verbs model [ "--lm"; "lacks.arpa"; "--lm-weight"; "0.01" ] do
                hybrid folder verb
                |> expectRefusal 1 [ "lacks.arpa: "; "lacks a phone, NG,"; "hint: --allow-missing-phones goes on" ]

                let allowed = hybrid folder (verb @ [ "--allow-missing-phones" ]) |> expectSuccess
                Expect.stringContains allowed.Errors "never recognised: NG" (string allowed)

            // Stored n-grams are checked again: another user may not know of them.
            for verb in verbs stored [] do
                hybrid folder verb |> expectRefusal 1 [ "lacks a phone, NG,"; "hint: --allow-missing-phones" ]
                hybrid folder (verb @ [ "--allow-missing-phones" ]) |> expectSuccess |> ignore
                hybrid folder (verb @ [ "--greedy" ]) |> expectSuccess |> ignore
        }
    ]

/// A stereo file of a clip: the channels are the clip and its multiple.
let private writeStereo (path: string) (clip: AudioClip) (gain: float32) =
    let samples = [| for sample in clip.Samples -> [| sample; gain * sample |] |] |> Array.concat

    let bytes =
        samples
        |> Array.collect (fun sample -> BitConverter.GetBytes(int16 (32767f * Math.Clamp(sample, -1f, 1f))))

    File.WriteAllBytes(
        path,
        WavEncoder.riff [
            WavEncoder.chunk "fmt " (WavEncoder.format WavEncoder.pcm16 2 clip.SampleRate)
            WavEncoder.chunk "data" bytes
        ]
    )

[<Tests>]
let channels =
    testList "command line, channels" [
        test "opposite phase is refused with a hint at --channel, which reads one channel in every verb" {
            TestSettings.withFolder (fun folder ->
                let speech = Corpus.Read(Path.Combine(untrained.Value, "speech"))
                let model = Path.Combine(untrained.Value, "run", "model.safetensors")

                // Two speakers, for training and validation.
                let chosen = [ speech.Split("train")[0]; speech.Split("dev")[0]; speech.Split("test")[0] ]

                for u in chosen do
                    writeStereo (Path.Combine(folder, u.Id + ".wav")) (u.ReadAudio()) -1f

                let text = string chosen[0].Text
                let file = chosen[0].Id + ".wav"

                File.WriteAllLines(
                    Path.Combine(folder, "manifest.jsonl"),
                    [
                        for u in chosen ->
                            $"{{\"audio\":\"{u.Id}.wav\",\"text\":\"{u.Text}\","
                            + $"\"split\":\"{u.Split}\",\"speaker\":\"{u.Speaker}\"}}"
                    ]
                )

                let corpus = [ "--corpus"; "manifest.jsonl" ]

                for code, verb in
                    [
                        1, [ "recognize"; "--model"; model; file ]
                        2, [ "align"; "--model"; model; "--out"; "a"; file; "--text"; text ]
                        2, [ "align"; "--model"; model; "--out"; "b" ] @ corpus
                        1, [ "evaluate"; "--model"; model ] @ corpus
                        2, [ "check-data" ] @ corpus
                        1, [ "train"; "--recipe"; "tiny"; "--epochs"; "1"; "--out"; "run" ] @ corpus
                    ] do
                    // A training without any usable utterance lists the reasons instead.
                    let hint =
                        if verb.Head = "train" then
                            "read one of them"
                        else
                            "hint: --channel 0 reads"

                    let refusal = hybrid folder verb |> refused code [ hint ]
                    Expect.stringContains (refusal.Output + refusal.Errors) "opposite phase" (string refusal)
                    hybrid folder (verb @ [ "--channel"; "1" ]) |> expectSuccess |> ignore
                    hybrid folder (verb @ [ "--channel"; "-1" ]) |> expectRefusal 1 [ "--channel is -1" ]

                let recognize channel =
                    (hybrid folder [ "recognize"; "--model"; model; "--channel"; channel; "--json"; file ]
                     |> expectSuccess)
                        .Output

                let expected (channel: int) =
                    let clip = AudioClip.Read(Path.Combine(folder, file), channel = channel)
                    ResultJson.Recognitions [| struct (file, (Recognizer.Load model).Recognize clip) |]

                for channel in 0..1 do
                    Expect.equal ((recognize (string channel)).Trim()) (expected channel) $"channel {channel}"

                hybrid folder [ "recognize"; "--model"; model; "--channel"; "2"; file ]
                |> expectRefusal 1 [ "there is no channel 2" ])
        }
    ]

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
