namespace Hybrid.Dsl

open System.Text.Json.Nodes
open Hybrid.Core

/// The differences between two architectures.
module internal Difference =
    let private json (layer: LayerSpec) = NetworkSpec(1, 2, [| layer |], [||]).ToJson()

    /// The alignment of two lists of layers with the lowest edit cost. Only a layer of the same type counts as changed.
    /// Of equal costs, the one that keeps or changes a layer as late as possible.
    let private align (before: LayerSpec[]) (after: LayerSpec[]) =
        let texts = Array.map json before, Array.map json after

        let change i j =
            if (fst texts)[i] = (snd texts)[j] then 0
            elif before[i].GetType() = after[j].GetType() then 1
            else 3

        let cost = Array2D.zeroCreate (before.Length + 1) (after.Length + 1)

        for i in 0 .. before.Length do
            for j in 0 .. after.Length do
                cost[i, j] <-
                    List.min [
                        if i = 0 && j = 0 then
                            0
                        if i > 0 then
                            cost[i - 1, j] + 1
                        if j > 0 then
                            cost[i, j - 1] + 1
                        if i > 0 && j > 0 then
                            cost[i - 1, j - 1] + change (i - 1) (j - 1)
                    ]

        let rec back i j steps =
            if i > 0 && j > 0 && cost[i, j] = cost[i - 1, j - 1] + change (i - 1) (j - 1) then
                back (i - 1) (j - 1) ((Some(i - 1), Some(j - 1)) :: steps)
            elif i > 0 && cost[i, j] = cost[i - 1, j] + 1 then
                back (i - 1) j ((Some(i - 1), None) :: steps)
            elif j > 0 then
                back i (j - 1) ((None, Some(j - 1)) :: steps)
            else
                steps

        back before.Length after.Length []

    /// One sentence per change, with the path in the second block, or in the first for a removed layer.
    let private layers (name: string) (before: LayerSpec seq) (after: LayerSpec seq) =
        let before, after = Array.ofSeq before, Array.ofSeq after

        [
            for step in align before after do
                match step with
                | Some i, None -> $"{name}.{i}: {Shapes.describe before[i]} is removed"
                | None, Some j -> $"{name}.{j}: {Shapes.describe after[j]} is added"
                | Some i, Some j when json before[i] <> json after[j] ->
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

    /// All differences, one sentence each.
    let between (before: Architecture) (after: Architecture) =
        values "features" (before.Features.ToJson()) (after.Features.ToJson())
        @ layers "encoder" before.Network.Encoder after.Network.Encoder
        @ layers "decoder" before.Network.Decoder after.Network.Decoder
        @ [
            if before.Network.Symbols <> after.Network.Symbols then
                $"symbols: {before.Network.Symbols} -> {after.Network.Symbols}"
        ]
        |> List.map Printable.line
