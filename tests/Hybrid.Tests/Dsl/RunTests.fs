/// The verbs of scripts: training with progress and cancellation, lexicons, synthesis, recognition, charts.
module Hybrid.Tests.RunTests

open System
open System.IO
open System.Threading
open Expecto
open Plotly.NET
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests.Process
open Hybrid.Tests.TestSettings

let private network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (8, kernel = 3, stride = 2)
            relu
        }

        decoder { linear phones }
    }

let private schedule =
    training {
        epochs 3
        batchSize 4
    }

/// A listener that calls a function for each report.
let private listener (onReport: 'report -> unit) = {
    new IProgress<'report> with
        member _.Report report = onReport report
}

let private expectParts (chart: GenericChart) (parts: string list) =
    let html = GenericChart.toChartHTML chart

    for part in parts do
        Expect.stringContains html part "in the chart"

[<Tests>]
let tests =
    testList "verbs of scripts" [
        test "a training reports every step and epoch, stops between two steps, and has curves" {
            withFolder (fun folder ->
                let corpus = synthesize (Path.Combine(folder, "speech"), 12, 3, seed = 1)
                let steps, epochs = ResizeArray<int64>(), ResizeArray<int>()

                let result =
                    train (
                        network,
                        schedule,
                        corpus,
                        progress = listener (fun (step: TrainingProgress) -> steps.Add step.Steps),
                        epochEnded = listener (fun (epoch: EpochReport) -> epochs.Add epoch.Epoch)
                    )

                Expect.equal (List.ofSeq epochs) [ 1; 2; 3 ] "epochs"
                Expect.equal (List.ofSeq steps) [ 1L .. result.History[2].Steps ] "steps"
                expectParts (curves result) [ "training"; "validation"; "phone error rate" ]

                use stop = new CancellationTokenSource()
                steps.Clear()

                let stopping =
                    listener (fun (step: TrainingProgress) ->
                        steps.Add step.Steps

                        if step.Steps = 2L then
                            stop.Cancel())

                Expect.throwsT<OperationCanceledException>
                    (fun () ->
                        train (network, schedule, corpus, progress = stopping, cancellation = stop.Token)
                        |> ignore<TrainingResult>)
                    "stopped"

                Expect.equal (List.ofSeq steps) [ 1L; 2L ] "no step after that")
        }

        test "lexicons in training, evaluation, alignment and n-grams; a training resumes, and ends at its time limit" {
            withFolder (fun folder ->
                let corpus = synthesize (Path.Combine(folder, "speech"), 12, 3, seed = 1)
                let path = Path.Combine(folder, "dictionary.txt")

                // The same words with other spellings, which are not built in.
                File.WriteAllLines(
                    path,
                    [ for word in WordList.All -> $"""X{word.Spelling} {String.Join(" ", word.Phones)}""" ]
                )

                let lexicons = [ lexicon path ]
                let respell (text: string) = String.Join(" ", [ for word in text.Split ' ' -> "X" + word ])
                let text (u: Utterance) = Option.get (Option.ofObj u.Text)

                let respelt =
                    Corpus [|
                        for u in corpus.Utterances ->
                            Utterance(u.Id, u.AudioPath, u.Speaker, u.Split, respell (text u), null)
                    |]

                let known = train (network, schedule, corpus, folder = Path.Combine(folder, "known"))

                let run resume =
                    train (
                        network,
                        schedule,
                        respelt,
                        lexicons = lexicons,
                        folder = Path.Combine(folder, "run"),
                        resume = resume
                    )

                let losses (result: TrainingResult) = [ for epoch in result.History -> epoch.TrainLoss, epoch.DevPer ]
                let trained = run false
                Expect.equal (losses trained) (losses known) "the same training"
                Expect.equal (losses (run true)) (losses known) "nothing is left to train"

                Refusal.expectRefusal<RunException, _> "hint: name a pronouncing dictionary: lexicons = [" (fun () ->
                    train (network, schedule, respelt))

                let model = known.Model

                Expect.equal
                    (evaluate (model, respelt.Utterances, lexicons = lexicons)).Per
                    (evaluate (model, corpus.Utterances)).Per
                    "evaluation"

                let one = corpus.Utterances[0]
                let phones (alignment: Alignment) = [ for phone in alignment.Phones -> phone ]

                Expect.equal
                    (phones (align (model, one.AudioPath, respell (text one), lexicons = lexicons)))
                    (phones (align (model, one.AudioPath, text one)))
                    "alignment"

                let count (model: NGramModel) = model.Count 1, model.Count 2

                Expect.equal
                    (count (languageModel (respelt.Utterances, order = 2, lexicons = lexicons)))
                    (count (languageModel (corpus.Utterances, order = 2)))
                    "n-grams"

                let longer = TrainingSpec(Seed = 1UL, Epochs = 100_000, Batch = BatchSize(4, 16000))
                let soon = train (network, longer, corpus, minutes = 0.02)
                Expect.isLessThan soon.History.Count 100_000 "ends at the time limit")
        }

        test "frozen layers, averaging and early stopping are the same in scripts and on the command line" {
            withFolder (fun folder ->
                let corpus = synthesize (Path.Combine(folder, "speech"), 12, 3, seed = 1)

                // With a learning rate of almost zero, no epoch improves on the first.
                let schedule rate average =
                    TrainingSpec(
                        Seed = 7UL,
                        Epochs = 5,
                        Batch = BatchSize(4, 16000),
                        Optimizer = AdamWSpec rate,
                        Phases = [| PhaseSpec("all", 5, TrainingLoss.Ctc, Frozen = [| "encoder" |]) |],
                        Averaging = average,
                        Patience = 1
                    )

                let run rate average = train (network, schedule rate average, corpus)

                let weights (model: SpeechModel) = [
                    for p in model.Network.Parameters -> p.Name, List.ofArray (p.ToArray())
                ]

                let inDecoder (name: string, _) = name.StartsWith("decoder", StringComparison.Ordinal)
                let start = SpeechModel.Create(network.Network, network.Features, PhoneInventory.Arpabet, 7UL)
                let decoder, encoder = weights start |> List.partition inDecoder
                Expect.isNonEmpty encoder "encoder"

                Expect.equal (run 1e-12 null).History.Count 2 "the best epoch, and one more"

                let averaged, plain = run 1e-3 (AveragingSpec 0.9), run 1e-3 null
                let averagedDecoder, averagedEncoder = weights averaged.Model |> List.partition inDecoder
                Expect.equal averagedEncoder encoder "frozen layers are unchanged"
                Expect.notEqual averagedDecoder decoder "other layers are trained"
                Expect.notEqual (weights averaged.Model) (weights plain.Model) "the average is kept"

                Expect.equal
                    averaged.History[0].TrainLoss
                    plain.History[0].TrainLoss
                    "the average does not change the training"

                let recipe = Recipe("mine", network.Features, network.Network, schedule 1e-3 (AveragingSpec 0.9))

                File.WriteAllText(Path.Combine(folder, "mine.json"), recipe.ToJson())

                let finished = hybrid folder [ "train"; "--recipe"; "mine.json"; "--corpus"; "speech"; "--out"; "run" ]

                Expect.equal finished.ExitCode 0 (string finished)

                Expect.equal
                    (weights (SpeechModel.Load(Path.Combine(folder, "run", "model.safetensors"))))
                    (weights averaged.Model)
                    "the command line trains the same")
        }

        test "synthetic speech depends only on text and seed, and unknown words are named" {
            let first, again = speak ("bird tree", seed = 1), speak ("BIRD TREE", seed = 1)
            let other = speak ("bird tree", seed = 2)
            Expect.equal first.Samples again.Samples "the same"
            Expect.notEqual first.Samples other.Samples "another voice"

            let refusal =
                try
                    speak "bird xylophone" |> string
                with :? RunException as error ->
                    string error

            Expect.equal refusal "no built-in words: XYLOPHONE; WordList.All lists them" "named, in a sentence"
        }

        test "sound files and evaluations are shown as charts" {
            withFolder (fun folder ->
                let model = SpeechModel.Load CSharpTests.model
                let path, spoken = CSharpTests.speak folder
                let phone = spoken.Phones[0]
                expectParts (posteriors (model, path)) [ "heatmap"; $"\"{phone}\""; "blank" ]
                expectParts (recognized (model, path)) [ "heatmap"; $"\"{phone}\""; "hertz" ]
                expectParts (aligned (model, path, spoken.Text)) [ "heatmap"; $"\"{phone}\""; "hertz" ]
                let corpus = synthesize (Path.Combine(folder, "speech"), 12, 3, seed = 5)
                let evaluation = evaluate (model, corpus.Utterances)
                expectParts (confusions (model, evaluation)) [ "heatmap"; "recognised"; "spoken" ]
                expectParts (substitutions (model, evaluation)) [ "bar"; "times" ])
        }

        test "a refusal is printed as its sentence, without a stack" {
            let refusals: (string * (unit -> obj)) list = [
                "nowhere: there is no such file or folder", (fun () -> readCorpus "nowhere")
                "nowhere.safetensors", (fun () -> loadModel "nowhere.safetensors")
                "nowhere.txt", (fun () -> lexicon "nowhere.txt")
                "nowhere.wav", (fun () -> recognize (SpeechModel.Default, "nowhere.wav"))
                "nowhere.wav", (fun () -> align (SpeechModel.Default, "nowhere.wav", "hand"))
                "there is no transcript to learn from", (fun () -> languageModel [||])
            ]

            for part, refused in refusals do
                let error = Expect.throwsC (fun () -> refused () |> ignore) id
                Expect.isTrue (error :? RunException) $"{part}: {error.GetType()}"
                Expect.isFalse ((string error).Contains "   at ") $"{error}"
                Expect.stringContains (string error) part "the sentence"
        }

        test "features in a .npy file are recognised and aligned by a model that takes them; others say what to do" {
            withFolder (fun folder ->
                let features = FeaturePreset.Precomputed 28
                let model = SpeechModel.Create(network.Network, features, PhoneInventory.Arpabet, 1UL)
                let random = CounterRandom(1UL).Stream()
                let values = Array.init (60 * 28) (fun _ -> float32 (random.Normal()))
                let path = Path.Combine(folder, "x.npy")
                NpyArray.FromSingles(values, 60, 28).Write path

                let expected = Recognizer(model).Recognize(Utterance("x", "", "", "", null, null, FeaturesPath = path))
                Expect.equal (string (recognize (model, path))) (string expected) "the same phones"
                Expect.isGreaterThan (align (model, path, "hand")).Phones.Count 0 "aligned"

                let hint part (work: unit -> obj) = Refusal.expectRefusal<RunException, _> $"hint: {part}" work

                hint "name a WAV or FLAC file instead of features" (fun () -> recognize (SpeechModel.Default, path))

                hint "name a WAV or FLAC file instead of features" (fun () ->
                    align (SpeechModel.Default, path, "hand"))

                let wav, _ = CSharpTests.speak folder
                hint "name a .npy file of features" (fun () -> recognize (model, wav)))
        }
    ]
