namespace Hybrid.Dsl

open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Hybrid.Core
open Hybrid.Speech

/// Compiler errors for architectures that are incomplete or out of order.
module internal ArchitectureErrors =
    /// FS10001
    [<Literal>]
    let Number = 10001

    [<Literal>]
    let NoFeatures = "features is missing: begin the network with features (mfcc 28)"

    [<Literal>]
    let NoEncoder = "encoder is missing: write encoder { ... } between features and decoder"

    [<Literal>]
    let NoDecoder = "decoder is missing: end the network with decoder { linear phones }"

    [<Literal>]
    let NoSize =
        "the settings of this layer are missing: write blstm 64, conv1d (64, kernel = 7) or pyramid 2, "
        + "or () for the defaults, as in squeezeExcite ()"

    [<Literal>]
    let NoLayer =
        "not a layer: this block takes layers, values of stack { ... }, if and for; "
        + "encoder and decoder belong directly in encoderDecoder { ... }"

    [<Literal>]
    let NoActivation =
        "a function of a number is not a layer, except tanh: the activations are relu, gelu, silu, tanh and sigmoid"

    [<Literal>]
    let NoPreset = "features takes a preset: features (mfcc 28)"

    [<Literal>]
    let LayerOutside =
        "a layer is outside encoder and decoder: move it into encoder { ... } or decoder { ... }"

    [<Literal>]
    let Order =
        "a network has features, then one encoder, then one decoder: put them in this order, each once"

/// `stack { ... }`: an ordered block of layers, a value that can be used in other blocks.
type StackBuilder() =
    member _.Yield(layer: LayerSpec, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        Block [ { Layer = layer; Line = line } ]

    member _.Yield(block: Block) = block

    /// The activation `tanh`. The word stays F#'s function, which a block takes for the layer; no other function of a
    /// number is one. Without the optional line, this overload and the next differ only in how specific they are.
    member _.Yield(activation: float -> float) : Block =
        if activation 0.5 <> tanh 0.5 then
            let problem = { Line = 0; Message = ArchitectureErrors.NoActivation }
            raise (DeclarationException("the network", "", [ problem ], ""))

        Block [ { Layer = ActivationSpec ActivationFunction.Tanh; Line = 0 } ]

    [<CompilerMessage(ArchitectureErrors.NoSize, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Yield(_: 'settings -> 'layer) = Block []

    [<CompilerMessage(ArchitectureErrors.NoLayer, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
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

/// A part of an architecture, in the state that the builder has reached.
type IArchitecturePart = interface end

/// The features of an architecture: `features (mfcc 28)`.
type FeatureDeclaration =
    | FeatureDeclaration of preset: FeaturePreset * line: int

    interface IArchitecturePart

/// The layers of the encoder.
type EncoderBlock =
    | EncoderBlock of PlacedLayer list

    interface IArchitecturePart

/// The layers of the decoder.
type DecoderBlock =
    | DecoderBlock of PlacedLayer list

    interface IArchitecturePart

/// An encoder followed by a decoder.
type EncoderAndDecoder =
    | EncoderAndDecoder of EncoderBlock * DecoderBlock

    interface IArchitecturePart

/// Features, encoder and decoder: a complete architecture.
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

/// `encoderDecoder { ... }`: features, an encoder and a decoder. The compiler checks that all three are present and in
/// order. At the end of the block, shapes are checked and all problems are reported together.
type EncoderDecoderBuilder() =
    member _.Yield(part: FeatureDeclaration) = part
    member _.Yield(part: EncoderBlock) = part
    member _.Yield(part: DecoderBlock) = part

    [<CompilerMessage(ArchitectureErrors.LayerOutside, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Yield(_: LayerSpec) = EncoderBlock []

    [<CompilerMessage(ArchitectureErrors.LayerOutside, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Yield(_: Block) = EncoderBlock []

    member _.Delay(parts: unit -> 'parts) = parts ()
    member _.Combine(encoder: EncoderBlock, decoder: DecoderBlock) = EncoderAndDecoder(encoder, decoder)

    member _.Combine(features: FeatureDeclaration, EncoderAndDecoder(encoder, decoder)) =
        CompleteArchitecture(features, encoder, decoder)

    [<CompilerMessage(ArchitectureErrors.NoDecoder, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Combine(features: FeatureDeclaration, encoder: EncoderBlock) =
        CompleteArchitecture(features, encoder, DecoderBlock [])

    [<CompilerMessage(ArchitectureErrors.NoEncoder, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Combine(features: FeatureDeclaration, decoder: DecoderBlock) =
        CompleteArchitecture(features, EncoderBlock [], decoder)

    [<CompilerMessage(ArchitectureErrors.Order, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Combine(_: IArchitecturePart, _: IArchitecturePart) =
        CompleteArchitecture(FeatureDeclaration(FeaturePreset(), 0), EncoderBlock [], DecoderBlock [])

    [<CompilerMessage(ArchitectureErrors.NoFeatures, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Run(_: EncoderAndDecoder) : Hybrid.Dsl.Architecture = invalidOp ArchitectureErrors.NoFeatures

    [<CompilerMessage(ArchitectureErrors.Order, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    member _.Run(_: IArchitecturePart) : Hybrid.Dsl.Architecture = invalidOp ArchitectureErrors.Order

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
            // The table of shapes shows the inputs of an invalid layer.
            let help =
                if network.Validate().Count > 0 then
                    Shapes.table network
                else
                    ""

            raise (DeclarationException("the network", file, problems, help))

/// The feature declaration of an architecture.
[<AutoOpen; AbstractClass; Sealed>]
type FeatureWords =
    /// Declares the features: `mfcc 28`, `logMel 40`, or `precomputed 28` if they are stored in the corpus.
    static member features(preset: FeaturePreset, [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int) =
        FeatureDeclaration(preset, line)

    [<CompilerMessage(ArchitectureErrors.NoPreset, ArchitectureErrors.Number, IsError = true, IsHidden = true)>]
    static member features(_: 'other, [<Optional; DefaultParameterValue(0)>] _line: int) =
        FeatureDeclaration(FeaturePreset(), 0)

/// The builders of an architecture.
[<AutoOpen>]
module ArchitectureBuilders =
    /// An ordered block of layers, for use in other blocks.
    let stack = StackBuilder()

    /// The layers from features to representation.
    let encoder = EncoderBuilder()

    /// The layers from representation to one logit per symbol.
    let decoder = DecoderBuilder()

    /// A network: features, an encoder and a decoder.
    let encoderDecoder = EncoderDecoderBuilder()
