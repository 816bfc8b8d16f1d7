module Hybrid.Tests.ResamplerTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder

let private rates = [ 8000; 11025; 12000; 16000; 22050; 24000; 32000; 44100; 48000 ]

/// Ratios of small numbers, and two with more phases than are tabulated.
let private pairs = [
    for a in rates do
        for b in rates do
            if a <> b then
                a, b
    44101, 16000
    8000, 47999
]

let private sine (hertz: float) phase rate count =
    Array.init count (fun n -> float32 (0.5 * sin (2.0 * Math.PI * hertz * float n / float rate + phase)))

/// The middle half of a resampled sine, without effects of the ends, and the time of its first sample.
let private middle hertz phase from into =
    let clip = AudioClip(sine hertz phase from (from / 5), from).Resample into
    let skip = clip.Samples.Length / 4
    clip.Samples[skip .. 3 * skip], float skip / float into

/// Amplitude and phase of a sine of a known frequency in samples, by least squares, and the amplitude of the residual.
let private fit (hertz: float) rate start (samples: float32[]) =
    let angle i = 2.0 * Math.PI * hertz * (start + float i / float rate)
    let mutable ss, sc, cc, sx, cx = 0.0, 0.0, 0.0, 0.0, 0.0

    for i in 0 .. samples.Length - 1 do
        let s, c, x = sin (angle i), cos (angle i), float samples[i]
        ss <- ss + s * s
        sc <- sc + s * c
        cc <- cc + c * c
        sx <- sx + s * x
        cx <- cx + c * x

    let determinant = ss * cc - sc * sc
    let a, b = (sx * cc - cx * sc) / determinant, (cx * ss - sx * sc) / determinant

    let rest =
        samples
        |> Seq.mapi (fun i x -> (float x - a * sin (angle i) - b * cos (angle i)) ** 2.0)
        |> Seq.average

    sqrt (a * a + b * b), atan2 b a, sqrt (2.0 * rest)

let private decibels (ratio: float) = 20.0 * log10 ratio

[<Tests>]
let resampler =
    testList "resampling" [
        test "in the pass band a sine keeps its amplitude within 0.1 dB and its phase, without distortion" {
            for from, into in pairs do
                let nyquist = float (min from into) / 2.0

                for share in [ 0.01; 0.1; 0.25; 0.5; 0.75; 0.85; 0.9 ] do
                    let hertz, phase = share * nyquist, 0.3 + share
                    let samples, start = middle hertz phase from into
                    let amplitude, seen, rest = fit hertz into start samples
                    let where = $"{from} to {into}, {hertz} Hz"
                    Expect.isLessThan (abs (decibels (amplitude / 0.5))) 0.1 $"{where}: gain in dB"
                    Expect.isLessThan (abs (seen - phase)) 1e-3 $"{where}: phase"
                    // Images and aliases of the sine.
                    Expect.isLessThan (decibels (rest / 0.5)) -80.0 $"{where}: distortion in dB"
        }

        test "the stop band begins at half the lower rate" {
            for from, into in pairs do
                if into < from then
                    for i in 0..20 do
                        let hertz = float into / 2.0 * 1.0001 + float i / 20.0 * 0.999 * float (from - into) / 2.0
                        let samples, _ = middle hertz 0.7 from into
                        let rms = sqrt (samples |> Array.averageBy (fun x -> float x ** 2.0))

                        Expect.isLessThan
                            (decibels (rms * sqrt 2.0 / 0.5))
                            -80.0
                            $"{from} to {into}, {hertz} Hz: left in dB"
        }

        test "noise leaves nothing beyond half the lower rate" {
            // By its power spectrum: what a sweep of single sines might step over.
            for from, into in [ 8000, 16000; 11025, 44100; 16000, 48000; 22050, 32000 ] do
                let random = CounterRandom(uint64 from).Stream()
                let samples = Array.init (8192 * from / into + 1200) (fun _ -> float32 (random.Normal()))
                let resampled = AudioClip(samples, from).Resample(into).Samples[600 .. 600 + 4095]
                // A four-term Blackman-Harris window leaks less than -92 dB.
                let term i k a = a * cos (2.0 * Math.PI * float k * float i / 4096.0)
                let window i = [ 0.35875; -0.48829; 0.14128; -0.01168 ] |> Seq.mapi (term i) |> Seq.sum
                let signal = resampled |> Array.mapi (fun i x -> float x * window i)
                let power = Array.zeroCreate<float> 2049
                RealFft(4096).Power(signal, power)
                let edge = 4096 * from / into / 2 + 8
                let mean (part: float[]) = Array.average part
                let level = 10.0 * log10 (mean power[edge..] / mean power[.. edge / 2])
                Expect.isLessThan level -80.0 $"{from} to {into}: images in dB"
        }

        test "an impulse keeps its time" {
            for from, into in pairs do
                // A second has a whole number of samples at both rates.
                let samples = Array.zeroCreate<float32>(2 * from)
                samples[from] <- 1f
                let resampled = AudioClip(samples, from).Resample(into).Samples
                let peak = Seq.findIndex ((=) (Array.max resampled)) resampled
                Expect.equal peak into $"{from} to {into}"

                for i in 1 .. into / 10 do
                    let before, after = resampled[into - i], resampled[into + i]

                    if abs (before - after) > 1e-6f then
                        failtest $"{from} to {into}: {before} {i} samples before, {after} after"
        }

        test "a constant is unchanged, except at the ends" {
            for from, into in pairs do
                let resampled = AudioClip(Array.create (from / 4) 0.5f, from).Resample(into).Samples
                let middle = resampled[resampled.Length / 4 .. 3 * resampled.Length / 4]

                for x in middle do
                    Expect.isLessThan (abs (float x - 0.5)) 1e-4 $"{from} to {into}"
        }

        test "the duration is that of the input, rounded up" {
            for from, into in pairs do
                for count in [ 0; 1; 2; 3; 100; 159; 160; 161; 441; 1000 ] do
                    let clip = AudioClip(Array.create count 1f, from).Resample into
                    let expected = (int64 count * int64 into + int64 from - 1L) / int64 from
                    Expect.equal (int64 clip.Samples.Length) expected $"{count} samples, {from} to {into}"
                    Expect.equal clip.SampleRate into "rate"
        }

        test "the same rate is the same clip" {
            let clip = AudioClip([| 1f; -2f; 3f |], 96000)
            Expect.isTrue (Object.ReferenceEquals(clip.Resample 96000, clip)) "any rate that is the clip's"
        }

        test "conversion and inverse conversion give the signal" {
            for other in [ 8001; 32000; 44100; 48000 ] do
                let random = CounterRandom(uint64 other).Stream()
                // Below 3.5 kHz, which every rate here holds.
                let tones = Array.init 20 (fun _ -> random.Uniform(50.0, 3500.0), random.Uniform(0.0, 6.0))
                let tone (hertz, phase) = sine hertz phase 16000 8000
                let samples = tones |> Array.map tone |> Array.reduce (Array.map2 (+)) |> Array.map (fun x -> 0.1f * x)
                let back = AudioClip(samples, 16000).Resample(other).Resample(16000).Samples

                for n in 1000..7000 do
                    Expect.isLessThan (abs (back[n] - samples[n])) 1e-3f $"16000 to {other} and back, sample {n}"
        }

        test "rates outside those of speech are refused in one sentence" {
            for from, into in [ 7999, 16000; 96000, 16000; 16000, 48001; 16000, 0; -1, 16000 ] do
                Expect.throwsC (fun () -> AudioClip([| 0f |], from).Resample into |> ignore<AudioClip>) (fun error ->
                    Expect.equal (error.GetType()) typeof<ArgumentException> "type"
                    Expect.stringContains error.Message "8000 to 48000" "range"
                    Expect.isFalse (error.Message.Contains '\n' || error.Message.Contains "Parameter") "one sentence")
        }

        test "features of a recording at another rate are those of the resampled recording" {
            let extractor = FeatureExtractor(FeaturePreset())
            let clip = AudioClip(sine 440.0 0.0 44100 44100, 44100)
            Expect.sequenceEqual (extractor.Extract clip) (extractor.Extract(clip.Resample 16000)) "features"

            Expect.throwsT<ArgumentException>
                (fun () -> extractor.ExtractRaw clip |> ignore<float32[]>)
                "raw features need the rate of the preset"
        }
    ]

/// A model with random weights and a subsampling of four.
let private recognizer () =
    let inventory = PhoneInventory.Arpabet
    let half: LayerSpec list = [ LstmSpec(8, true); FrameStackingSpec 2 ]
    let encoder: LayerSpec list = [ Conv1dSpec(8, 5); BatchNormSpec(); yield! half; yield! half ]
    let spec = NetworkSpec(28, inventory.Count, List.toArray encoder, [| LinearSpec inventory.Count |])
    Recognizer(SpeechModel.Create(spec, FeaturePreset(), inventory, 1UL), ThreadTeam 1)

[<Tests>]
let recognition =
    testList "recognition of audio of any rate and length" [
        test "audio shorter than a frame has no phones" {
            let recognizer = recognizer ()

            for rate in [ 8000; 16000; 44100; 48000 ] do
                for count in [ 0; 1; 2; rate / 40 - 1 ] do
                    let result = recognizer.Recognize(AudioClip(Array.create count 0.1f, rate))
                    Expect.isEmpty result.Phones $"{count} samples at {rate} Hz"
                    Expect.equal result.DurationSeconds (float count / float rate) "duration"
        }

        test "audio of any length is recognised, from a frame up" {
            let recognizer = recognizer ()

            for frames in 1..12 do
                for rate in [ 8000; 16000; 44100 ] do
                    let clip = AudioClip(sine 300.0 0.0 rate (rate / 40 + (frames - 1) * rate / 100), rate)
                    Expect.equal (recognizer.LogProbs clip).T (frames / 4) $"{frames} frames at {rate} Hz"

                    for phone in (recognizer.Recognize clip).Phones do
                        Expect.isLessThanOrEqual phone.EndSeconds clip.DurationSeconds "end"
        }

        test "a tone at a higher speed is higher and shorter by the same factor" {
            for rate, speed in [ 16000, 0.9; 16000, 1.1; 22050, 0.98; 44100, 1.05; 48000, 1.1; 8000, 0.9 ] do
                let clip = (AudioClip(sine 440.0 0.0 rate rate, rate)).PerturbSpeed speed
                let expected = sine (440.0 * speed) 0.0 rate (int (float rate / speed))
                Expect.equal clip.SampleRate rate "sample rate"

                Expect.isTrue
                    (abs (clip.Samples.Length - expected.Length) <= 1)
                    $"{clip.Samples.Length} samples at {speed}"
                // The ends, where the tone begins and stops, aside.
                for i in 400 .. expected.Length - 400 do
                    if abs (clip.Samples[i] - expected[i]) > 5e-3f then
                        failtest $"{rate} Hz, speed {speed}, sample {i}: {clip.Samples[i]}, expected {expected[i]}"

            for speed in [ 0.1; 4.0; nan; infinity ] do
                let error = Expect.throwsC (fun () -> AudioClip([| 0f |], 16000).PerturbSpeed speed |> ignore) id
                Expect.isTrue (error :? ArgumentException) $"speed {speed}: {error.GetType()}"
        }

        test "a corpus may mix formats and sample rates; unusable utterances are skipped with a reason" {
            TestSettings.withFolder (fun folder ->
                let utterance name write =
                    let path = Path.Combine(folder, name)
                    write path
                    Utterance(name, path, "", "", null, [| "AA" |])

                let wav rate = utterance $"{rate}" (AudioClip(sine 300.0 0.0 rate rate, rate).WriteWav)
                let samples = [| sine 300.0 0.0 22050 22050 |> Array.map (fun x -> int64 (x * 32768f)) |]
                let bytes = encode (plain 22050 16 Independent Verbatim 4096 samples)
                let flac = utterance "flac" (fun path -> File.WriteAllBytes(path, bytes))
                let utterances = [| yield! List.map wav [ 8000; 16000; 44100; 48000; 96000 ]; flac |]
                let extractor = FeatureExtractor(FeaturePreset())
                let data = SpeechDataset.Load(utterances, extractor, PhoneInventory.Arpabet, Pronouncer [||])
                let loaded = [ for i in 0 .. data.Count - 1 -> data.Id i, data.Frames i ]
                Expect.equal loaded [ for id in [ "8000"; "16000"; "44100"; "48000"; "flac" ] -> id, 98 ] "frames"
                let skipped = Seq.exactlyOne data.Skipped
                Expect.equal skipped.Id "96000" "skipped"
                Expect.stringContains skipped.Reason "96000 samples per second" "reason")
        }
    ]
