// More than one reading: a beam search keeps several, and a model of which phones follow which - learned from transcripts alone
// - helps to choose. Run it with: dotnet fsi examples/09-beam-search.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))

// Other sentences and other voices than those that the network was trained on.
let folder = Directory.CreateTempSubdirectory("hybrid-example-").FullName
let corpus = synthesize folder 120 12 5
let phones = languageModel 3 (corpus.Split "train")
printfn $"phones: {phones.Count 1} single ones, {phones.Count 2} pairs, {phones.Count 3} triples"

let utterance = (corpus.Split "test")[0]
printfn $"{utterance.Text}"
let transcript = nonNull utterance.Phones |> String.concat " "
printfn $"  said: {transcript}"

for reading in recognizeBest 5 model (Some phones) utterance.AudioPath do
    printfn $"  {reading.Total:F2} = {reading.LogProbability:F2} heard + {reading.LanguageModel:F2} expected: {reading}"

/// The error rate with settings of the search.
let errorRate (beam: PrefixBeamOptions | null) =
    let struct (evaluation, _) = Recognizer(model, Beam = beam).Evaluate(corpus.Split "test")
    evaluation.Per

let width = 8
printfn $"best symbol of every frame: {errorRate null:F1} %%"
printfn $"beam of {width}: {errorRate (PrefixBeamOptions(Width = width)):F1} %%"

let helped =
    errorRate (PrefixBeamOptions(Width = width, LanguageModel = phones, LanguageModelWeight = 0.5, LengthBonus = 1.0))

printfn $"beam of {width} and language model: {helped:F1} %%"
Directory.Delete(folder, true)
