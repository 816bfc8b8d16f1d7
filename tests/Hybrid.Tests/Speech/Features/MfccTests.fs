/// MFCC against values recorded from torchaudio's Kaldi front end, and against their definition.
module Hybrid.Tests.MfccTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Golden
open Hybrid.Tests.Refusal

// Both sides compute in double; what remains is the rounding of the result to single precision. In single precision
// throughout, the pure tone of "chirp" would be off by 2e-2.
let private tolerance = 1e-6

let private telephone = FeaturePreset("telephone", SampleRate = 8000, MelBins = 23, Coefficients = 13)

let private extract (preset: FeaturePreset) samples =
    FeatureExtractor(preset).ExtractRaw(AudioClip(samples, preset.SampleRate))

/// The values of one coefficient over the frames.
let private coefficient (features: float[]) count c = [|
    for t in 0 .. features.Length / count - 1 -> features[t * count + c]
|]

/// The largest error of any coefficient, relative to the largest value of that coefficient in the utterance.
let private worstError (preset: FeaturePreset) (expected: float[]) (actual: float[]) =
    Seq.max (
        seq {
            for c in 0 .. preset.Coefficients - 1 do
                let expected, actual =
                    coefficient expected preset.Coefficients c, coefficient actual preset.Coefficients c

                let scale = max 1.0 (expected |> Array.map abs |> Array.max)
                let frame, error = worst scale expected actual
                error, $"coefficient {c}, frame {frame}: expected {expected[frame]}, got {actual[frame]}"
        }
    )

let private equals (case: Case) =
    test $"{case.Name}" {
        let preset =
            if case.Name = "telephone" then
                telephone
            else
                FeaturePreset.Mfcc 28

        let features = extract preset (case.Tensor("samples").ToSingles())
        let expected = case.Doubles "mfcc"
        Expect.equal features.Length expected.Length "number of features"
        let error, place = worstError preset expected (Array.map float features)
        Expect.isBelow error tolerance $"worst error {error}, {place}"
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
        test "the number of frames is that of the windows that fit" {
            for pair in (case "mfcc" "frames").Ints "counts" |> Array.chunkBySize 2 do
                let features = extract (FeaturePreset.Mfcc 28) (Array.zeroCreate pair[0])
                Expect.equal (features.Length / 28) pair[1] $"{pair[0]} samples"

            for samples in [ 0; 1; 399 ] do
                Expect.isEmpty (extract (FeaturePreset.Mfcc 28) (Array.zeroCreate samples)) $"{samples} samples"
        }

        for variance in [ true; false ] do
            test $"features are the raw ones minus their mean, over their standard deviation: {variance}" {
                let preset = FeaturePreset(NormalizeVariance = variance)
                let samples = (case "mfcc" "chirp in noise").Tensor("samples").ToSingles()
                let raw = extract preset samples |> Array.map float
                let features = normalized preset samples

                for c in 0..27 do
                    let x = coefficient raw 28 c
                    let mean = Array.average x

                    let deviation =
                        if variance then
                            sqrt (x |> Array.averageBy (fun v -> (v - mean) ** 2.0))
                        else
                            1.0

                    let expected = [| for v in x -> (v - mean) / deviation |]
                    expectClose 1e-3 $"coefficient {c}" expected (coefficient features 28 c)
            }

        test "a constant coefficient becomes 0" {
            for signal in [ "silence"; "constant" ] do
                let features = normalized (FeaturePreset.Mfcc 28) ((case "mfcc" signal).Tensor("samples").ToSingles())
                Expect.all features (fun x -> abs x < 1e-3) signal
        }
        test "invalid presets, and those that need too much memory or time, are refused with the values" {
            for preset, problem in
                [
                    FeaturePreset(SampleRate = 4000), "sample rate is 4000 Hz, must be 8000 to 48000"
                    FeaturePreset(WindowMilliseconds = 0.01), "window is 0.01 ms, must be 1 to 1000"
                    FeaturePreset(WindowMilliseconds = 1e12), "window is 1000000000000 ms"
                    FeaturePreset(HopMilliseconds = nan), "hop is NaN ms"
                    FeaturePreset(HopMilliseconds = 0.0625), "hop is 0.0625 ms, must be 1 to 1000"
                    FeaturePreset(MelBins = 1_000_000_000), "number of mel bins is 1000000000, must be 1 to 1000"
                    FeaturePreset(MelBins = 20), "number of coefficients is 28, must be 1 to 20"
                    FeaturePreset(LowHertz = 8000.0), "the lowest filter begins at 8000 Hz, must be 0 to 7900"
                ] do
                expectRefusal<ArgumentException, _> problem (fun () -> FeatureExtractor preset)
        }
        test "raw features of another sample rate are refused with both rates" {
            let clip = AudioClip(Array.zeroCreate 1000, 44100)

            expectRefusal<ArgumentException, _> "44100 samples per second, the features need 16000" (fun () ->
                FeatureExtractor(FeaturePreset()).ExtractRaw clip)
        }
    ]
