/// Reference posteriors of the shared folder.
module Hybrid.Tests.ReferencePosteriors

open System
open Hybrid.Core

/// Natural-log posteriors of many utterances, [utterances, T, V] in single precision.
let read (path: string) =
    let array = NpyArray.Read path
    let frames, symbols = array.Shape[1], array.Shape[2]
    let values = array.ToSingles()

    [|
        for u in 0 .. array.Shape[0] - 1 ->
            LogProbs.FromLogProbabilities(ReadOnlySpan(values, u * frames * symbols, frames * symbols), frames, symbols)
    |]
