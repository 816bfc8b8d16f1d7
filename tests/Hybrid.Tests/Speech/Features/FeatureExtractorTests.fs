module Hybrid.Tests.FeatureExtractorTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private given = FeatureExtractor(FeaturePreset.Precomputed 3)

let private utterance path = Utterance("a", "", "", "", null, null, FeaturesPath = path)

let private write (folder: string) (array: NpyArray) =
    let path = Path.Combine(folder, "a.npy")
    array.Write path
    utterance path

let private refusal body =
    let error = Expect.throwsC (fun () -> body () |> ignore) id
    error.Message

[<Tests>]
let tests =
    testList "features" [
        test "precomputed features are normalised over the utterance; their length is in hops" {
            withFolder (fun folder ->
                let values = [| 1f; 10f; 5f; 2f; 20f; 5f; 3f; 30f; 5f; 6f; 60f; 5f |]

                let doubles = Array.map float values

                for array in [ NpyArray.FromSingles(values, 4, 3); NpyArray.FromDoubles(doubles, 4, 3) ] do
                    let struct (features, seconds) = given.Extract(write folder array)
                    Expect.floatClose Accuracy.high seconds 0.04 "seconds"
                    // 1, 2, 3, 6 have mean 3 and variance 3.5.
                    let expected = [| -2.0; -1.0; 0.0; 3.0 |] |> Array.map (fun x -> x / sqrt 3.5)

                    for t in 0..3 do
                        for c, value in [ 0, expected[t]; 1, expected[t]; 2, 0.0 ] do
                            Expect.floatClose
                                Accuracy.medium
                                (float features[t * 3 + c])
                                value
                                $"frame {t}, coefficient {c}")
        }

        test "precomputed features of another shape are refused with type and shape" {
            withFolder (fun folder ->
                let singles = [| 1f; 2f; 3f; 4f; 5f; 6f |]
                let integers = [| 1; 2; 3 |]
                let broken = [| 1f; 2f; 3f; 4f; nanf; 6f |]

                for array, message in
                    [
                        NpyArray.FromSingles(singles, 3, 2), "<f4 of shape (3, 2), must be floats of shape (frames, 3)"
                        NpyArray.FromSingles(singles, 6), "shape (6)"
                        NpyArray.FromInt32s(integers, 1, 3), "<i4 of shape (1, 3)"
                        NpyArray.FromSingles(broken, 2, 3), "coefficient 1 of frame 1 is NaN, must be finite"
                    ] do
                    Expect.stringContains (refusal (fun () -> given.Extract(write folder array))) message "message")
        }

        test "audio where features are precomputed, and the reverse, is refused with a remedy" {
            withFolder (fun folder ->
                let sound = Utterance("a", Path.Combine(folder, "a.wav"), "", "", "HAND", null)
                let features = utterance (Path.Combine(folder, "a.npy"))

                Expect.stringContains
                    (refusal (fun () -> given.Extract sound))
                    "declare features that are computed from audio"
                    "audio"

                Expect.stringContains
                    (refusal (fun () -> FeatureExtractor(FeaturePreset()).Extract features))
                    "declare precomputed features"
                    "features"

                let clip = AudioClip(Array.zeroCreate 1600, 16000)

                for name, extract in
                    [ "Extract", (fun () -> given.Extract clip); "ExtractRaw", (fun () -> given.ExtractRaw clip) ] do
                    let error = Expect.throwsC (extract >> ignore<float32[]>) id
                    Expect.isTrue (error :? InvalidOperationException) $"{name}: {error}"
                    Expect.stringContains error.Message "3 per frame, and no audio" name)
        }

        test "a sample that is not finite is refused with its index and time" {
            let extractor = FeatureExtractor(FeaturePreset())

            for value, text, remedy in
                [
                    nanf, "NaN", "must be finite"
                    infinityf, "Infinity", "must be finite"
                    -infinityf, "-Infinity", "must be finite"
                    3e38f, "3E+38", "must be about -1 to 1"
                    -1e12f, "-1E+12", "must be about -1 to 1"
                ] do
                for rate in [ 16000; 48000 ] do
                    let samples = Array.create rate 0.1f
                    samples[rate / 4] <- value
                    let clip = AudioClip(samples, rate)
                    let expected = $"sample {rate / 4}, at 0.25 s, is {text}, {remedy}"
                    Expect.equal (refusal (fun () -> extractor.Extract clip)) expected "Extract"

                    if rate = 16000 then
                        Expect.equal (refusal (fun () -> extractor.ExtractRaw clip)) expected "ExtractRaw"
        }

        test "presets are unchanged after JSON, and old ones without a kind are read" {
            for preset in
                [
                    FeaturePreset()
                    FeaturePreset.Mfcc 13
                    FeaturePreset.Precomputed 28
                    FeaturePreset.Precomputed 80
                ] do
                Expect.equal (FeaturePreset.FromJson(preset.ToJson())) preset "preset"
                Expect.isEmpty (preset.Validate()) "no problems"

            let old =
                """{"name":"kaldi","sampleRate":16000,"windowMilliseconds":25,"hopMilliseconds":10,
                    "preEmphasis":0.97,"melBins":40,"lowHertz":20,
                    "coefficients":28,"lifter":22,"normalizeVariance":true}"""

            Expect.equal (FeaturePreset.FromJson old) (FeaturePreset()) "an old preset"

            Expect.isNonEmpty
                (FeaturePreset.Precomputed(0).Validate())
                "precomputed features need a number of coefficients"
        }
    ]
