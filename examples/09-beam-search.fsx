// Beam search returns several hypotheses, and an n-gram model of phones, estimated from transcripts, helps to rank
// them.
// Run it with: dotnet fsi examples/09-beam-search.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))

// Other sentences and voices than in the training data.
let folder = Directory.CreateTempSubdirectory("hybrid-example-").FullName
let corpus = synthesize (folder, utterances = 120, speakers = 12, seed = 5)
let phones = languageModel (corpus.Split "train", order = 3)
printfn $"n-grams: {phones.Count 1} unigrams, {phones.Count 2} bigrams, {phones.Count 3} trigrams"

let utterance = (corpus.Split "test")[0]
printfn $"{utterance.Text}"
let transcript = nonNull utterance.Phones |> String.concat " "
printfn $"  said: {transcript}"

for hypothesis in (recognize (model, utterance.AudioPath, best = 5, languageModel = phones)).Hypotheses do
    let acoustic, language = hypothesis.LogProbability, hypothesis.LanguageModel
    printfn $"  {hypothesis.Total:F2} = {acoustic:F2} acoustic + {language:F2} language model: {hypothesis}"

/// The error rate with the options of a beam search; greedy decoding for null.
let errorRate (beam: PrefixBeamOptions | null) =
    let struct (evaluation, _) = Recognizer(model, Beam = beam).Evaluate(corpus.Split "test")
    evaluation.Per

let width = 8
printfn $"greedy: {errorRate null:F1} %%"
printfn $"beam of {width}: {errorRate (PrefixBeamOptions(Width = width)):F1} %%"

let withModel =
    errorRate (PrefixBeamOptions(Width = width, LanguageModel = phones, LanguageModelWeight = 0.5, LengthBonus = 1.0))

printfn $"beam of {width} and language model: {withModel:F1} %%"
Directory.Delete(folder, true)
