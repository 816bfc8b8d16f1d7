/// The library's gradient checker as tests use it.
module Hybrid.Tests.GradientCheck

open System
open Expecto
open Hybrid.Core

type private Checker = Hybrid.Core.GradientCheck

/// A batch of random frames, zero beyond each length.
let randomBatch (seed: uint64) features (lengths: int[]) = Checker.RandomBatch(seed, features, lengths)

/// A fixed random weight for each element of an output: the loss is the weighted sum, so its gradient is the weights.
let weights (y: Batch<float>) =
    let random = CounterRandom(77UL).Stream()
    let data = Array.init y.Data.Length (fun _ -> random.Uniform(-1.0, 1.0))
    let w = y.With(Memory data, y.F)
    w.ClearPadding()
    w

let dot (a: Batch<float>) (b: Batch<float>) =
    let x = a.Data.Span
    let y = b.Data.Span
    let mutable sum = 0.0

    for i in 0 .. x.Length - 1 do
        sum <- sum + x[i] * y[i]

    sum

/// Numbers that are read anew whenever the loss is computed.
let variable name (memory: Memory<float>) (gradient: Memory<float>) =
    GradientVariable.Of(name, memory, Memory.op_Implicit gradient)

/// A parameter with the gradient that it holds now.
let parameter (p: Parameter<float>) = GradientVariable.Of p

/// The frames of a batch; the gradient of padding must be zero.
let frames name (x: Batch<float>) (dx: Batch<float>) =
    let padding = dx.With(Memory(dx.Data.ToArray()), dx.F)
    padding.ClearPadding()
    Expect.sequenceEqual (dx.Data.ToArray()) (padding.Data.ToArray()) $"gradient of padding of %s{name}"
    GradientVariable.Of(name, x, dx)

/// The worst deviation of each variable.
let compare (loss: unit -> float) (variables: GradientVariable list) = Checker.Of(loss, variables)

/// Fails with the worst places if a gradient is off, or a promise is not kept; what is checked is named as in the ledger.
let expectSmall name (report: GradientReport) =
    for d in report.Deviations do
        GradientErrorTable.note GradientErrorTable.CentralDifferences name d.Relative

    Expect.isTrue report.IsCorrect (string report)

/// The gradients of the input and of every trainable parameter of a layer against central differences.
let expectCorrect name (layer: Layer<float>) (x: Batch<float>) (training: bool) =
    expectSmall name (Checker.Of(layer, x, training))

/// Random values for all parameters, so that no starting value hides a problem; those of statistics are positive.
let randomizeAll (parameters: Parameter<float> seq) = Checker.Randomize parameters

let randomize (layer: Layer<float>) =
    randomizeAll layer.Parameters
    layer
