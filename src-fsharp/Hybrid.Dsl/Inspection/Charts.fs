namespace Hybrid.Dsl

open System
open System.Collections.Generic
open Plotly.NET
open Plotly.NET.LayoutObjects
open Hybrid.Core
open Hybrid.Speech

/// Pictures of trainings and recognitions, as Plotly charts.
module Charts =
    let private sized height chart =
        chart |> Chart.withSize (1100, height) |> Chart.withTemplate ChartTemplates.lightMirrored

    let private titled (x: string) (y: string) chart =
        chart |> Chart.withXAxisStyle (TitleText = x) |> Chart.withYAxisStyle (TitleText = y)

    /// Loss on training and dev data after every epoch.
    let loss (history: IReadOnlyList<EpochReport>) =
        let epochs = [ for report in history -> report.Epoch ]

        [
            Chart.Line(epochs, [ for report in history -> report.TrainLoss ], Name = "training", ShowMarkers = true)
            Chart.Line(epochs, [ for report in history -> report.DevLoss ], Name = "dev", ShowMarkers = true)
        ]
        |> Chart.combine
        |> titled "epoch" "loss per label, nats"
        |> sized 360

    /// Phone error rate on dev data after every epoch.
    let errorRate (history: IReadOnlyList<EpochReport>) =
        Chart.Line(
            [ for report in history -> report.Epoch ],
            [ for report in history -> report.DevPer ],
            Name = "dev",
            ShowMarkers = true
        )
        |> titled "epoch" "phone error rate, %"
        |> sized 360

    /// The probability of every symbol over time; symbols that never reach one in a hundred are left out.
    let posteriors (model: SpeechModel) (duration: float) (logProbs: LogProbs) =
        let probability t v = exp (float logProbs[t].[v])
        let times = [| for t in 0 .. logProbs.T - 1 -> fst ((model.Times.Span(t, t, duration)).ToTuple()) |]

        let seen = [|
            for v in 0 .. logProbs.V - 1 do
                if Seq.exists (fun t -> probability t v >= 0.01) (seq { 0 .. logProbs.T - 1 }) then
                    v
        |]

        let name v = if v = 0 then "blank" else model.Inventory.Symbols[v]

        Chart.Heatmap(
            zData = [| for v in seen -> [| for t in 0 .. logProbs.T - 1 -> Math.Round(probability t v, 3) |] |],
            X = times,
            Y = [| for v in seen -> name v |],
            ColorScale = StyleParam.Colorscale.Viridis
        )
        |> titled "seconds" "symbol"
        |> sized (160 + 18 * seen.Length)

    // What is this much less probable than the best of its frame, in nats, is left white.
    let private deepest = -30.0

    /// The lattice of CTC for an utterance whose labels are known: alpha, what can have led to each state; beta, what can still come;
    /// gamma, the probability of being there. Alpha and beta are natural logarithms relative to the largest of their frame.
    let lattice (model: SpeechModel) (duration: float) (lattice: CtcLattice) =
        let times = [| for t in 0 .. lattice.T - 1 -> fst ((model.Times.Span(t, t, duration)).ToTuple()) |]
        let states = [| 0 .. lattice.States - 1 |]

        let relative (value: int -> int -> float) t s =
            let top = states |> Seq.map (value t) |> Seq.max
            let below = value t s - top
            if below > deepest then Math.Round(below, 1) else nan

        let picture title (scale: StyleParam.Colorscale) value =
            Chart.Heatmap(
                zData = [| for s in states -> [| for t in 0 .. lattice.T - 1 -> value t s |] |],
                X = times,
                Y = states,
                ColorScale = scale,
                ColorBar = ColorBar.init (Title = Title.init (Text = title))
            )
            |> Chart.withYAxis (
                LinearAxis.init (
                    // The first label at the top, as one reads.
                    AutoRange = StyleParam.AutoRange.Reversed,
                    TickVals = states,
                    TickText = [|
                        for symbol in lattice.Extended -> if symbol = 0 then "-" else model.Inventory.Symbols[symbol]
                    |],
                    TickFont = Font.init (Size = 9.0)
                )
            )
            |> titled "seconds" "label, - is the blank"
            |> sized (160 + 10 * states.Length)

        [
            picture "ln alpha" StyleParam.Colorscale.Viridis (relative (fun t s -> lattice.LogAlpha(t, s)))
            picture "ln beta" StyleParam.Colorscale.Viridis (relative (fun t s -> lattice.LogBeta(t, s)))
            picture "gamma" StyleParam.Colorscale.Hot (fun t s -> Math.Round(lattice.Gamma(t, s), 3))
        ]

    /// A spectrogram with the recognised phones over it, each from its beginning to its end.
    let spectrogram (clip: AudioClip) (phones: IReadOnlyList<Interval>) =
        let picture = Spectrogram.Of clip

        let heat =
            Chart.Heatmap(
                zData = [| for k in 0 .. picture.Hertz.Length - 1 -> [| for row in picture.Decibels -> int row[k] |] |],
                X = picture.Seconds,
                Y = picture.Hertz,
                ColorScale = StyleParam.Colorscale.Greys,
                ReverseScale = true,
                ShowScale = false
            )

        let labels =
            Chart.Scatter(
                x = [ for phone in phones -> (phone.StartSeconds + phone.EndSeconds) / 2.0 ],
                y = [ for i in 0 .. phones.Count - 1 -> if i % 2 = 0 then 7600.0 else 7100.0 ],
                mode = StyleParam.Mode.Text,
                MultiText = [ for phone in phones -> phone.Label ],
                ShowLegend = false
            )

        let line x =
            Shape.init (
                ShapeType = StyleParam.ShapeType.Line,
                X0 = x,
                X1 = x,
                Y0 = 0.0,
                Y1 = 7000.0,
                Line = Line.init (Color = Color.fromKeyword DarkRed, Width = 0.5)
            )

        Chart.combine [ heat; labels ]
        |> Chart.withShapes [ for phone in phones -> line phone.StartSeconds ]
        |> titled "seconds" "Hz"
        |> sized 420

    /// How often the most frequent confusions occur.
    let confusions (inventory: PhoneInventory) (evaluation: Evaluation) =
        let worst = evaluation.Confusions() |> Seq.truncate 25 |> Seq.toList

        Chart.Column(
            values = [ for struct (_, _, count) in worst -> count ],
            Keys = [
                for struct (reference, hypothesis, _) in worst ->
                    $"{inventory.Symbols[reference]} as {inventory.Symbols[hypothesis]}"
            ]
        )
        |> titled "" "times"
        |> sized 320

    /// A row for each phone that was said, a column for each that was recognised instead or rightly; the share of the row in percent.
    /// The last row and column are of phones put in and missed.
    let confusionMatrix (inventory: PhoneInventory) (evaluation: Evaluation) =
        let table = evaluation.ConfusionMatrix()
        let all = [| yield! [| 1 .. inventory.Count - 1 |]; ConfusionMatrix.None |]
        let count reference hypothesis = table[reference, hypothesis]
        let said = all |> Array.filter (fun r -> all |> Array.exists (fun h -> count r h > 0))
        let heard = all |> Array.filter (fun h -> said |> Array.exists (fun r -> count r h > 0))

        let name label =
            if label = ConfusionMatrix.None then
                "nothing"
            else
                inventory.Symbols[label]

        let shares = [|
            for reference in said ->
                let sum = all |> Array.sumBy (count reference)

                [|
                    for hypothesis in heard -> Math.Round(100.0 * float (count reference hypothesis) / float sum, 1)
                |]
        |]

        Chart.Heatmap(
            zData = shares,
            X = Array.map name heard,
            Y = Array.map name said,
            ColorScale = StyleParam.Colorscale.Viridis
        )
        // The first phone at the top, as one reads.
        |> Chart.withYAxis (LinearAxis.init (AutoRange = StyleParam.AutoRange.Reversed))
        |> titled "recognised" "said"
        |> sized (160 + 18 * said.Length)
