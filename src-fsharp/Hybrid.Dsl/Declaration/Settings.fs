namespace Hybrid.Dsl

open System
open System.Collections.Generic
open Hybrid.Core

/// Settings of a schedule, as its keywords set them.
type TrainingSettings = {
    /// Seed of all random numbers.
    Seed: int
    /// Passes through the data.
    Epochs: int
    /// Maximum number of utterances in a batch.
    BatchSize: int option
    /// Maximum number of frames in a batch, padding included.
    BatchFrames: int option
    /// Optimiser with its learning rate.
    Optimizer: OptimizerSpec
    /// Learning-rate schedule.
    LearningRate: LearningRateSchedule
    /// Maximum Euclidean norm of the gradient.
    ClipGradients: float option
    /// Consecutive phases; a single one with CTC if empty.
    Phases: PhaseSpec list
    /// Masks over the input features in training.
    Augmentation: SpecAugmentSpec option
    /// Speed perturbation factors.
    Speeds: float list option
    /// Average of the weights for validation and the model.
    Averaging: AveragingSpec option
    /// Figure that decides which epoch is the best.
    SelectBy: SelectionMetric
    /// Epochs without improvement after which the training ends.
    Patience: int option
    /// Decoder of the validation.
    Decoding: DecodingSpec
    /// Maximum time between two checkpoints in minutes.
    CheckpointMinutes: float option
} with

    /// The defaults of all keywords.
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
            SelectBy = spec.SelectBy
            Patience = None
            Decoding = GreedyDecoding()
            CheckpointMinutes = None
        }

    /// Limits of a batch; one that is not given is unlimited if the other is given.
    member s.Batch =
        match s.BatchSize, s.BatchFrames with
        | None, None -> TrainingSpec().Batch
        | count, frames -> BatchSize(defaultArg count Int32.MaxValue, defaultArg frames Int32.MaxValue)

    /// The schedule as a spec of the core.
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
            s.Speeds |> Option.map Array.ofList |> Option.toObj,
            s.SelectBy
        )

/// A keyword of a schedule, with its line and effect.
type Setting = {
    /// The keyword.
    Keyword: string
    /// The line in the source.
    Line: int
    /// The change of the settings.
    Apply: TrainingSettings -> TrainingSettings
}
