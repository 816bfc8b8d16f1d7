namespace Hybrid.Dsl

open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core
open Hybrid.Speech

/// What the compiler says of an architecture whose parts are not complete or not in order.
module internal Sentences =
    [<Literal>]
    let NoFeatures = "features is missing: begin the network with features (mfcc 28)"

    [<Literal>]
    let NoEncoder = "encoder is missing: write encoder { ... } between features and decoder"

    [<Literal>]
    let NoDecoder = "decoder is missing: end the network with decoder { linear phones }"

    [<Literal>]
    let NoSize =
        "this layer lacks its settings: write them behind it, as in blstm 64, conv1d (64, kernel = 7), pyramid 2, or () for the defaults, as in squeezeExcite ()"

    [<Literal>]
    let NoLayer =
        "this is no layer: layers, values of stack { ... }, if and for stand here; encoder and decoder stand in encoderDecoder { ... } alone"

    [<Literal>]
    let NoPreset = "features takes a preset: features (mfcc 28)"

    [<Literal>]
    let LayerOutside =
        "a layer stands outside encoder and decoder: move it into encoder { ... } or decoder { ... }"

    [<Literal>]
    let Order =
        "a network has features, then one encoder, then one decoder: put them in this order, each once"

/// Layers in order: `stack { ... }` gives a block that can be named and used in others.
type StackBuilder() =
    member _.Yield(layer: LayerSpec, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        Block [ { Layer = layer; Line = line } ]

    member _.Yield(block: Block) = block

    [<CompilerMessage(Sentences.NoSize, 10001, IsError = true, IsHidden = true)>]
    member _.Yield(_: 'settings -> 'layer) = Block []

    [<CompilerMessage(Sentences.NoLayer, 10001, IsError = true, IsHidden = true)>]
    member _.Yield(_: 'value, [<Optional; DefaultParameterValue(0)>] _line: int) = Block []

    member _.Zero() = Block []
    member _.Combine(Block first, Block second) = Block(first @ second)
    member _.Delay(block: unit -> Block) = block ()

    member _.For(items: seq<'item>, block: 'item -> Block) =
        Block [
            for item in items do
                let (Block layers) = block item
                yield! layers
        ]

/// A part of an architecture.
type IArchitecturePart = interface end

/// `features (mfcc 28)`
type FeatureDeclaration =
    | FeatureDeclaration of preset: FeaturePreset * line: int

    interface IArchitecturePart

/// The layers between features and representation.
type EncoderBlock =
    | EncoderBlock of PlacedLayer list

    interface IArchitecturePart

/// The layers between representation and logits.
type DecoderBlock =
    | DecoderBlock of PlacedLayer list

    interface IArchitecturePart

/// An encoder and the decoder behind it.
type EncoderAndDecoder =
    | EncoderAndDecoder of EncoderBlock * DecoderBlock

    interface IArchitecturePart

/// All that an architecture consists of.
type CompleteArchitecture =
    | CompleteArchitecture of FeatureDeclaration * EncoderBlock * DecoderBlock

    interface IArchitecturePart

/// `encoder { ... }`
type EncoderBuilder() =
    inherit StackBuilder()
    member _.Run(Block layers) = EncoderBlock layers

/// `decoder { ... }`
type DecoderBuilder() =
    inherit StackBuilder()
    member _.Run(Block layers) = DecoderBlock layers

/// `encoderDecoder { ... }`: features, an encoder and a decoder; that all are there, the compiler sees. When the block ends,
/// shapes are walked and all problems reported together.
type EncoderDecoderBuilder() =
    member _.Yield(part: FeatureDeclaration) = part
    member _.Yield(part: EncoderBlock) = part
    member _.Yield(part: DecoderBlock) = part

    [<CompilerMessage(Sentences.LayerOutside, 10001, IsError = true, IsHidden = true)>]
    member _.Yield(_: LayerSpec) = EncoderBlock []

    [<CompilerMessage(Sentences.LayerOutside, 10001, IsError = true, IsHidden = true)>]
    member _.Yield(_: Block) = EncoderBlock []

    member _.Delay(parts: unit -> 'parts) = parts ()
    member _.Combine(encoder: EncoderBlock, decoder: DecoderBlock) = EncoderAndDecoder(encoder, decoder)

    member _.Combine(features: FeatureDeclaration, EncoderAndDecoder(encoder, decoder)) =
        CompleteArchitecture(features, encoder, decoder)

    [<CompilerMessage(Sentences.NoDecoder, 10001, IsError = true, IsHidden = true)>]
    member _.Combine(features: FeatureDeclaration, encoder: EncoderBlock) =
        CompleteArchitecture(features, encoder, DecoderBlock [])

    [<CompilerMessage(Sentences.NoEncoder, 10001, IsError = true, IsHidden = true)>]
    member _.Combine(features: FeatureDeclaration, decoder: DecoderBlock) =
        CompleteArchitecture(features, EncoderBlock [], decoder)

    [<CompilerMessage(Sentences.Order, 10001, IsError = true, IsHidden = true)>]
    member _.Combine(_: IArchitecturePart, _: IArchitecturePart) =
        CompleteArchitecture(FeatureDeclaration(FeaturePreset(), 0), EncoderBlock [], DecoderBlock [])

    [<CompilerMessage(Sentences.NoFeatures, 10001, IsError = true, IsHidden = true)>]
    member _.Run(_: EncoderAndDecoder) : Hybrid.Dsl.Architecture = invalidOp Sentences.NoFeatures

    [<CompilerMessage(Sentences.Order, 10001, IsError = true, IsHidden = true)>]
    member _.Run(_: IArchitecturePart) : Hybrid.Dsl.Architecture = invalidOp Sentences.Order

    member _.Run
        (
            CompleteArchitecture(FeatureDeclaration(preset, line), EncoderBlock encoder, DecoderBlock decoder),
            [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string
        ) : Hybrid.Dsl.Architecture =
        let specs layers = [| for placed in layers -> placed.Layer |] :> IReadOnlyList<LayerSpec>
        let network = NetworkSpec(preset.Width, phones, specs encoder, specs decoder)

        let lines =
            dict (
                Seq.zip (network.Layers |> Seq.map (fun struct (path, _) -> path)) [
                    for placed in encoder @ decoder -> placed.Line
                ]
            )

        let problems = [
            for problem in preset.Validate() -> { Line = line; Message = $"features: {problem}" }
            for problem in network.Validate() ->
                match lines.TryGetValue problem.Path with
                | true, line -> { Line = line; Message = $"{problem}" }
                | _ -> { Line = 0; Message = $"{problem}" }
        ]

        if problems.IsEmpty then
            { Features = preset; Network = network }
        else
            // Shapes help where a layer is wrong.
            let help =
                if network.Validate().Count > 0 then
                    Shapes.table network
                else
                    ""

            raise (DeclarationException("the network", file, problems, help))

/// How sound becomes feature vectors.
[<AutoOpen; AbstractClass; Sealed>]
type FeatureWords =
    /// How sound becomes feature vectors: `mfcc 28`, `logMel 40`, or `precomputed 28` where they come with the corpus.
    static member features(preset: FeaturePreset, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        FeatureDeclaration(preset, line)

    [<CompilerMessage(Sentences.NoPreset, 10001, IsError = true, IsHidden = true)>]
    static member features(_: 'other, [<Optional; DefaultParameterValue(0)>] _line: int) =
        FeatureDeclaration(FeaturePreset(), 0)

/// The blocks of an architecture.
[<AutoOpen>]
module ArchitectureBuilders =
    /// Layers in order, as a value to be used in other blocks.
    let stack = StackBuilder()

    /// The layers between features and representation.
    let encoder = EncoderBuilder()

    /// The layers between representation and logits.
    let decoder = DecoderBuilder()

    /// A network: features, an encoder and a decoder.
    let encoderDecoder = EncoderDecoderBuilder()
