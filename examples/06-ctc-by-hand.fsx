// CTC trains a network without frame labels: it sums over all alignments. Here by hand: first by enumeration of all
// paths, then by the forward recursion, then with the library.
// Run it with: dotnet fsi examples/06-ctc-by-hand.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

// Six frames, three symbols (0 is the blank, then A and B), and probabilities as a network may output them.
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

/// The labels of a path: repetitions are merged, then blanks removed.
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

let all = List.length (paths frames)
printfn $"{matching.Length} of {all} paths collapse to A B; their total probability is {byEnumeration:F6}"

for path in matching |> List.sortByDescending probability |> List.truncate 3 do
    let text = path |> List.map (fun symbol -> "-AB"[symbol] |> string) |> String.concat " "
    printfn $"  {text}  {probability path:F6}"

// The recursion uses the labels with blanks before, between and after them: - A - B -. A state is entered from itself,
// from the previous one, or from the one before that, past a blank, if the labels differ.
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
printfn $"by recursion: {byRecursion:F6}"

// The lattice of the library, in logarithms: alpha, the probability of all paths up to a state; beta, of all paths from
// it to the end; gamma, the posterior probability of the state.
let lattice = CtcLattice.OfScores(probabilities, List.toArray labels)

let byLibrary = exp lattice.LogLikelihood
printfn $"by the library: {byLibrary:F6}"

for t in 0 .. frames - 1 do
    let row = [ for s in 0 .. lattice.States - 1 -> $"{lattice.Gamma(t, s):F3}" ] |> String.concat "  "
    printfn $"  gamma in frame {t}: {row}"

// The lattice of a sentence and a trained network, as charts.
let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))
let spoken = speak ("ALMOST ALIVE", seed = 3)
let clip = AudioClip(spoken.Samples, SpokenUtterance.SampleRate)
let sentence = CtcLattice.Of(Recognizer(model).LogProbs clip, model.Inventory.Labels spoken.Phones)
let page = Path.Combine(Directory.CreateTempSubdirectory("hybrid-example-").FullName, "ctc.html")

Report.write (
    page,
    "CTC: all alignments",
    [
        Paragraph spoken.Text
        for chart in Charts.lattice (model, clip.DurationSeconds, sentence) do
            Picture chart
    ]
)

printfn $"charts: {page}"

let largest = List.max [ abs (byRecursion - byEnumeration); abs (byLibrary - byEnumeration) ]
printfn $"difference between the three: {100.0 * largest / byEnumeration:F9} %%"
