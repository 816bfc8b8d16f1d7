/// PyTorch through TorchSharp: its modules, packed sequences and ctc_loss, with gradients by autograd.
module Hybrid.Oracles.TorchSharpOracle

open System
open System.Collections.Generic
open TorchSharp
open Hybrid.Core
open Hybrid.Tests.Cases

type private T = torch.Tensor

/// The versions; throws if the native library does not load.
let version () =
    use one = torch.ones 1L
    ignore (one.sum().item<float32>())
    $"TorchSharp {typeof<T>.Assembly.GetName().Version}, libtorch {torch.__version__}"

/// Frames [T, B, F], zero beyond lengths.
type private Frames = { Data: T; Lengths: int64[] }

/// One run: inputs as tensors of one type, and the parameters of modules by their names in Hybrid.
type private Run(case: Case, given: Tensors, dtype: torch.ScalarType) =
    let leaves = Dictionary<string, T>()

    let make (value: Numbers) =
        torch.tensor(value.Data).reshape([| for size in value.Shape -> int64 size |]).``to`` dtype

    do
        for KeyValue(name, value) in given do
            leaves[name] <- make(value).requires_grad_(name.StartsWith "input/")

    member _.Case = case
    member _.Tensor name = leaves[name]
    member _.Has name = leaves.ContainsKey name

    /// Sets the parameters of a module to those below a path; `rename` maps its names to Hybrid's.
    member _.SetParameters(path: string, rename: string -> string, m: #torch.nn.Module) =
        use _ = torch.no_grad ()

        for struct (name, parameter) in m.named_parameters () do
            let name = $"input/{path}{rename name}"
            parameter.copy_ leaves[name] |> ignore
            leaves[name] <- parameter

        m

    member run.SetParameters(path, m) = run.SetParameters(path, id, m)

    /// Sets padding to zero.
    member _.Clear(x: Frames) =
        let inside = torch.arange(x.Data.shape[0]).unsqueeze 1 |> fun t -> t.lt (torch.tensor x.Lengths)
        { x with Data = x.Data * inside.unsqueeze(2).``to`` dtype }

    member _.Zeros([<ParamArray>] shape: int64[]) = torch.zeros (shape, dtype = dtype)

let private inside (x: Frames) = [|
    for t in 0L .. x.Data.shape[0] - 1L do
        for b in 0L .. x.Data.shape[1] - 1L do
            if t < x.Lengths[int b] then
                t * x.Data.shape[1] + b
|]

let private activation f (x: T) =
    match f with
    | ActivationFunction.Relu -> torch.nn.functional.relu x
    | ActivationFunction.Gelu -> torch.nn.functional.gelu x
    | ActivationFunction.Silu -> torch.nn.functional.silu x
    | ActivationFunction.Tanh -> torch.tanh x
    | _ -> torch.sigmoid x

/// Runs a module of `count` layers, from layer `first` of a specification: frames and final states.
let private recurrentModule
    (run: Run)
    (spec: RecurrentSpec)
    path
    first
    count
    (x: Frames)
    (initial: T list)
    : Frames * T list =
    let inputs, hidden, layers, both = x.Data.shape[2], int64 spec.Hidden, int64 count, spec.Bidirectional
    let dtype = Nullable x.Data.dtype
    // Each module calls its first layer l0.
    let rename (name: string) =
        if count = 1 then
            name.Replace("_l0", $"_l{first}")
        else
            name

    let packed =
        torch.nn.utils.rnn.pack_padded_sequence (x.Data, torch.tensor x.Lengths, enforce_sorted = false)

    let struct (y: torch.nn.utils.rnn.PackedSequence, states) =
        match spec with
        | :? LstmSpec ->
            let lstm = torch.nn.LSTM(inputs, hidden, layers, bidirectional = both, dtype = dtype)
            let m = run.SetParameters(path, rename, lstm)

            let struct (y, h, c) = m.call (packed, struct (initial[0], initial[1]))
            struct (y, [ h; c ])
        | :? GruSpec ->
            let gru = torch.nn.GRU(inputs, hidden, layers, bidirectional = both, dtype = dtype)
            let m = run.SetParameters(path, rename, gru)

            let struct (y, h) = m.call (packed, initial[0])
            struct (y, [ h ])
        | _ ->
            let relu = (spec :?> RnnSpec).Nonlinearity = RnnNonlinearity.Relu

            let function' =
                if relu then
                    torch.nn.NonLinearities.ReLU
                else
                    torch.nn.NonLinearities.Tanh

            let m =
                run.SetParameters(
                    path,
                    rename,
                    torch.nn.RNN(inputs, hidden, layers, function', bidirectional = both, dtype = dtype)
                )

            let struct (y, h) = m.call (packed, initial[0])
            struct (y, [ h ])

    let struct (data, _) =
        torch.nn.utils.rnn.pad_packed_sequence (y, total_length = Nullable x.Data.shape[0])

    { x with Data = data }, states

let private normalized (run: Run) path (x: T) =
    run.SetParameters(path, torch.nn.LayerNorm(x.shape[2], dtype = Nullable x.dtype)).call x

let private recurrent (run: Run) (spec: RecurrentSpec) path (initial: T list) (x: Frames) : Frames * T list =
    if spec.LayerNorm || spec.Dropout > 0 then
        // PyTorch's modules have no layer normalisation and draw their own masks: one module per layer.
        let rows = initial[0].shape[0] / int64 spec.Layers

        let layer (x: Frames) l =
            let initial = [ for state in initial -> state.narrow (0L, int64 l * rows, rows) ]
            let y, final = recurrentModule run spec path l 1 x initial

            let y =
                if spec.LayerNorm then
                    run.Clear { y with Data = normalized run $"{path}layer_norm_l{l}." y.Data }
                else
                    y

            let drops = spec.Dropout > 0 && l < spec.Layers - 1

            final,
            (if drops then
                 { y with Data = y.Data * run.Tensor $"mask/{path}dropout_l{l}" }
             else
                 y)

        let finals, y = List.mapFold layer x [ 0 .. spec.Layers - 1 ]
        y, [ for k in 0 .. initial.Length - 1 -> torch.cat ([| for final in finals -> final[k] |]) ]
    else
        recurrentModule run spec path 0 spec.Layers x initial

let rec private apply (run: Run) (x: Frames) (path: string, spec: LayerSpec) : Frames =
    let dtype, features = Nullable x.Data.dtype, x.Data.shape[2]
    let below = path + "."

    match spec with
    | :? LinearSpec as linear ->
        let m =
            run.SetParameters(below, torch.nn.Linear(features, int64 linear.Outputs, linear.Bias, dtype = dtype))

        run.Clear { x with Data = m.call x.Data }
    | :? Conv1dSpec as conv ->
        let reach = (conv.Kernel - 1) * conv.Dilation

        let padding =
            if conv.Padding.HasValue then
                conv.Padding.Value
            else
                reach / 2

        let m =
            torch.nn.Conv1d(
                features,
                conv.Channels,
                conv.Kernel,
                stride = conv.Stride,
                padding = int64 padding,
                dilation = conv.Dilation,
                groups = conv.Groups,
                dtype = dtype
            )

        let y = run.SetParameters(below, m).call(x.Data.permute (1L, 2L, 0L)).permute(2L, 0L, 1L)
        let length frames = max 0L ((frames + int64 (2 * padding - reach - 1 + conv.Stride)) / int64 conv.Stride)
        run.Clear { Data = y; Lengths = Array.map length x.Lengths }
    | :? BatchNormSpec ->
        let m = run.SetParameters(below, torch.nn.BatchNorm1d(features, dtype = dtype))
        let indices = torch.tensor (inside x)
        let y = m.call (x.Data.reshape(-1L, features).index_select(0L, indices))
        let all = run.Zeros(x.Data.shape[0] * x.Data.shape[1], features)
        { x with Data = all.index_copy(0L, indices, y).reshape x.Data.shape }
    | :? LayerNormSpec -> run.Clear { x with Data = normalized run below x.Data }
    | :? ActivationSpec as f -> run.Clear { x with Data = activation f.Function x.Data }
    | :? DropoutSpec
    | :? SpecAugmentSpec -> { x with Data = x.Data * run.Tensor $"mask/{path}" }
    | :? FrameStackingSpec as pyramid ->
        let factor = int64 pyramid.Factor
        let frames = x.Data.shape[0] / factor
        let groups = x.Data.narrow(0L, 0L, frames * factor).reshape(frames, factor, x.Data.shape[1], features)
        let y = groups.permute(0L, 2L, 1L, 3L).reshape(frames, x.Data.shape[1], factor * features)
        run.Clear { Data = y; Lengths = [| for length in x.Lengths -> length / factor |] }
    | :? SqueezeExciteSpec as se ->
        let hidden = features / int64 se.Reduction

        let linear name inputs outputs =
            run.SetParameters($"{below}fc.{name}.", torch.nn.Linear(inputs, outputs, false, dtype = dtype))

        let lengths = torch.tensor(x.Lengths).``to``(x.Data.dtype).unsqueeze 1
        let mean = x.Data.sum 0L / lengths

        let factor =
            (linear "2" hidden features)
                .call(torch.nn.functional.relu ((linear "0" features hidden).call mean))
                .sigmoid()

        { x with Data = x.Data * factor }
    | :? ResidualSpec as residual ->
        let body = chain run (path + ".body.") (List.ofSeq residual.Body) x
        let outputs = int body.Data.shape[2]

        let around =
            if int64 outputs = features then
                x
            else
                apply run x (path + ".shortcut", Conv1dSpec(outputs, 1))

        let sum = body.Data + around.Data

        run.Clear {
            x with
                Data =
                    if residual.Activation.HasValue then
                        activation residual.Activation.Value sum
                    else
                        sum
        }
    | :? RecurrentSpec as spec ->
        let directions = if spec.Bidirectional then 2 else 1
        let zeros = run.Zeros(int64 (spec.Layers * directions), x.Data.shape[1], int64 spec.Hidden)
        recurrent run spec below [ zeros; zeros ] x |> fst
    | other -> failwith $"no module for {other}"

and private chain (run: Run) path (specs: LayerSpec list) (x: Frames) : Frames =
    List.indexed specs |> List.fold (fun x (i, spec) -> apply run x ($"{path}{i}", spec)) x

let private lossOf loss (labels: int list list) (logits: Frames) : T =
    let flat =
        torch.tensor [|
            for labels in labels do
                for label in labels -> int64 label
        |]

    match loss with
    | CrossEntropy ->
        // In the order of the labels: by utterance.
        let rows = logits.Data.transpose (0L, 1L)

        let frames =
            torch.cat ([| for b, length in Array.indexed logits.Lengths -> rows[int64 b].narrow(0L, 0L, length) |])

        torch.nn.functional.cross_entropy (frames, flat)
    | Alignments loss ->
        let probabilities = torch.nn.functional.log_softmax (logits.Data, 2L)
        let count = float labels.Length

        match loss with
        | :? ViterbiLoss ->
            [
                for b, labels in List.indexed labels do
                    let at t (symbol: int) = probabilities[int64 t, int64 b, int64 symbol]

                    let best =
                        Alignments.sum
                            (fun a b -> torch.maximum (a, b))
                            (fun (a: T) b -> a + b)
                            at
                            loss.Blank
                            labels
                            (int logits.Lengths[b])

                    match loss.Reduction with
                    | CtcReduction.Sum -> -best
                    | CtcReduction.MeanPerUtterance -> -best / torch.tensor(count).``to`` best.dtype
                    | _ -> -best / torch.tensor(count * float (max 1 labels.Length)).``to`` best.dtype
            ]
            |> List.reduce (fun a b -> a + b)
        | _ ->
            let lengths = torch.tensor [| for labels in labels -> int64 labels.Length |]
            let mean = loss.Reduction = CtcReduction.MeanPerLabel

            let reduction =
                if mean then
                    torch.nn.Reduction.Mean
                else
                    torch.nn.Reduction.Sum

            let loss' =
                torch.nn.functional.ctc_loss (
                    probabilities,
                    flat,
                    torch.tensor logits.Lengths,
                    lengths,
                    int64 loss.Blank,
                    reduction = reduction
                )

            if loss.Reduction = CtcReduction.MeanPerUtterance then
                loss' / torch.tensor(count).``to`` loss'.dtype
            else
                loss'

let private steps (run: Run) kind =
    let x0, x1, h0 = run.Tensor "input/x 0", run.Tensor "input/x 1", run.Tensor "input/h 0"
    let inputs, hidden, dtype = x0.shape[1], h0.shape[1], Nullable h0.dtype

    match kind with
    | CellKind.Lstm ->
        let m = run.SetParameters("", torch.nn.LSTMCell(inputs, hidden, dtype = dtype))
        let struct (h1, c1) = m.call (x0, struct (h0, run.Tensor "input/c 0"))
        let struct (h2, c2) = m.call (x1, struct (h1, c1))
        [ "h 1", h1; "h 2", h2; "c 2", c2 ]
    | CellKind.Gru ->
        let m = run.SetParameters("", torch.nn.GRUCell(inputs, hidden, dtype = dtype))
        let h1 = m.call (x0, h0)
        [ "h 1", h1; "h 2", m.call (x1, h1) ]
    | _ ->
        let function' =
            if kind = CellKind.Rnn then
                torch.nn.NonLinearities.Tanh
            else
                torch.nn.NonLinearities.ReLU

        let m = run.SetParameters("", torch.nn.RNNCell(inputs, hidden, function', dtype = dtype))
        let h1 = m.call (x0, h0)
        [ "h 1", h1; "h 2", m.call (x1, h1) ]

let private outputs (run: Run) : (string * T) list =
    // Padding is zero by contract, not a variable.
    let frames () =
        run.Clear { Data = run.Tensor "input/x"; Lengths = [| for length in run.Case.Lengths -> int64 length |] }

    match run.Case.Subject with
    | Steps kind -> steps run kind
    | Sequence spec ->
        let kinds = [
            for kind in [ "h"; "c" ] do
                if run.Has $"input/initial {kind}" then
                    kind
        ]

        let shape = [| -1L; int64 run.Case.Lengths.Length; int64 spec.Hidden |]

        let y, final =
            recurrent
                run
                spec
                ""
                [ for kind in kinds -> (run.Tensor $"input/initial {kind}").reshape shape ]
                (frames ())

        ("y", y.Data) :: [ for kind, state in List.zip kinds final -> $"final {kind}", state ]
    | Layers specs -> [ "y", (chain run "" specs (frames ())).Data ]
    | LogProbabilities -> [
        "y", (run.Clear { frames () with Data = torch.nn.functional.log_softmax (run.Tensor "input/x", 2L) }).Data
      ]
    | Trained(specs, loss) -> [ "loss", lossOf loss run.Case.Labels (chain run "" specs (frames ())) ]

/// All outputs and gradients of a case, computed in one type.
let results (dtype: torch.ScalarType) case (given: Tensors) : Tensors =
    use _ = torch.NewDisposeScope()
    let run = Run(case, given, dtype)
    let outputs = outputs run

    let loss =
        [ for name, y in outputs -> (y.flatten () * (run.Tensor $"cotangent/{name}").flatten()).sum() ]
        |> List.reduce (fun a b -> a + b)

    let inputs = [|
        for name in given.Keys do
            if name.StartsWith "input/" then
                name
    |]

    let gradients = torch.autograd.grad ([| loss |], [| for name in inputs -> run.Tensor name |])
    let numbers (x: T) = x.detach().``to``(torch.float64).contiguous().data<float>().ToArray()

    Map [
        for name, y in outputs -> $"output/{name}", { Shape = [ for size in y.shape -> int size ]; Data = numbers y }

        for name, gradient in Seq.zip inputs gradients ->
            name.Replace("input/", "gradient/"), { given[name] with Data = numbers gradient }
    ]
