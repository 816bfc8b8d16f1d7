namespace Hybrid.Dsl

open System
open System.Globalization
open Hybrid.Core
open Hybrid.Speech

/// Values as a few lines of text. FSI uses these printers after `Hybrid.Dsl.fsx` is loaded; the package Hybrid.Dsl
/// loads it by itself. Control characters in names are escaped.
module Printers =
    let private fixedPoint (digits: int) (x: float) = x.ToString($"F{digits}", CultureInfo.InvariantCulture)
    let private short (x: float) = x.ToString("G4", CultureInfo.InvariantCulture)
    let private lines (texts: string list) = String.Join(Environment.NewLine, texts)

    /// An architecture: shape, parameters and multiply-adds of each layer.
    let architecture (architecture: Architecture) = string (Summary.Of(architecture, 10))

    /// A network: its sizes and the shape of each layer.
    let network (network: Network<'real>) =
        lines [
            $"network, {network.Spec.Inputs} features to {network.Spec.Symbols} symbols, "
            + $"{network.ParameterCount} parameters"
            Shapes.table network.Spec
        ]

    /// Name, shape, range, mean and the first values of a tensor.
    let private numbers (name: string) (shape: string) (values: float[]) =
        let first = values |> Seq.truncate 6 |> Seq.map short |> String.concat ", "
        let more = if values.Length > 6 then ", ..." else ""

        let range =
            if values.Length = 0 then
                ""
            else
                $", {short (Array.min values)} to {short (Array.max values)}, mean {short (Array.average values)}"

        $"{Printable.line name} [{shape}]{range}: {first}{more}"

    let private doubles (values: 'real[]) = values |> Array.map Double.CreateTruncating

    /// A batch of feature sequences, [T, B, F].
    let batch (batch: Batch<'real>) =
        let lengths = String.Join(", ", batch.Lengths.ToArray())

        numbers "batch" $"T {batch.T}, B {batch.B}, F {batch.F}" (doubles (batch.Data.ToArray()))
        + $"; lengths {lengths}"

    /// A matrix in memory.
    let matrix (matrix: MatrixView<'real>) =
        numbers "matrix" $"{matrix.Rows}, {matrix.Columns}" (doubles (matrix.ToArray()))

    /// A parameter of a network.
    let parameter (parameter: Parameter<'real>) =
        numbers parameter.Name (String.Join(", ", parameter.Shape)) (doubles (parameter.ToArray()))

    /// A tensor of a model file.
    let tensor (tensor: StoredTensor) = numbers tensor.Name (String.Join(", ", tensor.Shape)) (tensor.ToDoubles())

    /// Log probabilities, [T, V], and the best symbol of each frame.
    let logProbs (logProbs: LogProbs) =
        let best = [
            for t in 0 .. logProbs.T - 1 -> let row = logProbs[t].ToArray() in Array.IndexOf(row, Array.max row)
        ]

        let first = best |> List.truncate 40 |> List.map string |> String.concat " "
        let more = if best.Length > 40 then " ..." else ""
        $"log probabilities [T {logProbs.T}, V {logProbs.V}], best symbol of each frame: {first}{more}"

    /// The header of `epochLine`.
    let internal epochHeader = "epoch  updates  train loss  dev loss  dev PER %  learning rate  minutes"

    /// The figures of an epoch in a line.
    let internal epochLine (report: EpochReport) =
        $"{report.Epoch, 5} {report.Steps, 8} {fixedPoint 3 report.TrainLoss, 11} {fixedPoint 3 report.DevLoss, 9} "
        + $"{fixedPoint 2 report.DevPer, 10} {short report.LearningRate, 14} "
        + $"{fixedPoint 2 (report.ElapsedSeconds / 60.0), 8}"

    /// A training: one line per epoch, and the best epoch.
    let result (result: TrainingResult) =
        lines [
            [ [ "epoch"; "updates"; "train loss"; "dev loss"; "dev PER %"; "learning rate" ] ]
            @ [
                for report in result.History ->
                    [
                        $"{report.Epoch}"
                        $"{report.Steps}"
                        fixedPoint 3 report.TrainLoss
                        fixedPoint 3 report.DevLoss
                        fixedPoint 2 report.DevPer
                        short report.LearningRate
                    ]
            ]
            |> Table.text (Set [ 0..5 ])
            $"best: epoch {result.Best.Epoch}, dev PER {fixedPoint 2 result.Best.DevPer} %%"
        ]

    /// A hypothesis: its labels with their frames, and its scores.
    let hypothesis (hypothesis: Hypothesis) =
        let labels =
            [ for label in hypothesis.Labels -> $"{label.Symbol}@{label.Start}-{label.End}" ]
            |> String.concat " "

        let parts =
            $"acoustic {short hypothesis.Acoustic}, language model {short hypothesis.LanguageModel}, "
            + $"insertion bonus {short hypothesis.LengthBonus}"

        $"{hypothesis.Labels.Count} labels, log probability {short hypothesis.Total} ({parts}): {labels}"

    let private interval (label: string) (start: float) (finish: float) (confidence: float) = [
        fixedPoint 2 start
        fixedPoint 2 finish
        label
        fixedPoint 2 confidence
    ]

    /// A recognition: phones with seconds and confidences.
    let recognition (recognition: RecognitionResult) =
        lines [
            Printable.line
                $"{recognition.Phones.Count} phones in {fixedPoint 2 recognition.DurationSeconds} s: {recognition}"
            [ "from s"; "to s"; "phone"; "confidence" ]
            :: [
                for phone in recognition.Phones ->
                    interval phone.Label phone.StartSeconds phone.EndSeconds phone.Confidence
            ]
            |> Table.text (Set [ 0; 1; 3 ])
        ]

    /// An alignment: words and phones with seconds and confidences.
    let alignment (alignment: Alignment) =
        let rows kind (intervals: Interval seq) = [
            for i in intervals -> kind :: interval i.Label i.StartSeconds i.EndSeconds i.Confidence
        ]

        lines [
            Printable.line alignment.Id
            + $", {fixedPoint 2 alignment.DurationSeconds} s, log probability {short alignment.LogProbability}"
            [ ""; "from s"; "to s"; "label"; "confidence" ] :: rows "word" alignment.Words
            @ rows "phone" alignment.Phones
            |> Table.text (Set [ 1; 2; 4 ])
        ]

    /// An evaluation: phone error rate, counts of each kind of error, and errors per utterance.
    let evaluation (evaluation: Evaluation) =
        let errors =
            $"{evaluation.Substitutions} substitutions, {evaluation.Deletions} deletions, "
            + $"{evaluation.Insertions} insertions"

        $"PER {fixedPoint 2 evaluation.Per} %% of {evaluation.ReferenceLabels} phones "
        + $"in {evaluation.Utterances.Count} utterances ({errors}), "
        + $"{fixedPoint 2 evaluation.AverageDistance} errors per utterance"
