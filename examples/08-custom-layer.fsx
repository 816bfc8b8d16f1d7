// A custom layer: an echo, which adds to each feature its value some frames earlier. Its gradients are checked against
// central differences, and it is then used in a network like any other layer.
// Run it with: dotnet fsi examples/08-custom-layer.fsx
#load "Hybrid.fsx"

open System
open System.Collections.Generic
open System.IO
open System.Numerics
open Hybrid.Core
open Hybrid.Dsl

/// y_t = x_t + w * x_(t - delay), with one w per feature. 'R is float32 in training and float in gradient checks.
type Echo<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>(features: int, delay: int) =
    inherit Layer<'R>()
    let w = Parameter<'R>.Constant("weight", 0.0, features)
    let parameters: IReadOnlyList<Parameter<'R>> = [| w |]

    /// For each valid frame and feature, the offsets of the value and of the earlier one, -1 if there is none.
    let offsets (x: Batch<'R>) = [|
        for b in 0 .. x.B - 1 do
            for t in 0 .. x.Lengths.Span[b] - 1 do
                for f in 0 .. features - 1 do
                    let offset t = (t * x.B + b) * features + f
                    struct (offset t, (if t < delay then -1 else offset (t - delay)), f)
    |]

    override _.Parameters = parameters
    override _.OutputFeatures = features

    override layer.Forward(x, pass) =
        // Values for Backward are kept in the workspace, so that several threads can share the layer.
        pass.Workspace.Tape<ValueTuple<Batch<'R>>>(layer) <- ValueTuple<_> x
        let y = x.With(pass.Workspace.RentZeroed<'R> x.Data.Length, features)
        let from, into = x.Data.ToArray(), y.Data

        for struct (now, earlier, f) in offsets x do
            into.Span[now] <- from[now] + (if earlier < 0 then 'R.Zero else w[f] * from[earlier])

        y

    override layer.Backward(dy, pass) =
        let x = (pass.Workspace.TakeTape<ValueTuple<Batch<'R>>> layer).Item1.Data.ToArray()
        let dx = dy.With(pass.Workspace.RentZeroed<'R> dy.Data.Length, features)
        let from, into = dy.Data.ToArray(), dx.Data

        for struct (now, earlier, f) in offsets dy do
            into.Span[now] <- into.Span[now] + from[now]

            if earlier >= 0 then
                into.Span[earlier] <- into.Span[earlier] + w[f] * from[now]
                w.Gradient[f] <- w.Gradient[f] + x[earlier] * from[now]

        dx

/// Builds the layer for any number of features and both number types.
let echo delay =
    custom (
        $"echo {delay}",
        {
            new ICustomLayer with
                member _.Build features = Echo<_>(features, delay)
        }
    )

// Compares all hand-derived gradients with central differences.
let report = checkGradients (echo 2)
printfn $"{report}"

let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (48, kernel = 5, stride = 2)
            echo 3
            batchNorm
            relu
            blstm 48
        }

        decoder { linear phones }
    }

let schedule =
    training {
        seed 1
        epochs 2
        batchSize 4
        optimizer (adamW (learningRate = 6e-3))
        clipGradients 5.0
    }

let folder = Directory.CreateTempSubdirectory("hybrid-example-").FullName
let result = train (network, schedule, synthesize (folder, utterances = 80, speakers = 12, seed = 1))
Directory.Delete(folder, true)

let wrong = Seq.length report.Problems
printfn $"gradients off: {100.0 * float wrong / float report.Deviations.Count:F1} %%"
