namespace Hybrid.Dsl

open Hybrid.Core

/// Output shapes of a network, layer by layer.
module internal Shapes =
    /// A layer and its output shape, [T / Stride, Features].
    type Row = { Path: string; Layer: LayerSpec; Stride: float; Features: int }

    /// The layers before the first invalid one, and the path and spec of that one, if any.
    let walk (network: NetworkSpec) =
        let rec go stride features rows (layers: struct (string * LayerSpec) list) =
            match layers with
            | [] -> List.rev rows, None
            | struct (path, layer) :: _ when features < 1 || not (Seq.isEmpty (layer.Problems features)) ->
                List.rev rows, Some(path, layer)
            | struct (path, layer) :: rest ->
                let built = layer.Build<float32> features

                let row = {
                    Path = path
                    Layer = layer
                    Stride = stride * built.FrameMapping.Stride
                    Features = built.OutputFeatures
                }

                go row.Stride row.Features (row :: rows) rest

        go 1.0 network.Inputs [] (List.ofSeq network.Layers)

    /// Distinct texts with their counts: "2 × conv 3".
    let counted (texts: string seq) = [
        for text, group in Seq.countBy id texts -> if group > 1 then $"{group} × {text}" else text
    ]

    /// The description of a layer; a long residual block is shortened to its layers with weights.
    let describe (layer: LayerSpec) =
        match layer with
        | :? ResidualSpec as residual when residual.Body.Count > 3 ->
            let inner =
                residual.Body
                |> Seq.filter (fun layer -> not (layer :? BatchNormSpec || layer :? ActivationSpec))
                |> Seq.map _.Describe()

            $"""residual ({String.concat "; " (counted inner)}; ...)"""
        | _ -> layer.Describe()

    /// The number of frames after subsampling, as a fraction of T.
    let frames stride =
        if stride = 1.0 then "T"
        elif stride > 1.0 then $"T/{Table.short stride}"
        else $"{Table.short (1.0 / stride)} T"

    /// A table of the shapes up to the first invalid layer.
    let table (network: NetworkSpec) =
        let rows, failing = walk network

        [
            [ "  features"; ""; $"[T, {network.Inputs}]" ]
            for row in rows do
                [ $"  {row.Path}"; describe row.Layer; $"[{frames row.Stride}, {row.Features}]" ]
            match failing with
            | Some(path, layer) -> [ $"  {path}"; describe layer; "?" ]
            | None -> ()
        ]
        |> Table.text Set.empty
