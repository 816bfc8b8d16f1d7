/// Gradient checks that fail a test and record their errors.
module Hybrid.Tests.GradientCheck

open System
open Expecto
open Hybrid.Core

type private Checker = Hybrid.Core.GradientCheck

/// A batch of random features, zero beyond each length.
let randomBatch (seed: uint64) features (lengths: int[]) = Checker.RandomBatch(seed, features, lengths)

/// Fixed random weights of the elements of an output. The gradient of the weighted sum is the weights.
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

/// A tensor that the loss reads each time it is computed.
let variable name (memory: Memory<float>) (gradient: Memory<float>) =
    GradientVariable.Of(name, memory, Memory.op_Implicit gradient)

/// A parameter with its current gradient.
let parameter (p: Parameter<float>) = GradientVariable.Of p

/// The frames of a batch. Fails if the gradient of padding is not zero.
let frames name (x: Batch<float>) (dx: Batch<float>) =
    let padding = dx.With(Memory(dx.Data.ToArray()), dx.F)
    padding.ClearPadding()
    Expect.sequenceEqual (dx.Data.ToArray()) (padding.Data.ToArray()) $"gradient of padding of %s{name}"
    GradientVariable.Of(name, x, dx)

/// The largest deviation of each variable.
let compare (loss: unit -> float) (variables: GradientVariable list) = Checker.CheckLoss(loss, variables)

/// Fails with the largest deviations if a gradient is wrong or a layer's contract is violated. The name begins with a
/// row of the table of gradient errors.
let expectSmall name (report: GradientReport) =
    for d in report.Deviations do
        GradientErrorTable.note GradientErrorTable.CentralDifferences name d.Relative

    Expect.isTrue report.IsCorrect (string report)

/// Checks the gradients of the input and of every trainable parameter of a layer.
let expectCorrect name (layer: Layer<float>) (x: Batch<float>) (training: bool) =
    expectSmall name (Checker.CheckLayer(layer, x, training))

/// Gives all parameters random values; running statistics get positive ones.
let randomizeAll (parameters: Parameter<float> seq) = Checker.Randomize parameters

let randomize (layer: Layer<float>) =
    randomizeAll layer.Parameters
    layer
