/// Cells as single steps and over sequences: gradients, reference values, and that both are the same computation.
module Hybrid.Tests.CellTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.GradientCheck

let private kinds = Enum.GetValues<CellKind>() |> List.ofArray

let private makeCell kind inputs hidden : Cell<float> =
    match kind with
    | CellKind.Rnn -> RnnCell<float>(inputs, hidden)
    | CellKind.ReluRnn -> RnnCell<float>(inputs, hidden, RnnNonlinearity.Relu)
    | CellKind.Gru -> GruCell<float>(inputs, hidden)
    | CellKind.Lstm -> LstmCell<float>(inputs, hidden)
    | other -> failtest $"no cell for {other}"

let private hasC kind = kind = CellKind.Lstm

let private randomNumbers (seed: uint64) count =
    let random = CounterRandom(seed).Stream()
    Array.init count (fun _ -> random.Uniform(-1.0, 1.0))

/// A matrix in memory of its own.
let private matrix rows (data: float[]) = MatrixView<float>(Memory data, rows, data.Length / rows)

let private state kind rows (h: float[]) (c: float[]) =
    if hasC kind then
        CellState(matrix rows h, matrix rows c)
    else
        CellState(matrix rows h)

/// The rows of a view one behind the other.
let private flat (view: MatrixView<float>) = [|
    for i in 0 .. view.Rows - 1 do
        for j in 0 .. view.Columns - 1 do
            view.Data.Span[i * view.RowStride + j * view.ColumnStride]
|]

let private weighted (view: MatrixView<float>) (weights: float[]) = Seq.map2 (*) (flat view) weights |> Seq.sum

[<Tests>]
let steps =
    testList "cells, step by step" [
        for kind in kinds do
            test $"{kind}: gradients of two steps equal central differences" {
                let B, I, H = 3, 4, 5
                let cell = makeCell kind I H
                randomizeAll cell.Parameters
                let x = [ for step in 0..1 -> randomNumbers (uint64 step + 1UL) (B * I) ]
                let h, c = randomNumbers 11UL (B * H), randomNumbers 12UL (B * H)

                let weights = [
                    for step in 0..1 ->
                        randomNumbers (uint64 step + 21UL) (B * H), randomNumbers (uint64 step + 31UL) (B * H)
                ]

                let workspace = Workspace(ThreadTeam 1)

                let forward () =
                    workspace.Reset()
                    let first = cell.Forward(matrix B x[0], state kind B h c, workspace)
                    [ first; cell.Forward(matrix B x[1], first.State, workspace) ]

                // Of the hidden state after both steps, and of the cell state after the last.
                let loss () =
                    let steps = forward ()
                    let hidden = List.map2 (fun (step: CellStep<float>) (w, _) -> weighted step.State.H w) steps weights

                    List.sum hidden
                    + (if hasC kind then
                           weighted steps[1].State.C (snd weights[1])
                       else
                           0.0)

                for p in cell.Parameters do
                    p.ClearGradient()

                let steps = forward ()
                let last = cell.Backward(steps[1], state kind B (fst weights[1]) (snd weights[1]), workspace)
                let dh = Array.map2 (+) (flat last.Before.H) (fst weights[0])
                let first = cell.Backward(steps[0], state kind B dh (flat last.Before.C), workspace)

                compare loss [
                    variable "x 0" (Memory x[0]) (Memory(flat first.X))
                    variable "x 1" (Memory x[1]) (Memory(flat last.X))
                    variable "h" (Memory h) (Memory(flat first.Before.H))
                    if hasC kind then
                        variable "c" (Memory c) (Memory(flat first.Before.C))
                    for p in cell.Parameters do
                        parameter p
                ]
                |> expectSmall $"{kind}Cell"
            }

            test $"{kind}: the steps of a cell are those of a sequence, bit for bit" {
                let T, B, I, H = 5, 3, 4, 6
                let cell, sequence = makeCell kind I H, RecurrentStack<float>(kind, I, RecurrentSettings H)
                randomizeAll cell.Parameters

                for p, q in Seq.zip cell.Parameters sequence.Parameters do
                    Expect.equal q.Name $"{p.Name}_l0" "name"
                    q.Set p.Value

                let x = randomBatch 3UL I (Array.create B T)
                let h, c = randomNumbers 11UL (B * H), randomNumbers 12UL (B * H)
                let pass = Pass(Workspace(ThreadTeam 1))
                let whole = sequence.Forward(x, state kind B h c, pass)
                let mutable current = state kind B h c

                for t in 0 .. T - 1 do
                    current <- cell.Forward(x.Matrix.SliceRows(t * B, B), current, pass.Workspace).State

                    Expect.equal
                        (flat current.H)
                        (flat (whole.Sequence.Matrix.SliceRows(t * B, B)))
                        $"h after frame {t}"

                Expect.equal (flat current.H) (flat whole.State.H) "the final h"
                Expect.equal (flat current.C) (flat whole.State.C) "the final c"
            }

            TestSettings.property
                $"{kind}: a sequence cut in two, with the states handed on, is the same as in one piece, bit for bit"
                10
                (Arb.fromGen (Gen.two (Gen.choose (0, 9))))
                (fun (first, second) ->
                    let B, I, H, layers = 3, 4, 6, 2
                    let sequence = RecurrentStack<float>(kind, I, RecurrentSettings(H, Layers = layers))
                    randomizeAll sequence.Parameters
                    let x = randomNumbers 3UL ((first + second) * B * I)

                    let initial =
                        state
                            kind
                            (layers * B)
                            (randomNumbers 11UL (layers * B * H))
                            (randomNumbers 12UL (layers * B * H))

                    let pass = Pass(Workspace(ThreadTeam 1))

                    let run (x: float[]) initial =
                        sequence.Forward(Batch<float>(Memory x, x.Length / (B * I), B, I), initial, pass)

                    let whole = run x initial
                    let head = run x[.. first * B * I - 1] initial
                    let tail = run x[first * B * I ..] head.State
                    let outputs = Array.append (head.Sequence.Data.ToArray()) (tail.Sequence.Data.ToArray())
                    Expect.equal outputs (whole.Sequence.Data.ToArray()) "outputs"
                    Expect.equal (flat tail.State.H) (flat whole.State.H) "the final h"
                    Expect.equal (flat tail.State.C) (flat whole.State.C) "the final c")

        test "sizes that do not fit are refused" {
            let cell = LstmCell<float>(4, 5)
            let workspace = Workspace(ThreadTeam 1)
            let matrix rows columns = MatrixView<float>(Memory(Array.zeroCreate<float>(rows * columns)), rows, columns)
            let refused text f = Refusal.expectRefusal<ArgumentException, _> text f

            refused "the cell takes 4 features, the frame has 3" (fun () ->
                cell.Forward(matrix 2 3, CellState(), workspace))

            refused "the state h is [2, 4], must be [2, 5]" (fun () ->
                cell.Forward(matrix 2 4, CellState(matrix 2 4), workspace))

            refused "the state c is [3, 5], must be [2, 5]" (fun () ->
                cell.Forward(matrix 2 4, CellState(matrix 2 5, matrix 3 5), workspace))

            let step = cell.Forward(matrix 2 4, CellState(), workspace)
            refused "not one of this cell" (fun () -> LstmCell<float>(4, 5).Backward(step, CellState(), workspace))
            let gru = GruCell<float>(4, 5)

            refused "has no cell state c" (fun () ->
                gru.Forward(matrix 2 4, CellState(matrix 2 5, matrix 2 5), workspace))
        }
    ]

/// A sequence with states at both ends against central differences of everything that it depends on.
let private expectStatesCorrect kind bidirectional layers dropout locked layerNorm =
    let lengths, I, H = [| 7; 3; 1; 4; 0 |], 6, 4
    let settings = RecurrentSettings(H, bidirectional, layers, dropout, locked, layerNorm)
    let layer = RecurrentStack<float>(kind, I, settings)
    randomizeAll layer.Parameters
    let x = randomBatch 4UL I lengths
    let rows = layers * (if bidirectional then 2 else 1) * lengths.Length
    let h, c = randomNumbers 11UL (rows * H), randomNumbers 12UL (rows * H)
    let wh, wc = randomNumbers 13UL (rows * H), randomNumbers 14UL (rows * H)
    let workspace = Workspace(ThreadTeam 1)
    let pass = Pass(workspace, true, CounterRandom 5UL)

    let forward () =
        workspace.Reset()
        layer.Forward(x, state kind rows h c, pass)

    for p in layer.Parameters do
        p.ClearGradient()

    let w = weights (forward().Sequence)
    let gradient = layer.Backward(w, state kind rows wh wc, pass)

    let loss () =
        let result = forward ()

        dot result.Sequence w
        + weighted result.State.H wh
        + (if hasC kind then weighted result.State.C wc else 0.0)

    compare loss [
        frames "input" x gradient.Sequence
        variable "initial h" (Memory h) (Memory(flat gradient.State.H))
        if hasC kind then
            variable "initial c" (Memory c) (Memory(flat gradient.State.C))
        for p in layer.Parameters do
            parameter p
    ]
    |> expectSmall $"{kind}"

/// The outputs of one utterance.
let private outputs (y: Batch<float>) b = [|
    for t in 0 .. y.Lengths.Span[b] - 1 do
        yield! y.Row(t, b).ToArray()
|]

[<Tests>]
let sequences =
    testList "cells over time" [
        for kind in kinds do
            for bidirectional in [ false; true ] do
                let name = (if bidirectional then "bidirectional " else "") + string kind

                test $"{name}: gradients of two layers, initial and final states included, equal central differences" {
                    expectStatesCorrect kind bidirectional 2 0.0 false false
                }

        test "Lstm with dropout between layers: gradients equal central differences" {
            expectStatesCorrect CellKind.Lstm true 3 0.4 false false
        }
        test "Gru with locked dropout and layer normalisation: gradients equal central differences" {
            expectStatesCorrect CellKind.Gru true 2 0.4 true true
        }
        test "Rnn with layer normalisation: gradients equal central differences" {
            expectStatesCorrect CellKind.Rnn false 2 0.0 false true
        }

        test "the number of threads and the neighbours of an utterance change no bit of it" {
            let lengths = [| 9; 2; 14; 14; 1; 7; 11; 3; 5 |]

            for kind in kinds do
                let layer = RecurrentStack<float>(kind, 3, RecurrentSettings(10, true, 2))
                randomizeAll layer.Parameters
                let x = randomBatch 6UL 3 lengths

                let run threads =
                    let pass = Pass(Workspace(ThreadTeam threads))
                    let y = layer.Forward(x, pass)
                    let dx = layer.Backward(y.With(y.Data.ToArray(), y.F), pass)
                    Array.append (y.Data.ToArray()) (dx.Data.ToArray())

                let one = run 1

                for threads in [ 2; 3; 8 ] do
                    Expect.equal (run threads) one $"{kind} with {threads} threads"

                let together = layer.Forward(x, Pass(Workspace(ThreadTeam 1)))

                for b, length in Array.indexed lengths do
                    let own = [|
                        for t in 0 .. length - 1 do
                            yield! x.Row(t, b).ToArray()
                    |]

                    let alone = layer.Forward(Batch<float>(Memory own, length, 1, 3), Pass(Workspace(ThreadTeam 1)))
                    Expect.equal (outputs together b) (outputs alone 0) $"{kind}, utterance {b}"
        }

        test "locked dropout has one mask for all frames of an utterance, plain dropout has many" {
            let masks locked =
                let layer = Dropout<float>(40, 0.5, locked)
                let x = Batch<float>(Memory(Array.create (6 * 2 * 40) 1.0), 6, 2, 40)
                let y = layer.Forward(x, Pass(Workspace(ThreadTeam 1), true, CounterRandom 1UL))
                [ for b in 0..1 -> List.distinct [ for t in 0..5 -> y.Row(t, b).ToArray() ] ]

            Expect.equal (masks true |> List.map _.Length) [ 1; 1 ] "locked"
            Expect.notEqual (masks true).[0] (masks true).[1] "two utterances"
            Expect.equal (masks false |> List.map _.Length) [ 6; 6 ] "not locked"
        }

        test "parameters have PyTorch's names, shapes and order" {
            let described (layer: Layer<float>) = [ for p in layer.Parameters -> string p ]

            let expected = [
                for suffix, inputs in [ "_l0", 3; "_l0_reverse", 3; "_l1", 10; "_l1_reverse", 10 ] do
                    $"weight_ih{suffix} [15, {inputs}]"
                    $"weight_hh{suffix} [15, 5]"
                    $"bias_ih{suffix} [15]"
                    $"bias_hh{suffix} [15]"
            ]

            Expect.equal
                (described (RecurrentStack<float>(CellKind.Gru, 3, RecurrentSettings(5, true, 2))))
                expected
                "GRU"

            let norms = [ "layer_norm_l0.weight [4]"; "layer_norm_l0.bias [4]" ]
            let lstm = described (RecurrentStack<float>(CellKind.Lstm, 3, RecurrentSettings(4, LayerNorm = true)))
            Expect.equal (List.skip 4 lstm) norms "layer normalisation"
        }
    ]

/// The arrays of a reference case by name.
let private conformance case =
    let folder = DirectoryInfo(TestSettings.shared $"conformance/{case}")

    Map [
        for file in folder.GetFiles "*.npy" -> file.Name.Replace(".npy", ""), NpyArray.Read(file.FullName).ToDoubles()
    ]

/// States are of the order of one and stored in single precision: smaller ones than a hundredth have no four digits.
let private expectReference name (expected: float[]) actual =
    let place, error = Golden.worst 1e-2 expected actual
    Expect.isBelow error 1e-4 $"%s{name}[%d{place}]: expected %.9g{expected[place]}, got %.9g{actual[place]}"

/// A tanh cell, or a layer of them, with the weights of a case.
let private load (data: Map<string, float[]>) (parameters: Parameter<float> seq) =
    for p, name in Seq.zip parameters [ "W_ih"; "W_hh"; "b_ih"; "b_hh" ] do
        Expect.equal p.Length data[name].Length name
        p.Set data[name]

[<Tests>]
let reference =
    testList "the reference RNN cell" [
        for case in [ "rnn_cell_forward_1"; "rnn_cell_forward_3"; "rnn_cell_forward_5" ] do
            test case {
                let data = conformance case
                let H = data["b_ih"].Length
                let I, B = data["W_ih"].Length / H, data["h0"].Length / H
                let T = data["x"].Length / (B * I)
                let layer = RecurrentStack<float>(CellKind.Rnn, I, RecurrentSettings H)
                load data layer.Parameters
                let x = Batch<float>(Memory data["x"], T, B, I)
                let result = layer.Forward(x, CellState(matrix B data["h0"]), Pass(Workspace(ThreadTeam 1)))
                expectReference "h" data["h"] (result.Sequence.Data.ToArray())
            }

        test "rnn_cell_backward" {
            let data = conformance "rnn_cell_backward"
            let B, H = 3, 20
            let cell = RnnCell<float>(data["x1"].Length / B, H)
            load data cell.Parameters
            let workspace = Workspace(ThreadTeam 1)

            for p in cell.Parameters do
                p.ClearGradient()

            for call in [ "1"; "2" ] do
                let step = cell.Forward(matrix B data["x" + call], CellState(matrix B data["h_prev" + call]), workspace)
                // The reference takes the state after the step as given, whatever the weights say.
                data["h_t" + call].CopyTo(step.State.H.Data)
                let gradient = cell.Backward(step, CellState(matrix B data["delta" + call]), workspace)
                expectReference $"dx{call}" data["dx" + call] (flat gradient.X)
                expectReference $"dh{call}" data["dh" + call] (flat gradient.Before.H)

            for p, name in Seq.zip cell.Parameters [ "dW_ih"; "dW_hh"; "db_ih"; "db_hh" ] do
                expectReference name data[name] (p.Gradient |> Array.map (fun g -> g / float B))
        }
    ]
