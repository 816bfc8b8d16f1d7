/// Convolutions against their definition, tap by tap.
module Hybrid.Tests.Conv1dTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.Golden
open Hybrid.Tests.GradientCheck

/// The definitions of Conv1d.md for x [T, B, I] and dy [T', B, O]: y, and the gradients of weights, bias and x.
let private byDefinition
    (weight: float[])
    (bias: float[])
    kernel
    stride
    padding
    dilation
    groups
    (x: Batch<float>)
    (dy: Batch<float>)
    =
    let inputs, outputs = x.F / groups, dy.F / groups
    let y, dx = Array.zeroCreate<float> dy.Data.Length, Array.zeroCreate<float> x.Data.Length
    let dWeight, dBias = Array.zeroCreate<float> weight.Length, Array.zeroCreate<float> bias.Length

    for t in 0 .. dy.T - 1 do
        for b in 0 .. dy.B - 1 do
            for o in 0 .. dy.F - 1 do
                let at = (t * dy.B + b) * dy.F + o
                let d = dy.Data.Span[at]
                y[at] <- y[at] + bias[o]
                dBias[o] <- dBias[o] + d

                for j in 0 .. kernel - 1 do
                    let frame = t * stride + j * dilation - padding

                    if frame >= 0 && frame < x.T then
                        for i in 0 .. inputs - 1 do
                            let from = (frame * x.B + b) * x.F + o / outputs * inputs + i
                            let w = (o * inputs + i) * kernel + j
                            y[at] <- y[at] + weight[w] * x.Data.Span[from]
                            dWeight[w] <- dWeight[w] + d * x.Data.Span[from]
                            dx[from] <- dx[from] + d * weight[w]

    y, dWeight, dBias, dx

/// Whether a layer in double equals its definition, for any number of threads.
let private expectDefinition n T B inputs outputs kernel stride (padding: int) dilation groups =
    let case =
        $"case {n}: {T} frames, {inputs} to {outputs}, kernel {kernel}, stride {stride}, \
        padding {padding}, dilation {dilation}"

    for threads in [ 1; 2; 8 ] do
        let layer = Conv1d<float>(inputs, outputs, kernel, stride, padding, dilation, groups)
        randomize layer |> ignore<Layer<float>>
        let pass = Pass(Workspace(ThreadTeam threads), true)
        let x = randomBatch (uint64 n) inputs (Array.create B T)
        let y = layer.Forward(x, pass)
        let dy = randomBatch (uint64 (100 + n)) outputs (Array.create B y.T)
        let weight, bias = layer.Parameters[0], layer.Parameters[1]
        let dx = layer.Backward(dy, pass)

        let expectedY, dWeight, dBias, expectedDx =
            byDefinition (weight.ToArray()) (bias.ToArray()) kernel stride padding dilation groups x dy

        expectClose 1e-12 $"{case}: y" expectedY (y.Data.ToArray())
        expectClose 1e-12 $"{case}: weights" dWeight weight.Gradient
        expectClose 1e-12 $"{case}: bias" dBias bias.Gradient
        expectClose 1e-12 $"{case}: x" expectedDx (dx.Data.ToArray())

[<Tests>]
let tests =
    testList "Conv1d" [
        test "equals its definition for sound and settings of any size" {
            let random = Random 5
            let draw lowest highest = random.Next(lowest, highest + 1)

            for n in 1..80 do
                let groups, T, B = draw 1 3, draw 1 40, draw 1 3
                let inputs, outputs = groups * draw 1 3, groups * draw 1 3
                let kernel, stride, padding, dilation = draw 1 6, draw 1 3, draw 0 9, draw 1 3
                expectDefinition n T B inputs outputs kernel stride padding dilation groups
        }

        // GEMM reads factors in place or packs them, cuts k in whole groups of channels or not: both sides of every
        // limit.
        test "equals its definition for few channels, many, and those between" {
            for n, (T, B, inputs, outputs, kernel, stride, dilation) in
                List.indexed [
                    60, 2, 28, 64, 7, 1, 1
                    300, 4, 32, 32, 3, 1, 1
                    60, 2, 33, 48, 3, 1, 2
                    40, 3, 210, 32, 6, 1, 1
                    40, 3, 32, 210, 6, 1, 1
                    50, 2, 16, 33, 5, 1, 2
                    40, 2, 15, 16, 13, 2, 1
                    30, 2, 100, 160, 3, 1, 1
                    30, 2, 96, 128, 2, 2, 1
                    20, 1, 300, 16, 2, 1, 1
                ] do
                expectDefinition n T B inputs outputs kernel stride (kernel / 2) dilation 1
        }

        // Three taps over this many channels use minimal filtering (Winograd): odd and even lengths, all paddings, rows
        // on both sides of a block.
        test "three taps equal their definition for any padding and length" {
            for n, (T, B, inputs, outputs, padding) in
                List.indexed [
                    40, 3, 48, 50, 1
                    41, 2, 51, 48, 1
                    30, 1, 64, 48, 0
                    29, 2, 48, 65, 2
                    25, 2, 50, 49, 3
                    9, 1, 48, 48, 5
                    1, 2, 48, 48, 1
                    2, 1, 48, 48, 0
                    101, 3, 48, 64, 1
                    7, 110, 48, 48, 1
                    37, 97, 48, 48, 1
                    9, 97, 128, 129, 1
                ] do
                expectDefinition n T B inputs outputs 3 1 padding 1 1
        }

        test "three taps over many channels round no more in float than the sum over all taps would" {
            let T, inputs, outputs = 60, 256, 64
            let layer = Conv1d<float32>(inputs, outputs, 3)
            let x = [| for value in (randomBatch 1UL inputs [| T |]).Data.ToArray() -> float32 value |]
            let y = layer.Forward(Batch<float32>(x, T, 1, inputs), Pass(Workspace(ThreadTeam 1)))
            let weight, bias = layer.Parameters[0].ToArray(), layer.Parameters[1].ToArray()
            let mutable squares, errors, errorsOfSum = 0.0, 0.0, 0.0

            for t in 1 .. T - 2 do
                for o in 0 .. outputs - 1 do
                    let mutable exact, summed = float bias[o], bias[o]

                    for j in 0..2 do
                        for i in 0 .. inputs - 1 do
                            let value, factor = x[(t + j - 1) * inputs + i], weight[(o * inputs + i) * 3 + j]
                            exact <- exact + float value * float factor
                            summed <- MathF.FusedMultiplyAdd(value, factor, summed)

                    squares <- squares + exact ** 2.0
                    errors <- errors + (float (y.Row(t, 0)[o]) - exact) ** 2.0
                    errorsOfSum <- errorsOfSum + (float summed - exact) ** 2.0

            Expect.isLessThan errors errorsOfSum "sum of squared errors"
            Expect.isLessThan (sqrt (errors / squares)) 5e-7 "relative error"
        }
    ]
