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

    /// Relative to the larger magnitude, and to one where both are small.
    member d.Relative = abs (d.Analytic - d.Numeric) / max 1.0 (max (abs d.Analytic) (abs d.Numeric))

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
let private weights (y: Batch<float>) =
    let random = CounterRandom(77UL).Stream()
    let data = Array.init y.Data.Length (fun _ -> random.Uniform(-1.0, 1.0))
    let w = y.With(Memory data, y.F)
    w.ClearPadding()
    w

let private dot (a: Batch<float>) (b: Batch<float>) =
    let x = a.Data.Span
    let y = b.Data.Span
    let mutable sum = 0.0

    for i in 0 .. x.Length - 1 do
        sum <- sum + x[i] * y[i]

    sum

/// The worst deviation of each tensor: the input and every trainable parameter.
let deviations (layer: Layer<float>) (x: Batch<float>) (training: bool) : Deviation list =
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

    let y = forward ()
    let w = weights y
    let dx = layer.Backward(w, pass).Data.ToArray()
    let analytic = [ for p in layer.Parameters -> p, Array.copy p.Gradient ]
    let loss () = dot (forward ()) w

    let worst name (get: int -> float) (set: int -> float -> unit) count (gradient: float[]) =
        [
            for i in 0 .. count - 1 do
                let value = get i
                let step = 1e-5 * max 1.0 (abs value)
                set i (value + step)
                let above = loss ()
                set i (value - step)
                let below = loss ()
                set i value

                {
                    Tensor = name
                    Index = i
                    Analytic = gradient[i]
                    Numeric = (above - below) / (2.0 * step)
                }
        ]
        |> List.maxBy _.Relative

    // Padding is zero by contract and no variable of the function; its gradient must be zero.
    let inside i =
        let row = i / x.F
        row / x.B < x.Lengths.Span[row % x.B]

    let places = [| for i in 0 .. x.Data.Length - 1 do if inside i then i |]

    for i in 0 .. x.Data.Length - 1 do
        if not (inside i) then
            Expect.equal dx[i] 0.0 $"gradient of padding at {i}"

    [
        worst "input" (fun i -> x.Data.Span[places[i]]) (fun i v -> x.Data.Span[places[i]] <- v) places.Length [|
            for i in places -> dx[i]
        |]

        for p, gradient in analytic do
            if p.IsTrainable then
                let set i v =
                    p.Value[i] <- v
                    p.MarkChanged()

                worst p.Name (fun i -> p.Value[i]) set p.Length gradient
    ]

/// Fails with the worst place if any gradient of the layer is off by more than 1e-7.
let expectCorrect (layer: Layer<float>) (x: Batch<float>) training =
    for d in deviations layer x training do
        Expect.isLessThan d.Relative 1e-7 (string d)

/// Random values for all trainable parameters, so that no starting value hides a mistake.
let randomize (layer: Layer<float>) =
    for p in layer.Parameters do
        let random = CounterRandom(9UL).Fork(p.Name).Stream()

        for i in 0 .. p.Length - 1 do
            p.Value[i] <- if p.IsTrainable then random.Uniform(-0.8, 0.8) else random.Uniform(0.5, 1.5)

        p.MarkChanged()

    layer
