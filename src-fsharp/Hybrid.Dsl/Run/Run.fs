namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Threading
open Hybrid.Core
open Hybrid.Speech

/// What takes time, with those who watch it and may stop it.
[<AutoOpen; AbstractClass; Sealed>]
type Run =
    /// Trains a network on a corpus; words are looked up in `lexicons`, in order, or among the built-in ones where none is given.
    /// `progress` is told of every step and `epochEnded` of every pass, each by the thread that trains; `noticed` gets sentences
    /// that a person should read. With a `folder`, the best model, checkpoints and metrics go there, and `resume = true` goes on with
    /// the training that lies in it. After `minutes` it ends, its epochs stretched over the time. `cancellation` stops between two
    /// steps with an OperationCanceledException; what lies in the folder then stays usable.
    static member trainWith
        (
            architecture: Architecture,
            schedule: TrainingSpec,
            corpus: Corpus,
            ?lexicons: Lexicon list,
            ?progress: IProgress<TrainingProgress>,
            ?epochEnded: IProgress<EpochReport>,
            ?noticed: IProgress<string>,
            ?folder: string,
            ?resume: bool,
            ?minutes: float,
            ?cancellation: CancellationToken
        ) : TrainingResult =
        let cancellation = defaultArg cancellation CancellationToken.None
        let recipe = Recipe("script", architecture.Features, architecture.Network, schedule)

        let run =
            TrainingRun.Prepare(recipe, corpus, lexicons = defaultArg lexicons [], cancellation = cancellation)

        let limit = minutes |> Option.map TimeSpan.FromMinutes |> Option.toNullable

        let notices (listener: IProgress<string>) = {
            new IProgress<TrainingNotice> with
                member _.Report notice =
                    match notice.Kind with
                    | TrainingNoticeKind.InefficientBatches -> listener.Report(notice.Message + ": batchFrames")
                    | _ -> listener.Report notice.Message
        }

        let model =
            run.Run(
                TrainingOptions(Option.toObj folder, limit, defaultArg resume false),
                TrainingObserver(
                    Option.toObj progress,
                    Option.toObj epochEnded,
                    noticed |> Option.map notices |> Option.toObj
                ),
                cancellation
            )

        {
            Model = model
            History = run.History
            SelectBy = schedule.SelectBy
            StopReason = run.StopReason.Value
        }

    /// Compares what a model recognises with the transcripts; words are looked up in `lexicons`, in order.
    static member evaluateWith
        (
            model: SpeechModel,
            utterances: IReadOnlyList<Utterance>,
            ?lexicons: Lexicon list,
            ?cancellation: CancellationToken
        ) : Evaluation =
        let struct (evaluation, _) =
            Recognizer(model)
                .Evaluate(utterances, defaultArg lexicons [], defaultArg cancellation CancellationToken.None)

        evaluation

    /// Where the phones and words of a text are in a sound file; words are looked up in `lexicons`, in order.
    static member alignWith(model: SpeechModel, path: string, text: string, ?lexicons: Lexicon list) : Alignment =
        Aligner(Recognizer model, defaultArg lexicons []).AlignText(path, AudioClip.Read path, text)

    /// A model of which phones follow which, from transcripts; words are looked up in `lexicons`, in order.
    static member languageModelWith
        (order: int, utterances: IReadOnlyList<Utterance>, ?lexicons: Lexicon list)
        : NGramModel =
        let struct (model, _) =
            LanguageModels.Estimate(utterances, PhoneInventory.Arpabet, order, defaultArg lexicons [])

        model
