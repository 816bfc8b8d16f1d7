// How can a network be trained when nobody says which frame is which phone? CTC adds up all the possibilities. Here it is by
// hand: first every path is written out, then the forward recursion does the same without writing them out.
// Run it with: dotnet fsi examples/06-ctc-by-hand.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

// Six frames, three symbols - the blank, which is 0, A and B - and probabilities that a network might have put out.
let probabilities =
    array2D [
        [ 0.6; 0.3; 0.1 ]
        [ 0.2; 0.7; 0.1 ]
        [ 0.3; 0.5; 0.2 ]
        [ 0.6; 0.2; 0.2 ]
        [ 0.1; 0.2; 0.7 ]
        [ 0.7; 0.1; 0.2 ]
    ]

let labels = [ 1; 2 ] // A B
let frames, symbols = Array2D.length1 probabilities, Array2D.length2 probabilities

/// What a path stands for: repetitions become one, then blanks fall out.
let collapse (path: int list) =
    path
    |> List.pairwise
    |> List.filter (fun (a, b) -> a <> b)
    |> List.map snd
    |> List.append [ path.Head ]
    |> List.filter ((<>) 0)

let rec paths length = [
    if length = 0 then
        []
    else
        for rest in paths (length - 1) do
            for symbol in 0 .. symbols - 1 do
                symbol :: rest
]

let probability (path: int list) = path |> List.mapi (fun t symbol -> probabilities[t, symbol]) |> List.reduce (*)
let matching = paths frames |> List.filter (fun path -> collapse path = labels)
let byEnumeration = List.sumBy probability matching

printfn
    $"{matching.Length} of {List.length (paths frames)} paths collapse to A B; together they have {byEnumeration:F6}"

for path in matching |> List.sortByDescending probability |> List.truncate 3 do
    let text = path |> List.map (fun symbol -> "-AB"[symbol] |> string) |> String.concat " "
    printfn $"  {text}  {probability path:F6}"

// The recursion walks through the labels with a blank before, between and after them: - A - B -. A state is entered from itself,
// from the one before, or past a blank from the one before that if the labels differ.
let states = [| 0; 1; 0; 2; 0 |]
let alpha = Array2D.zeroCreate frames states.Length

for t in 0 .. frames - 1 do
    for s in 0 .. states.Length - 1 do
        let from =
            if t = 0 then
                (if s <= 1 then 1.0 else 0.0)
            else
                let at s = if s < 0 then 0.0 else alpha[t - 1, s]
                let skips = s >= 2 && states[s] <> 0 && states[s] <> states[s - 2]
                at s + at (s - 1) + (if skips then at (s - 2) else 0.0)

        alpha[t, s] <- from * probabilities[t, states[s]]

let byRecursion = alpha[frames - 1, states.Length - 1] + alpha[frames - 1, states.Length - 2]
printfn $"the recursion says {byRecursion:F6}"

// The library's lattice, which works in logarithms, and the whole of it as pictures: alpha, what has led to a state; beta, what
// can still come; gamma, their product, is how probable it is to be there.
let lattice = CtcLattice.OfScores(probabilities, List.toArray labels)

let byLibrary = exp lattice.LogLikelihood
printfn $"the library says {byLibrary:F6}"

for t in 0 .. frames - 1 do
    let row = [ for s in 0 .. lattice.States - 1 -> $"{lattice.Gamma(t, s):F3}" ] |> String.concat "  "
    printfn $"  gamma in frame {t}: {row}"

// The same of a whole sentence and a trained network.
let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))
let spoken = speak 3 "ALMOST ALIVE"
let clip = AudioClip(spoken.Samples, SpokenUtterance.SampleRate)
let sentence = CtcLattice.Of(Recognizer(model).LogProbs clip, model.Inventory.Labels spoken.Phones)
let page = Path.Combine(Directory.CreateTempSubdirectory("hybrid-example-").FullName, "ctc.html")

Report.write page "CTC, all alignments at once" [
    Paragraph spoken.Text
    for picture in Charts.lattice model clip.DurationSeconds sentence do
        Picture picture
]

printfn $"pictures: {page}"

let largest = List.max [ abs (byRecursion - byEnumeration); abs (byLibrary - byEnumeration) ]
printfn $"difference between the three: {100.0 * largest / byEnumeration:F9} %%"
