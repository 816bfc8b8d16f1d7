/// The shipped model on degraded audio: each row of docs/robustness.md.
module Hybrid.Tests.RobustnessTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.TestSettings

/// Phones of utterances as they are, what is done to the sound, and how many phones of it may then be others, in
/// percent.
type private Row = { Name: string; Change: AudioClip -> AudioClip; Synthetic: float; Recorded: float }

/// Noise that is the same each time, uniform in [-1, 1).
let private noise count =
    let random = CounterRandom(17UL)
    Array.init count (fun i -> float32 (2.0 * random.Uniform(uint64 i) - 1.0))

let private map f (clip: AudioClip) = AudioClip(Array.map f clip.Samples, clip.SampleRate)

let private clipped (share: float32) (clip: AudioClip) =
    let peak = share * (clip.Samples |> Array.map abs |> Array.max)
    map (fun x -> Math.Clamp(x, -peak, peak)) clip

let private in16Bits = map (fun x -> MathF.Round(32768f * x) / 32768f)

/// With sound of a level before and behind.
let private between (seconds: float) (level: float32) (clip: AudioClip) =
    let sound = noise (int (seconds * float clip.SampleRate)) |> Array.map ((*) level)
    AudioClip(Array.concat [ sound; clip.Samples; sound ], clip.SampleRate)

/// With noise a tenth as loud as the clip.
let private noisy (clip: AudioClip) =
    let level = clip.Samples |> Array.averageBy (fun x -> x * x) |> sqrt

    AudioClip(
        Array.map2 (fun x n -> x + 0.1f * level * sqrt 3f * n) clip.Samples (noise clip.Samples.Length),
        clip.SampleRate
    )

/// Through a WAV file of two channels, the second a multiple of the first.
let private stereo (second: float) (clip: AudioClip) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "stereo.wav")

        let frame (x: float32) =
            Array.append (WavEncoder.floats.Write(float x)) (WavEncoder.floats.Write(second * float x))

        let chunks = [
            WavEncoder.chunk "fmt " (WavEncoder.format WavEncoder.floats 2 clip.SampleRate)
            WavEncoder.chunk "data" (Array.collect frame clip.Samples)
        ]

        File.WriteAllBytes(path, WavEncoder.riff chunks)
        AudioClip.Read path)

let private rows = [
    let row name synthetic recorded change = {
        Name = name
        Change = change
        Synthetic = synthetic
        Recorded = recorded
    }

    row "8 kHz" 40.0 15.0 _.Resample(8000)
    row "11.025 kHz" 20.0 5.0 _.Resample(11025)

    for rate in [ 22050; 32000; 44100; 48000 ] do
        row $"{float rate / 1000.0} kHz" 6.0 1.0 _.Resample(rate)

    row "stereo, both channels the same" 0.0 0.0 (stereo 1.0)
    row "stereo, one channel silent" 1.0 1.0 (stereo 0.0)
    row "clipped at half of the peak" 25.0 3.0 (clipped 0.5f)
    row "clipped at a quarter of the peak" 65.0 15.0 (clipped 0.25f)
    row "-40 dB" 1.0 1.0 (map (fun x -> 0.01f * x))
    row "-40 dB in 16 bits" 20.0 8.0 (map (fun x -> 0.01f * x) >> in16Bits)
    row "offset of a tenth of full scale" 1.0 1.0 (map (fun x -> 0.9f * x + 0.1f))
    row "1 s of digital silence before and behind" 30.0 2.0 (between 1.0 0f)
    row "5 s of digital silence before and behind" 30.0 2.0 (between 5.0 0f)
    row "5 s of hiss at -65 dB before and behind" 25.0 3.0 (between 5.0 0.001f)
    row "noise 20 dB below the speech" 50.0 30.0 noisy
]

let private labels (recognition: RecognitionResult) =
    PhoneInventory.Arpabet.Labels(recognition.Phones |> Seq.map _.Label)

let private recognize (clip: AudioClip) = labels (Recognizer.Default.Recognize clip)

/// Phones that differ, in percent of those of the first.
let private difference (before: int[] list) (after: int[] list) =
    let distance (a: int[]) (b: int[]) = EditDistance.Align(ReadOnlySpan a, ReadOnlySpan b).Distance
    100.0 * float (List.sum (List.map2 distance before after)) / float (before |> List.sumBy _.Length)

let private heard (clips: AudioClip list) = clips, clips |> List.map recognize

let private synthetic =
    lazy
        (withFolder (fun folder ->
            SyntheticCorpus.Write(folder, 12, 6, 3UL).Utterances
            |> Seq.map (fun u -> AudioClip.Read u.AudioPath)
            |> List.ofSeq)
         |> heard)

let private recorded =
    lazy
        (let files =
            Directory.GetFiles(shared "data/librispeech/train-clean-100", "*.flac", SearchOption.AllDirectories)

         Array.Sort(files, StringComparer.Ordinal)
         heard [ for i in 0..5 -> AudioClip.Read files[i * files.Length / 6] ])

let private tests' kind (speech: Lazy<AudioClip list * int[] list>) most =
    testList $"{kind} speech" [
        for row in rows do
            test $"{row.Name}" {
                let clips, before = speech.Value
                let changed = difference before (clips |> List.map (row.Change >> recognize))
                Expect.isLessThanOrEqual changed (most row) "percent of the phones that are others"
            }
    ]

let private confidence (recognition: RecognitionResult) =
    if recognition.Phones.Count = 0 then
        0.0
    else
        recognition.Phones |> Seq.averageBy _.Confidence

let private sound seconds (wave: float -> float) =
    AudioClip(Array.init (int (16000.0 * seconds)) (fun i -> float32 (wave (float i / 16000.0))), 16000)

let private sine hertz t = Math.Sin(2.0 * Math.PI * hertz * t)

/// Plucked notes of six harmonics, two a second, with another voice below.
let private music t =
    let notes = [| 262.0; 330.0; 392.0; 523.0; 349.0; 440.0; 294.0; 247.0 |]
    let beat = int (2.0 * t)
    let note hertz = Seq.sum (seq { for h in 1..6 -> sine (float h * hertz) t / float h })

    0.1
    * exp (-3.0 * (t - 0.5 * float beat))
    * (note notes[beat % 8] + note (notes[(beat / 2 + 2) % 8] / 2.0))

/// Sounds without speech, and how many phones a second they may have.
let private noises =
    let filtered feedback =
        noise 160000
        |> Array.scan (fun y x -> feedback * y + x) 0f
        |> fun samples -> AudioClip(samples |> Array.map ((*) 0.02f), 16000)

    [
        "white noise", filtered 0f, 1.0
        "noise with less treble", filtered 0.9f, 3.0
        "rumble", filtered 0.995f, 3.0
        "hiss at -60 dB", map ((*) 0.05f) (filtered 0f), 1.0
        "plucked notes", sound 10.0 music, 3.0
    ]

[<Tests>]
let tests =
    testList "robustness" [
        tests' "synthetic" synthetic _.Synthetic
        tests' "recorded" recorded _.Recorded

        test "silence, hum and a tone have no phones" {
            for name, wave in
                [
                    "silence", (fun _ -> 0.0)
                    "an offset", (fun _ -> 0.1)
                    "hum", sine 50.0
                    "a tone", sine 440.0 >> (*) 0.3
                ] do
                Expect.isEmpty (Recognizer.Default.Recognize(sound 10.0 wave)).Phones name
        }

        test "noise and music have few phones" {
            let tooMany = [
                for name, clip, most in noises do
                    let rate = float (Recognizer.Default.Recognize clip).Phones.Count / clip.DurationSeconds

                    if rate > most then
                        $"{name}: {rate} a second, not {most}"
            ]

            Expect.equal tooMany [] "phones of what is no speech"
        }

        test "greedily and without a threshold, phones of noise have low confidence" {
            let ungated = Recognizer(SpeechModel.Default, Beam = null, MinConfidence = 0.0)
            let clips, _ = synthetic.Value
            Expect.isGreaterThan (clips |> List.averageBy (ungated.Recognize >> confidence)) 0.78 "speech"

            for name, clip, _ in noises |> List.filter (fun (name, _, _) -> name <> "plucked notes") do
                Expect.isBelow (confidence (ungated.Recognize clip)) 0.75 name
        }

        test "speech between noise is kept" {
            let clips, _ = synthetic.Value

            for clip in List.truncate 4 clips do
                let level = clip.Samples |> Array.averageBy (fun x -> x * x) |> sqrt
                let after = Recognizer.Default.Recognize(between 5.0 (0.1f * level) clip)

                let within =
                    after.Phones
                    |> Seq.filter (fun phone ->
                        phone.StartSeconds > 4.9 && phone.EndSeconds < 5.1 + clip.DurationSeconds)
                    |> Seq.length

                let before = (Recognizer.Default.Recognize clip).Phones.Count
                Expect.isGreaterThan (2 * within) before "phones of the speech that are still there"
        }

        test "a tenth of a second has few phones, less than a frame none" {
            let clips, _ = synthetic.Value
            let first count = Recognizer.Default.Recognize(clips.Head.Samples[8000 .. 8000 + count - 1], 16000)

            for count in [ 0; 1; 399 ] do
                Expect.isEmpty (first count).Phones $"{count} samples"

            let few = first 1600
            Expect.isLessThanOrEqual few.Phones.Count 3 "phones in 0.1 s"

            for phone in few.Phones do
                Expect.isLessThanOrEqual phone.EndSeconds 0.1 "the end of the sound"
        }

        test "chunks change few phones" {
            let clips, before = synthetic.Value

            let windowed =
                Recognizer(
                    SpeechModel.Default,
                    Chunking = ChunkingOptions(MaxUnchunkedFrames = 100, ChunkFrames = 120, ContextFrames = 100)
                )

            let changed = difference before (clips |> List.map (windowed.Recognize >> labels))
            Expect.isLessThanOrEqual changed 5.0 "percent of the phones that are others"
        }

        longTest "30 minutes take bounded memory, and the phones are those of their parts" (fun () ->
            let clips, before = synthetic.Value
            let pieces = [| for i in 0..2000 -> i % clips.Length |]
            let lengths = pieces |> Array.scan (fun sum i -> sum + clips[i].Samples.Length) 0
            let count = lengths |> Array.findIndexBack (fun length -> length <= 30 * 60 * 16000)
            let long = AudioClip(Array.concat [ for i in pieces[.. count - 1] -> clips[i].Samples ], 16000)
            let recognizer = Recognizer(SpeechModel.Default, ThreadTeam 1)
            let allocated = GC.GetAllocatedBytesForCurrentThread()
            let result = recognizer.Recognize long
            let taken = GC.GetAllocatedBytesForCurrentThread() - allocated
            Expect.isLessThan taken 550_000_000L "bytes beside the sound"
            let expected = pieces[.. count - 1] |> Array.collect (fun i -> before[i])
            // Utterances of six voices share one normalisation here.
            let ratio = float result.Phones.Count / float expected.Length
            Expect.isTrue (ratio > 0.7 && ratio < 1.3) $"{result.Phones.Count} phones, {expected.Length} in the parts")
    ]
