/// The C# API, through a C# project without access to internals.
module Hybrid.Tests.CSharpTests

open System
open System.IO
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Interop

/// The model of the examples.
let model = Path.Combine(root, "examples", "tiny.safetensors")

/// A sound file with synthetic speech, and its words.
let speak folder =
    let random = CounterRandom 3UL
    let words = SentenceMaker(WordList.All).Sentence(random.Fork "words", 3, 5)

    let spoken =
        Synthesizer.Speak(words, SpeakerVoice.Random("speaker", random.Fork "voice"), random.Fork "speech")

    let path = Path.Combine(folder, "speaker.wav")
    AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav path
    path, spoken

/// Collects reports in order.
type private Listener<'report>() =
    let reports = ResizeArray<'report>()
    member _.Reports = List.ofSeq reports

    interface IProgress<'report> with
        member _.Report report = reports.Add report

let private cancelled = CancellationToken true

let private throwsCancelled (work: unit -> unit) =
    Expect.isTrue
        (try
            work ()
            false
         with :? OperationCanceledException ->
             true)
        "cancelled"

[<Tests>]
let tests =
    testList "C# API" [
        test "a network is declared and trained, with a report of every step" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10)
                let steps = Listener<TrainingProgress>()
                let history = CSharpFrontEnd.Train(corpus, Path.Combine(folder, "run"), steps, CancellationToken.None)
                Expect.equal [ for epoch in history -> epoch.Epoch ] [ 1; 2 ] "epochs"

                Expect.equal
                    [ for step in steps.Reports -> step.Steps ]
                    [ 1L .. history[1].Steps ]
                    "every step, in order"

                Expect.isBelow history[1].TrainLoss history[0].TrainLoss "the loss falls"
                SpeechModel.Load(Path.Combine(folder, "run", "model.safetensors")) |> ignore<SpeechModel>)
        }

        test "a training is stopped between two steps; what was written stays usable" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10)
                use stop = new CancellationTokenSource()

                let steps = {
                    new IProgress<TrainingProgress> with
                        member _.Report step =
                            if step.Steps = 3L then
                                stop.Cancel()
                }

                let run = Path.Combine(folder, "run")
                throwsCancelled (fun () -> CSharpFrontEnd.Train(corpus, run, steps, stop.Token) |> ignore)
                let checkpoint = Checkpoint.Read(Path.Combine(run, "checkpoint.safetensors"))
                Expect.equal checkpoint.State.Steps 3L "the checkpoint is from the last step")
        }

        test "eight threads with one recogniser get the same result" {
            withFolder (fun folder ->
                let path, spoken = speak folder
                let results = CSharpFrontEnd.RecognizeInParallel(model, path, 8)
                Expect.equal (Set.count (Set.ofSeq results)) 1 "distinct results"
                Expect.stringContains results[0] spoken.Phones[0] "something is recognised")
        }

        test "files are recognised and aligned asynchronously" {
            withFolder (fun folder ->
                let path, spoken = speak folder
                let recognized = CSharpFrontEnd.RecognizeAsync(model, path, CancellationToken.None)
                let aligned = CSharpFrontEnd.AlignAsync(model, path, spoken.Text, CancellationToken.None)
                Expect.equal recognized.Result (CSharpFrontEnd.Recognize(model, path)) "as synchronously"

                Expect.equal
                    [ for word in aligned.Result.Words -> word.Label ]
                    (List.ofArray (spoken.Text.Split ' '))
                    "words"

                let missing = Path.Combine(folder, "missing.wav")

                Expect.throwsT<FileNotFoundException>
                    (fun () ->
                        CSharpFrontEnd.RecognizeAsync(model, missing, CancellationToken.None).GetAwaiter().GetResult()
                        |> ignore)
                    "a missing file")
        }

        test "recognition and alignment are cancelled" {
            withFolder (fun folder ->
                let path, spoken = speak folder
                let recognizer = Recognizer.Load model
                let clip = AudioClip.Read path
                throwsCancelled (fun () -> recognizer.Recognize(clip, cancelled) |> ignore)
                throwsCancelled (fun () -> recognizer.Recognize(clip.Samples, clip.SampleRate, cancelled) |> ignore)

                throwsCancelled (fun () ->
                    CSharpFrontEnd.RecognizeAsync(model, path, cancelled).GetAwaiter().GetResult() |> ignore)

                throwsCancelled (fun () ->
                    CSharpFrontEnd.AlignAsync(model, path, spoken.Text, cancelled).GetAwaiter().GetResult() |> ignore))
        }
    ]
