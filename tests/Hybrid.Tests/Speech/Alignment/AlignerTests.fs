/// Recordings of known phones, through the aligner and into files: for each input a file or a reason.
module Hybrid.Tests.AlignerTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Dsl
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// A network that has learned nothing: its alignments are poor, but they are alignments.
let private model =
    lazy (SpeechModel.Create(Recipes.tiny.Network, Recipes.tiny.Features, PhoneInventory.Arpabet, 5UL))

let private aligner = lazy (Aligner(Recognizer(model.Value, ThreadTeam 1)))

/// Noise: 16 000 samples are a second, and some 50 frames of the tiny network.
let private noise samples =
    let random = CounterRandom(8UL).Stream()
    AudioClip(Array.init samples (fun _ -> float32 (0.1 * random.Normal())), 16000)

/// The results in a folder and below it, by their paths within it.
let private results (folder: string) = [
    for file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories) do
        if Path.GetFileName file <> ".hybrid-results" then
            Path.GetRelativePath(folder, file)
]

let private labels (intervals: Interval seq) = [ for i in intervals -> i.Label ]

let private expectSound (a: Alignment) =
    for intervals in [ a.Words; a.Phones ] do
        let flat =
            [
                0.0
                for i in intervals do
                    i.StartSeconds
                    i.EndSeconds
            ]
            @ [ a.DurationSeconds ]

        Expect.equal flat (List.sort flat) "in order, within the recording"

        for i in intervals do
            Expect.isTrue (i.EndSeconds > i.StartSeconds) $"{i} takes time"
            Expect.isTrue (i.Confidence >= 0.0 && i.Confidence <= 1.0) $"{i}"

    let edges =
        set [
            for p in a.Phones do
                p.StartSeconds
                p.EndSeconds
        ]

    for w in a.Words do
        Expect.isTrue (edges.Contains w.StartSeconds && edges.Contains w.EndSeconds) $"{w} begins and ends with phones"

/// Folders of sounds that can be aligned, and of some that cannot.
let private prepare (folder: string) =
    let wav name samples = (noise samples).WriteWav(Path.Combine(folder, name))
    let text name (content: string) = File.WriteAllText(Path.Combine(folder, name), content)
    Directory.CreateDirectory(Path.Combine(folder, "in", "deep")) |> ignore

    for name in [ "words"; "phones"; "deep/\u0283"; "short"; "unknown"; "silent" ] do
        wav $"in/{name}.wav" (if name = "short" then 2000 else 24000)

    text "in/words.txt" "Hair, candle!"
    text "in/phones.lab" "HH EH1 R\n"
    text "in/deep/\u0283.txt" "HOPE"
    text "in/short.txt" "decision decision decision"
    text "in/unknown.txt" "мир да"
    text "in/broken.wav" "no sound"
    text "in/broken.txt" "HOPE"

[<Tests>]
let tests =
    testList "aligner" [
        test "words and phones of a text" {
            let a = aligner.Value.AlignText("it", noise 24000, "Hair candle")
            Expect.equal (labels a.Phones) [ "HH"; "EH"; "R"; "K"; "AE"; "N"; "D"; "AH"; "L" ] "phones"
            Expect.equal (labels a.Words) [ "HAIR"; "CANDLE" ] "words"
            expectSound a
            Expect.equal a.Words[0].StartSeconds a.Phones[0].StartSeconds "HAIR begins with HH"
            Expect.equal a.Words[1].EndSeconds a.Phones[8].EndSeconds "CANDLE ends with L"

            Expect.floatClose
                Accuracy.high
                a.Words[0].Confidence
                (Seq.average [ for p in Seq.take 3 a.Phones -> p.Confidence ])
                "confidence of a word"

            Expect.isLessThan a.LogProbability 0.0 "a log probability"
        }

        test "phones of the corpus are aligned; words have times if these are their phones, without silence" {
            let align (text: string | null) (phones: string) =
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "a.wav")
                    (noise 24000).WriteWav path
                    aligner.Value.Align(Utterance("a", path, "", "", text, phones.Split ' ')))

            let a = align "HAIR CANDLE" "[SIL] HH EH R [SIL] K AE N D AH L"
            expectSound a
            Expect.equal (labels a.Words) [ "HAIR"; "CANDLE" ] "words"
            Expect.isLessThanOrEqual a.Words[0].EndSeconds a.Phones[4].StartSeconds "the pause belongs to no word"
            Expect.isEmpty (align "HAIR CANDLE" "HH AE R").Words "another pronunciation"
            Expect.isEmpty (align null "HH EH R").Words "no text"
        }

        test "words that no lexicon has are pronounced by their letters and named; a number is one word, as written" {
            let alignment = aligner.Value.AlignText("it", noise 48000, "Dr. Blorbing's 2 hairs")
            Expect.equal (labels alignment.Words) [ "Dr."; "BLORBING'S"; "2"; "HAIRS" ] "words"
            Expect.sequenceEqual alignment.GuessedWords [ "BLORBING'S" ] "words that the network pronounced"
            let read = ResultJson.ReadAlignment(ResultJson.Alignment alignment)
            Expect.sequenceEqual read.GuessedWords [ "BLORBING'S" ] "in the JSON"
        }

        test "what cannot be aligned is refused in a sentence" {
            let clip = noise 24000

            expectRefusal<FormatException, _> "no pronunciation of МИР, ДА: give a lexicon that has them" (fun () ->
                aligner.Value.AlignText("it", clip, "hair мир да"))

            expectRefusal<FormatException, _> "its transcript is empty" (fun () ->
                aligner.Value.AlignText("it", clip, " ... "))

            expectRefusal<FormatException, _> "unknown phone X" (fun () ->
                aligner.Value.AlignPhones("it", clip, [| "X" |]))

            expectRefusal<InfeasibleTargetException, _> "utterance it needs" (fun () ->
                aligner.Value.AlignText("it", noise 2000, "decision decision decision"))

            expectRefusal<InfeasibleTargetException, _> "has 0" (fun () ->
                aligner.Value.AlignText("it", noise 10, "hope"))
        }

        test "size and memory are reported before the alignment" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                (noise 16000).WriteWav path
                let mutable reported = []

                let need = {
                    new IProgress<AlignmentNeed> with
                        member _.Report n = reported <- n :: reported
                }

                aligner.Value.Align(Utterance("a", path, "", "", "HOPE", null), need) |> ignore
                let n = List.exactlyOne reported
                Expect.equal (n.Id, n.DurationSeconds, n.Phones) ("a", 1.0, 3) "what"
                Expect.isTrue (n.Bytes > 10_000L && n.Bytes < 1_000_000L) $"{n.Bytes} bytes")
        }

        test "a path is a sound file with its transcript, or a corpus, or a reason" {
            withFolder (fun folder ->
                prepare folder
                let input (path: string) (text: string | null) = AlignmentInput.Of(Path.Combine(folder, path), text)
                let reason (inputs: Collections.Generic.IReadOnlyList<AlignmentInput>) = string inputs[0].Reason

                let shown (inputs: AlignmentInput seq) = [
                    for i in inputs ->
                        i.Id,
                        (match i.Utterance with
                         | null -> "!"
                         | u -> (CorpusTests.shown u).Replace(u.Id, "").Trim())
                ]

                Expect.equal (shown (input "in/words.wav" null)) [ "words", "Hair, candle!" ] "words beside it"
                Expect.equal (shown (input "in/words.wav" "hope")) [ "words", "hope" ] "words given"
                Expect.equal (shown (input "in/phones.wav" null)) [ "phones", "/HH EH R/" ] "phones beside it"

                Expect.stringContains
                    (reason (input "in/silent.wav" null))
                    "silent.wav has no transcript: give its text, or a .txt or .lab file beside it"
                    "nothing beside it"

                Expect.stringContains (reason (input "in/nowhere.wav" null)) "there is no such file" "no file"
                Expect.stringContains (reason (input "nowhere" null)) "there is no such file" "no folder"
                let all = input "in" null

                Expect.equal
                    (set [ for i in all -> i.Id ])
                    (set [ "broken"; "deep/\u0283"; "phones"; "short"; "silent"; "unknown"; "words" ])
                    "a folder"

                Directory.CreateDirectory(Path.Combine(folder, "empty")) |> ignore
                Expect.stringContains (reason (input "empty" null)) "is not a corpus" "an empty folder"
                let corpus = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 12, 3)

                Expect.equal
                    (AlignmentInput.Of(Path.Combine(folder, "speech"), split = "test").Count)
                    (corpus.Split("test").Count)
                    "a split"

                Expect.equal
                    (AlignmentInput.Of(Path.Combine(folder, "speech", "manifest.jsonl")).Count)
                    12
                    "a manifest"

                Expect.stringContains
                    (reason (AlignmentInput.Of(Path.Combine(folder, "speech"), split = "none")))
                    "has no split none; it has "
                    "no such split")
        }

        for format, ending in
            [
                AlignmentFormat.TextGrid, ".TextGrid"
                AlignmentFormat.TextGridShort, ".TextGrid"
                AlignmentFormat.Ctm, ".ctm"
                AlignmentFormat.Json, ".json"
            ] do
            test $"every input gets a file or a reason, as {format}" {
                withFolder (fun folder ->
                    prepare folder
                    let out = Path.Combine(folder, "out")
                    let inputs = AlignmentInput.Of(Path.Combine(folder, "in"))
                    let mutable reported = []

                    let completed = {
                        new IProgress<struct (int * (string | null))> with
                            member _.Report(struct (place, reason)) = reported <- (place, isNull reason) :: reported
                    }

                    let failed = AlignmentFiles.Write(aligner.Value, inputs, ResultFolder out, format, completed)
                    let reasons = Map [ for left in failed -> left.Id, left.Reason ]
                    Expect.equal (set reasons.Keys) (set [ "broken"; "short"; "silent"; "unknown" ]) "failed"

                    for id, part in
                        [
                            "broken", "broken.wav"
                            "short", "needs"
                            "silent", "it has no transcript"
                            "unknown", "МИР, ДА"
                        ] do
                        Expect.stringContains reasons[id] part id

                    let files = set (results out)

                    let expected =
                        set [
                            for id in [ "words"; "phones"; "deep/\u0283" ] do
                                id + ending
                        ]

                    Expect.equal
                        files
                        (if format = AlignmentFormat.Ctm then
                             expected + set [ "words.words.ctm"; "deep/\u0283.words.ctm" ]
                         else
                             expected)
                        "files"

                    Expect.equal
                        (List.rev reported)
                        [ for i, input in Seq.indexed inputs -> i, not (reasons.ContainsKey input.Id) ]
                        "a report of each"

                    // What is in them is the alignment.
                    let alignment =
                        inputs
                        |> Seq.pick (fun i -> if i.Id = "words" then Option.ofObj i.Utterance else None)
                        |> aligner.Value.Align

                    let text = File.ReadAllText(Path.Combine(out, "words" + ending))
                    Expect.equal text (snd ((AlignmentFiles.Contents(alignment, format)[0]).ToTuple())) "content"

                    let phones =
                        match format with
                        | AlignmentFormat.Ctm -> [
                            for line in Ctm.Read(new StringReader(text)) -> line.Interval.Label
                          ]
                        | AlignmentFormat.Json -> labels (ResultJson.ReadAlignment text).Phones
                        | _ -> [
                            for i in (TextGrid.Read text).Tiers[1].Intervals do
                                if i.Label <> "" then
                                    i.Label
                          ]

                    Expect.equal phones (labels alignment.Phones) "phones")
            }

        test "untrusted names stay in the folder, and no file is overwritten" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                (noise 24000).WriteWav path
                let input id = AlignmentInput(id, Utterance(id, path, "", "", "HOPE", null), null)
                let out = Path.Combine(folder, "out")
                let ids = [| "a"; "../a"; "b/../../a"; "/tmp/a"; "a"; "A"; "b/a"; ""; "." |]

                let failed =
                    AlignmentFiles.Write(
                        aligner.Value,
                        [| for id in ids -> input id |],
                        ResultFolder out,
                        AlignmentFormat.Json
                    )

                Expect.equal
                    [
                        for left in failed ->
                            left.Id, left.Reason.Contains "leads out of", left.Reason.Contains "same name"
                    ]
                    [
                        "../a", true, false
                        "b/../../a", true, false
                        "/tmp/a", true, false
                        "a", false, true
                        "A", false, true
                        "", true, false
                        ".", true, false
                    ]
                    "reasons"

                Expect.equal (results folder).Length 3 "the sound, a and b/a")
        }

        test "the words of one recording are not written over the phones of another" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                (noise 24000).WriteWav path
                let input id = AlignmentInput(id, Utterance(id, path, "", "", "HOPE", null), null)

                for ids in [ [ "a"; "a.words" ]; [ "a.words"; "a" ] ] do
                    let out = Path.Combine(folder, ids.Head)

                    let failed =
                        AlignmentFiles.Write(
                            aligner.Value,
                            [| for id in ids -> input id |],
                            ResultFolder out,
                            AlignmentFormat.Ctm
                        )

                    Expect.equal [ for left in failed -> left.Id ] ids.Tail "left out"
                    Expect.stringContains failed[0].Reason "would be lost" "reason"
                    Expect.equal (results out).Length 2 "phones and words of the first")
        }
    ]

[<Tests>]
let models =
    testList "language models of corpora" [
        test "an estimate from words and phones equals one from their labels; what has no transcript is named" {
            let utterance id (text: string | null) (phones: string | null) =
                Utterance(
                    id,
                    "",
                    "",
                    "",
                    text,
                    (match phones with
                     | null -> null
                     | p -> p.Split ' ')
                )

            let inventory = PhoneInventory.Arpabet

            let struct (model, skipped) =
                LanguageModels.Estimate(
                    [|
                        utterance "a" "hair" null
                        utterance "b" null "HH OW P"
                        utterance "c" null null
                        utterance "d" "qwxz" null
                        utterance "e" null "X"
                    |],
                    inventory,
                    2
                )

            Expect.equal [ for left in skipped -> left.Id ] [ "c"; "d"; "e" ] "left out"

            let expected =
                NGramModel.Estimate(
                    [ inventory.Labels [ "HH"; "EH"; "R" ]; inventory.Labels [ "HH"; "OW"; "P" ] ],
                    inventory.Count,
                    2
                )

            for phones in [ [ "HH"; "EH"; "R" ]; [ "HH"; "R" ]; [] ] do
                Expect.equal
                    (model.LogProbability(inventory.Labels phones))
                    (expected.LogProbability(inventory.Labels phones))
                    $"{phones}"

            expectRefusal<FormatException, _> "no transcript to learn from; c: it has no transcript" (fun () ->
                LanguageModels.Estimate([| utterance "c" null null |], inventory, 2))

            withFolder (fun folder ->
                let path = Path.Combine(folder, "it.arpa")
                LanguageModels.Write(path, model, inventory)
                let back = LanguageModels.Read(path, inventory)

                Expect.floatClose
                    { absolute = 1e-6; relative = 1e-6 }
                    (back.LogProbability(inventory.Labels [ "HH"; "EH" ]))
                    (model.LogProbability(inventory.Labels [ "HH"; "EH" ]))
                    "read back"

                expectRefusal<FormatException, _> "it.arpa: line " (fun () ->
                    LanguageModels.Read(path, PhoneInventory [ "AA" ])))
        }

        test "beam search returns the requested number of hypotheses, and a language model changes the best one" {
            let clip = noise 24000
            let recognize options = Recognizer(model.Value, ThreadTeam 1, Beam = options).Recognize(clip: AudioClip)
            let plain = recognize (PrefixBeamOptions(Best = 5))
            Expect.equal plain.Hypotheses.Count 5 "readings"

            Expect.equal
                [ for r in plain.Hypotheses -> r.Total ]
                (List.sortDescending [ for r in plain.Hypotheses -> r.Total ])
                "sorted"

            Expect.equal (Seq.distinct [ for r in plain.Hypotheses -> string r ] |> Seq.length) 5 "distinct"

            let always =
                NGramModel.Estimate([ for _ in 1..50 -> PhoneInventory.Arpabet.Labels [ "HH"; "OW"; "P" ] ], 41, 3)

            let guided =
                recognize (PrefixBeamOptions(LanguageModel = always, LanguageModelWeight = 5.0, LengthBonus = 40.0))

            Expect.notEqual (string guided) (string plain) "another best"
            Expect.stringContains (string guided) "HH OW P" "what the model knows"
        }

        test "an aligner takes one lexicon; alignments and corpora print as lines" {
            let lexicon = LexiconTests.read [ "QWXZ HH OW P" ]
            let recognizer = Recognizer(model.Value, ThreadTeam 1)
            let one, listed = Aligner(recognizer, lexicon), Aligner(recognizer, [| lexicon |])
            let found = one.AlignText("it", noise 24000, "qwxz")
            Expect.equal found.LogProbability (listed.AlignText("it", noise 24000, "qwxz")).LogProbability "the same"
            let lines = (string found).Split Environment.NewLine
            Expect.equal lines[0] "it, 1.50 s, 1 words" "the recording"
            Expect.isTrue (lines[1].Contains " s QWXZ, confidence 0.") (string found)

            let corpus =
                Corpus [|
                    Utterance("a1", "a.wav", "ann", "train", "HOPE", null)
                    Utterance("b1", "b.wav", "bob", "dev", "HOPE", null)
                |]

            Expect.equal
                (string corpus)
                "corpus of 2 utterances (train 1, dev 1), 2 speakers; the first is a1"
                "a corpus"

            let text = string SpeechModel.Default
            Expect.stringContains text "model of 40 phones, kaldi features, " text
            Expect.stringContains text $"{Environment.NewLine}network, 84 features to 41 symbols, " text
            Expect.stringContains text $"{Environment.NewLine}  decoder.0 linear 41" text
        }
    ]
