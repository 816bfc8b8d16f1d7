namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.IO
open Hybrid.Core
open Hybrid.Speech

/// The causes of failures for which a front end has a remedy in its own words.
type internal Cause =
    /// The loss of a training is not finite.
    | Diverged
    /// An utterance has too few frames for its phones after subsampling.
    | TooShort
    /// Words are missing in the built-in lexicon, and no other lexicon was given.
    | NoLexicon
    /// The corpus has precomputed features, the network expects sound.
    | HasFeatures of coefficients: int
    /// The corpus has sound, the network expects precomputed features.
    | HasSound of coefficients: int
    /// The n-gram model of a search lacks phones.
    | MissingPhones
    /// The channels of a recording are in opposite phase.
    | NeedsChannel
    /// The corpus has neither a split dev nor a second speaker.
    | NoValidationData

/// Finds the cause of a failure from the type of the exception and the data involved, never from the text of a message.
module internal Causes =
    let private builtIn = lazy (Pronouncer [ Lexicon.BuiltIn ])
    let private byLetters = lazy (Pronouncer.Of(null, GraphemeToPhoneme.English))

    let private hasUnknown (pronouncer: Lazy<Pronouncer>) (text: string | null) =
        match text with
        | null -> false
        | text ->
            let struct (_, missing) = pronouncer.Value.Pronounce text
            missing.Count > 0

    /// Whether a text has a word that alignment cannot pronounce without a dictionary.
    let hasUnknownWord (text: string | null) = hasUnknown byLetters text

    let private ofUtterances
        (pronouncer: Lazy<Pronouncer>)
        (features: FeaturePreset option)
        (lexicons: Lexicon seq)
        (utterances: Utterance seq)
        =
        let withFeatures = utterances |> Seq.exists (fun u -> u.FeaturesPath <> "")
        let withSound = utterances |> Seq.exists (fun u -> u.FeaturesPath = "")

        match features with
        | Some preset when preset.Kind = FeatureKind.Precomputed && withSound -> Some(HasSound preset.Coefficients)
        | Some preset when preset.Kind <> FeatureKind.Precomputed && withFeatures ->
            Some(HasFeatures preset.Coefficients)
        | _ when
            Seq.isEmpty lexicons
            && utterances |> Seq.exists (fun u -> isNull u.Phones && hasUnknown pronouncer u.Text)
            ->
            Some NoLexicon
        | _ -> None

    /// The cause of utterances being left out, if one of the known ones.
    let ofData (features: FeaturePreset option) (lexicons: Lexicon seq) (utterances: Utterance seq) =
        ofUtterances builtIn features lexicons utterances

    /// The cause of recordings not being aligned, if one of the known ones.
    let ofAlignment (features: FeaturePreset) (lexicons: Lexicon seq) (utterances: Utterance seq) =
        ofUtterances byLetters (Some features) lexicons utterances

    /// The cause of utterances being left out by their reasons, if one of the known ones.
    let ofSkipped (skipped: SkippedUtterance seq) =
        if skipped |> Seq.exists _.NeedsChannel then
            Some NeedsChannel
        else
            None

    /// The cause of an exception, by its type.
    let ofException (error: exn) =
        match error with
        | :? TrainingDivergedException -> Some Diverged
        | :? InfeasibleTargetException -> Some TooShort
        | :? MissingPhonesException -> Some MissingPhones
        | :? AudioFormatException as audio when audio.NeedsChannel -> Some NeedsChannel
        | _ -> None

    /// Whether an exception refuses input or reports a failure of the environment, in a sentence for the user. Others
    /// are defects, whose stack is of use.
    let isRefusal (error: exn) =
        match error with
        | :? InvalidSpecException
        | :? InvalidDataException
        | :? InvalidOperationException
        | :? TrainingDivergedException -> true
        | error -> SkippedUtterance.CanSkip error

    /// The cause of a failed training.
    let ofTraining (features: FeaturePreset) (lexicons: Lexicon seq) (corpus: Corpus) (hasDev: bool) (error: exn) =
        let hasNoValidationData () =
            not hasDev
            && corpus.Split("dev").Count = 0
            && (corpus.Utterances |> Seq.distinctBy _.Speaker |> Seq.truncate 2 |> Seq.length) < 2

        match ofException error with
        | None when hasNoValidationData () -> Some NoValidationData
        | None -> ofData (Some features) lexicons corpus.Utterances
        | cause -> cause
