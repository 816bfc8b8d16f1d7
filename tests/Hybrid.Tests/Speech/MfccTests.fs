/// MFCC against values recorded from torchaudio's Kaldi front end, and against their definition.
module Hybrid.Tests.MfccTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Golden

// Both sides compute in double; what remains is the rounding of the result to single precision. In single precision
// throughout, the pure tone of "chirp" would be off by 2e-2.
let private tolerance = 1e-6

let private telephone = FeaturePreset("telephone", SampleRate = 8000, MelBins = 23, Coefficients = 13)

let private extract (preset: FeaturePreset) samples =
    FeatureExtractor(preset).ExtractRaw(AudioClip(samples, preset.SampleRate))

/// The values of one coefficient over the frames.
let private coefficient (features: float[]) count c =
    [| for t in 0 .. features.Length / count - 1 -> features[t * count + c] |]

/// The largest error of any coefficient, relative to the largest value of that coefficient in the utterance.
let private worstError (preset: FeaturePreset) (expected: float[]) (actual: float[]) =
    Seq.max (
        seq {
            for c in 0 .. preset.Coefficients - 1 do
                let expected, actual = coefficient expected preset.Coefficients c, coefficient actual preset.Coefficients c
                let scale = max 1.0 (expected |> Array.map abs |> Array.max)
                let frame, error = worst scale expected actual
                error, $"coefficient {c}, frame {frame}: expected {expected[frame]}, got {actual[frame]}"
        }
    )

let private equals (case: Case) =
    test $"{case.Name}" {
        let preset = if case.Name = "telephone" then telephone else FeaturePreset.Mfcc 28
        let features = extract preset (case.Tensor("samples").ToSingles())
        let expected = case.Doubles "mfcc"
        Expect.equal features.Length expected.Length "number of features"
        let error, place = worstError preset expected (Array.map float features)
        Expect.isLessThan error tolerance $"worst error {error}, {place}"
    }

let private normalized (preset: FeaturePreset) (samples: float32[]) =
    FeatureExtractor(preset).Extract(AudioClip(samples, preset.SampleRate)) |> Array.map float

[<Tests>]
let mfcc =
    testList "MFCC" [
        testList "equal torchaudio's" [
            for case in cases "mfcc" do
                if case.Has "mfcc" then
                    equals case
        ]
        test "there are as many frames as windows that fit" {
            for pair in (case "mfcc" "frames").Ints "counts" |> Array.chunkBySize 2 do
                let features = extract (FeaturePreset.Mfcc 28) (Array.zeroCreate pair[0])
                Expect.equal (features.Length / 28) pair[1] $"{pair[0]} samples"

            for samples in [ 0; 1; 399 ] do
                Expect.isEmpty (extract (FeaturePreset.Mfcc 28) (Array.zeroCreate samples)) $"{samples} samples"
        }
        test "normalised coefficients have mean 0 and variance 1, and are a straight line of the raw ones" {
            let preset = FeaturePreset.Mfcc 28
            let samples = (case "mfcc" "chirp in noise").Tensor("samples").ToSingles()
            let raw = extract preset samples |> Array.map float
            let features = normalized preset samples

            for c in 0..27 do
                let x, y = coefficient raw 28 c, coefficient features 28 c
                Expect.floatClose { absolute = 1e-5; relative = 0.0 } (Array.average y) 0.0 $"mean of coefficient {c}"
                Expect.floatClose { absolute = 1e-4; relative = 0.0 } (y |> Array.averageBy (fun v -> v * v)) 1.0 $"variance of {c}"
                let slope = (y[1] - y[0]) / (x[1] - x[0])

                for t in 0 .. x.Length - 1 do
                    let line = y[0] + slope * (x[t] - x[0])
                    Expect.floatClose { absolute = 1e-2; relative = 0.0 } y[t] line $"coefficient {c}, frame {t}"
        }
        test "without variance normalisation only the mean goes" {
            let preset = FeaturePreset(NormalizeVariance = false)
            let samples = (case "mfcc" "noise").Tensor("samples").ToSingles()
            let raw = extract preset samples |> Array.map float
            let features = normalized preset samples

            for c in 0..27 do
                let x, y = coefficient raw 28 c, coefficient features 28 c
                let mean = Array.average x
                expectClose 1e-4 $"coefficient {c}" [| for v in x -> v - mean |] y
        }
        test "a constant coefficient becomes 0" {
            for signal in [ "silence"; "constant" ] do
                let features = normalized (FeaturePreset.Mfcc 28) ((case "mfcc" signal).Tensor("samples").ToSingles())
                Expect.all features (fun x -> abs x < 1e-3) signal
        }
        test "another sample rate is refused with both rates" {
            Expect.throwsC
                (fun () -> FeatureExtractor(FeaturePreset()).Extract(AudioClip(Array.zeroCreate 1000, 44100)) |> ignore<float32[]>)
                (fun error ->
                    Expect.equal (error.GetType()) typeof<ArgumentException> "type"
                    Expect.stringContains error.Message "44100 samples per second, the features take 16000" "message")
        }
    ]
