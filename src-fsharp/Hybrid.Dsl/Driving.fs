namespace Hybrid.Dsl

open System
open System.Threading
open Hybrid.Core
open Hybrid.Speech

/// What takes time, with those who watch it and may stop it.
[<AutoOpen; AbstractClass; Sealed>]
type Driving =
    /// Trains a network on a corpus; words are looked up among the built-in ones. `progress` is told of every step and
    /// `epochEnded` of every pass, each by the thread that trains; `noticed` gets sentences that a person should read. With a
    /// `folder`, the best model, checkpoints and metrics go there. `cancellation` stops between two steps with an
    /// OperationCanceledException; what lies in the folder then stays usable.
    static member trainWith
        (
            architecture: Architecture,
            schedule: TrainingSpec,
            corpus: Corpus,
            ?progress: IProgress<TrainingProgress>,
            ?epochEnded: IProgress<EpochReport>,
            ?noticed: IProgress<string>,
            ?folder: string,
            ?cancellation: CancellationToken
        ) : TrainingResult =
        let cancellation = defaultArg cancellation CancellationToken.None
        let recipe = Recipe("script", architecture.Features, architecture.Network, schedule)
        let run = TrainingRun.Prepare(recipe, corpus, cancellation = cancellation)

        let tell (listener: IProgress<'report> option) : Action<'report> | null =
            match listener with
            | Some listener -> Action<'report> listener.Report
            | None -> null

        let model =
            run.Run(
                TrainingOptions(Option.toObj folder),
                TrainingObserver(tell progress, tell epochEnded, tell noticed),
                cancellation
            )

        { Model = model; History = run.History }
