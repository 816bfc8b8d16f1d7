/// Central differences in double against the hand-derived gradients of a layer.
module Hybrid.Tests.GradientCheck

open System
open Expecto
open Hybrid.Core

/// The largest difference between the two gradients of one tensor, and where it is.
type Deviation = {
    Tensor: string
    Index: int
    Analytic: float
    Numeric: float
} with

    /// Relative to the larger magnitude, and to one where both are small. NaN is the largest error, not the smallest.
    member d.Relative =
        let error = abs (d.Analytic - d.Numeric) / max 1.0 (max (abs d.Analytic) (abs d.Numeric))
        if Double.IsNaN error then infinity else error

    override d.ToString() =
        $"%s{d.Tensor}[%d{d.Index}]: backward says %.12g{d.Analytic}, central differences say %.12g{d.Numeric}"

/// A batch of random frames, zero beyond each length.
let randomBatch (seed: uint64) features (lengths: int[]) =
    let frames, count = Array.max lengths, lengths.Length
    let random = CounterRandom(seed).Stream()
    let data = Array.init (frames * count * features) (fun _ -> random.Normal())
    let keys = Array.init count (fun b -> uint64 (100 + b))
    let batch = Batch<float>(Memory data, frames, count, features, Memory(Array.copy lengths), Memory keys)
    batch.ClearPadding()
    batch

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

/// A tensor that a loss depends on, and the gradient that a backward pass gave for it.
type Variable = { Name: string; Count: int; Get: int -> float; Set: int -> float -> unit; Gradient: float[] }

/// Numbers that are read anew whenever the loss is computed.
let variable name (memory: Memory<float>) (gradient: Memory<float>) = {
    Name = name
    Count = memory.Length
    Get = fun i -> memory.Span[i]
    Set = fun i value -> memory.Span[i] <- value
    Gradient = gradient.ToArray()
}

/// A parameter with the gradient that it holds now.
let parameter (p: Parameter<float>) = {
    variable p.Name (Memory p.Value) (Memory p.Gradient) with
        Set =
            fun i value ->
                p.Value[i] <- value
                p.MarkChanged()
}

/// The frames of a batch. Padding is zero by contract and no variable of the function; its gradient must be zero.
let frames name (x: Batch<float>) (dx: Batch<float>) =
    let inside i =
        let row = i / x.F
        row / x.B < x.Lengths.Span[row % x.B]

    let places, padding = Array.partition inside [| 0 .. x.Data.Length - 1 |]

    for i in padding do
        Expect.equal (dx.Data.Span[i]) 0.0 $"gradient of padding of %s{name} at {i}"

    {
        Name = name
        Count = places.Length
        Get = fun i -> x.Data.Span[places[i]]
        Set = fun i value -> x.Data.Span[places[i]] <- value
        Gradient = [| for i in places -> dx.Data.Span[i] |]
    }

/// The worst deviation of each variable.
let compare (loss: unit -> float) (variables: Variable list) : Deviation list = [
    for v in variables ->
        List.maxBy _.Relative [
            for i in 0 .. v.Count - 1 do
                let value = v.Get i
                let step = 1e-5 * max 1.0 (abs value)
                v.Set i (value + step)
                let above = loss ()
                v.Set i (value - step)
                let below = loss ()
                v.Set i value

                { Tensor = v.Name; Index = i; Analytic = v.Gradient[i]; Numeric = (above - below) / (2.0 * step) }
        ]
]

/// Fails with the worst place if any gradient is off by more than 1e-7; what is checked is named as in the ledger.
let expectSmall name (deviations: Deviation list) =
    for d in deviations do
        Ledger.note Ledger.CentralDifferences name d.Relative
        Expect.isBelow d.Relative 1e-7 (string d)

/// The gradients of the input and of every trainable parameter of a layer against central differences.
let expectCorrect name (layer: Layer<float>) (x: Batch<float>) (training: bool) =
    let workspace = Workspace(ThreadTeam 1)
    let pass = Pass(workspace, training, CounterRandom 5UL)

    // Running statistics move with every forward pass in training; each evaluation starts from the same.
    let statistics = [
        for p in layer.Parameters do
            if not p.IsTrainable then
                p, Array.copy p.Value
    ]

    let forward () =
        for p, value in statistics do
            value.CopyTo(p.Value, 0)

        workspace.Reset()
        layer.Forward(x, pass)

    for p in layer.Parameters do
        p.ClearGradient()

    let w = weights (forward ())
    let dx = layer.Backward(w, pass)

    compare (fun () -> dot (forward ()) w) [
        frames "input" x dx

        for p in layer.Parameters do
            if p.IsTrainable then
                parameter p
    ]
    |> expectSmall name

/// Random values for all parameters, so that no starting value hides a mistake; those of statistics are positive.
let randomizeAll (parameters: Parameter<float> seq) =
    for p in parameters do
        let random = CounterRandom(9UL).Fork(p.Name).Stream()

        for i in 0 .. p.Length - 1 do
            p.Value[i] <-
                if p.IsTrainable then
                    random.Uniform(-0.8, 0.8)
                else
                    random.Uniform(0.5, 1.5)

        p.MarkChanged()

let randomize (layer: Layer<float>) =
    randomizeAll layer.Parameters
    layer
