module Hybrid.Tests.CliTests

open System
open System.IO
open System.Text.Json
open FSharp.Reflection
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

let private parse (json: string) = JsonDocument.Parse(json).RootElement
let private numberOf (name: string) (element: JsonElement) = element.GetProperty(name).GetDouble()

[<Tests>]
let tests =
    testList "command line" [
        test "demo reaches a phone error rate of at most 15 % on unseen speakers and writes model and page" {
            withFolder (fun folder ->
                let finished = hybrid folder [ "demo"; "--out"; "here" ] |> expectSuccess
                Expect.stringContains finished.Output "ref  " "references are printed"
                Expect.stringContains finished.Output "hyp  " "hypotheses are printed"

                let model, page =
                    Path.Combine(folder, "here", "model.safetensors"), Path.Combine(folder, "here", "report.html")

                let html = File.ReadAllText page
                Expect.isFalse (html.Contains "src=\"http") "the page loads nothing from elsewhere"
                Expect.equal (html.Split("<div class=\"chart\"").Length - 1) 9 "charts"
                Expect.stringContains html "<audio controls src=\"data:audio/wav;base64," "a player"
                Expect.stringContains html "<svg " "the diagram of the network"
                Expect.stringContains html "hybrid demo --out here --seed 1" "the command"

                for title in [ "ln alpha"; "ln beta"; "gamma" ] do
                    Expect.stringContains html title "the lattice is among them"

                let speech = Path.Combine(folder, "here", "speech")

                let evaluated =
                    hybrid folder [ "evaluate"; "--model"; model; "--corpus"; speech; "--split"; "test"; "--json" ]
                    |> expectSuccess

                Expect.isLessThanOrEqual (parse evaluated.Output |> numberOf "per") 15.0 (string evaluated)

                // Speakers and sentences of the splits are disjoint.
                let corpus = Corpus.Read speech

                let parts key = [
                    for split in [ "train"; "dev"; "test" ] -> corpus.Split split |> Seq.map key |> Set.ofSeq
                ]

                for key in [ (fun (u: Utterance) -> u.Speaker); (fun u -> string u.Text) ] do
                    let sets = parts key
                    Expect.equal (sets |> List.sumBy Set.count) (Set.unionMany sets).Count "splits are disjoint")
        }

        test "train keeps the best model, the last two checkpoints, and a cache of features" {
            let run = Path.Combine(untrained.Value, "run")
            Expect.isNonEmpty (Directory.GetFiles(cache.Value, "*", SearchOption.AllDirectories)) "features"

            for file in [ "model.safetensors"; "checkpoint.safetensors"; "checkpoint.safetensors.previous" ] do
                Expect.isTrue (File.Exists(Path.Combine(run, file))) file
        }

        test "train takes a recipe as JSON, as info prints it" {
            withFolder (fun folder ->
                let recipe = hybrid folder [ "info"; "--recipe"; "tiny"; "--json" ] |> expectSuccess
                File.WriteAllText(Path.Combine(folder, "mine.json"), recipe.Output)
                let speech = Path.Combine(untrained.Value, "speech")

                let run name recipe =
                    hybrid folder [
                        "train"
                        "--recipe"
                        recipe
                        "--corpus"
                        speech
                        "--out"
                        name
                        "--epochs"
                        "1"
                        "--seed"
                        "3"
                    ]
                    |> expectSuccess
                    |> ignore

                run "a" "tiny"
                run "b" "mine.json"
                let bytes name = File.ReadAllBytes(Path.Combine(folder, name, "model.safetensors"))
                Expect.equal (bytes "a") (bytes "b") "the same recipe and seed give the same model, byte for byte")
        }

        test "evaluate and recognize agree with the API" {
            let folder = untrained.Value
            let model = SpeechModel.Load(Path.Combine(folder, "run", "model.safetensors"))
            let recognizer = Recognizer model
            let corpus = Corpus.Read(Path.Combine(folder, "speech"))
            let struct (expected, _) = recognizer.Evaluate corpus.Utterances

            let json =
                (hybrid folder [ "evaluate"; "--model"; "run/model.safetensors"; "--corpus"; "speech"; "--json" ]
                 |> expectSuccess)
                    .Output
                |> parse

            Expect.equal (json.GetProperty("utterances").GetInt32()) expected.Utterances.Count "utterances"
            Expect.floatClose Accuracy.medium (numberOf "per" json) (Math.Round(expected.Per, 4)) "per"

            Expect.floatClose
                Accuracy.medium
                (numberOf "averageDistance" json)
                (Math.Round(expected.AverageDistance, 4))
                "distance"

            Expect.floatClose Accuracy.medium (numberOf "loss" json) (Math.Round(expected.Loss, 4)) "loss"
            let errors = [ for name in [ "substitutions"; "deletions"; "insertions" ] -> numberOf name json ]

            Expect.equal
                errors
                [ float expected.Substitutions; float expected.Deletions; float expected.Insertions ]
                "errors"

            let file = Path.GetRelativePath(folder, corpus.Utterances[0].AudioPath)
            let recognition = recognizer.Recognize(AudioClip.Read corpus.Utterances[0].AudioPath)

            let text =
                (hybrid folder [ "recognize"; "--model"; "run/model.safetensors"; file ] |> expectSuccess).Output

            Expect.equal (text.Trim()) ($"{file}: {recognition}".Trim()) "text"

            let json =
                (hybrid folder [ "recognize"; "--model"; "run/model.safetensors"; "--json"; file ] |> expectSuccess)
                    .Output

            Expect.equal (json.Trim()) (ResultJson.Recognitions [| struct (file, recognition) |]) "JSON"
        }

        test "align, lm, recognize and evaluate with beam search agree with the API, in every format" {
            let folder = untrained.Value
            let model, split = "run/model.safetensors", [ "--corpus"; "speech"; "--split"; "test" ]
            let inside parts = Path.Combine(folder :: parts |> List.toArray)
            let corpus = Corpus.Read(inside [ "speech" ])
            let test = corpus.Split "test"
            let utterance = test[0]
            let file = Path.GetRelativePath(folder, utterance.AudioPath)

            hybrid folder ([ "lm"; "--out"; "phones.arpa"; "--order"; "2" ] @ [ "--corpus"; "speech" ])
            |> expectSuccess
            |> ignore

            let languageModel = LanguageModels.Read(inside [ "phones.arpa" ], PhoneInventory.Arpabet)
            Expect.equal (languageModel.Order, languageModel.Count 1) (2, 42) "40 phones and both ends"

            let recognizer =
                Recognizer(
                    SpeechModel.Load(inside [ "run"; "model.safetensors" ]),
                    Beam =
                        PrefixBeamOptions(
                            Width = 9,
                            Best = 3,
                            LanguageModel = languageModel,
                            LanguageModelWeight = 0.5,
                            LengthBonus = 0.25
                        )
                )

            let expected = recognizer.Recognize(AudioClip.Read utterance.AudioPath)

            let recognize rest =
                (hybrid
                    folder
                    ([
                        "recognize"
                        "--model"
                        model
                        "--beam"
                        "9"
                        "--nbest"
                        "3"
                        "--lm"
                        "phones.arpa"
                        "--lm-weight"
                        "0.5"
                        "--length-bonus"
                        "0.25"
                        file
                     ]
                     @ rest)
                 |> expectSuccess)
                    .Output.ReplaceLineEndings
                    "\n"

            let json = ResultJson.Recognitions [| struct (file, expected) |]
            Expect.equal ((recognize [ "--format"; "json" ]).Trim()) json "JSON"
            Schema.expectValid "recognitions" json

            Expect.equal
                (recognize [])
                (String.concat "" [
                    for i, r in Seq.indexed expected.Hypotheses -> $"{file} {i + 1} {r.Total:F4}: {r}\n"
                ])
                "text"

            Expect.equal
                (recognize [ "--format"; "ctm" ])
                (Ctm.Write(utterance.Id, expected.Hypotheses[0].Phones))
                "CTM"

            Expect.equal (recognize [ "--format"; "textgrid" ]) (TextGrid.Of(expected).Write()) "TextGrid"
            Expect.equal (recognize [ "--format"; "textgrid"; "--out"; "grids" ]) "" "nothing on standard output"

            Expect.equal
                (File.ReadAllText(inside [ "grids"; utterance.Id + ".TextGrid" ]))
                (TextGrid.Of(expected).Write())
                "TextGrid in a folder"

            let struct (figures, _) =
                Recognizer(recognizer.Model, Beam = PrefixBeamOptions(Width = 9, LanguageModel = languageModel))
                    .Evaluate
                    test

            let evaluated =
                (hybrid
                    folder
                    ([
                        "evaluate"
                        "--model"
                        model
                        "--beam"
                        "9"
                        "--lm"
                        "phones.arpa"
                        "--fold"
                        "arpabet-39"
                        "--json"
                     ]
                     @ split)
                 |> expectSuccess)
                    .Output

            Expect.equal
                (evaluated.ReplaceLineEndings("\n").Trim())
                (ResultJson.Evaluation(figures, PhoneInventory.Arpabet, [||], Fold.Find "arpabet-39"))
                "evaluation"

            Schema.expectValid "evaluation" evaluated

            // N-grams in the model file are used by default.
            hybrid
                folder
                ([ "export"; "--half"; "--model"; model; "--out"; "guided"; "--lm"; "phones.arpa" ]
                 @ [ "--lm-weight"; "0.5"; "--length-bonus"; "0.25" ])
            |> expectSuccess
            |> ignore

            let guided = SpeechModel.Load(inside [ "guided" ])
            let clip = AudioClip.Read utterance.AudioPath

            for options, expected in
                [
                    [], Recognizer guided
                    [ "--greedy" ], Recognizer(guided, Beam = null)
                    [ "--beam"; "3" ], Recognizer(guided, Beam = (nonNull guided.LanguageModel).Search(width = 3))
                    [ "--lm-weight"; "0"; "--length-bonus"; "0" ], Recognizer(guided, Beam = PrefixBeamOptions())
                ] do
                let output =
                    (hybrid folder ([ "recognize"; "--model"; "guided"; file ] @ options) |> expectSuccess).Output

                Expect.equal (output.Trim()) ($"{file}: {expected.Recognize clip}".Trim()) $"{options}"

            Expect.stringContains
                (hybrid folder [ "info"; "--model"; "guided" ] |> expectSuccess).Output
                $"n-grams by length: 42, {languageModel.Count 2}; weight 0.5, insertion bonus 0.25"
                "info"

            let aligner = Aligner recognizer

            hybrid folder ([ "align"; "--model"; model; "--out"; "aligned/"; "--format"; "json" ] @ split)
            |> expectSuccess
            |> ignore

            for u in test do
                let written = File.ReadAllText(inside [ "aligned"; u.Id + ".json" ])
                Expect.equal written (ResultJson.Alignment(aligner.Align u)) u.Id
                Schema.expectValid "alignment" written

            hybrid folder [ "align"; "--model"; model; file; "--text"; string utterance.Text; "--out"; "one" ]
            |> expectSuccess
            |> ignore

            Expect.equal
                (File.ReadAllText(inside [ "one"; utterance.Id + ".TextGrid" ]))
                (TextGrid
                    .Of(aligner.AlignText(utterance.Id, AudioClip.Read utterance.AudioPath, string utterance.Text))
                    .Write())
                "one file"
            // One of two fails and is named; the other is written.
            let partly =
                hybrid folder [ "align"; "--model"; model; "--out"; "two"; "--format"; "ctm"; file; "speech" ]

            partly |> expectRefusal 2 [ $"{utterance.Id}: {file} has no transcript"; "30 of 31 aligned" ]
            Expect.equal (Directory.GetFiles(inside [ "two" ], "*.words.ctm").Length) 30 "files"
        }

        test "a synthetic HW3P2 folder is trained on, evaluated and recognised into a submission CSV" {
            withFolder (fun folder ->
                hybrid folder [
                    "synth"
                    "--out"
                    "data"
                    "--utterances"
                    "300"
                    "--speakers"
                    "30"
                    "--layout"
                    "hw3p2"
                ]
                |> expectSuccess
                |> ignore

                hybrid folder [ "train"; "--recipe"; "tiny"; "--corpus"; "data"; "--out"; "run"; "--epochs"; "8" ]
                |> expectSuccess
                |> ignore

                let model = "run/model.safetensors"

                let evaluated =
                    hybrid folder [ "evaluate"; "--model"; model; "--corpus"; "data"; "--split"; "dev"; "--json" ]
                    |> expectSuccess

                Expect.isBelow (parse evaluated.Output |> numberOf "per") 60.0 (string evaluated)

                hybrid folder [ "recognize"; "--model"; model; "--submission"; "out.csv"; "data/test-clean" ]
                |> expectSuccess
                |> ignore

                // The same through the API, letter by letter.
                let recognizer = Recognizer.Load(Path.Combine(folder, model))

                let letter phone =
                    let mutable i = 0 in
                    PhoneInventory.Arpabet.TryGetIndex(phone, &i) |> ignore
                    PhoneInventory.Arpabet.Letter i

                let rows =
                    Directory.GetFiles(Path.Combine(folder, "data/test-clean/mfcc"))
                    |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))
                    |> Array.mapi (fun i path ->
                        let phones =
                            recognizer.Recognize(Utterance("", "", "", "", null, null, FeaturesPath = path)).Phones

                        $"{i}," + String.Concat [ for phone in phones -> letter phone.Label ])

                Expect.equal rows.Length 30 "test utterances"

                Expect.sequenceEqual
                    (File.ReadAllLines(Path.Combine(folder, "out.csv")))
                    (Array.append [| "index,label" |] rows)
                    "CSV"

                Expect.isGreaterThan (rows |> Array.sumBy _.Length) 300 "something is recognised"

                // A damaged file keeps its row, so that the others keep their numbers.
                File.WriteAllText(
                    Directory.GetFiles(Path.Combine(folder, "data/test-clean/mfcc")) |> Array.min,
                    "broken"
                )

                hybrid folder [ "recognize"; "--model"; model; "--submission"; "out.csv"; "data/test-clean" ]
                |> expectRefusal 2 [ "not a .npy file" ]

                Expect.sequenceEqual
                    (File.ReadAllLines(Path.Combine(folder, "out.csv")))
                    (Array.append [| "index,label"; "0," |] rows[1..])
                    "CSV"

                // Such a model takes no sound, and a part without transcripts cannot be evaluated.
                CorpusTests.sound folder "a.wav"

                hybrid folder [ "recognize"; "--model"; model; "a.wav" ]
                |> expectRefusal 1 [
                    "28 per frame, and no audio"
                    "hint: the model expects the features of its corpus"
                ]

                hybrid folder [ "evaluate"; "--model"; model; "--corpus"; "data/test-clean" ]
                |> expectRefusal 1 [ "it has no transcript"; "no utterance of the corpus can be evaluated" ])
        }

        test "check-data prints what the API finds; its exit code is 2 if anything is left out" {
            let folder = untrained.Value
            let clean = hybrid folder [ "check-data"; "--corpus"; "speech"; "--recipe"; "tiny" ] |> expectSuccess

            for part in
                [
                    "train: 24 utterances of 8 speakers"
                    "utterances too short for their phones, after the subsampling of recipe tiny: 0"
                    "nothing is left out"
                ] do
                Expect.stringContains clean.Output part (string clean)

            withFolder (fun other ->
                CorpusTests.sound other "a.wav"
                CorpusTests.text other "a.txt" "HANT"
                CorpusTests.text other "words.txt" "HAND HH AE N D\n"

                let arguments = [
                    "check-data"
                    "--corpus"
                    Path.Combine(folder, "speech")
                    "--dev"
                    "."
                    "--lexicon"
                    "words.txt"
                ]

                let faulty = hybrid other arguments |> refused 2 []

                Expect.stringContains
                    faulty.Output
                    "HANT (x1, first in a): the nearest known word is HAND"
                    (string faulty)

                let json = (hybrid other (arguments @ [ "--json" ])).Output

                let check =
                    Hybrid.Dsl.Recipes.small.ValidateCorpus(
                        Corpus.Read(Path.Combine(folder, "speech")),
                        Corpus.Read other,
                        [| Lexicon.Read(Path.Combine(other, "words.txt"), PhoneInventory.Arpabet) |]
                    )

                Expect.equal (json.Trim()) (ResultJson.Check check) "JSON")
        }

        test "the version is that of the package, and verbs have British and American spellings" {
            let version = (hybrid root [ "--version" ] |> expectSuccess).Output.Trim()
            let expected = nonNull (typeof<Recognizer>.Assembly.GetName().Version)
            Expect.stringStarts version $"hybrid {expected.ToString 3}" "version"
            let folder = untrained.Value
            let file = Directory.GetFiles(Path.Combine(folder, "speech", "wav")) |> Array.min
            let american = hybrid folder [ "recognize"; file; "--json" ] |> expectSuccess
            Expect.equal (hybrid folder [ "recognise"; file; "--json" ]) american "recognise"
            Expect.equal (hybrid folder [ "recognise"; file ]) (hybrid folder [ "recognize"; file ]) "without options"

            for verb in [ "synthesise"; "synthesize" ] do
                hybrid folder [ verb; "--out"; verb; "--utterances"; "3"; "--speakers"; "3" ]
                |> expectSuccess
                |> ignore
        }

        test "patterns that a shell did not expand are expanded, in order" {
            let folder = untrained.Value
            let files = Directory.GetFiles(Path.Combine(folder, "speech", "wav"), "speaker00*.wav") |> Array.sort
            let named = [ for file in files -> Path.GetRelativePath(folder, file) ]
            let pattern = Path.Combine("speech", "wav", "speaker00*.wav")
            Expect.isGreaterThan named.Length 2 "files"

            Expect.equal
                (hybrid folder [ "recognize"; pattern ] |> expectSuccess)
                (hybrid folder ("recognize" :: named) |> expectSuccess)
                "recognize"

            let align out paths = hybrid folder ([ "align"; "--out"; out ] @ paths) |> _.Errors.Replace(out, "")
            Expect.equal (align "with-pattern" [ pattern ]) (align "with-names" named) "align"

            hybrid folder [ "recognize"; "*.flac" ] |> expectRefusal 1 [ "no file matches *.flac" ]
        }

        test "align takes folders and sound files that follow --lexicon" {
            withFolder (fun folder ->
                let speech = Path.Combine(untrained.Value, "speech")
                let text = Corpus.Read(speech).Utterances[0]
                let recordings = Directory.CreateDirectory(Path.Combine(folder, "recordings")).FullName
                File.Copy(text.AudioPath, Path.Combine(recordings, "a.wav"))
                File.WriteAllText(Path.Combine(recordings, "a.txt"), text.Text)
                File.WriteAllText(Path.Combine(folder, "words.txt"), "ZYZZYVA Z IH Z IH V AH\n")
                let cmudict = Path.Combine(folder, "built-in.txt")

                File.WriteAllLines(
                    cmudict,
                    [ for word in WordList.All -> $"{word.Spelling} " + String.Join(' ', word.Phones) ]
                )

                let align out more = hybrid folder ([ "align"; "--out"; out; "--model"; CSharpTests.model ] @ more)

                let expected =
                    align "first" [ "recordings/a.wav"; "--lexicon"; "words.txt"; "built-in.txt" ] |> expectSuccess

                for name, last in [ "file", "recordings/a.wav"; "folder", "recordings" ] do
                    let finished = align name [ "--lexicon"; "words.txt"; "built-in.txt"; last ] |> expectSuccess
                    Expect.stringContains finished.Errors "1 of 1 aligned" (string finished)

                    Expect.equal
                        (File.ReadAllText(Path.Combine(folder, name, "a.TextGrid")))
                        (File.ReadAllText(Path.Combine(folder, "first", "a.TextGrid")))
                        $"{expected}")
        }

        test "info prints the parameters of the base recipe" {
            let finished = hybrid root [ "info"; "--recipe"; "base" ] |> expectSuccess
            Expect.stringContains finished.Output "5,053,353" (string finished)
        }

        test "help lists every verb, and the help of each has at most 60 lines of 80 columns" {
            let finished = hybrid root [ "--help" ] |> expectSuccess

            let verbs =
                FSharpType.GetUnionCases typeof<Hybrid.Cli.Arguments.Verb>
                |> Array.filter (fun case -> case.GetFields().Length > 0)

            for case in verbs do
                let verb = case.Name.ToLowerInvariant().Replace('_', '-')
                Expect.stringContains finished.Output $"    {verb} <options>" verb
                let lines = (hybrid root [ verb; "--help" ] |> expectSuccess).Output.Split Environment.NewLine
                Expect.isLessThan lines.Length 60 verb
                Expect.all lines (fun line -> line.Length <= 80) verb
        }

        test "train --init starts from a model and lists what it takes; a file that is no model is refused" {
            let folder = untrained.Value
            let model = Path.Combine("run", "model.safetensors")

            let train options =
                hybrid folder ([ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--epochs"; "1" ] @ options)

            let finished = train [ "--out"; "again"; "--init"; model ] |> expectSuccess
            let tensors = (SpeechModel.Load(Path.Combine(folder, model))).Network.Parameters.Count

            Expect.stringContains
                finished.Errors
                $"{tensors} of {tensors} tensors are those of the initial model"
                (string finished)

            // The loss of the first epoch goes on where the initial model ended.
            let loss (run: string) epoch =
                File.ReadLines(Path.Combine(folder, run, "metrics.jsonl"))
                |> Seq.map parse
                |> Seq.filter (fun line -> fst (line.TryGetProperty "trainLoss"))
                |> Seq.item (epoch - 1)
                |> numberOf "trainLoss"

            Expect.isLessThan (loss "again" 1) (loss "run" 1) "a better start"
            train [ "--out"; "again2"; "--init"; "speech" ] |> expectRefusal 1 [ "speech" ]
        }
    ]
