/// The cases of the oracles, their inputs, and the results of Hybrid.
module Hybrid.Tests.Cases

open System
open System.Numerics
open Hybrid.Core

/// A tensor, row-major.
type Numbers = { Shape: int list; Data: float[] }

/// Tensors by name: "input/x" for variables with gradients, "mask/..." for dropout masks, "cotangent/y" for the
/// gradient with respect to an output, "output/y" and "gradient/x" for results.
type Tensors = Map<string, Numbers>

type Loss =
    | CrossEntropy
    | Alignments of SequenceLoss

type Subject =
    /// Layers in sequence: frames x to frames y.
    | Layers of LayerSpec list
    | LogProbabilities
    /// Layers in sequence and the loss of their output.
    | Trained of LayerSpec list * Loss
    /// A recurrent stack over time, with initial and final states.
    | Sequence of RecurrentSpec
    /// Two steps of a cell with `Hidden` units.
    | Steps of CellKind

type Case = {
    /// The first word selects the row of the table of gradient errors.
    Name: string
    Features: int
    Lengths: int list
    /// Labels of each utterance, for losses.
    Labels: int list list
    Subject: Subject
    /// Whether the case is small enough to be recorded in the repository.
    Recorded: bool
}

/// Hidden units of single cells.
let Hidden = 5

/// Output frames of every utterance.
let outputLengths (layer: Layer<'R>) case = [| for length in case.Lengths -> layer.OutputLength length |]

/// The layers of a case.
let layer<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>
    case
    : Layer<'R> =
    match case.Subject with
    | Layers specs
    | Trained(specs, _) ->
        let build inputs (spec: LayerSpec) =
            let layer = spec.Build<'R> inputs
            layer, layer.OutputFeatures

        Sequential<'R>(case.Features, List.mapFold build case.Features specs |> fst |> List.toArray)
    | LogProbabilities -> LogSoftmax<'R> case.Features
    | Sequence spec -> spec.Build<'R> case.Features
    | Steps _ -> invalidArg (nameof case) "a cell is not a layer"

/// The cell of a case of single steps.
let cell<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>
    kind
    inputs
    : Cell<'R> =
    match kind with
    | CellKind.Rnn -> RnnCell<'R>(inputs, Hidden)
    | CellKind.ReluRnn -> RnnCell<'R>(inputs, Hidden, RnnNonlinearity.Relu)
    | CellKind.Gru -> GruCell<'R>(inputs, Hidden)
    | _ -> LstmCell<'R>(inputs, Hidden)

/// A pass whose dropout and masks are always the same.
let private pass () = Pass(Workspace(ThreadTeam 1), true, CounterRandom 5UL)

let private batch (lengths: int[]) data features =
    let frames, count = Array.max lengths, lengths.Length
    Batch<'R>(Memory data, frames, count, features, Memory lengths, Memory(Array.init count uint64))

let private ofBatch (x: Batch<float>) = { Shape = [ x.T; x.B; x.F ]; Data = x.Data.ToArray() }

/// The masks of each dropout or SpecAugment layer: its output for an input of ones.
let rec private masks lengths (layer: Layer<float>) : (string * Numbers) list = [
    match layer with
    | :? Dropout<float>
    | :? SpecAugment<float> ->
        let ones = Array.create (Array.max lengths * lengths.Length * layer.OutputFeatures) 1.0
        let mask = layer.Forward(batch lengths ones layer.OutputFeatures, pass ())
        $"mask/{layer.Path}", ofBatch mask
    | _ -> ()

    for child in layer.Children do
        yield! masks lengths child
]

/// The inputs of a case: random numbers that are exact in single precision.
let given case : Tensors =
    let random = CounterRandom(11UL).Fork case.Name

    let numbers (name: string) shape =
        let stream = random.Fork(name).Stream()

        {
            Shape = shape
            Data = Array.init (List.fold (*) 1 shape) (fun _ -> float (float32 (stream.Normal())))
        }

    let frames name lengths features =
        let data = (numbers name [ Array.max lengths; lengths.Length; features ]).Data
        let batch = batch lengths data features
        batch.ClearPadding()
        name, ofBatch batch

    let tensors names shape = [ for name in names -> name, numbers name shape ]

    let parameters (parameters: Parameter<float> seq) = [
        for p in parameters do
            if p.IsTrainable then
                let name = $"input/{p.Name}"
                // Small enough that gates do not saturate.
                let value = numbers name (List.ofSeq p.Shape)
                name, { value with Data = value.Data |> Array.map (fun x -> x * 0.5) }
    ]

    let lengths = List.toArray case.Lengths

    Map [
        match case.Subject with
        | Steps kind ->
            let rows, states = lengths.Length, if kind = CellKind.Lstm then [ "h"; "c" ] else [ "h" ]
            yield! tensors [ "input/x 0"; "input/x 1" ] [ rows; case.Features ]
            yield! tensors [ for state in states -> $"input/{state} 0" ] [ rows; Hidden ]
            yield! tensors ("cotangent/h 1" :: [ for state in states -> $"cotangent/{state} 2" ]) [ rows; Hidden ]
            yield! parameters (cell<float> kind case.Features).Parameters
        | subject ->
            let layer = layer<float> case
            frames "input/x" lengths case.Features
            yield! parameters layer.Parameters
            yield! masks lengths layer

            match subject with
            | Trained _ -> ("cotangent/loss", { Shape = [ 1 ]; Data = [| 1.0 |] })
            | _ -> frames "cotangent/y" (outputLengths layer case) layer.OutputFeatures

            match subject with
            | Sequence spec ->
                let directions = if spec.Bidirectional then 2 else 1
                let shape = [ spec.Layers * directions * lengths.Length; spec.Hidden ]
                let states = if spec :? LstmSpec then [ "h"; "c" ] else [ "h" ]
                yield! tensors [ for state in states -> $"input/initial {state}" ] shape
                yield! tensors [ for state in states -> $"cotangent/final {state}" ] shape
            | _ -> ()
    ]

/// All outputs and gradients by Hybrid, in one precision.
type HybridRun<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>(case: Case, given: Tensors) =

    let pass = pass ()
    let numbers name = given[name].Data |> Array.map (fun x -> 'R.CreateTruncating x)

    let matrix name =
        match given.TryFind name with
        | Some tensor -> MatrixView<'R>(Memory(numbers name), tensor.Shape[0], tensor.Shape[1])
        | None -> MatrixView<'R>()

    let states name = CellState<'R>(matrix (String.Format(name, "h")), matrix (String.Format(name, "c")))

    let ofMemory name shape (data: Memory<'R>) =
        name, { Shape = shape; Data = data.ToArray() |> Array.map Double.CreateTruncating }

    let ofFrames name (x: Batch<'R>) = ofMemory name [ x.T; x.B; x.F ] x.Data

    let flat (view: MatrixView<'R>) = [|
        for i in 0 .. view.Rows - 1 do
            yield! view.Data.Slice(i * view.RowStride, view.Columns).ToArray()
    |]

    let ofMatrix name (view: MatrixView<'R>) = ofMemory name [ view.Rows; view.Columns ] (Memory(flat view))

    let ofStates name (state: CellState<'R>) = [
        ofMatrix (String.Format(name, "h")) state.H
        if state.C.Rows > 0 then
            ofMatrix (String.Format(name, "c")) state.C
    ]

    let load (parameters: Parameter<'R> seq) =
        for p in parameters do
            if p.IsTrainable then
                p.Set(ReadOnlySpan(numbers $"input/{p.Name}"))
                p.ClearGradient()

    let gradients (parameters: Parameter<'R> seq) = [
        for p in parameters do
            if p.IsTrainable then
                ofMemory $"gradient/{p.Name}" (List.ofSeq p.Shape) (Memory p.Gradient)
    ]

    let plus (a: MatrixView<'R>) (b: MatrixView<'R>) =
        MatrixView<'R>(Memory(Array.map2 (fun (x: 'R) y -> x + y) (flat a) (flat b)), a.Rows, a.Columns)

    let steps kind = [
        let cell = cell<'R> kind case.Features
        load cell.Parameters
        let first = cell.Forward(matrix "input/x 0", states "input/{0} 0", pass.Workspace)
        let second = cell.Forward(matrix "input/x 1", first.State, pass.Workspace)
        ofMatrix "output/h 1" first.State.H
        yield! ofStates "output/{0} 2" second.State
        let last = cell.Backward(second, states "cotangent/{0} 2", pass.Workspace)
        // The gradient of the state between the steps: its own cotangent, and that of the second step.
        let between = CellState<'R>(plus last.Before.H (matrix "cotangent/h 1"), last.Before.C)
        let start = cell.Backward(first, between, pass.Workspace)
        ofMatrix "gradient/x 0" start.X
        ofMatrix "gradient/x 1" last.X
        yield! ofStates "gradient/{0} 0" start.Before
        yield! gradients cell.Parameters
    ]

    let frames () = [
        let layer = layer<'R> case
        load layer.Parameters
        let x = batch (List.toArray case.Lengths) (numbers "input/x") case.Features
        let dy (y: Batch<'R>) = y.With(Memory(numbers "cotangent/y"), y.F)

        match case.Subject, layer with
        | Sequence _, (:? RecurrentStack<'R> as recurrent) ->
            let result = recurrent.Forward(x, states "input/initial {0}", pass)
            ofFrames "output/y" result.Sequence
            yield! ofStates "output/final {0}" result.State
            let gradient = recurrent.Backward(dy result.Sequence, states "cotangent/final {0}", pass)
            ofFrames "gradient/x" gradient.Sequence
            yield! ofStates "gradient/initial {0}" gradient.State
        | Trained(_, loss), _ ->
            let logits = layer.Forward(x, pass)
            let labels = [| for labels in case.Labels -> List.toArray labels |]

            let struct (loss, gradient) =
                match loss with
                | CrossEntropy ->
                    let result = SoftmaxCrossEntropy.Compute(logits, labels, pass.Workspace)
                    struct (result.Loss, result.Gradient)
                | Alignments loss ->
                    let result = loss.Compute(logits, labels, pass.Workspace)
                    struct (result.Loss, result.Gradient)

            "output/loss", { Shape = [ 1 ]; Data = [| loss |] }
            ofFrames "gradient/x" (layer.Backward(gradient, pass))
        | _ ->
            let y = layer.Forward(x, pass)
            ofFrames "output/y" y
            ofFrames "gradient/x" (layer.Backward(dy y, pass))

        yield! gradients layer.Parameters
    ]

    /// Outputs and gradients by name.
    member _.Results: Tensors =
        match case.Subject with
        | Steps kind -> Map(steps kind)
        | _ -> Map(frames ())
