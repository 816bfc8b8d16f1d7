namespace Hybrid.Dsl

open System.Text.Json.Nodes
open Hybrid.Core

/// What tells two architectures apart.
module internal Difference =
    let private json (layer: LayerSpec) = ModelSpec(1, 2, [| layer |], [||]).ToJson()

    /// Layers aligned with the fewest changes; each is a sentence, with the path in the second block, or in the first for what is gone.
    let private layers (name: string) (before: LayerSpec seq) (after: LayerSpec seq) =
        let before, after = Array.ofSeq before, Array.ofSeq after
        let texts = Array.append (Array.map json before) (Array.map json after) |> Array.distinct
        let numbers = Array.map (fun layer -> Array.findIndex ((=) (json layer)) texts)

        [
            for step in
                EditDistance.Align(System.ReadOnlySpan(numbers before), System.ReadOnlySpan(numbers after)).Steps do
                match step.Reference, step.Hypothesis with
                | i, -1 -> $"{name}.{i}: {Shapes.describe before[i]} is gone"
                | -1, j -> $"{name}.{j}: {Shapes.describe after[j]} is new"
                | i, j when json before[i] <> json after[j] ->
                    let old, fresh = Shapes.describe before[i], Shapes.describe after[j]

                    if old <> fresh then
                        $"{name}.{j}: {old} -> {fresh}"
                    else
                        $"{name}.{j}: {json before[i]} -> {json after[j]}"
                | _ -> ()
        ]

    let private values name (before: string) (after: string) =
        let parse text : JsonObject = (nonNull (JsonNode.Parse(text: string))).AsObject()
        let before, after = parse before, parse after

        [
            for key in Seq.append (before |> Seq.map _.Key) (after |> Seq.map _.Key) |> Seq.distinct do
                let value (o: JsonObject) =
                    match o[key] with
                    | null -> "nothing"
                    | value -> value.ToJsonString()

                if value before <> value after then
                    $"{name}.{key}: {value before} -> {value after}"
        ]

    let between (before: Architecture) (after: Architecture) =
        values "features" (before.Features.ToJson()) (after.Features.ToJson())
        @ layers "encoder" before.Network.Encoder after.Network.Encoder
        @ layers "decoder" before.Network.Decoder after.Network.Decoder
        @ [
            if before.Network.Symbols <> after.Network.Symbols then
                $"symbols: {before.Network.Symbols} -> {after.Network.Symbols}"
        ]
