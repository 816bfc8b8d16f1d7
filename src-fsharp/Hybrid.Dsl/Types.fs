namespace Hybrid.Dsl

open System
open Hybrid.Core
open Hybrid.Speech

/// A layer where it stands in the source.
type PlacedLayer = { Layer: LayerSpec; Line: int }

/// Layers in order; blocks within blocks flatten.
type Block = Block of PlacedLayer list

/// A declared network with the features that it takes.
type Architecture = {
    Features: FeaturePreset
    Network: ModelSpec
}

/// Something wrong in a declaration: where, and what to do.
type Mistake = {
    Line: int
    Message: string
} with

    override m.ToString() = if m.Line > 0 then $"line {m.Line}: {m.Message}" else m.Message

/// A declaration has mistakes; the message lists all of them.
type DeclarationException(what: string, mistakes: Mistake list) =
    inherit Exception($"{what} has {mistakes.Length} " + (if mistakes.Length = 1 then "mistake" else "mistakes") + Environment.NewLine + String.Join(Environment.NewLine, mistakes |> List.map (fun m -> $"  {m}")))

    /// Every mistake, in the order of the source.
    member _.Mistakes = mistakes
