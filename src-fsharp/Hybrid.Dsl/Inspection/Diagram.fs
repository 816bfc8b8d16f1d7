namespace Hybrid.Dsl

open System
open System.Globalization
open Hybrid.Core

/// The diagram of a network as SVG. The width of a box grows with the number of output features; frame stacking has
/// slanted sides; normalisation, activation and dropout are named in the box of the layer that they follow; consecutive
/// equal boxes are drawn once. A legend and the totals are below the shorter column.
module internal Diagram =
    /// One box of the diagram.
    type private Box = {
        Title: string
        Details: string list
        Layer: LayerSpec
        /// Subsampling of the output.
        Stride: float
        Features: int
        Times: int
    }

    let private boxHeight, private gap, private columnWidth, private top = 40.0, 22.0, 330.0, 74.0

    /// A kind of layer in the legend.
    type private Kind = { Name: string; Fill: string; Stroke: string }

    let private otherLayer = "other layer"

    let private kindOf (layer: LayerSpec) =
        let name, fill, stroke =
            match layer with
            | :? Conv1dSpec -> "convolution", "#e6f0fa", "#4a86c5"
            | :? ResidualSpec -> "residual block (dashed: its input is added)", "#d6e6f7", "#2d6bb0"
            | :? RecurrentSpec -> "recurrent", "#e0f2e4", "#3f9457"
            | :? FrameStackingSpec -> "frame stacking", "#fdeae3", "#d07350"
            | :? FrameUnstackingSpec -> "frame splitting", "#fbf3d9", "#b8952f"
            | :? LinearSpec -> "linear", "#efe6f7", "#8a63b0"
            | _ -> otherLayer, "#f4f4f4", "#8c8c8c"

        { Name = name; Fill = fill; Stroke = stroke }

    /// Whether a layer is named in the box of the layer before it.
    let private follows (layer: LayerSpec) =
        match layer with
        | :? BatchNormSpec
        | :? LayerNormSpec
        | :? ActivationSpec
        | :? DropoutSpec -> true
        | _ -> false

    /// Title and details of a layer with `features` output features.
    let private words features (layer: LayerSpec) =
        let within (layer: LayerSpec) =
            match layer with
            | :? SqueezeExciteSpec as excite -> $"squeeze-excite {excite.Reduction}"
            | :? Conv1dSpec as conv when conv.Channels = features ->
                conv.Describe().Replace($"conv1d {features}, ", "conv ")
            | _ -> layer.Describe()

        match layer with
        | :? ResidualSpec as residual ->
            $"residual {features}", residual.Body |> Seq.filter (follows >> not) |> Seq.map within |> Shapes.counted
        | :? SpecAugmentSpec -> "mask", [ layer.Describe().Replace("mask ", "") ]
        | _ ->
            match layer.Describe().Split(", ", 2) with
            | [| title; rest |] -> title, [ rest ]
            | whole -> whole[0], []

    let private boxes (rows: Shapes.Row list) =
        ([], rows)
        ||> List.fold (fun boxes row ->
            match boxes with
            | box :: earlier when follows row.Layer && not (box.Layer :? SpecAugmentSpec) ->
                { box with Details = box.Details @ [ row.Layer.Describe() ] } :: earlier
            | _ ->
                let title, details = words row.Features row.Layer

                {
                    Title = title
                    Details = details
                    Layer = row.Layer
                    Stride = row.Stride
                    Features = row.Features
                    Times = 1
                }
                :: boxes)
        |> List.rev
        |> List.fold
            (fun boxes box ->
                match boxes with
                | last :: earlier when
                    { last with Times = 1; Layer = box.Layer } = box && last.Layer.Describe() = box.Layer.Describe()
                    ->
                    { last with Times = last.Times + 1 } :: earlier
                | _ -> box :: boxes)
            []
        |> List.rev

    let private number (x: float) = x.ToString("0.#", CultureInfo.InvariantCulture)

    let private text x y size anchor color weight (content: string) =
        $"<text x=\"{number x}\" y=\"{number y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{color}\" "
        + $"font-weight=\"{weight}\">{Printable.html content}</text>"

    let private rectangle x y w h radius fill stroke =
        $"<rect x=\"{number x}\" y=\"{number y}\" width=\"{number w}\" height=\"{number h}\" rx=\"{radius}\" "
        + $"fill=\"{fill}\" stroke=\"{stroke}\"/>"

    let private width (box: Box) = Math.Clamp(160.0 + 18.0 * Math.Log2(float box.Features / 16.0), 160.0, 290.0)

    let private arrow x fromY toY =
        $"<path d=\"M{number x} {number fromY}V{number (toY - 1.5)}\" class=\"edge\" marker-end=\"url(#head)\"/>"

    let private draw x y (box: Box) = [
        let kind = kindOf box.Layer
        let w = width box
        let left, right, bottom = x - w / 2.0, x + w / 2.0, y + boxHeight
        let inset = if box.Layer :? FrameStackingSpec then 16.0 else 0.0

        if box.Times > 1 then
            rectangle (left + 4.0) (y + 4.0) w boxHeight 5 kind.Fill kind.Stroke

        if inset > 0.0 then
            $"<path d=\"M{number left} {number y}H{number right}L{number (right - inset)} {number bottom}"
            + $"H{number (left + inset)}Z\" fill=\"{kind.Fill}\" stroke=\"{kind.Stroke}\" stroke-linejoin=\"round\"/>"
        else
            rectangle left y w boxHeight 5 kind.Fill kind.Stroke

        if box.Layer :? ResidualSpec then
            let start, stop, out = y - 9.0, bottom + 8.0, left - 13.0

            $"<path d=\"M{number x} {number start}H{number out}V{number stop}H{number (x - 2.0)}\" class=\"edge\" "
            + "stroke-dasharray=\"3 2\" marker-end=\"url(#head)\"/>"

        let title =
            if box.Times > 1 then
                $"{box.Times} × {box.Title}"
            else
                box.Title

        if box.Details.IsEmpty then
            text x (y + 25.0) 13 "middle" "#222" 600 title
        else
            text x (y + 17.0) 13 "middle" "#222" 600 title
            text x (y + 32.0) 10 "middle" "#555" 400 (String.concat " · " box.Details)

        text (x + 7.0) (bottom + gap / 2.0 + 4.0) 10 "start" "#666" 400 $"{Shapes.frames box.Stride} × {box.Features}"
    ]

    let private panel x y height = rectangle (x - columnWidth / 2.0) y columnWidth height 8 "#fafafa" "#e2e2e2"

    let private heading x y name = text (x - columnWidth / 2.0 + 14.0) (y + 18.0) 13 "start" "#777" 600 name

    /// The boxes of a column, from top to bottom.
    let private column x (name: string) (boxes: Box list) = [
        for i, box in List.indexed boxes do
            let y = top + float i * (boxHeight + gap)
            arrow x (y - gap) y
            yield! draw x y box
        heading x 8.0 name
    ]

    let private pill x y (content: string) = [
        rectangle (x - 75.0) y 150.0 24.0 12 "#fff" "#999"
        text x (y + 16.0) 11 "middle" "#444" 400 content
    ]

    let private lineHeight = 18.0

    /// The totals of a network, one line each.
    let private totals (architecture: Architecture) = [
        let summary = Summary.Of(architecture, 10)
        let grouped (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)
        $"{grouped summary.Parameters} parameters"
        $"{grouped (summary.MultiplyAddsPerSecond / 1_000_000L)} million multiply-adds per second of audio"

        let hop = architecture.Features.HopMilliseconds
        let every = hop * summary.Subsampling
        $"T: one frame every {number hop} ms; one output every {number every} ms"
    ]

    let private legendHeight kinds lines = 34.0 + lineHeight * float (List.length kinds + List.length lines + 1)

    let private legend x y (kinds: Kind list) (lines: string list) = [
        panel x y (legendHeight kinds lines)
        heading x y "total"
        let left = x - columnWidth / 2.0 + 14.0
        let row i = y + 38.0 + lineHeight * float i

        for i, line in List.indexed lines do
            text left (row i) 11 "start" "#333" 400 line

        for i, kind in List.indexed kinds do
            let y = row (lines.Length + i)
            rectangle left (y - 10.0) 20.0 12.0 2 kind.Fill kind.Stroke
            text (left + 28.0) y 11 "start" "#333" 400 kind.Name

        text
            left
            (row (lines.Length + kinds.Length))
            11
            "start"
            "#333"
            400
            "width of a box: output features; on edges: frames × features"
    ]

    /// The diagram of a network.
    let svg (architecture: Architecture) =
        let rows, _ = Shapes.walk architecture.Network

        let encoder, decoder =
            rows |> List.partition (fun row -> row.Path.StartsWith("encoder", StringComparison.Ordinal))

        let encoder, decoder = boxes encoder, boxes decoder
        let bottom (boxes: Box list) = top + float boxes.Length * (boxHeight + gap)
        let encoderEnd, decoderEnd = bottom encoder + 18.0, bottom decoder + 42.0

        let kinds =
            encoder @ decoder
            |> List.map (fun box -> kindOf box.Layer)
            |> List.distinct
            |> List.sortBy (fun kind -> kind.Name = otherLayer)

        let lines = totals architecture
        let legendTop = min encoderEnd decoderEnd + 16.0
        let height = List.max [ encoderEnd; decoderEnd; legendTop + legendHeight kinds lines ] + 8.0
        let first, second = 20.0 + columnWidth / 2.0, 60.0 + 1.5 * columnWidth
        let between, total = 40.0 + columnWidth, 80.0 + 2.0 * columnWidth
        let preset = architecture.Features

        String.concat "\n" [
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {number total} {number height}\" "
            + $"width=\"{number total}\" height=\"{number height}\" font-family=\"Helvetica, Arial, sans-serif\">"
            "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" "
            + "orient=\"auto\"><path d=\"M0 0L8 4L0 8Z\" fill=\"#888\"/></marker></defs>"
            "<style>.edge{fill:none;stroke:#888;stroke-width:1.2}</style>"
            $"<rect width=\"{number total}\" height=\"{number height}\" fill=\"#fff\"/>"
            panel first 8.0 (encoderEnd - 8.0)
            panel second 8.0 (decoderEnd - 8.0)
            yield! column first "encoder" encoder
            yield! column second "decoder" decoder
            yield!
                pill
                    first
                    (top - gap - 24.0)
                    (let name =
                        match preset.Kind, preset.Deltas with
                        | Hybrid.Speech.FeatureKind.Mfcc, 0 -> "MFCC"
                        | Hybrid.Speech.FeatureKind.LogMel, 0 -> "log mel energies"
                        | _ -> "features"

                     $"T × {preset.Width} {name}")
            yield! pill second (bottom decoder) $"{architecture.Network.Symbols} logits per frame"
            arrow second (bottom decoder - gap) (bottom decoder)
            let down, up = bottom encoder + 2.0, top - gap - 14.0

            $"<path d=\"M{number first} {number (bottom encoder - gap)}V{number down}H{number between}V{number up}"
            + $"H{number second}V{number (top - gap)}\" class=\"edge\"/>"

            yield! legend (if decoderEnd <= encoderEnd then second else first) legendTop kinds lines
            "</svg>"
            ""
        ]
