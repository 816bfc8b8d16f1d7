/// Layers, loss, optimiser, schedules and a whole network against values recorded from PyTorch.
module Hybrid.Tests.GoldenTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Tests
open Hybrid.Tests.Golden

// Both sides compute in double; what remains is the order of sums.
let private tolerance = 1e-10

/// A case in double whose errors are recorded in the table of gradient errors.
let private noted name (case: Case) =
    Recorded<float>(case, tolerance, GradientErrorTable.note GradientErrorTable.PyTorch name)

let private build (case: Case) : Layer<float> =
    let s = case.Ints "settings"

    match case.Name.Split(' ')[0] with
    | "linear" -> Linear<float>(s[0], s[1], s[2] = 1)
    | "conv1d" when s.Length = 5 -> Conv1d<float>(s[0], s[1], s[2], s[3], s[4])
    | "conv1d" -> Conv1d<float>(s[0], s[1], s[2], s[3], s[4], s[5], s[6])
    | "batchnorm" -> BatchNorm1d<float>(s[0])
    | "relu" -> Activation<float>(ActivationFunction.Relu, s[0])
    | "gelu" -> Activation<float>(ActivationFunction.Gelu, s[0])
    | "silu" -> Activation<float>(ActivationFunction.Silu, s[0])
    | "tanh" -> Activation<float>(ActivationFunction.Tanh, s[0])
    | "sigmoid" -> Activation<float>(ActivationFunction.Sigmoid, s[0])
    | "layernorm" -> LayerNorm<float>(s[0])
    | "squeezeexcite" -> SqueezeExcite<float>(s[0], s[1])
    | "residual" -> (Layers.residual (s[1], kernel = s[2], squeezeExcite = s[3])).Build<float>(s[0])
    | "lstm"
    | "blstm" -> RecurrentStack<float>(CellKind.Lstm, s[0], RecurrentSettings(s[1], (s[2] = 1)))
    | "logsoftmax" -> LogSoftmax<float>(s[0])
    | other -> failtest $"no layer for the recorded case {other}"

[<Tests>]
let layers =
    testList "layers equal PyTorch" [
        for case in cases "layers" @ List.filter _.Has("dx") (cases "blocks") do
            test case.Name {
                let layer, recorded = build case, noted case.Name case
                recorded.Load layer.Parameters
                let pass = Pass(Workspace(ThreadTeam 1), not (case.Name.EndsWith "evaluation"))
                let y = layer.Forward(recorded.Batch("x", "lengths"), pass)
                Expect.sequenceEqual (y.Lengths.ToArray()) (case.Ints "output_lengths") "lengths of the output"
                recorded.Expect("y", y.Data)
                let dx = layer.Backward(y.With(recorded.Data "dy", y.F), pass)
                recorded.Expect("dx", dx.Data)
                recorded.ExpectParameters layer.Parameters
            }

        test "softmax and cross-entropy, per frame and per row" {
            let case = case "blocks" "crossentropy"
            let recorded = noted case.Name case
            let logits = recorded.Batch("logits", "lengths")
            let frames = SoftmaxCrossEntropy.Compute(logits, case.Labels, Workspace(ThreadTeam 1))
            recorded.Expect("loss", Memory [| frames.Loss |])
            recorded.Expect("gradient", frames.Gradient.Data)

            // The frames without padding, as rows of a matrix.
            let cut (batch: Batch<float>) = [|
                for b in 0 .. batch.B - 1 do
                    for t in 0 .. batch.Lengths.Span[b] - 1 do
                        yield! batch.Row(t, b).ToArray()
            |]

            let labels = case.Ints "labels"

            let rows =
                SoftmaxCrossEntropy.Compute(
                    MatrixView(Memory(cut logits), labels.Length, logits.F),
                    labels,
                    Workspace(ThreadTeam 1)
                )

            recorded.Expect("loss", Memory [| rows.Loss |])
            let expected = logits.With(recorded.Data "gradient", logits.F)
            expectClose tolerance "gradient of rows" (cut expected) (rows.Gradient.Data.ToArray())
        }
    ]

let private kindOf (case: Case) =
    match case.Name.Split(' ')[0] with
    | "rnn" -> CellKind.Rnn
    | "relurnn" -> CellKind.ReluRnn
    | "gru" -> CellKind.Gru
    | "lstm" -> CellKind.Lstm
    | other -> failtest $"no cell for the recorded case {other}"

/// The recorded states of a name such as "initial {0}".
let private states (case: Case) (recorded: Recorded<float>) name =
    let view key =
        let shape = case.Tensor(key).Shape |> Seq.map int |> List.ofSeq
        MatrixView<float>(recorded.Data key, List.reduce (*) shape / List.last shape, List.last shape)

    let h, c = String.Format(name, "h"), String.Format(name, "c")

    if case.Has c then
        CellState(view h, view c)
    else
        CellState(view h)

let private expectStates (case: Case) (recorded: Recorded<float>) name (state: CellState<float>) =
    let flat (view: MatrixView<float>) =
        Memory [|
            for i in 0 .. view.Rows - 1 do
                yield! view.Data.Slice(i * view.RowStride, view.Columns).ToArray()
        |]

    recorded.Expect(String.Format(name, "h"), flat state.H)

    if case.Has(String.Format(name, "c")) then
        recorded.Expect(String.Format(name, "c"), flat state.C)

[<Tests>]
let recurrent =
    testList "recurrent networks equal PyTorch's on packed sequences, with states at both ends" [
        for case in cases "recurrent" ->
            test case.Name {
                let s, recorded = case.Ints "settings", noted case.Name case
                let layer = RecurrentStack<float>(kindOf case, s[0], RecurrentSettings(s[1], (s[2] = 1), s[3]))
                recorded.Load layer.Parameters
                let pass = Pass(Workspace(ThreadTeam 1), true)
                let result = layer.Forward(recorded.Batch("x", "lengths"), states case recorded "initial {0}", pass)
                recorded.Expect("y", result.Sequence.Data)
                expectStates case recorded "final {0}" result.State
                let dy = result.Sequence.With(recorded.Data "dy", layer.OutputFeatures)
                let gradient = layer.Backward(dy, states case recorded "dfinal {0}", pass)
                recorded.Expect("dx", gradient.Sequence.Data)
                expectStates case recorded "dinitial {0}" gradient.State
                recorded.ExpectParameters layer.Parameters
            }
    ]

[<Tests>]
let cells =
    testList "cells equal PyTorch's over two steps" [
        for case in cases "cells" ->
            test case.Name {
                let s, recorded = case.Ints "settings", noted $"{kindOf case}Cell" case

                let cell: Cell<float> =
                    match kindOf case with
                    | CellKind.Gru -> GruCell<float>(s[0], s[1])
                    | CellKind.Lstm -> LstmCell<float>(s[0], s[1])
                    | CellKind.Rnn -> RnnCell<float>(s[0], s[1])
                    | _ -> RnnCell<float>(s[0], s[1], RnnNonlinearity.Relu)

                recorded.Load cell.Parameters
                let workspace = Workspace(ThreadTeam 1)
                let frame step = MatrixView<float>(recorded.Data $"x {step}", int (case.Tensor("x 0").Shape[0]), s[0])
                let first = cell.Forward(frame 0, states case recorded "{0} 0", workspace)
                expectStates case recorded "{0} 1" first.State
                let second = cell.Forward(frame 1, first.State, workspace)
                expectStates case recorded "{0} 2" second.State

                // The gradient of the state between the steps has two terms: its own, and that of the second step.
                let last = cell.Backward(second, states case recorded "d{0} 2", workspace)

                let add (a: MatrixView<float>) (b: MatrixView<float>) =
                    for i in 0 .. a.Rows - 1 do
                        for j in 0 .. a.Columns - 1 do
                            let offset = i * a.RowStride + j
                            a.Data.Span[offset] <- a.Data.Span[offset] + b.Data.Span[i * b.RowStride + j]

                let between = states case recorded "d{0} 1"
                add between.H last.Before.H
                add between.C last.Before.C
                let start = cell.Backward(first, between, workspace)
                recorded.Expect("dx 1", last.X.Data)
                recorded.Expect("dx 0", start.X.Data)
                expectStates case recorded "d{0} 0" start.Before
                recorded.ExpectParameters cell.Parameters
            }
    ]

[<Tests>]
let ctc =
    testList "CTC equals PyTorch" [
        for case in cases "ctc" do
            for reduction in Enum.GetValues<CtcReduction>() do
                if case.Has $"{reduction}/loss" then
                    test $"{case.Name}, {reduction}" {
                        let loss = CtcLoss((case.Ints "blank")[0], reduction, InfeasiblePolicy.Skip)
                        let recorded = noted "ctc" case
                        let logits = recorded.Batch("logits", "lengths")
                        let result = loss.Compute(logits, case.Labels, Workspace(ThreadTeam 1))

                        // With zero_infinity, PyTorch gives 0 for a skipped utterance, Hybrid NaN.
                        let losses = [| for x in result.Losses.ToArray() -> if Double.IsNaN x then 0.0 else x |]
                        recorded.Expect("losses", Memory losses)
                        recorded.Expect($"{reduction}/loss", Memory [| result.Loss |])
                        recorded.Expect($"{reduction}/gradient", result.Gradient.Data)
                    }
    ]

/// A trainable parameter for each recorded tensor of a kind.
let private parameters (case: Case) kind = [
    for name in case.Names kind ->
        Parameter<float32>.Constant(name, 0.0, [| for size in (case.Tensor $"{kind}/{name}").Shape -> int size |])
]

let private setGradients (case: Case) kind (parameters: Parameter<float32> list) =
    for p in parameters do
        case.Tensor($"{kind}/{p.Name}").ToSingles().CopyTo(p.Gradient, 0)

let private optimizers: (string * OptimizerSpec) list = [
    "sgd", SgdSpec(0.05, WeightDecay = 0.1)
    "momentum", SgdSpec(0.05, 0.9)
    "nesterov", SgdSpec(0.05, 0.8, true, 0.1)
    "adam", AdamSpec(2e-3, 0.05, 0.8, 0.99, 1e-6)
    "adamw", AdamWSpec(2e-3, 0.05)
]

/// PyTorch's cosine in a sequence has its own length, here eight epochs, of which seven are run.
let private cosineOfEight: LearningRateSchedule = CosineWarmRestarts(8.0, 1.0, 1e-5)

[<Tests>]
let training =
    testList "training equals PyTorch" [
        for name, spec in optimizers do
            test $"{name} over seven steps" {
                let given = case "training" "optimizers"
                // Weights of magnitude one that end near zero keep an absolute error of seven digits, as in PyTorch's
                // float32.
                let recorded = Recorded<float32>(case "training" name, 5e-6)
                let parameters = parameters given "start"

                for p in parameters do
                    p.Set(given.Tensor($"start/{p.Name}").ToSingles())

                let optimizer = spec.Build parameters

                for step in 0..6 do
                    setGradients given $"gradient/{step}" parameters
                    optimizer.Step(spec.LearningRate, 1.0, ThreadTeam 1)

                    for p in parameters do
                        for precision in [ "F32"; "F64" ] do
                            recorded.Expect($"{precision}/{step}/{p.Name}", Memory(p.ToArray()))
            }

            test $"{name} scales gradients first, and skips frozen parameters" {
                let given = case "training" "optimizers"

                let after scale =
                    let parameters = parameters given "start"
                    let optimizer = spec.Build parameters
                    setGradients given "gradient/0" parameters
                    parameters[1].IsFrozen <- true

                    for p in parameters do
                        for i in 0 .. p.Gradient.Length - 1 do
                            p.Gradient[i] <- p.Gradient[i] / float32 scale

                    optimizer.Step(2e-3, scale, ThreadTeam 1)
                    [ for p in parameters -> p.ToArray() ]

                let moved = after 1.0
                Expect.equal (after 0.25) moved "a quarter of four times the gradient"
                Expect.allEqual moved[1] 0f "frozen"
                Expect.isTrue (Array.exists ((<>) 0f) moved[0]) "not frozen"
            }
        test "moving average of weights and running statistics" {
            let case = case "training" "average"
            let network = Network<float32>(NetworkSpec(19, 19, [| BatchNormSpec() |], [| LinearSpec 19 |]))
            let named name = network.Parameters |> Seq.find (fun p -> p.Name = $"encoder.0.{name}")

            let take update =
                for name in case.Names $"value/{update}" do
                    let p = named name
                    p.Set(case.Tensor($"value/{update}/{name}").ToSingles())

                (named "num_batches_tracked")[0] <- float32 update

            take 0
            let average = WeightAverage(AveragingSpec 0.6, network)
            let recorded = Recorded<float32>(case, 5e-6)

            for update in 1..12 do
                take update
                average.Update(int64 update, ThreadTeam 2)
                average.Exchange()

                for name in case.Names $"average/{update}" do
                    recorded.Expect($"average/{update}/{name}", Memory((named name).ToArray()))

                let counter = named "num_batches_tracked"
                Expect.equal counter[0] (float32 update) "the count is copied"
                average.Exchange()

                for name in case.Names $"value/{update}" do
                    recorded.Expect($"value/{update}/{name}", Memory((named name).ToArray()))
        }
        test "norm of the gradient and clipping" {
            let case = case "training" "clipping"
            let parameters = parameters case "gradient"
            setGradients case "gradient" parameters
            let norm = GradientNorm.Of(List.toArray parameters)
            expectClose tolerance "norm" (case.Doubles "norm") [| norm |]
            let scales = [| for limit in case.Doubles "limits" -> GradientNorm.ClippingScale(norm, limit) |]
            // PyTorch adds 1e-6 to the norm it divides by.
            expectClose (2e-6 / norm) "scales" (case.Doubles "scales") scales
            Expect.equal (GradientNorm.ClippingScale(norm, Nullable())) 1.0 "no limit"
        }

        let curve name (schedule: LearningRateSchedule) epochs =
            test $"learning rate: {name}" {
                let rows = (case "training" "schedule").Doubles name |> Array.chunkBySize 2
                let rates = [| for row in rows -> schedule.At(2e-3, row[0], epochs) |]
                expectClose tolerance name [| for row in rows -> row[1] |] rates
            }

        curve "restarts" (CosineWarmRestarts(4.0, 2.0, 1e-5)) 30.0
        curve "restarts of equal length" (CosineWarmRestarts(3.0)) 13.0
        curve "cosine" (CosineRate 1e-5) 20.0
        curve "rise" (WarmUp(4.0, ConstantRate())) 10.0
        curve "step" (StepRate(4.0, 0.3)) 20.0
        curve "exponential" (ExponentialRate 0.9) 20.0
        curve "one cycle" (OneCycle(0.293, 20.0, 500.0)) 100.0

        curve
            "sequence"
            (SequenceRate([| RatePart(5.0, ExponentialRate 0.8); RatePart(7.0, cosineOfEight) |], StepRate(3.0, 0.5)))
            20.0

        test "learning rate: plateau" {
            let recorded = case "training" "schedule"
            let errors = recorded.Doubles "errors"
            let validated = [| for i, error in Seq.indexed errors -> ValidationPoint(float (i + 1), error) |]
            let schedule = ReduceOnPlateau(0.3, 2, 1e-4, 1, 1e-4)
            let rows = recorded.Doubles "plateau" |> Array.chunkBySize 2

            let rates = [|
                for row in rows ->
                    schedule.At(2e-3, row[0], float errors.Length, ReadOnlySpan(validated, 0, int row[0]))
            |]

            expectClose tolerance "plateau" [| for row in rows -> row[1] |] rates
        }
    ]

let private spec =
    let layers: LayerSpec list = [
        Conv1dSpec(7, 3, 2)
        BatchNormSpec()
        ActivationSpec ActivationFunction.Gelu
        LstmSpec(4, true)
        FrameStackingSpec 2
        LstmSpec(3, true)
    ]

    NetworkSpec(5, 6, List.toArray layers, [| LinearSpec 6 |])

let private trainOnce (network: Network<_>) (recorded: Recorded<_>) tolerance =
    let case = case "network" "network"
    recorded.Load network.Parameters
    let workspace = Workspace(ThreadTeam 2)
    let pass = Pass(workspace, true)
    let logits = network.Forward(recorded.Batch("x", "lengths"), pass)
    Expect.sequenceEqual (logits.Lengths.ToArray()) (case.Ints "output_lengths") "lengths of the output"
    recorded.Expect("logits", logits.Data)

    let result = CtcLoss(0, CtcReduction.MeanPerLabel).Compute(logits, case.Labels, workspace)
    expectClose tolerance "loss" (case.Doubles "loss") [| result.Loss |]
    network.Backward(result.Gradient, pass)
    recorded.ExpectParameters network.Parameters

[<Tests>]
let network =
    testList "a whole network equals PyTorch" [
        test "in double" { trainOnce (Network<float> spec) (noted "network" (case "network" "network")) tolerance }
        test "in float" { trainOnce (Network<float32> spec) (Recorded<float32>(case "network" "network", 1e-4)) 1e-4 }
        test "loads weights by PyTorch's names and shapes" {
            let case = case "network" "network"

            let stored = [
                for name in case.Names "value" do
                    let t = case.Tensor $"value/{name}"
                    StoredTensor(name, t.Type, t.Shape, t.Bytes)
            ]

            let recorded = Recorded<float>(case, 0.0)

            for p in Network<float>(spec, stored).Parameters do
                recorded.Expect($"value/{p.Name}", Memory(p.ToArray()))
        }
    ]

/// Uniform numbers in [-1, 1) by the generator of make_golden.py.
let private noise count seed =
    let next (state: uint32) _ =
        let state = 1664525u * state + 1013904223u
        float state / 2.0 ** 31.0 - 1.0, state

    Array.mapFold next (uint32 seed) [| 1..count |] |> fst

[<Tests>]
let tiny =
    test "the recipe tiny with CTC equals PyTorch" {
        let case, network = case "tiny" "tiny", Network<float>(Recipes.tiny.Network)
        let recorded = noted "network" case

        let weights = [
            for p in network.Parameters do
                if p.IsTrainable then
                    p
        ]

        for i, p in List.indexed weights do
            p.Set(noise p.Length (i + 1) |> Array.map ((*) 0.3))

        let pass = Pass(Workspace(ThreadTeam 2), true)
        let logits = network.Forward(recorded.Batch("x", "lengths"), pass)
        Expect.sequenceEqual (logits.Lengths.ToArray()) (case.Ints "output_lengths") "lengths of the output"
        recorded.Expect("logits", logits.Data)
        let result = CtcLoss(0, CtcReduction.MeanPerLabel).Compute(logits, case.Labels, pass.Workspace)
        recorded.Expect("loss", Memory [| result.Loss |])
        network.Backward(result.Gradient, pass)

        for i, p in List.indexed weights do
            recorded.Expect(
                $"some/{p.Name}",
                Memory [| for j in 0 .. p.Length / 30 + 1 .. p.Length - 1 -> p.Gradient[j] |]
            )

            let projection = Seq.fold2 (fun sum g n -> sum + g * n) 0.0 p.Gradient (noise p.Length (100 + i))
            recorded.Expect($"projection/{p.Name}", Memory [| projection |])

        for p in network.Parameters do
            if not p.IsTrainable then
                recorded.Expect($"after/{p.Name}", Memory(p.ToArray()))
    }
