namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open Hybrid.Core
open Hybrid.Speech

/// The type of the parameter after the last positional one, so that settings must be named: `conv1d (64, 7)` does not
/// compile, `conv1d (64, kernel = 7)` does.
type ``setting with its name such as kernel = 7; inputs are never given`` = private | Never

/// The type of the parameter after the value of a keyword, so that a second value, `seed 1 2`, does not compile.
type ``nothing more`` = private | Never

/// A layer and its source line.
type PlacedLayer = {
    /// The layer.
    Layer: LayerSpec
    /// The line in the source.
    Line: int
}

/// An ordered list of layers; nested blocks are flattened.
type Block = Block of PlacedLayer list

/// A declared network and its input features.
[<CustomEquality; NoComparison>]
type Architecture = {
    /// The feature extraction.
    Features: FeaturePreset
    /// The network from feature vectors to symbol logits.
    Network: NetworkSpec
} with

    /// Equality is that of the JSON: the specs hold arrays, which compare by reference.
    member private a.Text = a.Features.ToJson() + a.Network.ToJson()

    override a.Equals other =
        match other with
        | :? Architecture as other -> a.Text = other.Text
        | _ -> false

    override a.GetHashCode() = a.Text.GetHashCode StringComparison.Ordinal

    /// The features, and a line for each layer.
    override a.ToString() = $"{a.Features.Name} features, {a.Network}"

/// The outcome of a training.
type TrainingResult = {
    /// The model of the best epoch.
    Model: SpeechModel
    /// Reports of all epochs.
    History: IReadOnlyList<EpochReport>
    /// Figure that decides which epoch is the best.
    SelectBy: SelectionMetric
    /// The reason why the training ended.
    StopReason: StopReason
} with

    /// The epoch of the model.
    member result.Best = nonNull (EpochSelection.Best(result.History, result.SelectBy))

    /// The number of epochs and the best one.
    override result.ToString() =
        let per = result.Best.DevPer.ToString("F2", CultureInfo.InvariantCulture)
        $"training of {result.History.Count} epochs; best: epoch {result.Best.Epoch}, dev PER {per} %%"

/// A problem of a declaration, with its source line.
type DeclarationProblem = {
    /// The line in the source; 0 if the problem has no line.
    Line: int
    /// The problem, the value seen and the remedy.
    Message: string
} with

    override m.ToString() =
        Printable.line (
            if m.Line > 0 then
                $"line {m.Line}: {m.Message}"
            else
                m.Message
        )

/// A declaration is invalid. The message lists every problem and, for a network, the shapes up to the failing layer.
type DeclarationException(what: string, file: string, problems: DeclarationProblem list, help: string) =
    inherit
        Exception(
            String.concat Environment.NewLine [
                let where =
                    if String.IsNullOrEmpty file then
                        ""
                    else
                        $" in {Path.GetFileName file}"

                let count =
                    if problems.Length = 1 then
                        "1 problem"
                    else
                        $"{problems.Length} problems"

                $"{what}{where} has {count}"

                for problem in problems do
                    $"  {problem}"

                if help <> "" then
                    help
            ]
        )

    /// The problems, in source order.
    member _.Problems = problems

    /// The message alone: FSI prints it for an exception, and the stack is the builder's.
    override e.ToString() = e.Message
