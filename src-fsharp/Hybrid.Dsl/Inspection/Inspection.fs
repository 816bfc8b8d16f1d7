namespace Hybrid.Dsl

open System
open System.Text.Json
open System.Text.Json.Nodes
open Hybrid.Core
open Hybrid.Speech

/// Functions that show, compare and store architectures, and check the gradients of layers.
[<AutoOpen; AbstractClass; Sealed>]
type Inspection =
    /// <summary>
    /// Output shape, parameters and multiply-adds of each layer; `printfn $"{summary network}"` prints a table.
    /// </summary>
    /// <param name="architecture">The network.</param>
    /// <param name="seconds">
    /// The length of the audio, 1 to 86400 s; default 10. Others raise an ArgumentOutOfRangeException.
    /// </param>
    static member summary(architecture: Architecture, ?seconds: int) : Summary =
        Summary.Of(architecture, defaultArg seconds 10)

    /// <summary>A diagram of a network as SVG.</summary>
    /// <param name="architecture">The network.</param>
    static member diagram(architecture: Architecture) : string = Diagram.svg architecture

    /// <summary>The differences between two architectures, one sentence each; empty if they are equal.</summary>
    /// <param name="before">The first architecture.</param>
    /// <param name="after">The second architecture.</param>
    static member diff(before: Architecture, after: Architecture) : string list = Difference.between before after

    /// <summary>Checks the hand-derived gradients of a layer, also a custom one, against central differences.</summary>
    /// <param name="layer">The layer; it is checked in training and in evaluation mode.</param>
    static member checkGradients(layer: LayerSpec) : GradientReport = GradientCheck.CheckLayer layer

    /// <summary>An architecture as JSON: features and network.</summary>
    /// <param name="architecture">The architecture.</param>
    static member toJson(architecture: Architecture) : string =
        let json = JsonObject()
        json["features"] <- JsonNode.Parse(architecture.Features.ToJson())
        json["network"] <- JsonNode.Parse(architecture.Network.ToJson())
        json.ToJsonString(JsonSerializerOptions(WriteIndented = true))

    /// <summary>
    /// Reads the JSON of `toJson`. Other text raises a FormatException, an invalid architecture a DeclarationException.
    /// </summary>
    /// <param name="json">The JSON.</param>
    static member ofJson(json: string) : Architecture =
        let root =
            try
                JsonNode.Parse json
            with :? JsonException as error ->
                raise (FormatException($"not an architecture: {error.Message}", error))

        match root with
        | :? JsonObject as json when json.Count = 2 && json.ContainsKey "features" && json.ContainsKey "network" ->
            let text (name: string) =
                match json[name] with
                | null -> "null"
                | node -> node.ToJsonString()

            let preset, network = FeaturePreset.FromJson(text "features"), NetworkSpec.FromJson(text "network")

            let problems = [
                for problem in preset.Validate() do
                    { Line = 0; Message = $"features: {problem}" }
                for problem in network.Validate() do
                    { Line = 0; Message = $"{problem}" }
                if preset.Width <> network.Inputs then
                    {
                        Line = 0
                        Message =
                            $"the network expects {network.Inputs} features, the preset has {preset.Width}: "
                            + "they must be equal"
                    }
            ]

            if problems.IsEmpty then
                { Features = preset; Network = network }
            else
                raise (DeclarationException("the network", "", problems, Shapes.table network))
        | _ -> raise (FormatException "not an architecture: it must have exactly \"features\" and \"network\"")
