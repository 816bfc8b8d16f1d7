namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Hybrid.Core
open Hybrid.Speech

/// A verb of a script failed: the message of the failure, and a hint if the DSL has a remedy. The failure itself is the
/// InnerException.
type RunException(failure: exn, hint: string) =
    inherit
        Exception(
            (if hint = "" then
                 failure.Message
             else
                 $"{failure.Message}{Environment.NewLine}hint: {hint}"),
            failure
        )

    /// The remedy, in the words of the DSL; empty if there is none.
    member _.Hint = hint

    /// The message alone: FSI prints it for an exception, and the stack of a refusal is of no use.
    override e.ToString() = e.Message

/// The verbs of a script, one function each: `train (network, schedule, corpus, folder = "run")`. Further settings are
/// named. Refusals are a RunException, with a hint where the DSL knows a remedy.
[<AutoOpen; AbstractClass; Sealed>]
type Run =
    /// The remedies in the words of the DSL.
    static member private Hint(cause: Cause) =
        match cause with
        | Diverged -> "lower learningRate in the optimizer, or limit gradients with clipGradients 1.0"
        | TooShort -> "reduce subsampling: a smaller stride in conv1d, or fewer pyramid steps"
        | NoLexicon -> "name a pronouncing dictionary: lexicons = [ lexicon \"cmudict.txt\" ]"
        | HasFeatures coefficients -> $"the corpus has features: declare features (precomputed {coefficients})"
        | HasSound coefficients -> $"the corpus has sound: declare features (mfcc {coefficients})"
        | MissingPhones -> "go on without them with allowMissingPhones = true"
        | NeedsChannel -> "read one of them with channel = 0"
        | NoValidationData -> "give the corpus a split dev, or recordings of at least two speakers"

    /// Runs `work`; a refusal, or a failure with a known cause, becomes a RunException.
    static member private WithHint (cause: exn -> Cause option) (work: unit -> 'result) : 'result =
        try
            work ()
        with
        | :? OperationCanceledException -> reraise ()
        | error ->
            match cause error with
            | Some cause -> raise (RunException(error, Run.Hint cause))
            | None when Causes.isRefusal error -> raise (RunException(error, ""))
            | None -> reraise ()

    /// The threads of a verb; null for all processors.
    static member private Team(threads: int option) : ThreadTeam | null =
        match threads with
        | Some threads -> new ThreadTeam(threads)
        | None -> null

    /// A recogniser with the decoding and the threads of a verb.
    static member private RecognizerOf
        (
            model: SpeechModel,
            best: int option,
            languageModel: NGramModel option,
            threads: int option,
            allowMissingPhones: bool option
        ) =
        let team, allowed = Run.Team threads, defaultArg allowMissingPhones false

        match best, languageModel with
        | None, None -> Recognizer(model, team, AllowMissingPhones = allowed)
        | _ ->
            let best = defaultArg best 1

            let options =
                match
                    languageModel
                    |> Option.map WeightedLanguageModel
                    |> Option.orElse (Option.ofObj model.LanguageModel)
                with
                | Some language -> language.Search best
                | None -> PrefixBeamOptions(Width = max (PrefixBeamOptions().Width) best, Best = best)

            Recognizer(model, team, Beam = options, AllowMissingPhones = allowed)

    /// Runs `work`; a refusal becomes a RunException.
    static member private Refusing(work: unit -> 'result) : 'result = Run.WithHint Causes.ofException work

    /// Prints the epochs and notices of a training.
    static member private Printing() : IProgress<EpochReport> * IProgress<string> =
        let isFirst = ref true

        let epochs = {
            new IProgress<EpochReport> with
                member _.Report report =
                    if isFirst.Value then
                        printfn $"{Printers.epochHeader}"

                    isFirst.Value <- false
                    printfn $"{Printers.epochLine report}"
        }

        epochs,
        {
            new IProgress<string> with
                member _.Report notice = printfn $"{Printable.block notice}"
        }

    /// A recording for a model: sound, or precomputed features in a `.npy` file.
    static member private Recording (path: string) (text: string | null) =
        if path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) then
            Utterance(path, "", "", "", text, null, FeaturesPath = path)
        else
            Utterance(path, path, "", "", text, null)

    /// Refuses a recording of another kind than the model takes.
    static member private RequireKind (model: SpeechModel) (recording: Utterance) =
        let refuse what remedy = raise (RunException(FormatException what, remedy))

        match model.Features.Kind = FeatureKind.Precomputed, recording.FeaturesPath <> "" with
        | true, false ->
            refuse
                $"the model takes precomputed features, and {Printable.line recording.AudioPath} is sound"
                "name a .npy file of features, [frames, coefficients], instead of sound"
        | false, true ->
            refuse
                $"the model takes sound, and {Printable.line recording.FeaturesPath} has precomputed features"
                "name a WAV or FLAC file instead of features"
        | _ -> ()

    /// <summary>Reads a corpus: a manifest, CMU 11-785 HW3P2, LibriSpeech, or sound files with transcripts beside
    /// them.</summary>
    /// <param name="path">The folder, or a manifest.</param>
    static member readCorpus(path: string) : Corpus = Run.Refusing(fun () -> Corpus.Read path)

    /// <summary>Reads a model file.</summary>
    /// <param name="path">The file, such as `run/model.safetensors`.</param>
    static member loadModel(path: string) : SpeechModel = Run.Refusing(fun () -> SpeechModel.Load path)

    /// <summary>Writes a corpus of synthetic speech: WAV files and a manifest with phone boundaries.</summary>
    /// <param name="folder">The folder to write; created if missing.</param>
    /// <param name="utterances">The number of recordings.</param>
    /// <param name="speakers">The number of voices, at least 3; a tenth each go to the splits dev and test.</param>
    /// <param name="seed">Determines voices and sentences; default 0.</param>
    static member synthesize(folder: string, utterances: int, speakers: int, ?seed: int) : Corpus =
        Run.Refusing(fun () -> SyntheticCorpus.Write(folder, utterances, speakers, uint64 (defaultArg seed 0)))

    /// <summary>Synthesises a text of built-in words, `SpokenUtterance.SampleRate` samples per second.</summary>
    /// <param name="text">Words of `WordList.All`; a RunException names any others.</param>
    /// <param name="seed">Determines voice and manner of speaking; default 0.</param>
    static member speak(text: string, ?seed: int) : SpokenUtterance =
        let struct (words, missing) = Pronouncer([ Lexicon.BuiltIn ]).Pronounce text

        if missing.Count > 0 then
            let missing = String.Join(", ", missing)
            raise (RunException(FormatException $"no built-in words: {missing}; WordList.All lists them", ""))

        let random = CounterRandom(uint64 (defaultArg seed 0))
        Synthesizer.Speak(words, SpeakerVoice.Random("speaker", random.Fork "voice"), random.Fork "speech")

    /// <summary>Reads a pronouncing dictionary such as CMUdict: `WORD  PH PH` or `WORD,PH PH` per line.</summary>
    /// <param name="path">The text file.</param>
    static member lexicon(path: string) : Lexicon = Run.Refusing(fun () -> Lexicon.Read path)

    /// <summary>Trains a network on a corpus and returns the best model with the history of all epochs. Prints a line
    /// for each epoch.</summary>
    /// <param name="architecture">Features and network, as declared by `encoderDecoder { ... }`.</param>
    /// <param name="schedule">The training schedule, as declared by `training { ... }`.</param>
    /// <param name="corpus">
    /// Recordings with transcripts. Split train is trained on; split dev, or 5 % of the speakers, validates.
    /// </param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    /// <param name="folder">The folder for model, checkpoints and metrics; default: nothing is written.</param>
    /// <param name="resume">Whether to continue from the last checkpoint in `folder`; default false. The schedule may
    /// have more epochs than before.</param>
    /// <param name="init">A model whose weights are the initial ones where they fit; default: random weights. A notice
    /// lists what is taken.</param>
    /// <param name="quiet">Whether nothing is printed; default false. Epochs are not printed if `epochEnded` is given,
    /// notices not if `noticed` is given.</param>
    /// <param name="minutes">A time limit over which the epochs are stretched; default: none.</param>
    /// <param name="progress">Called after each step, on the training thread.</param>
    /// <param name="epochEnded">Called after each epoch, on the training thread.</param>
    /// <param name="noticed">Called with notices for the user, one sentence each.</param>
    /// <param name="cancellation">
    /// Stops between two steps with an OperationCanceledException; `folder` stays usable.
    /// </param>
    static member train
        (
            architecture: Architecture,
            schedule: TrainingSpec,
            corpus: Corpus,
            ?lexicons: Lexicon list,
            ?folder: string,
            ?resume: bool,
            ?init: SpeechModel,
            ?quiet: bool,
            ?minutes: float,
            ?progress: IProgress<TrainingProgress>,
            ?epochEnded: IProgress<EpochReport>,
            ?noticed: IProgress<string>,
            ?cancellation: CancellationToken
        ) : TrainingResult =
        let cancellation = defaultArg cancellation CancellationToken.None
        let lexicons = defaultArg lexicons []

        let printedEpochs, printedNotices =
            if defaultArg quiet false then
                None, None
            else
                let epochs, notices = Run.Printing()
                Some epochs, Some notices

        let notices (listener: IProgress<string>) = {
            new IProgress<TrainingNotice> with
                member _.Report notice =
                    match notice.Kind with
                    | TrainingNoticeKind.InefficientBatches -> listener.Report(notice.Message + ": batchFrames")
                    | _ -> listener.Report notice.Message
        }

        Run.WithHint (Causes.ofTraining architecture.Features lexicons corpus false) (fun () ->
            let recipe = Recipe("script", architecture.Features, architecture.Network, schedule)

            let run =
                TrainingRun.Prepare(
                    recipe,
                    corpus,
                    lexicons = lexicons,
                    cancellation = cancellation,
                    initial = Option.toObj init
                )

            let limit = minutes |> Option.map TimeSpan.FromMinutes |> Option.toNullable

            let model =
                run.Run(
                    TrainingOptions(Option.toObj folder, limit, defaultArg resume false),
                    TrainingObserver(
                        Option.toObj progress,
                        epochEnded |> Option.orElse printedEpochs |> Option.toObj,
                        noticed |> Option.orElse printedNotices |> Option.map notices |> Option.toObj
                    ),
                    cancellation
                )

            {
                Model = model
                History = run.History
                SelectBy = schedule.SelectBy
                StopReason = run.StopReason.Value
            })

    /// <summary>Recognises utterances and compares the result with their transcripts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="utterances">Recordings with transcripts, such as `corpus.Split "test"`.</param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    /// <param name="threads">The number of threads; default: all processors.</param>
    /// <param name="cancellation">Stops between two utterances with an OperationCanceledException.</param>
    /// <param name="allowMissingPhones">Whether the n-grams of the model may lack phones, which are then never
    /// recognised; default false.</param>
    static member evaluate
        (
            model: SpeechModel,
            utterances: IReadOnlyList<Utterance>,
            ?lexicons: Lexicon list,
            ?threads: int,
            ?cancellation: CancellationToken,
            ?allowMissingPhones: bool
        ) : Evaluation =
        Run.Refusing(fun () ->
            let struct (evaluation, _) =
                Recognizer(model, Run.Team threads, AllowMissingPhones = defaultArg allowMissingPhones false)
                    .Evaluate(utterances, defaultArg lexicons [], defaultArg cancellation CancellationToken.None)

            evaluation)

    /// <summary>Recognises the phones of a sound file, or of features in a `.npy` file.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">
    /// A WAV or FLAC file; for a model of precomputed features a `.npy` file, [frames, coefficients].
    /// </param>
    /// <param name="best">
    /// The number of hypotheses, best first, from a beam search; default: one, as the model decodes.
    /// </param>
    /// <param name="languageModel">N-grams of phones for the beam search; default: those of the model, if any.</param>
    /// <param name="cancellation">
    /// Stops between two chunks of a long recording with an OperationCanceledException.
    /// </param>
    /// <param name="channel">The channel to read, from 0; default: the mean of all channels.</param>
    /// <param name="allowMissingPhones">
    /// Whether the n-grams may lack phones, which are then never recognised; default false.
    /// </param>
    static member recognize
        (
            model: SpeechModel,
            path: string,
            ?best: int,
            ?languageModel: NGramModel,
            ?cancellation: CancellationToken,
            ?channel: int,
            ?allowMissingPhones: bool
        ) : RecognitionResult =
        let recording = Run.Recording path null
        Run.RequireKind model recording

        Run.Refusing(fun () ->
            let recognizer = Run.RecognizerOf(model, best, languageModel, None, allowMissingPhones)

            if recording.FeaturesPath <> "" then
                recognizer.Recognize recording
            else
                let clip = AudioClip.Read(path, channel = Option.toNullable channel)
                recognizer.Recognize(clip, defaultArg cancellation CancellationToken.None))

    /// <summary>Recognises sound files, one on each thread. The work is done while the sequence is read.</summary>
    /// <param name="model">The model.</param>
    /// <param name="paths">WAV or FLAC files, or folders of them.</param>
    /// <param name="best">The number of hypotheses of each file, as of `recognize`.</param>
    /// <param name="languageModel">N-grams of phones for the beam search, as of `recognize`.</param>
    /// <param name="threads">The number of threads; default: all processors.</param>
    /// <param name="cancellation">Stops between two files with an OperationCanceledException.</param>
    /// <param name="channel">The channel to read, as of `recognize`.</param>
    /// <param name="allowMissingPhones">Whether the n-grams may lack phones, as of `recognize`.</param>
    /// <returns>A result or a reason for each file, in the order of the paths.</returns>
    static member recognizeAll
        (
            model: SpeechModel,
            paths: string seq,
            ?best: int,
            ?languageModel: NGramModel,
            ?threads: int,
            ?cancellation: CancellationToken,
            ?channel: int,
            ?allowMissingPhones: bool
        ) : RecognitionOutcome seq =
        let files = ResizeArray<string>()
        let unusable = ResizeArray<RecognitionOutcome>()

        for path in paths do
            if Directory.Exists path then
                let struct (found, skipped) = SoundFiles.Find path
                files.AddRange found
                unusable.AddRange(skipped |> Seq.map (fun one -> RecognitionOutcome(one.Id, null, one.Reason)))
            else
                files.Add path

        Run.Refusing(fun () ->
            Run
                .RecognizerOf(model, best, languageModel, threads, allowMissingPhones)
                .RecognizeAll(files, Option.toNullable channel, defaultArg cancellation CancellationToken.None)
            |> Seq.append unusable)

    /// <summary>Aligns a sound file with its text: start, end and confidence of each word and phone.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">A WAV or FLAC file, or a `.npy` file as in `recognize`.</param>
    /// <param name="text">The words spoken in it.</param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    /// <param name="channel">The channel to read, from 0; default: the mean of all channels.</param>
    static member align
        (model: SpeechModel, path: string, text: string, ?lexicons: Lexicon list, ?channel: int)
        : Alignment =
        let lexicons = defaultArg lexicons []

        let recording = Run.Recording path text

        let cause error =
            match Causes.ofException error with
            | None when lexicons.IsEmpty && Causes.hasUnknownWord text -> Some NoLexicon
            | cause -> cause

        Run.RequireKind model recording

        Run.WithHint cause (fun () ->
            let aligner = Aligner(Recognizer model, lexicons)

            if recording.FeaturesPath <> "" then
                aligner.Align recording
            else
                aligner.AlignText(path, AudioClip.Read(path, channel = Option.toNullable channel), text))

    /// <summary>Aligns sound files with the texts beside them, or a corpus, one recording on each thread. The work is
    /// done while the sequence is read.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">A folder of sound files with their words in a .txt, or words or phones in a .lab, of the same
    /// name; one such file; or a corpus.</param>
    /// <param name="split">A split of the corpus; default: all.</param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    /// <param name="threads">The number of threads; default: all processors.</param>
    /// <param name="cancellation">Stops between two recordings with an OperationCanceledException.</param>
    /// <param name="channel">The channel to read, from 0; default: the mean of all channels.</param>
    /// <returns>An alignment or a reason for each recording, in order.</returns>
    static member alignAll
        (
            model: SpeechModel,
            path: string,
            ?split: string,
            ?lexicons: Lexicon list,
            ?threads: int,
            ?cancellation: CancellationToken,
            ?channel: int
        ) : AlignmentOutcome seq =
        let inputs =
            AlignmentInput.Of(path, split = Option.toObj split)
            |> Seq.map _.WithChannel(Option.toNullable channel)

        let aligner = Aligner(Recognizer(model, Run.Team threads), defaultArg lexicons [])
        aligner.AlignAll(inputs, cancellation = defaultArg cancellation CancellationToken.None)

    /// <summary>Estimates an n-gram model of phones from transcripts.</summary>
    /// <param name="utterances">The transcripts; no sound is read.</param>
    /// <param name="order">The length of the longest n-grams, 1 to 8; default 3.</param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    static member languageModel
        (utterances: IReadOnlyList<Utterance>, ?order: int, ?lexicons: Lexicon list)
        : NGramModel =
        let lexicons = defaultArg lexicons []

        Run.WithHint (fun _ -> Causes.ofData None lexicons utterances) (fun () ->
            let struct (model, _) =
                LanguageModels.Estimate(utterances, PhoneInventory.Arpabet, defaultArg order 3, lexicons)

            model)
