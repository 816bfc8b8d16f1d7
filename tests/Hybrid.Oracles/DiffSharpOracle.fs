/// DiffSharp's reverse mode in double precision on the definitions of layers, written per frame and utterance: without
/// padding, batching or hand-derived gradients.
module Hybrid.Oracles.DiffSharpOracle

open System
open System.Collections.Generic
open DiffSharp
open Hybrid.Core
open Hybrid.Tests.Cases

/// The frames of each utterance, [1, F].
type private Frames = Tensor[][]

let Version = $"DiffSharp {typeof<Tensor>.Assembly.GetName().Version}"

// Without the type, DiffSharp converts doubles to single precision.
let private constant shape (data: float[]) = dsharp.tensor(data, dtype = Dtype.Float64).view(List.toArray shape)

/// y = x W^T + b.
let private affine (x: Tensor) (weight: Tensor) (bias: Tensor) = x.matmul (weight.transpose ()) + bias

// DiffSharp drops an axis if a slice takes one element of it; the views restore it.
let private columns (x: Tensor) (first: int) (count: int) = x[*, first .. first + count - 1].view [ x.shape[0]; count ]

let private row (x: Tensor) (i: int) = x[i, *].view [ 1; -1 ]

/// Frame t of utterance b of a [T, B, F].
let private frame (x: Tensor) (t: int) (b: int) = x[t, b, *].view [ 1; -1 ]

/// erf(z) = 2 / sqrt(pi) e^(-z^2) (z + 2 z^3 / 3 + 4 z^5 / 15 + ...): all terms of one sign (Abramowitz and Stegun
/// 7.1.6).
let private erf (z: Tensor) =
    let square = z * z

    let next (sum: Tensor, term: Tensor) n =
        let term = term * square * (2.0 / (2.0 * float n + 1.0))
        sum + term, term

    let sum, _ = List.fold next (z, z) [ 1..80 ]
    sum * (-square).exp() * (2.0 / sqrt Math.PI)

let private activation f (x: Tensor) =
    match f with
    | ActivationFunction.Relu -> x.relu ()
    | ActivationFunction.Gelu -> x * (erf (x / sqrt 2.0) + 1.0) * 0.5
    | ActivationFunction.Silu -> x * x.sigmoid ()
    | ActivationFunction.Tanh -> x.tanh ()
    | _ -> x.sigmoid ()

let private logSoftmax (x: Tensor) = x - x.exp().sum().log()

/// (x - mean) / sqrt(variance + epsilon) w + b over one axis of a matrix, variance without correction.
let private normalize axis (x: Tensor) (weight: Tensor) (bias: Tensor) =
    let centered = x - x.mean (axis, keepDim = true)
    let variance = (centered * centered).mean(axis, keepDim = true)
    centered / (variance + 1e-5).sqrt() * weight + bias

let private conv1d (spec: Conv1dSpec) (weight: Tensor) (bias: Tensor) (utterance: Tensor[]) =
    let reach = (spec.Kernel - 1) * spec.Dilation

    let padding =
        if spec.Padding.HasValue then
            spec.Padding.Value
        else
            reach / 2

    let outputs, inputs = spec.Channels / spec.Groups, weight.shape[1]

    let tap group j = weight[group * outputs .. (group + 1) * outputs - 1, *, j].view([ outputs; inputs ]).transpose()

    let taps = [|
        for group in 0 .. spec.Groups - 1 do
            [| for j in 0 .. spec.Kernel - 1 -> tap group j |]
    |]

    let frame t =
        Array.init spec.Groups (fun group ->
            let start = columns (bias.view [ 1; -1 ]) (group * outputs) outputs

            (start, [ 0 .. spec.Kernel - 1 ])
            ||> List.fold (fun sum j ->
                match Array.tryItem (t * spec.Stride + j * spec.Dilation - padding) utterance with
                | Some x -> sum + (columns x (group * inputs) inputs).matmul(taps[group].[j])
                | None -> sum))
        |> fun groups -> dsharp.cat (groups, 1)

    let reachable = utterance.Length + 2 * padding - reach

    Array.init
        (if utterance.Length = 0 then
             0
         else
             max 0 ((reachable - 1 + spec.Stride) / spec.Stride))
        frame

/// One step of a cell; the state is h, or h and c.
let private step kind (weight: string -> Tensor) (x: Tensor) (state: Tensor list) =
    let h = state[0]
    let hidden = h.shape[1]
    let input = affine x (weight "weight_ih") (weight "bias_ih")
    let recurrent = affine h (weight "weight_hh") (weight "bias_hh")
    let gate (sums: Tensor) k = columns sums (k * hidden) hidden

    match kind, state with
    | CellKind.Rnn, _ -> [ (input + recurrent).tanh() ]
    | CellKind.ReluRnn, _ -> [ (input + recurrent).relu() ]
    | CellKind.Gru, _ ->
        let r = (gate input 0 + gate recurrent 0).sigmoid()
        let z = (gate input 1 + gate recurrent 1).sigmoid()
        let n = (gate input 2 + r * gate recurrent 2).tanh()
        [ n - z * n + z * h ]
    | _, [ _; c ] ->
        let gate = gate (input + recurrent)
        let c = (gate 1).sigmoid() * c + (gate 0).sigmoid() * (gate 2).tanh()
        [ (gate 3).sigmoid() * c.tanh (); c ]
    | _ -> failwith "an LSTM has two states"

let private kindOf: RecurrentSpec -> CellKind =
    function
    | :? LstmSpec -> CellKind.Lstm
    | :? GruSpec -> CellKind.Gru
    | :? RnnSpec as rnn when rnn.Nonlinearity = RnnNonlinearity.Relu -> CellKind.ReluRnn
    | _ -> CellKind.Rnn

let private masked (mask: Tensor) (x: Frames) = x |> Array.mapi (fun b -> Array.mapi (fun t x -> x * frame mask t b))

/// A recurrent stack: final states by layer, then by direction, and frames.
let private recurrent (spec: RecurrentSpec) (tensor: string -> Tensor) path (initial: Tensor list) (x: Frames) =
    let kind, count = kindOf spec, x.Length
    let directions = if spec.Bidirectional then [ ""; "_reverse" ] else [ "" ]

    let layer (x: Frames) l =
        let runs =
            directions
            |> List.mapi (fun d suffix ->
                let weight name = tensor $"input/{path}{name}_l{l}{suffix}"
                let order = if d = 0 then id else Array.rev

                x
                |> Array.mapi (fun b frames ->
                    let index = (l * directions.Length + d) * count + b
                    let start = [ for state in initial -> row state index ]
                    let states = Array.scan (fun state x -> step kind weight x state) start (order frames)
                    order [| for state in Array.tail states -> state[0] |], Array.last states))

        let y = [|
            for b in 0 .. count - 1 ->
                [| for t in 0 .. x[b].Length - 1 -> dsharp.cat ([ for run in runs -> (fst run[b])[t] ], 1) |]
        |]

        let y =
            if spec.LayerNorm then
                let weight name = tensor $"input/{path}layer_norm_l{l}.{name}"
                y |> Array.map (Array.map (fun frame -> normalize 1 frame (weight "weight") (weight "bias")))
            else
                y

        let y =
            if spec.Dropout > 0 && l < spec.Layers - 1 then
                masked (tensor $"mask/{path}dropout_l{l}") y
            else
                y

        [
            for run in runs do
                for _, state in run -> state
        ],
        y

    let finals, y = List.mapFold layer x [ 0 .. spec.Layers - 1 ]
    List.concat finals, y

let rec private apply (tensor: string -> Tensor) (x: Frames) (path: string, spec: LayerSpec) : Frames =
    let weight name = tensor $"input/{path}.{name}"
    let each f = Array.map (Array.map f) x

    match spec with
    | :? LinearSpec as linear ->
        let product (frame: Tensor) = frame.matmul ((weight "weight").transpose())

        each (fun frame ->
            if linear.Bias then
                product frame + weight "bias"
            else
                product frame)
    | :? Conv1dSpec as conv -> x |> Array.map (conv1d conv (weight "weight") (weight "bias"))
    | :? BatchNormSpec ->
        let all = normalize 0 (dsharp.cat (Array.concat x, 0)) (weight "weight") (weight "bias")
        let starts = x |> Array.scan (fun start frames -> start + frames.Length) 0
        x |> Array.mapi (fun b frames -> Array.init frames.Length (fun t -> row all (starts[b] + t)))
    | :? LayerNormSpec -> each (fun frame -> normalize 1 frame (weight "weight") (weight "bias"))
    | :? ActivationSpec as f -> each (activation f.Function)
    | :? DropoutSpec
    | :? SpecAugmentSpec -> masked (tensor $"mask/{path}") x
    | :? FrameStackingSpec as pyramid ->
        x
        |> Array.map (fun frames -> [|
            for group in Array.chunkBySize pyramid.Factor frames do
                if group.Length = pyramid.Factor then
                    dsharp.cat (group, 1)
        |])
    | :? SqueezeExciteSpec ->
        x
        |> Array.map (fun frames ->
            let mean = (dsharp.cat (frames, 0)).mean(0, keepDim = true)
            let hidden = mean.matmul((weight "fc.0.weight").transpose()).relu()
            let factor = hidden.matmul((weight "fc.2.weight").transpose()).sigmoid()
            frames |> Array.map (fun frame -> frame * factor))
    | :? ResidualSpec as residual ->
        let body = chain tensor (path + ".body.") (List.ofSeq residual.Body) x
        let outputs = body.[0].[0].shape[1]
        let changes = outputs <> x.[0].[0].shape[1]

        let around =
            if changes then
                apply tensor x (path + ".shortcut", Conv1dSpec(outputs, 1))
            else
                x

        let sum = Array.map2 (Array.map2 (fun (a: Tensor) b -> a + b)) body around

        if residual.Activation.HasValue then
            Array.map (Array.map (activation residual.Activation.Value)) sum
        else
            sum
    | :? RecurrentSpec as spec ->
        let zeros =
            constant
                [ spec.Layers * 2 * x.Length; spec.Hidden ]
                (Array.zeroCreate (spec.Layers * 2 * x.Length * spec.Hidden))

        recurrent spec tensor (path + ".") (if spec :? LstmSpec then [ zeros; zeros ] else [ zeros ]) x
        |> snd
    | other -> failwith $"no definition of {other}"

and private chain (tensor: string -> Tensor) path (specs: LayerSpec list) (x: Frames) : Frames =
    List.indexed specs |> List.fold (fun x (i, spec) -> apply tensor x ($"{path}{i}", spec)) x

let private logSum (a: Tensor) (b: Tensor) =
    let largest = max (float a) (float b)
    ((a - largest).exp() + (b - largest).exp()).log() + largest

let private lossOf loss (labels: int list list) (logits: Frames) =
    let probabilities = logits |> Array.map (Array.map logSoftmax)
    let at b t (symbol: int) : Tensor = probabilities.[b].[t].[0, symbol]

    match loss with
    | CrossEntropy ->
        let all = [
            for b, labels in List.indexed labels do
                for t, label in List.indexed labels -> at b t label
        ]

        -(List.reduce (+) all) / float all.Length
    | Alignments loss ->
        let plus =
            if loss :? ViterbiLoss then
                (fun a b -> if float a >= float b then a else b)
            else
                logSum

        [
            for b, labels in List.indexed labels do
                let total = Alignments.sum plus (+) (at b) loss.Blank labels logits[b].Length

                match loss.Reduction with
                | CtcReduction.Sum -> -total
                | CtcReduction.MeanPerUtterance -> -total / float logits.Length
                | _ -> -total / float (logits.Length * max 1 labels.Length)
        ]
        |> List.reduce (+)

/// Results of a case: name, shape, and tensors with their offsets among the elements; zero elsewhere.
let private outputs case (given: Tensors) (tensor: string -> Tensor) =
    let states name (states: Tensor list) (kinds: string list) = [
        for kind, state in List.zip kinds states ->
            $"output/{name} {kind}", [ state.shape[0]; state.shape[1] ], [ 0, state ]
    ]

    let frames (y: Frames) =
        let shape = given["cotangent/y"].Shape

        "output/y",
        shape,
        [
            for b, frames in Array.indexed y do
                for t, frame in Array.indexed frames -> (t * shape[1] + b) * shape[2], frame
        ]

    let input () : Frames = [|
        for b, length in List.indexed case.Lengths -> [| for t in 0 .. length - 1 -> frame (tensor "input/x") t b |]
    |]

    let kinds name = [
        for kind in [ "h"; "c" ] do
            if given.ContainsKey $"input/{String.Format(name, kind)}" then
                kind
    ]

    match case.Subject with
    | Steps kind ->
        let kinds = kinds "{0} 0"
        let weight name = tensor $"input/{name}"
        let first = step kind weight (tensor "input/x 0") [ for kind in kinds -> tensor $"input/{kind} 0" ]
        let second = step kind weight (tensor "input/x 1") first
        let output name (state: Tensor) = $"output/{name}", List.ofArray state.shape, [ 0, state ]
        output "h 1" first[0] :: [ for kind, state in List.zip kinds second -> output $"{kind} 2" state ]
    | Sequence spec ->
        let kinds = kinds "initial {0}"

        let final, y =
            recurrent spec tensor "" [ for kind in kinds -> tensor $"input/initial {kind}" ] (input ())

        frames y
        :: states "final" [ for k in 0 .. kinds.Length - 1 -> dsharp.cat ([ for state in final -> state[k] ], 0) ] kinds
    | Layers specs -> [ frames (chain tensor "" specs (input ())) ]
    | LogProbabilities -> [ frames (input () |> Array.map (Array.map logSoftmax)) ]
    | Trained(specs, loss) -> [
        "output/loss", [ 1 ], [ 0, lossOf loss case.Labels (chain tensor "" specs (input ())) ]
      ]

let private numbers (tensor: Tensor) =
    if tensor.dtype <> Dtype.Float64 then
        failwith $"DiffSharp computed in {tensor.dtype}"

    tensor.view([ -1 ]).toArray1D<float>()

/// All outputs and gradients of a case.
let results case (given: Tensors) : Tensors =
    let leaves = Dictionary<string, Tensor>()

    for KeyValue(name, value) in given do
        let tensor = constant value.Shape value.Data

        leaves[name] <-
            if name.StartsWith "input/" then
                tensor.reverseDiff ()
            else
                tensor

    let outputs = outputs case given (fun name -> leaves[name])

    let loss =
        List.reduce (+) [
            for name, _, pieces in outputs do
                let cotangent = given[name.Replace("output/", "cotangent/")].Data

                for offset, piece in pieces do
                    (piece * constant (List.ofArray piece.shape) (Array.sub cotangent offset piece.nelement)).sum()
        ]

    loss.reverse ()

    Map [
        for name, shape, pieces in outputs do
            let data = Array.zeroCreate (List.fold (*) 1 shape)

            for offset, piece in pieces do
                (numbers piece).CopyTo(data, offset)

            name, { Shape = shape; Data = data }

        for KeyValue(name, value) in given do
            if name.StartsWith "input/" then
                name.Replace("input/", "gradient/"), { value with Data = numbers leaves[name].derivative }
    ]
