/// Inspection of networks and results: summary, printers, JSON, differences, diagram.
module Hybrid.Tests.InspectionTests

open System
open System.Globalization
open System.IO
open System.Xml.Linq
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Dsl

let private architecture (recipe: Hybrid.Speech.Recipe) = { Features = recipe.Features; Network = recipe.Network }

let private network width =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (8, kernel = 3, stride = 2)
            relu
            blstm width
            pyramid 2
        }

        decoder { linear phones }
    }

[<Tests>]
let tests =
    testList "inspection" [
        test "the numbers of a summary equal those counted by hand" {
            let summary = summary (network 5)
            // 10 s are 998 frames of 25 ms every 10 ms; kernel 3 with padding 1 and stride 2 leaves 499, pyramid 249.
            Expect.equal
                [ for row in summary.Rows -> row.Frames, row.Features, row.Subsampling ]
                [ 499, 8, 2.0; 499, 8, 2.0; 499, 10, 2.0; 249, 20, 4.0; 249, 41, 4.0 ]
                "shapes"

            let lstm = 2 * (4 * 5 * 8 + 4 * 5 * 5 + 2 * 4 * 5)

            Expect.equal
                [ for row in summary.Rows -> row.Parameters ]
                [ 28L * 8L * 3L + 8L; 0L; int64 lstm; 0L; 20L * 41L + 41L ]
                "parameters"

            let recurrent = 499L * 2L * 4L * 5L * (8L + 5L)

            Expect.equal
                [ for row in summary.Rows -> row.MultiplyAddsPerSecond ]
                [ 499L * 28L * 8L * 3L / 10L; 0L; recurrent / 10L; 0L; 249L * 20L * 41L / 10L ]
                "multiply-adds"

            Expect.equal summary.Subsampling 4.0 "subsampling"
            let lines = (string summary).Split Environment.NewLine
            Expect.equal lines.Length 8 "a header, the features, five layers, a total"
            Expect.stringContains lines[4] "encoder.2  blstm 5" "a layer"
        }

        test "a summary is for a given length of audio" {
            // 3 s are 298 frames.
            let three = summary (network 5, seconds = 3)
            Expect.equal [ for row in three.Rows -> row.Frames ] [ 149; 149; 149; 74; 74 ] "frames"
            Expect.stringContains (string three) "output for 3 s" "header"
            Expect.equal (string (summary (network 5, seconds = 10))) (string (summary (network 5))) "ten seconds"

            for seconds in [ 0; -1; 86_401 ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> summary (network 5, seconds = seconds) |> ignore<Summary>)
                    $"{seconds}"
        }

        test "architectures are read back from their JSON, and other text is refused" {
            for recipe in Recipes.all do
                let one = architecture recipe
                Expect.equal (ofJson (toJson one)) one recipe.Name

            for text in
                [
                    ""
                    "null"
                    "{}"
                    "[]"
                    toJson (network 5) |> _.Replace("blstm", "lstm x").Replace("\"lstm\"", "\"elsetm\"")
                ] do
                Expect.throwsT<FormatException> (fun () -> ofJson text |> ignore) text

            let wrong = (toJson (network 5)).Replace("\"factor\": 2", "\"factor\": 1")

            Refusal.expectRefusal<DeclarationException, _>
                "encoder.3: pyramid 1: factor is 1, must be at least 2"
                (fun () -> ofJson wrong)
        }

        test "a difference names removed, added and changed parts" {
            Expect.isEmpty (diff (network 5, network 5)) "none"

            let other =
                encoderDecoder {
                    features (mfcc 40)

                    encoder {
                        conv1d (8, kernel = 3, stride = 2)
                        blstm 6
                        dropout 0.1
                        pyramid 2
                    }

                    decoder { linear phones }
                }

            Expect.equal
                (diff (network 5, other))
                [
                    "features.coefficients: 28 -> 40"
                    "encoder.1: relu is removed"
                    "encoder.1: blstm 5 -> blstm 6"
                    "encoder.2: dropout 0.1 is added"
                ]
                "differences"
        }

        test "a diagram is SVG with every layer, legend and totals, and docs/hw3p2.svg is current" {
            for recipe in Recipes.all do
                let svg = diagram (architecture recipe)
                let root = nonNull (XDocument.Parse svg).Root
                let size (name: string) = float (nonNull (root.Attribute(XName.Get name))).Value

                let lowest =
                    root.Descendants()
                    |> Seq.filter (fun e -> e.Name.LocalName = "rect")
                    |> Seq.tail
                    |> Seq.map (fun e ->
                        float (nonNull (e.Attribute(XName.Get "y"))).Value
                        + float (nonNull (e.Attribute(XName.Get "height"))).Value)
                    |> Seq.max

                Expect.isLessThanOrEqual (size "height" - lowest) 12.0 $"{recipe.Name}: no empty space at the bottom"
                Expect.isGreaterThanOrEqual (size "height") lowest $"{recipe.Name}: everything is inside"
                let total = summary (architecture recipe)

                for text in
                    [ total.Parameters.ToString("N0", CultureInfo.InvariantCulture) + " parameters"; "recurrent" ] do
                    Expect.stringContains svg text recipe.Name

                for struct (_, layer) in recipe.Network.Layers do
                    match layer with
                    | :? RecurrentSpec
                    | :? FrameStackingSpec
                    | :? LinearSpec -> Expect.stringContains svg (layer.Describe()) recipe.Name
                    | _ -> ()

            let committed = Path.Combine(TestSettings.root, "docs", "hw3p2.svg")

            Expect.equal
                (diagram (architecture Recipes.hw3p2))
                (File.ReadAllText committed)
                "docs/hw3p2.svg is out of date: run File.WriteAllText(\"docs/hw3p2.svg\", diagram ...)"
        }

        test "FSI prints networks, tensors, results, hypotheses and alignments as tables" {
            let expectParts (expression: string) (parts: string list) =
                let text = Scripts.printed expression

                for part in parts do
                    Expect.stringContains text part expression

            expectParts "{ Features = Recipes.tiny.Features; Network = Recipes.tiny.Network }" [
                "encoder.3  blstm 96"
                "multiply-adds per second"
            ]

            expectParts "Hybrid.Core.Network<float32>(Recipes.tiny.Network)" [
                "28 features to 41 symbols"
                "[T/2, 192]"
            ]

            expectParts "Hybrid.Core.Batch<float32>(System.Memory [| 1f; 2f; 3f; 4f |], 2, 1, 2)" [
                "batch [T 2, B 1, F 2], 1 to 4, mean 2.5: 1, 2, 3, 4; lengths 2"
            ]

            expectParts "Hybrid.Core.Parameter<float32>.Constant(\"weight\", 0.5, 2, 2)" [
                "weight [2, 2], 0.5 to 0.5, mean 0.5: 0.5, 0.5, 0.5, 0.5"
            ]

            expectParts
                "Hybrid.Core.LogProbs.FromProbabilities(System.ReadOnlySpan [| 0.75f; 0.25f; 0.1f; 0.9f |], 2, 2)"
                [ "log probabilities [T 2, V 2], best symbol of each frame: 0 1" ]

            expectParts "Hybrid.Core.Hypothesis([| Hybrid.Core.LabelSpan(7, 3, 5, 0.9) |], -1.5)" [
                "1 labels, log probability -1.5 (acoustic -1.5, language model 0, insertion bonus 0): 7@3-5"
            ]

            expectParts
                ("Hybrid.Speech.Alignment(\"a1\", 1.5, [| Hybrid.Speech.Interval(\"HI\", 0.1, 0.5, 0.8) "
                 + "|], [| Hybrid.Speech.Interval(\"HH\", 0.1, 0.2, 0.75) |], -3.0)")
                [
                    "a1, 1.50 s, log probability -3"
                    "word     0.10  0.50  HI           0.80"
                    "phone    0.10  0.20  HH           0.75"
                ]

            expectParts "summary ({ Features = Recipes.tiny.Features; Network = Recipes.tiny.Network }, seconds = 3)" [
                "output for 3 s"
                "encoder.3  blstm 96"
            ]

            expectParts "Hybrid.Core.StoredTensor.FromSingles(\"a\", System.ReadOnlySpan [| 1f; 2f; 6f |], [| 3 |])" [
                "a [3], 1 to 6, mean 3: 1, 2, 6"
            ]

            expectParts
                ("Hybrid.Speech.RecognitionResult([| Hybrid.Speech.TimedHypothesis([| "
                 + "Hybrid.Speech.Interval(\"HH\", 0.1, 0.2, 0.75) |], -1.0) |], 1.5)")
                [ "1 phones in 1.50 s: HH"; "  0.10  0.20  HH           0.75" ]

            expectParts
                ("Hybrid.Core.Evaluation [| Hybrid.Core.UtteranceResult(\"a1\", 1.0, [| 1; 2; 3; 4 |], [| 1; 5; 3 "
                 + "|], Hybrid.Core.EditDistance.Align(System.ReadOnlySpan [| 1; 2; 3; 4 |], System.ReadOnlySpan [| "
                 + "1; 5; 3 |])) |]")
                [
                    "PER 50.00 % of 4 phones in 1 utterances (1 substitutions, 1 deletions, 0 insertions), 2.00 errors"
                ]

            expectParts
                ("{ Model = Hybrid.Speech.SpeechModel.Create(Recipes.tiny.Network, Recipes.tiny.Features, "
                 + "Hybrid.Speech.PhoneInventory.Arpabet, 1UL); History = [| Hybrid.Core.EpochReport(1, 10L, 3.0, "
                 + "2.5, 80.0, 9.0, 1e-3, 5.0) |]; SelectBy = devPer; "
                 + "StopReason = Hybrid.Core.StopReason.EpochsCompleted }")
                [ "1       10       3.000     2.500      80.00          0.001"; "best: epoch 1, dev PER 80.00 %" ]
        }

        test "FSI prints models, corpora, networks in double, tensors and arrays readably" {
            let expectParts (expression: string) (parts: string list) =
                let printed = Scripts.printed expression

                for part in parts do
                    Expect.stringContains printed part expression

                let output = printed.Substring(printed.IndexOf(" = ", StringComparison.Ordinal) + 1)

                for part in [ "`1["; "System."; "Hybrid.Speech.Phone"; "IReadOnlyList" ] do
                    Expect.isFalse (output.Contains part) $"{expression}: {output}"

            expectParts "Hybrid.Speech.SpeechModel.Default" [ "model of 40 phones, kaldi features"; "decoder.0" ]

            expectParts
                ("Hybrid.Speech.Corpus [| "
                 + "Hybrid.Speech.Utterance(\"a1\", \"a.wav\", \"ann\", \"train\", \"HI\", null) |]")
                [ "corpus of 1 utterances (train 1), 1 speakers; the first is a1" ]

            expectParts "Hybrid.Core.Network<float>(Recipes.tiny.Network)" [
                "network, 28 features to 41 symbols"
                "encoder.3"
            ]

            expectParts "Hybrid.Core.Parameter<float>.Constant(\"weight\", 0.5, 2, 2)" [ "weight [2, 2]" ]
            expectParts "Hybrid.Core.Batch<float>([| 1.0; 2.0 |], 1, 1, 2)" [ "1, 2"; "lengths 1" ]
            expectParts "Hybrid.Core.MatrixView<float>(array2D [ [ 1.5; 2.5 ] ])" [ "[1, 2]"; "1.5, 2.5" ]
            expectParts "Hybrid.Core.NpyArray.FromDoubles(System.ReadOnlySpan [| 1.5 |], 1)" [ "<f8 [1] 1.5" ]

            expectParts
                ("Hybrid.Speech.Alignment(\"a1\", 1.5, [| Hybrid.Speech.Interval(\"HI\", 0.1, 0.5, 0.8) "
                 + "|], [| Hybrid.Speech.Interval(\"HH\", 0.1, 0.2, 0.75) |], -3.0)")
                [ "a1, 1.50 s"; "0.10"; "HI" ]

            expectParts "Hybrid.Core.Evaluation [||]" [ "in 0 utterances" ]
        }

        test "F#'s tanh stays a function, and is the layer in a block; other functions are refused" {
            Expect.floatClose Accuracy.high (tanh 0.5) (System.Math.Tanh 0.5) "the function"

            let one =
                encoderDecoder {
                    features (mfcc 28)

                    encoder {
                        linear 8
                        tanh
                        residual (stack { tanh })
                    }

                    decoder { linear phones }
                }

            Expect.equal
                [ for layer in one.Network.Encoder -> layer.Describe() ]
                [ "linear 8"; "tanh"; "residual (tanh)" ]
                "layers"

            Refusal.expectRefusal<DeclarationException, _> "is not a layer, except tanh" (fun () -> stack { sin })
        }
    ]
