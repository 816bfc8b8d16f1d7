/// Custom layers in C# and F#, and their results in the gradient checker.
module Hybrid.Tests.CustomLayerTests

open System
open System.Collections.Generic
open System.IO
open System.Numerics
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Interop

/// y = x + w, written in F#.
type private Shift<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>(features: int) =
    inherit Layer<'R>()
    let weight = Parameter<'R>.Constant("weight", 0.0, features)
    let parameters: IReadOnlyList<Parameter<'R>> = [| weight |]
    override _.Parameters = parameters
    override _.OutputFeatures = features

    override _.Forward(x, pass) =
        let y = x.Like(pass.Workspace, features)

        for i in 0 .. x.Data.Length - 1 do
            y.Data.Span[i] <- x.Data.Span[i] + weight[i % features]

        y.ClearPadding()
        y

    override _.Backward(dy, _) =
        for i in 0 .. dy.Data.Length - 1 do
            weight.Gradient[i % features] <- weight.Gradient[i % features] + dy.Data.Span[i]

        dy

let private shift = {
    new ICustomLayer with
        member _.Build features = Shift<_> features
}

let private scale problem name = custom (name, CustomScaleLayer problem)

[<Tests>]
let tests =
    testList "custom layers" [
        test "correct layers pass the check" {
            for layer in [ scale ScaleProblem.None "scale"; custom ("shift", shift) ] do
                let report = checkGradients layer
                Expect.isTrue report.IsCorrect (string report)

                Expect.equal
                    [ for d in report.Deviations -> d.Tensor ]
                    [ "input, training"; "weight, training"; "input, evaluation"; "weight, evaluation" ]
                    "checked tensors"
        }

        for problem, expected in
            [
                ScaleProblem.Input, "input, training["
                ScaleProblem.Weight, "weight, training["
                ScaleProblem.Padding, "Forward leaves 1 in frame 10 of utterance 3"
            ] do
            test $"the check finds a wrong gradient: {problem}" {
                let report = checkGradients (scale problem $"scale with problem {problem}")
                Expect.isFalse report.IsCorrect "wrong"
                Expect.stringContains (String.concat "\n" report.Problems) expected "named"
                Expect.stringContains (string report) "WRONG" "in the table"
            }

        test "layers of Hybrid pass the same check" {
            for layer in [ blstm 3; conv1d (4, kernel = 3); batchNorm ] do
                let report = checkGradients layer
                Expect.isTrue report.IsCorrect $"{layer.Describe()}\n{report}"
        }

        test "a network with custom layers is trained, stored and loaded by the names of the layers" {
            withFolder (fun folder ->
                let network =
                    encoderDecoder {
                        features (mfcc 28)

                        encoder {
                            custom ("shift", shift)
                            conv1d (16, kernel = 3, stride = 2)
                            scale ScaleProblem.None "scale"
                            relu
                        }

                        decoder { linear phones }
                    }

                let schedule =
                    training {
                        epochs 1
                        batchSize 4
                    }

                let corpus = synthesize (Path.Combine(folder, "speech"), 12, 3, seed = 1)
                let heard = ResizeArray<EpochReport>()

                let listener = {
                    new IProgress<EpochReport> with
                        member _.Report report = heard.Add report
                }

                let result = train (network, schedule, corpus, epochEnded = listener, folder = folder)
                Expect.sequenceEqual heard result.History "reported epochs"
                Expect.equal result.Best result.History[0] "best"
                Report.write (Path.Combine(folder, "page.html"), "Custom layers", result.Report)
                let loaded = SpeechModel.Load(Path.Combine(folder, "model.safetensors"))
                let path = corpus.Utterances[0].AudioPath

                Expect.equal
                    (string (recognize (loaded, path)))
                    (string (recognize (result.Model, path)))
                    "recognition"

                let names = [ for p in loaded.Network.Parameters -> p.Name ] |> List.filter _.EndsWith("weight")

                Expect.equal
                    names
                    [ "encoder.0.weight"; "encoder.1.weight"; "encoder.2.weight"; "decoder.0.weight" ]
                    "names")
        }

        test "an unregistered name is refused with the remedy" {
            let spec = NetworkSpec(3, 4, [| CustomLayerSpec "nowhere" |], [| LinearSpec 4 |])

            Expect.equal
                [ for problem in spec.Validate() -> string problem ]
                [
                    ("encoder.0: custom layer nowhere: no layer of this name is known: register it with "
                     + "CustomLayerSpec.Register(\"nowhere\", ...) before the network is declared or loaded")
                ]
                "problems"
        }
    ]
