/// Trainings that are watched and stopped, voices, and pictures, as scripts use them.
module Hybrid.Tests.DrivingTests

open System
open System.IO
open System.Threading
open Expecto
open Plotly.NET
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests.Tier

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

/// Hears everything, and does something with it.
let private listening (hear: 'report -> unit) = {
    new IProgress<'report> with
        member _.Report report = hear report
}

let private expectParts (chart: GenericChart) (parts: string list) =
    let html = GenericChart.toChartHTML chart

    for part in parts do
        Expect.stringContains html part "in the chart"

[<Tests>]
let tests =
    testList "driving" [
        test "a training tells of every step and epoch, stops between two steps, and its result draws itself" {
            withFolder (fun folder ->
                let corpus = synthesize (Path.Combine(folder, "speech")) 12 3 1
                let steps, epochs = ResizeArray<int64>(), ResizeArray<int>()

                let result =
                    trainWith (
                        network,
                        schedule,
                        corpus,
                        progress = listening (fun (step: TrainingProgress) -> steps.Add step.Steps),
                        epochEnded = listening (fun (epoch: EpochReport) -> epochs.Add epoch.Epoch)
                    )

                Expect.equal (List.ofSeq epochs) [ 1; 2; 3 ] "epochs"
                Expect.equal (List.ofSeq steps) [ 1L .. result.History[2].Steps ] "steps"
                expectParts (curves result) [ "training"; "dev"; "phone error rate" ]

                use stop = new CancellationTokenSource()
                steps.Clear()

                let stopping =
                    listening (fun (step: TrainingProgress) ->
                        steps.Add step.Steps

                        if step.Steps = 2L then
                            stop.Cancel())

                Expect.throwsT<OperationCanceledException>
                    (fun () ->
                        trainWith (network, schedule, corpus, progress = stopping, cancellation = stop.Token)
                        |> ignore<TrainingResult>)
                    "stopped"

                Expect.equal (List.ofSeq steps) [ 1L; 2L ] "no step after that")
        }

        test "a voice says what it is told, the same for the same seed, and names what it cannot say" {
            let first, again, other = speak 1 "bird tree", speak 1 "BIRD TREE", speak 2 "bird tree"
            Expect.equal first.Samples again.Samples "the same"
            Expect.notEqual first.Samples other.Samples "another voice"

            let refusal =
                try
                    speak 1 "bird xylophone" |> string
                with :? FormatException as error ->
                    error.Message

            Expect.stringContains refusal "XYLOPHONE" "named"
        }

        test "sound files and evaluations become charts with one call" {
            withFolder (fun folder ->
                let model = SpeechModel.Load CSharpTests.model
                let path, spoken = CSharpTests.speak folder
                let phone = spoken.Phones[0]
                expectParts (posteriors model path) [ "heatmap"; $"\"{phone}\""; "blank" ]
                expectParts (recognized model path) [ "heatmap"; $"\"{phone}\""; "Hz" ]
                expectParts (aligned model path spoken.Text) [ "heatmap"; $"\"{phone}\""; "Hz" ]
                let corpus = synthesize (Path.Combine(folder, "speech")) 12 3 5
                expectParts (confusions model (evaluate model corpus.Utterances)) [ "heatmap"; "recognised"; "said" ])
        }
    ]
