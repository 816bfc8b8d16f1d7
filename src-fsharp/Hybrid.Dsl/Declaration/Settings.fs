namespace Hybrid.Dsl

open System
open System.Collections.Generic
open Hybrid.Core

/// What the keywords of a schedule change.
type TrainingSettings = {
    /// The number from which all chance follows.
    Seed: int
    /// Passes through the data.
    Epochs: int
    /// At most so many utterances in a batch.
    BatchSize: int option
    /// At most so many frames in a batch.
    BatchFrames: int option
    /// How weights move.
    Optimizer: OptimizerSpec
    /// How the step size changes.
    LearningRate: LearningRateSchedule
    /// The longest gradient.
    ClipGradients: float option
    /// Parts that differ in something.
    Phases: PhaseSpec list
    /// Masks over the features.
    Augmentation: SpecAugmentSpec option
    /// How fast the sound is played.
    Speeds: float list option
    /// The average of weights that is judged and kept.
    Averaging: AveragingSpec option
    /// Passes without a better model after which training ends.
    Patience: int option
    /// How dev utterances are decoded.
    Decoding: DecodingSpec
    /// The longest time between two checkpoints.
    CheckpointMinutes: float option
} with

    /// What holds where a keyword is left out.
    static member Default =
        let spec = TrainingSpec()

        {
            Seed = int spec.Seed
            Epochs = spec.Epochs
            BatchSize = None
            BatchFrames = None
            Optimizer = spec.Optimizer
            LearningRate = spec.LearningRate
            ClipGradients = None
            Phases = []
            Augmentation = None
            Speeds = None
            Averaging = None
            Patience = None
            Decoding = GreedyDecoding()
            CheckpointMinutes = None
        }

    /// Batches by count where there is nothing but a count, by frames where there is nothing but frames.
    member s.Batch =
        match s.BatchSize, s.BatchFrames with
        | None, None -> TrainingSpec().Batch
        | count, frames -> BatchSize(defaultArg count Int32.MaxValue, defaultArg frames Int32.MaxValue)

    /// The schedule as the core takes it.
    member s.Spec =
        let epochs =
            if s.Phases.IsEmpty then
                s.Epochs
            else
                s.Phases |> List.sumBy _.Epochs

        let phases: IReadOnlyList<PhaseSpec> | null = if s.Phases.IsEmpty then null else List.toArray s.Phases

        TrainingSpec(
            uint64 s.Seed,
            epochs,
            s.Batch,
            s.Optimizer,
            s.LearningRate,
            Option.toNullable s.ClipGradients,
            phases,
            Option.toObj s.Augmentation,
            Option.toObj s.Averaging,
            Option.toNullable s.Patience,
            s.Decoding,
            Option.toNullable s.CheckpointMinutes,
            s.Speeds |> Option.map Array.ofList |> Option.toObj
        )

/// One keyword of a schedule, where it stands and what it changes.
type Setting = {
    /// The keyword.
    Keyword: string
    /// The line where it stands.
    Line: int
    /// What it changes.
    Apply: TrainingSettings -> TrainingSettings
}
