// A recording as a spectrogram with its words and phones, as SVG: the picture of the README. Times are those of
// `hybrid align` with the model that comes with Hybrid.
// Run it, after dotnet build -c Release, with:
//   dotnet fsi docs/figures/aligned.fsx RECORDING.wav "its words" LEXICON docs/figures/aligned.svg
#load "../../examples/Hybrid.fsx"
#load "Svg.fsx"

open System.IO
open Hybrid.Speech

let recording, words, lexicon, output =
    match fsi.CommandLineArgs with
    | [| _; recording; words; lexicon; output |] -> recording, words, lexicon, output
    | _ -> failwith "give four arguments: RECORDING.wav \"its words\" LEXICON OUTPUT.svg"

let clip = AudioClip.Read recording
let lexicons = [| Lexicon.Read(lexicon, PhoneInventory.Arpabet) |]

let aligned =
    Aligner(Recognizer.Default, lexicons).AlignText(Path.GetFileNameWithoutExtension recording, clip, words)

let spectrogram = Spectrogram.Of clip
let rows, columns = spectrogram.Hertz.Length, spectrogram.Seconds.Length

/// The quietest that is drawn; 0 dB is the loudest.
let floor = -65.0f

let picture =
    Svg.png Svg.viridis rows columns (fun row column ->
        float (1.0f - spectrogram.Decibels[column][rows - 1 - row] / floor))

let left, right, top, height, tier = 54.0, 12.0, 12.0, 230.0, 28.0
let width = 960.0
let across = width - left - right
let x seconds = left + across * seconds / clip.DurationSeconds
let bottom = top + height
let highest = spectrogram.Hertz[rows - 1]
let y hertz = bottom - height * hertz / highest
let ink = "#1f2933"

let frequencies = [
    for kilohertz in 0.0 .. 2.0 .. highest / 1000.0 do
        Svg.line ink 1.0 (left - 4.0, y (1000.0 * kilohertz)) (left, y (1000.0 * kilohertz))
        Svg.text "end" 12 ink (left - 7.0, y (1000.0 * kilohertz) + 4.0) $"{kilohertz} kHz"
]

let intervals top name (labels: (string * float * float) list) = [
    Svg.text "end" 12 ink (left - 7.0, top + 18.0) name
    Svg.rectangle "#f4f6f8" (left, top, across, tier)

    for label, start, finish in labels do
        Svg.rectangle "#dcecf5" (x start, top, x finish - x start, tier)
        Svg.line "#7b8794" 1.0 (x start, top) (x start, top + tier)
        Svg.line "#7b8794" 1.0 (x finish, top) (x finish, top + tier)
        Svg.text "middle" 12 ink ((x start + x finish) / 2.0, top + 18.5) label
]

let boundaries = [
    for phone in aligned.Phones do
        for seconds in [ phone.StartSeconds; phone.EndSeconds ] do
            Svg.line "#ffffff88" 0.8 (x seconds, top) (x seconds, bottom)
]

let wordsTop, phonesTop = bottom + 6.0, bottom + 12.0 + tier
let axis = phonesTop + tier + 4.0

let times = [
    for tenths in 0 .. int (10.0 * clip.DurationSeconds) do
        let seconds = float tenths / 10.0
        let isWhole = tenths % 5 = 0
        Svg.line ink 1.0 (x seconds, axis) (x seconds, axis + (if isWhole then 6.0 else 3.0))

        if isWhole then
            Svg.text "middle" 12 ink (x seconds, axis + 19.0) $"{seconds:F1} s"
]

Svg.figure (int width) (int axis + 26) $"Spectrogram of \"{words}\" with its words and phones" [
    Svg.image picture (left, top, across, height)
    yield! boundaries
    yield! frequencies
    yield!
        intervals wordsTop "words" [
            for word in aligned.Words -> word.Label.ToLowerInvariant(), word.StartSeconds, word.EndSeconds
        ]
    yield!
        intervals phonesTop "phones" [
            for phone in aligned.Phones -> phone.Label, phone.StartSeconds, phone.EndSeconds
        ]
    yield! times
]
|> fun svg -> File.WriteAllText(output, svg)

printfn $"{output}: {FileInfo(output).Length / 1024L} kB"
