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
