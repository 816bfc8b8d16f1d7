namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.ComponentModel
open System.Diagnostics
open System.IO
open Plotly.NET
open Plotly.NET.LayoutObjects
open Hybrid.Core
open Hybrid.Speech

/// Charts of trainings, recordings and errors: `show (posteriors (model, "a.wav"))`. All heat maps share one colour
/// map, white for the lowest value and dark blue for the highest.
[<AutoOpen; AbstractClass; Sealed>]
type Charts =
    // ColorBrewer's Blues, from white.
    static let colors =
        StyleParam.Colorscale.Custom [
            0.0, Color.fromString "#ffffff"
            0.125, Color.fromString "#deebf7"
            0.25, Color.fromString "#c6dbef"
            0.375, Color.fromString "#9ecae1"
            0.5, Color.fromString "#6baed6"
            0.75, Color.fromString "#2171b5"
            1.0, Color.fromString "#08306b"
        ]

    static let first, second = Color.fromString "#2171b5", Color.fromString "#d94801"
    static let faint = Color.fromString "#9aa5b1"

    /// Text from data, for the small subset of HTML that Plotly interprets in labels.
    static let label = Printable.html

    static let framed height chart =
        chart
        // Plotly.NET's default width would be a minimum on a page.
        |> GenericChart.mapLayout (fun layout ->
            layout.RemoveProperty "width" |> ignore
            layout)
        |> Chart.withTemplate ChartTemplates.lightMirrored
        |> Chart.withLayoutStyle (Height = height, Font = Font.init (Size = 12.0))
        |> Chart.withMarginSize (Left = 56, Right = 12, Top = 12, Bottom = 48)

    static let titled (x: string) (y: string) chart =
        chart |> Chart.withXAxisStyle (TitleText = x) |> Chart.withYAxisStyle (TitleText = y)

    /// The y axis of a heat map, from top to bottom with one tick per row.
    static let rows (labels: string[]) =
        LinearAxis.init (
            AutoRange = StyleParam.AutoRange.Reversed,
            TickVals = [| 0 .. labels.Length - 1 |],
            TickText = labels,
            TickFont = Font.init (Size = 10.0),
            ShowGrid = false,
            ZeroLine = false
        )

    static let bar (title: string) =
        ColorBar.init (Thickness = 10.0, Title = Title.init (Text = title), TickFont = Font.init (Size = 10.0))

    static let heatmap (title: string) (x: 'x[]) (labels: string[]) (values: float[][]) =
        Chart.Heatmap(
            zData = values,
            X = x,
            Y = [| 0 .. labels.Length - 1 |],
            ColorScale = colors,
            ColorBar = bar title
        )
        |> Chart.withXAxis (LinearAxis.init (ShowGrid = false, ZeroLine = false))
        |> Chart.withYAxis (rows labels)

    /// The start of each frame of a network's output, in seconds.
    static let starts (model: SpeechModel) count duration = [|
        for t in 0 .. count - 1 ->
            let struct (start, _) = model.Times.Span(t, t, duration)
            start
    |]

    static let symbol (model: SpeechModel) v = if v = 0 then "blank" else label model.Inventory.Symbols[v]

    static let curve (name: string) (color: Color) (history: IReadOnlyList<EpochReport>) (value: EpochReport -> float) =
        Chart.Line(
            [ for report in history -> report.Epoch ],
            [ for report in history -> value report ],
            Name = name,
            ShowMarkers = true,
            LineColor = color,
            MarkerColor = color
        )

    static let inside = Legend.init (X = 0.98, Y = 0.98, XAnchor = StyleParam.XAnchorPosition.Right)

    /// Names above each other on two levels, so that neighbours do not overlap.
    static let tier (bottom: float) (intervals: Interval[]) =
        Chart.Scatter(
            x = [ for i in intervals -> (i.StartSeconds + i.EndSeconds) / 2.0 ],
            y = [ for i in 0 .. intervals.Length - 1 -> bottom + (if i % 2 = 0 then 1.5 else 0.5) ],
            mode = StyleParam.Mode.Text,
            MultiText = [ for i in intervals -> label i.Label ],
            ShowLegend = false
        )
        |> GenericChart.mapTrace (fun trace ->
            trace.SetProperty("textfont", Font.init (Size = 11.0))
            trace.SetProperty("hoverinfo", "skip")
            trace)
        |> Chart.withAxisAnchor (Y = 2)

    static let line (reference: string) x y0 y1 =
        let shape =
            Shape.init (
                ShapeType = StyleParam.ShapeType.Line,
                X0 = x,
                X1 = x,
                Y0 = y0,
                Y1 = y1,
                Line = Line.init (Color = faint, Width = 0.7)
            )

        shape.SetProperty("yref", reference)
        shape

    /// <summary>Opens a chart in the browser, and prints where its file is, which needs no network.</summary>
    /// <param name="chart">The chart.</param>
    static member show(chart: GenericChart) : unit =
        let page = Path.Combine(Directory.CreateTempSubdirectory("hybrid-chart-").FullName, "chart.html")
        Report.write (page, "Hybrid", [ Picture chart ])
        printfn $"chart: {page}"

        try
            use _ = Process.Start(ProcessStartInfo(page, UseShellExecute = true))
            ()
        with :? Win32Exception ->
            () // No program opens pages here; the path is printed.

    /// <summary>Training and validation loss after each epoch, on a logarithmic axis.</summary>
    /// <param name="history">The epochs.</param>
    static member loss(history: IReadOnlyList<EpochReport>) : GenericChart =
        [ curve "training" first history _.TrainLoss; curve "validation" second history _.DevLoss ]
        |> Chart.combine
        |> titled "epoch" "loss per label, nats"
        // Labels such as 0.05: by default, only the first digit is shown between powers of ten.
        |> Chart.withYAxis (LinearAxis.init (AxisType = StyleParam.AxisType.Log, TickFormat = "~g"))
        |> Chart.withLegend inside
        |> framed 320

    /// <summary>Phone error rate on the validation data after each epoch.</summary>
    /// <param name="history">The epochs.</param>
    static member errorRate(history: IReadOnlyList<EpochReport>) : GenericChart =
        curve "validation" second history _.DevPer
        |> titled "epoch" "phone error rate, %"
        |> Chart.withYAxis (LinearAxis.init (RangeMode = StyleParam.RangeMode.ToZero))
        |> framed 320

    /// <summary>Loss and phone error rate after each epoch of a training.</summary>
    /// <param name="result">The training.</param>
    static member curves(result: TrainingResult) : GenericChart =
        [ Charts.loss result.History; Charts.errorRate result.History ]
        |> Chart.Grid(nRows = 2, nCols = 1)
        |> Chart.withLayoutStyle (Height = 640)

    /// <summary>The probability of each symbol over time; symbols that stay below 0.01 are omitted.</summary>
    /// <param name="model">The model.</param>
    /// <param name="durationSeconds">The length of the recording.</param>
    /// <param name="logProbs">The output of the model, [T, V].</param>
    static member posteriors(model: SpeechModel, durationSeconds: float, logProbs: LogProbs) : GenericChart =
        let probability t v = Math.Round(exp (float logProbs[t].[v]), 3)
        let frames = [| 0 .. logProbs.T - 1 |]

        let shown = [|
            for v in Array.append [| 0 |] (PhoneOrder.byKind model.Inventory) do
                if frames |> Array.exists (fun t -> probability t v >= 0.01) then
                    v
        |]

        heatmap "probability" (starts model logProbs.T durationSeconds) (Array.map (symbol model) shown) [|
            for v in shown -> [| for t in frames -> probability t v |]
        |]
        |> titled "seconds" "symbol"
        |> framed (110 + 18 * shown.Length)

    /// <summary>The probability of each symbol over time; symbols that stay below 0.01 are omitted.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">A sound file.</param>
    static member posteriors(model: SpeechModel, path: string) : GenericChart =
        let clip = AudioClip.Read path
        Charts.posteriors (model, clip.DurationSeconds, Recognizer(model).LogProbs clip)

    /// <summary>
    /// The lattice of CTC for known labels, as three charts. Alpha: log probability of all paths up to a state. Beta:
    /// of all paths from it to the end. Gamma: the posterior probability of the state. Alpha and beta are relative to
    /// the largest value of their frame.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="durationSeconds">The length of the recording.</param>
    /// <param name="lattice">The lattice.</param>
    static member lattice(model: SpeechModel, durationSeconds: float, lattice: CtcLattice) : GenericChart list =
        let frames, states = [| 0 .. lattice.T - 1 |], [| 0 .. lattice.States - 1 |]
        let times = starts model lattice.T durationSeconds

        let labels = [|
            for symbol in lattice.Extended ->
                if symbol = 0 then
                    "-"
                else
                    label model.Inventory.Symbols[symbol]
        |]

        // Nats below the best state of a frame; lower values are left white.
        let floor = -30.0

        let relative (value: int -> int -> float) =
            let best = frames |> Array.map (fun t -> states |> Seq.map (value t) |> Seq.max)

            fun t s ->
                let below = value t s - best[t]
                if below > floor then Math.Round(below, 1) else nan

        let chart title value =
            heatmap title times labels [| for s in states -> [| for t in frames -> value t s |] |]
            |> titled "seconds" "label, - is the blank"
            |> framed (110 + 11 * states.Length)

        [
            chart "ln alpha" (relative (fun t s -> lattice.LogAlpha(t, s)))
            chart "ln beta" (relative (fun t s -> lattice.LogBeta(t, s)))
            chart "gamma" (fun t s -> Math.Round(lattice.Gamma(t, s), 3))
        ]

    /// <summary>A spectrogram with tiers of phones and words below it.</summary>
    /// <param name="clip">The sound.</param>
    /// <param name="phones">The phones, in order.</param>
    /// <param name="words">The words, in order; without them there is no tier of words.</param>
    static member spectrogram(clip: AudioClip, phones: Interval seq, ?words: Interval seq) : GenericChart =
        let phones, words = Array.ofSeq phones, Array.ofSeq (defaultArg words Seq.empty)
        let picture = Spectrogram.Of clip
        let bottom = if words.Length = 0 then 2.0 else 0.0
        let share = if words.Length = 0 then 0.16 else 0.28

        let power =
            Chart.Heatmap(
                zData = [| for k in 0 .. picture.Hertz.Length - 1 -> [| for row in picture.Decibels -> int row[k] |] |],
                X = picture.Seconds,
                Y = picture.Hertz,
                ColorScale = colors,
                ShowScale = false
            )

        [ power; tier 2.0 phones; tier 0.0 words ]
        |> Chart.combine
        |> Chart.withShapes [
            for phone in phones do
                line "y" phone.StartSeconds 0.0 (Array.last picture.Hertz)
                line "y2" phone.StartSeconds 2.0 4.0
            for word in words do
                line "y2" word.StartSeconds 0.0 2.0
                line "y2" word.EndSeconds 0.0 2.0
        ]
        |> titled "seconds" "hertz"
        |> Chart.withXAxis (
            LinearAxis.init (
                Range = StyleParam.Range.MinMax(0.0, clip.DurationSeconds),
                Anchor = StyleParam.LinearAxisId.Y 2
            )
        )
        |> Chart.withYAxis (LinearAxis.init (Domain = StyleParam.Range.MinMax(share, 1.0)))
        |> Chart.withYAxis (
            LinearAxis.init (
                Domain = StyleParam.Range.MinMax(0.0, share - 0.01),
                Range = StyleParam.Range.MinMax(bottom, 4.0),
                TickVals = [ 1.0; 3.0 ],
                TickText = [ "words"; "phones" ],
                ShowGrid = false,
                ZeroLine = false
            ),
            Id = StyleParam.SubPlotId.YAxis 2
        )
        |> framed 440

    /// <summary>The spectrogram of a sound file with the recognised phones.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The sound file.</param>
    static member recognized(model: SpeechModel, path: string) : GenericChart =
        let clip = AudioClip.Read path
        Charts.spectrogram (clip, (Recognizer(model).Recognize clip).Hypotheses[0].Phones)

    /// <summary>The spectrogram of a sound file with the phones and words of its text, aligned.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The sound file.</param>
    /// <param name="text">The words spoken in it.</param>
    /// <param name="lexicons">Pronouncing dictionaries, tried in order; default: the built-in words.</param>
    static member aligned(model: SpeechModel, path: string, text: string, ?lexicons: Lexicon list) : GenericChart =
        let clip = AudioClip.Read path
        let alignment = Aligner(Recognizer model, defaultArg lexicons []).AlignText(path, clip, text)
        Charts.spectrogram (clip, alignment.Phones, alignment.Words)

    /// <summary>The most frequent substitutions, as bars.</summary>
    /// <param name="model">The model, for the names of the phones.</param>
    /// <param name="evaluation">The evaluation.</param>
    static member substitutions(model: SpeechModel, evaluation: Evaluation) : GenericChart =
        let name v = label model.Inventory.Symbols[v]
        let worst = evaluation.Confusions() |> Seq.truncate 15 |> Seq.rev |> Seq.toList
        let most = worst |> List.fold (fun most (struct (_, _, count)) -> max most count) 0

        Chart.Bar(
            values = [ for struct (_, _, count) in worst -> count ],
            Keys = [ for struct (reference, hypothesis, _) in worst -> $"{name reference} as {name hypothesis}" ],
            MarkerColor = first
        )
        |> titled "times" ""
        // Whole numbers where Plotly would choose fractions.
        |> Chart.withXAxis (LinearAxis.init (?DTick = (if most < 10 then Some 1.0 else None)))
        |> framed (90 + 20 * worst.Length)
        |> Chart.withMarginSize (Left = 84, Right = 12, Top = 12, Bottom = 48)

    /// <summary>
    /// The confusion matrix without its diagonal: a row per phone spoken, a column per phone recognised instead, in
    /// percent of the times spoken. Phones are ordered by kind. The last column has deletions, the last row insertions
    /// in percent of all phones spoken.
    /// </summary>
    /// <param name="model">The model, for the names of the phones.</param>
    /// <param name="evaluation">The evaluation.</param>
    static member confusions(model: SpeechModel, evaluation: Evaluation) : GenericChart =
        let table = evaluation.ConfusionMatrix()
        let all = [| yield! PhoneOrder.byKind model.Inventory; ConfusionMatrix.None |]
        let count reference hypothesis = table[reference, hypothesis]
        let spoken = all |> Array.filter (fun r -> all |> Array.exists (fun h -> count r h > 0))
        let heard = all |> Array.filter (fun h -> spoken |> Array.exists (fun r -> count r h > 0))

        let name v = if v = ConfusionMatrix.None then "none" else symbol model v

        let values = [|
            for reference in spoken ->
                let times =
                    if reference = ConfusionMatrix.None then
                        evaluation.ReferenceLabels
                    else
                        all |> Array.sumBy (count reference)

                [|
                    for hypothesis in heard ->
                        if reference = hypothesis then
                            nan
                        else
                            Math.Round(100.0 * float (count reference hypothesis) / float times, 1)
                |]
        |]

        let kind v =
            if v = ConfusionMatrix.None then
                ""
            else
                PhoneOrder.kind model.Inventory.Symbols[v]

        // A line between two kinds, at the edge of the cells.
        let borders (labels: int[]) = [
            for i in 1 .. labels.Length - 1 do
                if kind labels[i] <> kind labels[i - 1] then
                    float i - 0.5
        ]

        let border x0 x1 y0 y1 =
            Shape.init (
                ShapeType = StyleParam.ShapeType.Line,
                X0 = x0,
                X1 = x1,
                Y0 = y0,
                Y1 = y1,
                Line = Line.init (Color = faint, Width = 0.7)
            )

        let right, bottom = float heard.Length - 0.5, float spoken.Length - 0.5

        heatmap "%" [| 0 .. heard.Length - 1 |] (Array.map name spoken) values
        |> GenericChart.mapTrace (fun trace ->
            trace.SetProperty("text", [| for r in spoken -> [| for h in heard -> $"{name r} as {name h}" |] |])
            trace.SetProperty("hovertemplate", "%{text}: %{z} %<extra></extra>")
            trace)
        |> Chart.withXAxis (
            LinearAxis.init (
                TickVals = [| 0 .. heard.Length - 1 |],
                TickText = Array.map name heard,
                TickAngle = -90,
                TickFont = Font.init (Size = 10.0)
            )
        )
        |> Chart.withShapes [
            for x in borders heard -> border x x -0.5 bottom
            for y in borders spoken -> border -0.5 right y y
        ]
        |> titled "recognised" "spoken"
        |> framed (130 + 17 * spoken.Length)
        // Below this width the names of the columns would overlap.
        |> Chart.withLayoutStyle (Width = 110 + 15 * heard.Length)
