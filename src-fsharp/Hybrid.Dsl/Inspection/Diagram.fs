namespace Hybrid.Dsl

open System
open System.Globalization
open System.Net
open Hybrid.Core

/// The figure of a network, as SVG: the more features leave a box, the wider it is; a box that joins frames has slanted sides;
/// normalisation, activation and dropout are named in the box of the layer that they follow; equal boxes in a row are drawn once.
module internal Diagram =
    /// What is drawn as one box.
    type private Box = {
        Title: string
        Details: string list
        Layer: LayerSpec
        /// Of its output.
        Stride: int
        Features: int
        Times: int
    }

    let private boxHeight, private gap, private columnWidth, private top = 40.0, 22.0, 330.0, 74.0

    let private colors (layer: LayerSpec) =
        match layer with
        | :? Conv1dSpec -> "#e6f0fa", "#4a86c5"
        | :? ResidualSpec -> "#d6e6f7", "#2d6bb0"
        | :? RecurrentSpec -> "#e0f2e4", "#3f9457"
        | :? FrameStackingSpec -> "#fdeae3", "#d07350"
        | :? LinearSpec -> "#efe6f7", "#8a63b0"
        | _ -> "#f4f4f4", "#8c8c8c"

    /// Whether a layer is but a detail of the one before.
    let private follows (layer: LayerSpec) =
        match layer with
        | :? BatchNormSpec
        | :? LayerNormSpec
        | :? ActivationSpec
        | :? DropoutSpec -> true
        | _ -> false

    /// Title and details of a layer by itself; `features` are those of its output.
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
        $"<text x=\"{number x}\" y=\"{number y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{color}\" font-weight=\"{weight}\">{WebUtility.HtmlEncode content}</text>"

    let private width (box: Box) = Math.Clamp(160.0 + 18.0 * Math.Log2(float box.Features / 16.0), 160.0, 290.0)

    let private arrow x fromY toY =
        $"<path d=\"M{number x} {number fromY}V{number (toY - 1.5)}\" class=\"way\" marker-end=\"url(#head)\"/>"

    let private draw x y (box: Box) = [
        let fill, stroke = colors box.Layer
        let w = width box
        let left, right, bottom = x - w / 2.0, x + w / 2.0, y + boxHeight
        let inset = if box.Layer :? FrameStackingSpec then 16.0 else 0.0

        if box.Times > 1 then
            $"<rect x=\"{number (left + 4.0)}\" y=\"{number (y + 4.0)}\" width=\"{number w}\" height=\"{number boxHeight}\" rx=\"5\" fill=\"{fill}\" stroke=\"{stroke}\"/>"

        if inset > 0.0 then
            $"<path d=\"M{number left} {number y}H{number right}L{number (right - inset)} {number bottom}H{number (left + inset)}Z\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-linejoin=\"round\"/>"
        else
            $"<rect x=\"{number left}\" y=\"{number y}\" width=\"{number w}\" height=\"{number boxHeight}\" rx=\"5\" fill=\"{fill}\" stroke=\"{stroke}\"/>"

        if box.Layer :? ResidualSpec then
            let start, stop, out = y - 9.0, bottom + 8.0, left - 13.0
            $"<path d=\"M{number x} {number start}H{number out}V{number stop}H{number (x - 2.0)}\" class=\"way\" stroke-dasharray=\"3 2\" marker-end=\"url(#head)\"/>"

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

        text (x + 7.0) (bottom + gap / 2.0 + 4.0) 10 "start" "#777" 400 $"{Shapes.frames box.Stride} × {box.Features}"
    ]

    /// A column of boxes below a pill: what is drawn, and where it ends.
    let private column x (name: string) (boxes: Box list) = [
        for i, box in List.indexed boxes do
            let y = top + float i * (boxHeight + gap)
            arrow x (y - gap) y
            yield! draw x y box
        text (x - columnWidth / 2.0 + 14.0) 26.0 13 "start" "#999" 600 name
    ]

    let private pill x y (content: string) = [
        $"<rect x=\"{number (x - 75.0)}\" y=\"{number y}\" width=\"150\" height=\"24\" rx=\"12\" fill=\"#fff\" stroke=\"#999\"/>"
        text x (y + 16.0) 11 "middle" "#444" 400 content
    ]

    /// The figure.
    let svg (architecture: Architecture) =
        let rows, _ = Shapes.walk architecture.Network

        let encoder, decoder =
            rows |> List.partition (fun row -> row.Path.StartsWith("encoder", StringComparison.Ordinal))

        let encoder, decoder = boxes encoder, boxes decoder
        let bottom (boxes: Box list) = top + float boxes.Length * (boxHeight + gap)
        let height = max (bottom encoder) (bottom decoder + 24.0) + 26.0
        let first, second = 20.0 + columnWidth / 2.0, 60.0 + 1.5 * columnWidth
        let between, total = 40.0 + columnWidth, 80.0 + 2.0 * columnWidth
        let preset = architecture.Features

        String.concat "\n" [
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {number total} {number height}\" width=\"{number total}\" height=\"{number height}\" font-family=\"Helvetica, Arial, sans-serif\">"
            "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8Z\" fill=\"#888\"/></marker></defs>"
            "<style>.way{fill:none;stroke:#888;stroke-width:1.2}</style>"
            $"<rect width=\"{number total}\" height=\"{number height}\" fill=\"#fff\"/>"
            for x in [ first; second ] do
                $"<rect x=\"{number (x - columnWidth / 2.0)}\" y=\"8\" width=\"{number columnWidth}\" height=\"{number (height - 16.0)}\" rx=\"8\" fill=\"#fafafa\" stroke=\"#e2e2e2\"/>"
            yield! column first "encoder" encoder
            yield! column second "decoder" decoder
            yield!
                pill
                    first
                    (top - gap - 24.0)
                    (let what =
                        match preset.Kind, preset.Deltas with
                        | Hybrid.Speech.FeatureKind.Mfcc, 0 -> "MFCC"
                        | Hybrid.Speech.FeatureKind.LogMel, 0 -> "log mel energies"
                        | _ -> "features"

                     $"T × {preset.Width} {what}")
            yield! pill second (bottom decoder) $"{architecture.Network.Symbols} logits per frame"
            arrow second (bottom decoder - gap) (bottom decoder)
            let down, up = bottom encoder + 2.0, top - gap - 14.0
            $"<path d=\"M{number first} {number (bottom encoder - gap)}V{number down}H{number between}V{number up}H{number second}V{number (top - gap)}\" class=\"way\"/>"
            "</svg>"
            ""
        ]
