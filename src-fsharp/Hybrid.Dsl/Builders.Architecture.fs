namespace Hybrid.Dsl

open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core
open Hybrid.Speech

/// Layers in order: `stack { ... }` gives a block that can be named and used in others.
type StackBuilder() =
    member _.Yield(layer: LayerSpec, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        Block [ { Layer = layer; Line = line } ]

    member _.Yield(block: Block) = block
    member _.Zero() = Block []
    member _.Combine(Block first, Block second) = Block(first @ second)
    member _.Delay(block: unit -> Block) = block ()

    member _.For(items: seq<'item>, block: 'item -> Block) =
        Block [
            for item in items do
                let (Block layers) = block item
                yield! layers
        ]

/// The layers between features and representation.
type EncoderBlock = EncoderBlock of PlacedLayer list

/// The layers between representation and logits.
type DecoderBlock = DecoderBlock of PlacedLayer list

/// `encoder { ... }`
type EncoderBuilder() =
    inherit StackBuilder()
    member _.Run(Block layers) = EncoderBlock layers

/// `decoder { ... }`
type DecoderBuilder() =
    inherit StackBuilder()
    member _.Run(Block layers) = DecoderBlock layers

/// `features (mfcc 28)`
type FeatureDeclaration = FeatureDeclaration of FeaturePreset

/// What stands in `encoderDecoder { ... }`.
type ArchitecturePart =
    | FeaturePart of FeaturePreset
    | EncoderPart of PlacedLayer list
    | DecoderPart of PlacedLayer list

/// `encoderDecoder { ... }`: features, an encoder and a decoder, each once. When the block ends, shapes are walked and all
/// mistakes reported together.
type EncoderDecoderBuilder() =
    /// Each part once; how often it stands there otherwise, as a mistake with its remedy.
    static let single name example (parts: (int * 'part) list) =
        match parts with
        | [ _, part ] -> Ok part
        | [] -> Error { Line = 0; Message = $"{name} is missing: write {example}" }
        | _ -> Error { Line = fst (List.last parts); Message = $"{name} stands here {parts.Length} times: keep one" }

    member _.Yield(FeatureDeclaration preset, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        [ line, FeaturePart preset ]

    member _.Yield(EncoderBlock layers, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        [ line, EncoderPart layers ]

    member _.Yield(DecoderBlock layers, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        [ line, DecoderPart layers ]

    member _.Zero() : (int * ArchitecturePart) list = []
    member _.Combine(first: (int * ArchitecturePart) list, second: (int * ArchitecturePart) list) = first @ second
    member _.Delay(parts: unit -> (int * ArchitecturePart) list) = parts ()

    member _.Run(parts: (int * ArchitecturePart) list) : Hybrid.Dsl.Architecture =
        let features = parts |> List.choose (function line, FeaturePart preset -> Some(line, preset) | _ -> None) |> single "features" "features (mfcc 28)"
        let encoder = parts |> List.choose (function line, EncoderPart layers -> Some(line, layers) | _ -> None) |> single "encoder" "encoder { ... }"
        let decoder = parts |> List.choose (function line, DecoderPart layers -> Some(line, layers) | _ -> None) |> single "decoder" "decoder { ... }"

        match features, encoder, decoder with
        | Ok preset, Ok encoder, Ok decoder ->
            let specs layers = [| for placed in layers -> placed.Layer |] :> IReadOnlyList<LayerSpec>
            let network = ModelSpec(preset.Coefficients, phones, specs encoder, specs decoder)
            let lines = dict (Seq.zip (network.Layers |> Seq.map (fun struct (path, _) -> path)) [ for placed in encoder @ decoder -> placed.Line ])

            let mistakes = [
                for problem in preset.Validate() -> { Line = 0; Message = $"features: {problem}" }
                for problem in network.Validate() ->
                    match lines.TryGetValue problem.Path with
                    | true, line -> { Line = line; Message = $"{problem}" }
                    | _ -> { Line = 0; Message = $"{problem}" }
            ]

            if mistakes.IsEmpty then { Features = preset; Network = network } else raise (DeclarationException("the network", mistakes))
        | _ ->
            let mistakes = [
                match features with Error m -> m | Ok _ -> ()
                match encoder with Error m -> m | Ok _ -> ()
                match decoder with Error m -> m | Ok _ -> ()
            ]

            raise (DeclarationException("the network", mistakes))

/// The blocks of an architecture.
[<AutoOpen>]
module ArchitectureBuilders =
    /// Layers in order, as a value to be used in other blocks.
    let stack = StackBuilder()

    /// The layers between features and representation.
    let encoder = EncoderBuilder()

    /// The layers between representation and logits.
    let decoder = DecoderBuilder()

    /// How sound becomes feature vectors.
    let features preset = FeatureDeclaration preset

    /// A network: features, an encoder and a decoder.
    let encoderDecoder = EncoderDecoderBuilder()
