namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.IO
open Hybrid.Core
open Hybrid.Speech

/// Stands where a number without its name would: `conv1d (64, 7)` does not compile, `conv1d (64, kernel = 7)` does.
type ``setting with its name such as kernel = 7; inputs are never given`` = private | Never

/// Stands behind the last value of a keyword, so that `seed 1 2` does not compile.
type ``nothing more`` = private | Never

/// A layer where it stands in the source.
type PlacedLayer = {
    /// The layer.
    Layer: LayerSpec
    /// The line in the source.
    Line: int
}

/// Layers in order; blocks within blocks flatten.
type Block = Block of PlacedLayer list

/// A declared network with the features that it takes.
[<CustomEquality; NoComparison>]
type Architecture = {
    /// How sound becomes feature vectors.
    Features: FeaturePreset
    /// Feature vectors to symbols.
    Network: NetworkSpec
} with

    /// Layers lie in arrays, which compare by place in memory; their JSON says whether they are the same.
    member private a.Text = a.Features.ToJson() + a.Network.ToJson()

    override a.Equals other =
        match other with
        | :? Architecture as other -> a.Text = other.Text
        | _ -> false

    override a.GetHashCode() = a.Text.GetHashCode StringComparison.Ordinal

/// A training that has ended.
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

/// Something wrong in a declaration: where, and what to do.
type DeclarationProblem = {
    /// The line in the source; 0 where it is of no line.
    Line: int
    /// What is wrong and what to do.
    Message: string
} with

    override m.ToString() =
        if m.Line > 0 then
            $"line {m.Line}: {m.Message}"
        else
            m.Message

/// A declaration has problems; the message lists all of them, and what else helps to find them.
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

    /// Every problem, in the order of the source.
    member _.Problems = problems

/// Tables of text.
module internal Table =
    /// Cells in columns, those of the columns named aligned to the right.
    let text (right: Set<int>) (rows: string list list) =
        let widths = rows |> List.transpose |> List.map (List.map String.length >> List.max)

        let cell i (text: string) =
            if right.Contains i then
                text.PadLeft widths[i]
            else
                text.PadRight widths[i]

        rows
        |> List.map (fun row -> (row |> List.mapi cell |> String.concat "  ").TrimEnd())
        |> String.concat Environment.NewLine
