/// Presets of other toolkits against values recorded from them, and features of the wrong kind.
module Hybrid.Tests.PresetTests

open System
open System.Runtime.Intrinsics
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Golden
open Hybrid.Tests.Refusal

// Of the largest value of the coefficient; both sides compute in double.
let private tolerance = 1e-6

let private presets =
    dict [ "torchaudio", FeaturePreset.Torchaudio 40; "librosa", FeaturePreset.Librosa 20 ]

let private raw (preset: FeaturePreset) samples =
    FeatureExtractor(preset).ExtractRaw(AudioClip(samples, preset.SampleRate))

let private equals (preset: FeaturePreset) (case: Case) =
    test $"{case.Name}" {
        let expected = case.Doubles "mfcc"
        let actual = raw preset (case.Tensor("samples").ToSingles()) |> Array.map float
        Expect.equal actual.Length expected.Length "number of features"
        let count = preset.Coefficients

        for c in 0 .. count - 1 do
            let of' (features: float[]) = [| for t in 0 .. features.Length / count - 1 -> features[t * count + c] |]
            let expected, actual = of' expected, of' actual
            let frame, error = worst (max 1.0 (expected |> Array.map abs |> Array.max)) expected actual

            Expect.isBelow
                error
                tolerance
                $"coefficient {c}, frame {frame}: expected {expected[frame]}, got {actual[frame]}"
    }

/// Kaldi's energies, followed by the differences of each order.
let private equalsKaldi (case: Case) =
    test $"{case.Name}" {
        let filters = int (case.Tensor("energies").Shape[1])
        let samples = case.Tensor("samples").ToSingles()
        let rows (values: float[]) = Array.chunkBySize filters values

        for deltas in 0..2 do
            let expected =
                [ "energies"; "first"; "second" ]
                |> List.take (deltas + 1)
                |> List.map (case.Doubles >> rows)
                |> List.reduce (Array.map2 Array.append)
                |> Array.concat

            // Differences are as exact as the energies: relative to the largest. Torchaudio has its filters in single
            // precision, which affects narrow ones.
            raw (FeaturePreset.LogMel(filters, deltas)) samples
            |> Array.map float
            |> expectWithin 1.0 (3.0 * tolerance) ignore $"{deltas} orders of differences" expected
    }

let private everyPreset = [
    FeaturePreset()
    FeaturePreset.Mfcc(13, deltas = 2)
    FeaturePreset.LogMel 40
    FeaturePreset.LogMel(80, deltas = 1)
    FeaturePreset.Torchaudio 40
    FeaturePreset.Librosa 20
    FeaturePreset.Precomputed 28
]

let private times (preset: FeaturePreset) =
    SpeechModel
        .Create(NetworkSpec(preset.Coefficients, 41, [||], [| LinearSpec 41 |]), preset, PhoneInventory.Arpabet, 1UL)
        .Times

[<Tests>]
let tests =
    testList "presets" [
        testList "equal their toolkits" [
            for case in cases "presets" do
                let preset = presets[case.Name[.. case.Name.IndexOf ',' - 1]]

                if case.Has "mfcc" then
                    equals preset case
                else
                    test $"{case.Name}" {
                        for pair in case.Ints "counts" |> Array.chunkBySize 2 do
                            Expect.equal
                                ((raw preset (Array.zeroCreate pair[0])).Length / preset.Coefficients)
                                pair[1]
                                $"{pair[0]} samples"
                    }
        ]

        testList "log mel energies equal Kaldi's" [
            for case in cases "log_mel" do
                equalsKaldi case
        ]

        for preset in [ FeaturePreset.LogMel(40, deltas = 2); FeaturePreset.Mfcc(13, deltas = 2) ] do
            test $"differences are normalised like coefficients: {preset.Name}" {
                let samples = (case "mfcc" "chirp in noise").Tensor("samples").ToSingles()
                let features = FeatureExtractor(preset).Extract(AudioClip(samples, preset.SampleRate))
                let width = 3 * preset.Coefficients
                Expect.equal preset.Width width "width"

                for c in 0 .. width - 1 do
                    let values = [| for t in 0 .. features.Length / width - 1 -> float features[t * width + c] |]
                    Expect.isBelow (abs (Array.average values)) 1e-5 $"mean of {c}"
                    Expect.isBelow (abs (Array.averageBy (fun x -> x * x) values - 1.0)) 1e-4 $"variance of {c}"
            }

        test "the length of silence at the ends does not change log mel energies" {
            let sound = (case "mfcc" "noise").Tensor("samples").ToSingles()
            let preset = FeaturePreset.LogMel(40, deltas = 1)

            let between seconds =
                let silence: float32[] = Array.zeroCreate (16000 * seconds)

                let features =
                    FeatureExtractor(preset).Extract(AudioClip(Array.concat [ silence; sound; silence ], 16000))

                features[100 * seconds * preset.Width ..] |> Array.take (20 * preset.Width) |> Array.map float

            expectWithin 1.0 tolerance ignore "frames of the audio" (between 1) (between 5)
        }

        test "too few samples to be mirrored, and no samples, have no frames" {
            Expect.isEmpty (raw presets["torchaudio"] (Array.zeroCreate 200)) "200 samples, half a frame"
            Expect.isEmpty (raw presets["librosa"] [||]) "no samples"
        }

        test "are valid and unchanged after JSON" {
            for preset in everyPreset do
                Expect.equal (FeaturePreset.FromJson(preset.ToJson())) preset "preset"
                Expect.isEmpty (preset.Validate()) preset.Name
        }

        test "invalid ones are refused with the values" {
            for preset, problem in
                [
                    FeaturePreset(FftSize = 399), "FFT size is 399, must be 0 or 400"
                    FeaturePreset(FftSize = 65536), "FFT size is 65536"
                    FeaturePreset(RangeDecibels = nan), "the range of decibels is NaN"
                    FeaturePreset(Mel = enum<MelScale> 9), "mel scale 9 does not exist"
                    FeaturePreset(Kind = enum<FeatureKind> 9), "features of kind 9 do not exist"
                    FeaturePreset(Deltas = 3), "deltas is 3, must be 0, 1 or 2"
                    FeaturePreset.Mfcc(13, deltas = -1), "deltas is -1"
                    FeaturePreset(Kind = FeatureKind.LogMel), "number of coefficients is 28, must be 40"
                    FeaturePreset.Precomputed(Int32.MaxValue, 2), "must be 1 to 1048576"
                ] do
                expectRefusal<ArgumentException, _> problem (fun () -> FeatureExtractor preset)
        }

        test "settings at their extremes give finite features or are refused" {
            let random = Random 1
            let noise = Array.init 16000 (fun _ -> 2f * random.NextSingle() - 1f)

            let sounds = [
                noise
                Array.zeroCreate 16000
                Array.create 16000 1f
                noise |> Array.map (fun x -> x * 2147483648f)
                noise |> Array.map (fun x -> x * 1e-40f)
            ]

            let extremes = [
                nan
                infinity
                -infinity
                Double.MaxValue
                -1.0
                0.0
                Double.Epsilon
                1e-9
                0.5
                1.0
                1000.0
                7900.0
                7999.999999
                8000.0
                1e9
            ]

            let mutable valid = 0

            for kind in [ FeatureKind.Mfcc; FeatureKind.LogMel ] do
                for mel in Enum.GetValues<MelScale>() do
                    for x in extremes do
                        for preset in
                            [
                                FeaturePreset(WindowMilliseconds = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(HopMilliseconds = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(PreEmphasis = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(LowHertz = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(Lifter = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(SampleScale = x, Kind = kind, Mel = mel, MelBins = 28)
                                FeaturePreset(RangeDecibels = x, Kind = kind, Mel = mel, MelBins = 28)
                            ] do
                            if preset.Validate().Count = 0 then
                                valid <- valid + 1
                                let extractor = FeatureExtractor preset

                                for sound in sounds do
                                    let features = extractor.Extract(AudioClip(sound, 16000))

                                    if features |> Array.exists (Single.IsFinite >> not) then
                                        failtest $"{preset}"

            Expect.isGreaterThan valid 100 "valid presets"
        }

        test "features that do not fit into an array are refused" {
            let preset = FeaturePreset(HopMilliseconds = 1.0, MelBins = 1000, Coefficients = 1000, Deltas = 2)
            let clip = AudioClip(Array.zeroCreate (16 * 716_000), 16000)

            expectRefusal<ArgumentException, _> "715976 frames of 3000 features are more than an array holds" (fun () ->
                FeatureExtractor(preset).Extract clip)
        }

        test "a transform of any size preserves the energy of the signal" {
            let samples = (case "presets" "torchaudio, noise").Tensor("samples").ToSingles() |> Array.map float

            for size in [ 1; 2; 3; 400; 401; 512 ] do
                let signal = Array.init size (fun i -> Vector512.Create samples[i])
                let power = Array.zeroCreate (size / 2 + 1)
                DirectFourier(size).Power(signal.AsSpan(), power.AsSpan())
                // Parseval's theorem; each bin except the first, and the last of an even size, counts twice.
                let once = power[0][0] + if size % 2 = 0 then power[size / 2][0] else 0.0
                let energy = (2.0 * (power |> Array.sumBy (fun p -> p[0])) - once) / float size

                Expect.floatClose
                    Accuracy.high
                    energy
                    (samples[.. size - 1] |> Array.sumBy (fun x -> x * x))
                    $"{size} samples"
        }

        test "output of centred frames begins with the audio" {
            Expect.floatClose
                Accuracy.high
                ((times (FeaturePreset())).Start 1)
                (0.0125 + 0.005)
                "frames inside the audio"

            Expect.floatClose Accuracy.high ((times presets["torchaudio"]).Start 1) 0.00625 "centred frames"
        }

        test "frames are whole samples apart" {
            let times = times (FeaturePreset(SampleRate = 11025))
            // 10 ms are 110.25 samples: after 6000 frames, a minute, the sum of the quarters would be 0.14 s.
            Expect.floatClose Accuracy.high (times.Start 6000 - times.Start 0) (6000.0 * 110.0 / 11025.0) "a minute"
        }

        test "a model refuses other features with every setting that differs" {
            let spec = NetworkSpec(28, 41, [||], [| LinearSpec 41 |])

            let recognizer =
                Recognizer(SpeechModel.Create(spec, FeaturePreset.Mfcc 28, PhoneInventory.Arpabet, 1UL))

            let features: float32[] = Array.zeroCreate 56

            for part in
                [
                    "hopMilliseconds is 12.5 instead of 10"
                    "coefficients is 40 instead of 28"
                    "window is Hann instead of Povey"
                    "mel is Htk instead of Kaldi"
                ] do
                expectRefusal<ArgumentException, _> part (fun () ->
                    recognizer.Recognize(features, FeaturePreset.Torchaudio 40, 1.0))

            for part in [ "kind is LogMel instead of Mfcc"; "deltas is 1 instead of 0" ] do
                expectRefusal<ArgumentException, _> part (fun () ->
                    recognizer.Recognize(features, FeaturePreset.LogMel(28, deltas = 1), 1.0))

            expectRefusal<ArgumentException, _> "28 features" (fun () ->
                recognizer.Recognize(features[..54], FeaturePreset(), 1.0))

            let broken: float32[] = Array.init 56 (fun i -> if i = 30 then nanf else 0f)

            expectRefusal<ArgumentException, _> "coefficient 2 of frame 1 is NaN, must be finite" (fun () ->
                recognizer.Recognize(broken, FeaturePreset(), 1.0))

            Expect.isEmpty (FeaturePreset().DiffersFrom(FeaturePreset(Name = "mine"))) "a name is no difference"
            let clip = AudioClip(Array.init 16000 (fun i -> float32 (sin (float i))), 16000)

            let given =
                recognizer.Recognize(
                    FeatureExtractor(FeaturePreset()).Extract clip,
                    FeaturePreset(),
                    clip.DurationSeconds
                )

            Expect.equal
                (string given)
                (string (recognizer.Recognize clip))
                "features of the model's preset are accepted"
        }
    ]
