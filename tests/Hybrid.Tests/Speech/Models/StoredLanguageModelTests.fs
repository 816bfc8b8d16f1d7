/// N-grams of phones in a model file, and that recognition uses them.
module Hybrid.Tests.StoredLanguageModelTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private network = NetworkSpec(28, 41, [| LstmSpec(4, true) |], [| LinearSpec 41 |])
let private phones = PhoneInventory.Arpabet.Labels [ "HH"; "OW"; "P" ]

let private withModel (language: WeightedLanguageModel | null) =
    let fresh = SpeechModel.Create(network, FeaturePreset(), PhoneInventory.Arpabet, 5UL)
    SpeechModel(fresh.Network, fresh.Inventory, fresh.Features, LanguageModel = language)

let private ngrams = NGramModel.Estimate([ for i in 1..40 -> [| i; yield! phones |] ], 41, 3)

let private speech =
    lazy
        (withFolder (fun folder -> [
            for u in SyntheticCorpus.Write(folder, 6, 3, 11UL).Utterances -> AudioClip.Read u.AudioPath
        ]))

[<Tests>]
let tests =
    testList "n-grams in a model file" [
        test "are read back with weight and bonus, and are the default of a recogniser" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "model")
                withModel(WeightedLanguageModel(ngrams, 0.5, 1.25)).Save(path, halves = true)
                let language = nonNull (SpeechModel.Load path).LanguageModel
                Expect.equal (language.Weight, language.LengthBonus) (0.5, 1.25) "weight and bonus"
                let expected = ngrams.LogProbability phones
                Expect.isTrue (abs (language.Model.LogProbability phones - expected) < abs expected / 2048.0) "score"
                let beam = nonNull (Recognizer.Load path).Beam

                Expect.equal
                    (beam.Width, beam.Best, beam.LanguageModelWeight, beam.LengthBonus)
                    (16, 1, 0.5, 1.25)
                    "the search"

                let wider = language.Search(best = 20)
                Expect.equal (wider.Width, wider.Best) (20, 20) "as wide as there are readings"
                Expect.equal (language.Search(best = 3, width = 7).Width) 7 "the given width")
        }

        test "a file without them is decoded greedily" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "model")
                (withModel null).Save path
                let recognizer = Recognizer.Load path
                Expect.isNull recognizer.Model.LanguageModel "n-grams"
                Expect.isNull recognizer.Beam "search"
                Expect.isFalse ((withModel null).Describe().Keys |> Seq.exists _.Contains("language")) "description")
        }

        test "the shipped model decodes by beam search with its n-grams as ARPA text; without beam search, greedily" {
            let language = nonNull SpeechModel.Default.LanguageModel

            let read =
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "phones.arpa")
                    LanguageModels.Write(path, language.Model, SpeechModel.Default.Inventory)
                    LanguageModels.Read(path, SpeechModel.Default.Inventory))

            let options =
                PrefixBeamOptions(
                    LanguageModel = read,
                    LanguageModelWeight = language.Weight,
                    LengthBonus = language.LengthBonus
                )

            let searching = Recognizer(SpeechModel.Default, Beam = options)
            let greedy = Recognizer(SpeechModel.Default, Beam = null, MinConfidence = 0.0)
            let mutable differ = 0

            for clip in speech.Value do
                let found = Recognizer.Default.Recognize(clip: AudioClip)
                let expected = searching.Recognize clip
                Expect.equal (List.ofSeq found.Phones) (List.ofSeq expected.Phones) "phones, times and confidences"
                Expect.floatClose Accuracy.medium found.Hypotheses[0].Total expected.Hypotheses[0].Total "score"
                let best = GreedyDecoder().Decode(greedy.LogProbs clip)
                let names = [ for label in best.Labels -> PhoneInventory.Arpabet.Symbols[label.Symbol] ]
                Expect.equal [ for phone in (greedy.Recognize clip).Phones -> phone.Label ] names "greedily"

                if string found <> String.concat " " names then
                    differ <- differ + 1

            Expect.isGreaterThan differ 0 "utterances of which the n-grams make something else"
        }

        test "wrong ones are refused in a sentence" {
            let other = NGramModel.Estimate([ [| 1 |] ], 40, 1)

            for part, language in
                [
                    "has 40 symbols, the inventory has 41", WeightedLanguageModel other
                    "weight of the language model is -1", WeightedLanguageModel(ngrams, -1.0)
                    "length bonus is NaN", WeightedLanguageModel(ngrams, 1.0, nan)
                ] do
                expectRefusal<ArgumentException, _> part (fun () -> withModel language)

            let model = withModel (WeightedLanguageModel ngrams)

            let tensors = [|
                yield! model.Network.Save()
                for tensor in ngrams.Save() ->
                    StoredTensor("language_model." + tensor.Name, tensor.Type, tensor.Shape, tensor.Bytes)
            |]

            let refused part change tensors =
                let description = model.Describe()
                change description
                expectRefusal<FormatException, _> part (fun () -> ModelFile.Build(description, tensors))

            refused
                "n-grams are tokens, children, log_probabilities and backoffs; one is missing"
                ignore
                (model.Network.Save())

            refused
                "lack hybrid.language-model.weight"
                (fun d -> d.Remove "hybrid.language-model.weight" |> ignore)
                tensors

            refused
                "hybrid.language-model.length-bonus is \"much\", must be a number"
                (fun d -> d["hybrid.language-model.length-bonus"] <- "much")
                tensors
        }
    ]
