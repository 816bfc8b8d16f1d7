namespace Hybrid.Dsl

open System.Collections.Generic
open Hybrid.Core
open Hybrid.Speech

/// A training that has ended.
type TrainingResult = {
    /// The model that was best on the dev data.
    Model: SpeechModel
    /// What every epoch brought.
    History: IReadOnlyList<EpochReport>
}

/// What one does with architectures, schedules and sound.
[<AutoOpen>]
module Api =
    /// Writes a corpus of synthetic speech into a folder; sizes and seed make it the same again.
    let synthesize (folder: string) (utterances: int) (speakers: int) (seed: int) =
        SyntheticCorpus.Write(folder, utterances, speakers, uint64 seed)

    /// Trains a network on a corpus; words are looked up among the built-in ones.
    let train (architecture: Architecture) (schedule: TrainingSpec) (corpus: Corpus) : TrainingResult =
        let run = TrainingRun.Prepare(Recipe("script", architecture.Features, architecture.Network, schedule), corpus)
        let model = run.Run()
        { Model = model; History = run.History }

    /// Compares what a model recognises with the transcripts.
    let evaluate (model: SpeechModel) (utterances: IReadOnlyList<Utterance>) : Evaluation =
        let struct (evaluation, _) = Recognizer(model).Evaluate utterances
        evaluation

    /// The phones of a sound file.
    let recognize (model: SpeechModel) (path: string) : Recognition = Recognizer(model).Recognize(AudioClip.Read path)

    /// Where the phones and words of a text are in a sound file; words are looked up among the built-in ones.
    let align (model: SpeechModel) (path: string) (text: string) : Alignment =
        Aligner(Recognizer model).AlignText(path, AudioClip.Read path, text)

    /// A model of which phones follow which, from transcripts; words are looked up among the built-in ones.
    let languageModel (order: int) (utterances: IReadOnlyList<Utterance>) : NGramModel =
        let struct (model, _) = LanguageModels.Estimate(utterances, PhoneInventory.Arpabet, order)
        model

    /// The most probable readings of a sound file, the best first, found by a beam search; a language model is optional.
    let recognizeBest
        (count: int)
        (model: SpeechModel)
        (languageModel: NGramModel option)
        (path: string)
        : IReadOnlyList<Reading> =
        let options =
            PrefixBeamOptions(Width = max 16 count, Best = count, LanguageModel = Option.toObj languageModel)

        Recognizer(model, Beam = options).Recognize(AudioClip.Read path).Readings
