namespace Hybrid.Dsl

open Hybrid.Core

/// The walk of features through a network, layer by layer.
module internal Shapes =
    /// A layer with the shape that it gives: [T / Stride, Features].
    type Row = { Path: string; Layer: LayerSpec; Stride: int; Features: int }

    /// All layers up to the first that has a problem of its own; that one's path, if there is one.
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

        go 1 network.Inputs [] (List.ofSeq network.Layers)

    /// Texts, equal ones counted: "2 × conv 3".
    let counted (texts: string seq) = [
        for text, group in Seq.countBy id texts -> if group > 1 then $"{group} × {text}" else text
    ]

    /// A layer in the words of its spec; of a residual block the layers that have weights of their own kind.
    let describe (layer: LayerSpec) =
        match layer with
        | :? ResidualSpec as residual when residual.Body.Count > 3 ->
            let inner =
                residual.Body
                |> Seq.filter (fun layer -> not (layer :? BatchNormSpec || layer :? ActivationSpec))
                |> Seq.map _.Describe()

            $"""residual ({String.concat "; " (counted inner)}; ...)"""
        | _ -> layer.Describe()

    /// A number of frames as a share of T.
    let frames stride = if stride = 1 then "T" else $"T/{stride}"

    /// The shapes up to the first layer that has a problem, as a table.
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
