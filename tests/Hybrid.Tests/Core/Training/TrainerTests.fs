module Hybrid.Tests.TrainerTests

open System
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// A learnable task: each label sets one feature to 1 for three frames.
type private Toy(count: int, ?spoil: int) =
    let random = CounterRandom 3UL

    let labels i =
        let stream = random.Fork(uint64 i).Stream()
        Array.init (1 + stream.Below 4) (fun _ -> 1 + stream.Below 4)

    interface IDataset with
        member _.Count = count
        member _.Features = 5
        member _.Id i = $"toy{i}"
        member _.Frames i = 4 + 5 * (labels i).Length
        member _.Labels i = labels i

        member _.CopyFeatures(i, destination) =
            destination.Clear()

            for place, label in Seq.indexed (labels i) do
                for t in 4 + 5 * place .. 6 + 5 * place do
                    destination[t * 5 + label] <- 1f

            if Some i = spoil then
                destination[7] <- nanf

/// The same with speed perturbation: the features are multiplied by the speed.
let private varied count =
    let toy: IDataset = Toy count

    let rec at (speed: int -> float32) = {
        new IVariedDataset with
            member _.Drawn random = at (fun i -> [| 0.8f; 1f; 1.3f |][random.Fork(uint64 i).Stream().Below 3])
            member _.Count = toy.Count
            member _.Features = toy.Features
            member _.Id i = toy.Id i
            member _.Frames i = toy.Frames i
            member _.Labels i = toy.Labels i

            member _.CopyFeatures(i, destination) =
                toy.CopyFeatures(i, destination)

                for k in 0 .. destination.Length - 1 do
                    destination[k] <- speed i * destination[k]
    }

    at (fun _ -> 1f)

let private spec =
    NetworkSpec(
        5,
        5,
        [|
            Conv1dSpec(8, 3)
            BatchNormSpec()
            ActivationSpec ActivationFunction.Gelu
            DropoutSpec 0.1
            LstmSpec(8, true)
        |],
        [| LinearSpec 5 |]
    )

let private schedule epochs = TrainingSpec(7UL, epochs, BatchSize(4, 200), AdamWSpec(2e-2), CosineRate(), 5.0)

let private trainer threads epochs =
    Trainer(Network<float32>(spec, 7UL), schedule epochs, Toy 20, Toy 6, ThreadTeam threads)

let private weights (trainer: Trainer) =
    [|
        for p in trainer.Network.Parameters do
            yield! p.ToArray()
    |]
    |> Array.map BitConverter.SingleToInt32Bits

/// Utterances with features of another width.
let private wide = {
    new IDataset with
        member _.Count = 1
        member _.Features = 28
        member _.Id _ = "wide"
        member _.Frames _ = 10
        member _.Labels _ = [| 1 |]
        member _.CopyFeatures(_, destination) = destination.Clear()
}

/// Numbers of epochs, among them some for which a product such as 1.0 / 49.0 * 49.0 is less than 1.
let private quickLengths = [ 1..24 ] @ [ 49; 98; 103; 107 ]

/// Trains a network of four weights for each of these lengths and checks the learning rate of every update.
let private exactEpochs lengths =
    let data = {
        new IDataset with
            member _.Count = 3
            member _.Features = 1
            member _.Id i = $"{i}"
            member _.Frames _ = 1
            member _.Labels _ = [| 1 |]
            member _.CopyFeatures(_, destination) = destination.Clear()
    }

    let team = ThreadTeam 1

    for epochs in lengths do
        let rates (schedule: LearningRateSchedule) phases =
            let spec = TrainingSpec(1UL, epochs, BatchSize(1, 1), SgdSpec 1e-3, schedule, Phases = phases)
            let network = Network<float32>(NetworkSpec(1, 2, [||], [| LinearSpec 2 |]), 1UL)
            let found = ResizeArray<float>()
            let steps = Progress.call (fun (progress: TrainingProgress) -> found.Add(progress.LearningRate / 1e-3))
            Trainer(network, spec, data, data, team).Run(steps = steps) |> ignore
            List.ofSeq found

        let perEpoch rate = [
            for epoch in 0 .. epochs - 1 do
                for _ in 1..3 -> rate epoch
        ]

        Expect.equal
            (rates (StepRate(1.0, 0.5)) null)
            (perEpoch (fun epoch -> Math.Pow(0.5, float epoch)))
            $"{epochs}: steps"

        let restarts = rates (CosineWarmRestarts 1.0) null |> List.chunkBySize 3 |> List.map List.head
        Expect.all restarts ((=) 1.0) $"{epochs}: restarts"

        if epochs > 1 then
            let phases = [|
                PhaseSpec("first", 1, TrainingLoss.Viterbi, ConstantRate())
                PhaseSpec("rest", epochs - 1, TrainingLoss.Ctc, ScaledRate(0.25, StepRate(1.0, 0.5)))
            |]

            let expected epoch =
                if epoch = 0 then
                    1.0
                else
                    0.25 * Math.Pow(0.5, float (epoch - 1))

            Expect.equal (rates (ConstantRate()) phases) (perEpoch expected) $"{epochs}: phases"

[<Tests>]
let tests =
    testList "trainer" [
        test "learns a learnable task" {
            let trainer = trainer 2 30
            let history = trainer.Run()
            Expect.equal history.Count 30 "a report for every epoch"
            Expect.isBelow history[29].DevPer 5.0 $"PER after the last epoch; {history[29]}"
            Expect.isBelow history[29].TrainLoss (0.2 * history[0].TrainLoss) "loss falls"
        }

        test "trains with the Viterbi loss, and with both losses in phases" {
            let run phases =
                let plain = schedule 30

                let spec' =
                    TrainingSpec(
                        plain.Seed,
                        30,
                        plain.Batch,
                        plain.Optimizer,
                        plain.LearningRate,
                        plain.ClipGradients,
                        phases
                    )

                Trainer(Network<float32>(spec, 7UL), spec', Toy 20, Toy 6).Run()

            // Viterbi training keeps the first alignments that it finds.
            let hard = run [| PhaseSpec("hard", 1, TrainingLoss.Viterbi) |]
            Expect.isBelow hard[29].TrainLoss (0.4 * hard[0].TrainLoss) $"{hard[29]}"
            let both = run [| PhaseSpec("hard", 1, TrainingLoss.Viterbi); PhaseSpec("all", 5, TrainingLoss.Ctc) |]
            Expect.isBelow both[29].DevPer hard[29].DevPer $"{both[29]}"
        }

        test "the same weights, bit for bit, in repeated runs and with 1, 2 and 8 threads" {
            let run threads =
                let trainer = trainer threads 3
                trainer.Run() |> ignore
                weights trainer

            let one = run 1

            for threads in [ 1; 2; 8 ] do
                Expect.equal (run threads) one $"{threads} threads"
        }

        test "a resumed training gives the same weights as an uninterrupted one" {
            TestSettings.withFolder (fun folder ->
                let whole = trainer 2 4
                whole.Run() |> ignore

                let first = trainer 2 4
                use stop = new CancellationTokenSource()
                let path = IO.Path.Combine(folder, "checkpoint")

                // In the middle of the third epoch.
                let stepped (p: TrainingProgress) =
                    if p.Steps = 13L then
                        stop.Cancel()

                Expect.throwsT<OperationCanceledException>
                    (fun () -> first.Run(steps = Progress.call stepped, cancellation = stop.Token) |> ignore)
                    "stopped"

                Checkpoint.Write(path, first, Collections.Generic.Dictionary())

                let kept = Checkpoint.Read path
                let second = trainer 2 4
                second.Restore kept
                second.Run() |> ignore
                Expect.equal (weights second) (weights whole) "weights"

                Expect.equal
                    (second.State.History |> Seq.map _.DevLoss |> List.ofSeq)
                    (whole.State.History |> Seq.map _.DevLoss |> List.ofSeq)
                    "history")
        }

        test "a training interrupted between its time limit and the validation is validated when it is resumed" {
            TestSettings.withFolder (fun folder ->
                let limit = TimeSpan.FromSeconds 0.2
                let first = trainer 1 4
                use stop = new CancellationTokenSource()
                let path = IO.Path.Combine(folder, "checkpoint")

                let stepped (p: TrainingProgress) =
                    if p.Steps = 1L then
                        Thread.Sleep(2.0 * limit)
                    else
                        stop.Cancel()

                Expect.throwsT<OperationCanceledException>
                    (fun () -> first.Run(limit, Progress.call stepped, cancellation = stop.Token) |> ignore)
                    "stopped"

                Checkpoint.Write(path, first, Collections.Generic.Dictionary())

                let second = trainer 1 4
                second.Restore(Checkpoint.Read path)
                Expect.isGreaterThan second.State.ElapsedSeconds limit.TotalSeconds "no time is left"
                Expect.equal (second.Run limit).Count 1 "the epoch is validated"
                Expect.equal second.State.Steps 2L "no step is added"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> (trainer 1 4).Run TimeSpan.Zero |> ignore)
                    "a limit of zero")
        }

        test "phases, masks, speeds, averages, plateaus: the same weights with any threads and when resumed" {
            let masks = SpecAugmentSpec(2, 1)

            let phases = [|
                PhaseSpec("hard", 1, TrainingLoss.Viterbi, WarmUp(0.5, ConstantRate()))
                PhaseSpec("frozen", 2, TrainingLoss.Ctc, null, SpecAugmentSpec(0, 0), [| "encoder.1"; "decoder" |])
                PhaseSpec("rest", 3, TrainingLoss.Ctc)
            |]

            let rich =
                TrainingSpec(
                    7UL,
                    6,
                    BatchSize(4, 200),
                    SgdSpec(0.2, 0.9),
                    ReduceOnPlateau(0.5, 0),
                    5.0,
                    phases,
                    masks,
                    AveragingSpec 0.9,
                    Decoding = PrefixBeamDecoding 3,
                    Speeds = [| 0.9; 1.0; 1.1 |]
                )

            let rich threads = Trainer(Network<float32>(spec, 7UL), rich, varied 20, Toy 6, ThreadTeam threads)

            let evaluated (trainer: Trainer) = [|
                for tensor in trainer.EvaluationWeights() do
                    yield! tensor.ToSingles()
            |]

            let history (trainer: Trainer) = [
                for report in trainer.State.History ->
                    report.TrainLoss, report.DevLoss, report.DevPer, report.LearningRate
            ]

            let whole = rich 1
            whole.Run() |> ignore

            Expect.isGreaterThan
                (history whole |> List.map (fun (_, _, _, rate) -> rate) |> List.distinct).Length
                1
                "the rate falls"

            for threads in [ 2; 8 ] do
                let again = rich threads
                again.Run() |> ignore
                Expect.equal (weights again) (weights whole) $"{threads} threads"

            TestSettings.withFolder (fun folder ->
                // In the middle of each phase, and at the end of the first.
                for steps in [ 3L; 5L; 12L; 22L ] do
                    let first = rich 2
                    use stop = new CancellationTokenSource()
                    let path = IO.Path.Combine(folder, $"{steps}")

                    let stepped (p: TrainingProgress) =
                        if p.Steps = steps then
                            stop.Cancel()

                    Expect.throwsT<OperationCanceledException>
                        (fun () -> first.Run(steps = Progress.call stepped, cancellation = stop.Token) |> ignore)
                        "stopped"

                    Checkpoint.Write(path, first, Collections.Generic.Dictionary())
                    let second = rich 2
                    second.Restore(Checkpoint.Read path)
                    second.Run() |> ignore
                    Expect.equal (weights second) (weights whole) $"weights, stopped after {steps}"
                    Expect.equal (evaluated second) (evaluated whole) $"average, stopped after {steps}"
                    Expect.equal (history second) (history whole) $"history, stopped after {steps}")
        }

        test "every epoch draws new speeds; data without speeds are refused" {
            let plain = schedule 2

            let fast speeds =
                TrainingSpec(plain.Seed, 2, plain.Batch, plain.Optimizer, plain.LearningRate, Speeds = speeds)

            let drawn = ResizeArray<uint64>()
            let data = varied 20

            let watched = {
                new IVariedDataset with
                    member _.Drawn random =
                        drawn.Add random.Key
                        data.Drawn random

                    member _.Count = data.Count
                    member _.Features = data.Features
                    member _.Id i = data.Id i
                    member _.Frames i = data.Frames i
                    member _.Labels i = data.Labels i
                    member _.CopyFeatures(i, destination) = data.CopyFeatures(i, destination)
            }

            let train speeds data = Trainer(Network<float32>(spec, 7UL), fast speeds, data, Toy 6)
            (train null watched).Run() |> ignore
            Expect.isEmpty drawn "without speeds nothing is drawn"
            (train [| 0.9; 1.1 |] watched).Run() |> ignore

            Expect.equal
                (Seq.distinct drawn |> Seq.length, drawn.Count)
                (2, 2)
                "once per epoch, each time from another generator"

            let error = Expect.throwsC (fun () -> train [| 0.9 |] (Toy 20) |> ignore) id
            Expect.stringContains error.Message "the schedule has speeds, but the training data have only one" ""
        }

        test "frozen layers keep weights and running statistics despite momentum and decay; all others change" {
            let trainer =
                Trainer(
                    Network<float32>(spec, 7UL),
                    TrainingSpec(7UL, 1, BatchSize(4, 200), AdamWSpec(2e-2, 0.1), ConstantRate()),
                    Toy 20,
                    Toy 6
                )

            let batch = LabelledBatch.Read(Toy 20, [| 0..3 |], ThreadTeam 1)
            let values () = Map [ for p in trainer.Network.Parameters -> p.Name, p.ToArray() ]
            trainer.Step(batch, 1e-2) |> ignore
            let before = values ()
            let phase = PhaseSpec("frozen", 1, TrainingLoss.Ctc, Frozen = [| "encoder.0"; "encoder.1" |])
            trainer.Step(batch, 1e-2, phase) |> ignore
            let frozen (name: string) = name.StartsWith "encoder.0." || name.StartsWith "encoder.1."

            for KeyValue(name, value) in values () do
                Expect.equal (value = before[name]) (frozen name) name

            let during = values ()
            trainer.Step(batch, 1e-2) |> ignore

            for KeyValue(name, value) in values () do
                Expect.notEqual value during[name] $"{name} changes again"
        }

        test "masks of the schedule are applied in training, except in a phase without masks" {
            let train (masks: SpecAugmentSpec | null) (phase: PhaseSpec | null) =
                let trainer =
                    Trainer(
                        Network<float32>(spec, 7UL),
                        TrainingSpec(7UL, 1, BatchSize(4, 200), AdamWSpec(), ConstantRate(), Augmentation = masks),
                        Toy 20,
                        Toy 6
                    )

                (trainer.Step(LabelledBatch.Read(Toy 20, [| 0..3 |], ThreadTeam 1), 1e-2, phase)).Loss

            let phase masks = PhaseSpec("", 1, TrainingLoss.Ctc, Augmentation = masks)
            let masks, none = SpecAugmentSpec(6, 3), SpecAugmentSpec(0, 0)
            Expect.notEqual (train masks null) (train null null) "masked"
            Expect.equal (train masks (phase none)) (train null null) "masked, but not in the phase"
            Expect.equal (train null (phase masks)) (train masks null) "masked in the phase"
        }

        test "validation and the model use the average; training continues with the weights" {
            let run (averaging: AveragingSpec | null) =
                let trainer =
                    Trainer(
                        Network<float32>(spec, 7UL),
                        TrainingSpec(7UL, 3, BatchSize(4, 200), AdamWSpec(2e-2), ConstantRate(), Averaging = averaging),
                        Toy 20,
                        Toy 6
                    )

                trainer.Run() |> ignore
                trainer

            let plain, averaged = run null, run (AveragingSpec 0.9)
            Expect.equal (weights averaged) (weights plain) "the average does not influence training"
            let kept = Network<float32>(spec, averaged.EvaluationWeights())
            let greedy = GreedyDecoder()

            let validate network =
                Evaluation.Run(
                    network,
                    Toy 6,
                    BatchSize(4, 200),
                    (fun logProbs -> greedy.Decode logProbs),
                    Workspace(ThreadTeam 1)
                )

            Expect.equal (validate kept |> _.Loss) averaged.State.History[2].DevLoss "loss of the kept weights"
            Expect.equal (validate plain.Network |> _.Loss) plain.State.History[2].DevLoss "loss without average"

            Expect.notEqual
                averaged.State.History[2].DevLoss
                plain.State.History[2].DevLoss
                "the average has another loss"
        }

        test "ends after as many epochs without improvement as its patience, also when run again" {
            // Neither weights nor running statistics change at this rate: every validation equals the first.
            let still = NetworkSpec(5, 5, [| LstmSpec(8, true) |], [| LinearSpec 5 |])

            let trainer =
                Trainer(
                    Network<float32>(still, 7UL),
                    TrainingSpec(7UL, 50, BatchSize(4, 200), SgdSpec 1e-12, ConstantRate(), Patience = 3),
                    Toy 20,
                    Toy 6
                )

            Expect.equal (trainer.Run().Count) 4 "the best and three more"
            Expect.equal trainer.StopReason (Nullable StopReason.NoImprovement) "reason"
            Expect.equal (trainer.Run().Count) 4 "no further"
        }

        test "reports why it ended" {
            let completed = trainer 2 2
            Expect.equal completed.StopReason (Nullable()) "before"
            completed.Run() |> ignore
            Expect.equal completed.StopReason (Nullable StopReason.EpochsCompleted) "epochs"
            let target = trainer 2 20
            Expect.equal (target.Run(targetPer = 1e6)).Count 1 "one epoch"
            Expect.equal target.StopReason (Nullable StopReason.TargetReached) "target"
            let limited = trainer 2 1000
            limited.Run(TimeSpan.FromSeconds 0.1) |> ignore
            Expect.equal limited.StopReason (Nullable StopReason.TimeLimit) "time"
            let stopped = trainer 2 2
            use stop = new CancellationTokenSource()

            Expect.throwsT<OperationCanceledException>
                (fun () ->
                    stopped.Run(steps = Progress.call (fun _ -> stop.Cancel()), cancellation = stop.Token) |> ignore)
                "stopped"

            Expect.equal stopped.StopReason (Nullable()) "interrupted"
        }

        test "steps, restarts and phases at a whole epoch start with its first update" { exactEpochs quickLengths }
        longTest "the same for every length up to 500 epochs" (fun () -> exactEpochs [ 1..500 ])

        test "the report of an epoch says whether all dev output was blank" {
            // Logits that are always highest for the blank, and never.
            let run (bias: float32) =
                let network = Network<float32>(NetworkSpec(5, 5, [||], [| LinearSpec 5 |]), 1UL)

                for parameter in network.Parameters do
                    parameter.Set(Array.zeroCreate<float32> parameter.Length)

                    if parameter.Name.EndsWith "bias" then
                        parameter[0] <- bias

                Trainer(network, TrainingSpec(1UL, 1, BatchSize(4, 200), SgdSpec 1e-12, ConstantRate()), Toy 4, Toy 6)
                    .Run()
                |> Seq.exactlyOne

            let silent = run 1f
            Expect.equal (silent.DevPer, silent.DevAllBlank) (100.0, true) "blank"
            Expect.isFalse (run -1f).DevAllBlank "not blank"
        }

        test "settings that do not fit the network are refused with the valid ones" {
            let phases = [|
                PhaseSpec(
                    "late",
                    1,
                    TrainingLoss.Ctc,
                    Augmentation = SpecAugmentSpec(2, 9),
                    Frozen = [| "encoder.1"; "encoder.11"; "dec" |]
                )
            |]

            let wrong = TrainingSpec(7UL, 1, BatchSize(4, 200), AdamWSpec(), ConstantRate(), Phases = phases)

            let error =
                Expect.throwsC (fun () -> Trainer(Network<float32>(spec, 7UL), wrong, Toy 20, Toy 6) |> ignore) id

            Expect.stringContains
                error.Message
                ("phase \"late\" freezes \"encoder.11\", \"dec\", but the layers are "
                 + "encoder.0, encoder.1, encoder.2, encoder.3, encoder.4, decoder.0")
                ""

            Expect.stringContains error.Message "masks are up to 9 features wide, there are only 5" ""
        }

        test "a feature that is NaN stops training and validation, with utterance and frame" {
            let spoilt = Toy(8, spoil = 5)
            let train data dev = Trainer(Network<float32>(spec, 7UL), schedule 1, data, dev)

            for data, dev in [ spoilt, Toy 6; Toy 6, spoilt ] do
                expectRefusal<IO.InvalidDataException, _>
                    "utterance toy5: a feature of frame 1 (from 0) is NaN"
                    (fun () -> (train data dev).Run())

            // A batch that was not read from a dataset.
            let batch = LabelledBatch.Read(Toy 6, [| 0..3 |], ThreadTeam 1)
            batch.Features.Row(2, 1)[3] <- infinityf

            expectRefusal<IO.InvalidDataException, _>
                $"utterance {batch.Ids[1]}: a feature of frame 2 (from 0) is Infinity"
                (fun () -> (train (Toy 6) (Toy 6)).Step(batch, 1e-3))
        }

        test "a loss that is not finite stops training, with the utterances and the first tensor" {
            let trainer = Trainer(Network<float32>(spec, 7UL), schedule 1, Toy 8, Toy 6)
            let parameter = trainer.Network.Parameters |> Seq.find _.Name.StartsWith("encoder.4")
            parameter[0] <- nanf
            let message = messageOf<TrainingDivergedException, _>(fun () -> trainer.Run())
            Expect.stringContains message "toy" "an utterance"
            Expect.stringContains message $"parameter {parameter.Name}" "the tensor"
        }

        test "data without a feasible utterance are refused with the frames needed and available" {
            // Fewer than 50 frames, of which frame stacking makes none.
            let short = NetworkSpec(5, 5, [| FrameStackingSpec 50 |], [| LinearSpec 5 |])
            let train network data dev = Trainer(Network<float32>(network, 1UL), schedule 1, data, dev)
            let needed = "of the training data has enough output frames for its labels; the first, toy0, needs "
            expectRefusal<ArgumentException, _> needed (fun () -> train short (Toy 20) (Toy 6))

            let long = {
                new IDataset with
                    member _.Count = 1
                    member _.Features = 5
                    member _.Id _ = "long"
                    member _.Frames _ = 500
                    member _.Labels _ = [| 1; 1; 2 |]
                    member _.CopyFeatures(_, destination) = destination.Clear()
            }

            expectRefusal<ArgumentException, _> "of the dev data has enough output frames" (fun () ->
                train short long (Toy 6))

            expectRefusal<ArgumentException, _> "the training data have no utterances" (fun () ->
                train spec (Toy 0) (Toy 6))

            expectRefusal<ArgumentException, _> "the dev data have no utterances" (fun () -> train spec (Toy 6) (Toy 0))

            expectRefusal<ArgumentException, _> "takes 5 features per frame, the dev data have 28" (fun () ->
                train spec (Toy 6) wide)

            train short long long |> ignore<Trainer>
        }

        test "a batch without a feasible utterance has no loss, and does not count in that of the epoch" {
            let short = NetworkSpec(5, 5, [| FrameStackingSpec 5; LstmSpec(4, false) |], [| LinearSpec 5 |])
            let data: IDataset = Toy 20
            let network () = Network<float32>(short, 1UL)

            let feasible i =
                (network ()).OutputLength(data.Frames i) >= CtcFeasibility.FramesNeeded(ReadOnlySpan(data.Labels i))

            // One utterance per batch.
            let schedule = TrainingSpec(7UL, 1, BatchSize(1, 200), SgdSpec 1e-12, ConstantRate())
            let losses = ResizeArray<float>()
            let trainer = Trainer(network (), schedule, data, data)
            let history = trainer.Run(steps = Progress.call (fun progress -> losses.Add progress.Step.Loss))
            let counted = losses |> Seq.filter (Double.IsNaN >> not) |> List.ofSeq
            Expect.equal counted.Length ([ 0..19 ] |> List.filter feasible |> List.length) "losses"
            Expect.isTrue (counted.Length > 0 && counted.Length < 20) "some utterances are feasible, some are not"
            Expect.floatClose Accuracy.high history[0].TrainLoss (List.average counted) "loss of the epoch"
        }

        test "a step reports blanks, output lengths and padding as counted by hand" {
            let data: IDataset = Toy 20
            let trainer = trainer 1 1
            let batch = LabelledBatch.Read(data, [| 0..5 |], ThreadTeam 1)
            let twin = Network<float32>(spec, 7UL)
            let pass = Pass(Workspace(ThreadTeam 1), true, CounterRandom(7UL).Fork("steps").Fork 0UL)
            let logits = twin.Forward(batch.Features, pass)

            let paths = [
                for b in 0..5 ->
                    [
                        for t in 0 .. logits.Lengths.Span[b] - 1 ->
                            let row = logits.Row(t, b).ToArray()
                            Array.findIndex ((=) (Array.max row)) row
                    ]
            ]

            let collapsed path =
                path
                |> List.fold
                    (fun (previous, count) s -> s, (if s <> 0 && s <> previous then count + 1 else count))
                    (0, 0)
                |> snd

            let frames = List.sumBy List.length paths
            let report = trainer.Step(batch, 0.0)

            Expect.floatClose
                Accuracy.high
                report.BlankRatio
                (float (paths |> List.concat |> List.filter ((=) 0) |> List.length) / float frames)
                "blanks"

            Expect.floatClose Accuracy.high report.MeanOutputLength (float (List.sumBy collapsed paths) / 6.0) "lengths"
            Expect.equal report.Frames frames "frames"
            Expect.floatClose Accuracy.high report.PaddingShare (1.0 - float frames / float (6 * logits.T)) "padding"
        }

        test "skips utterances that have too few frames" {
            let short = NetworkSpec(5, 5, [| FrameStackingSpec 5; LstmSpec(4, false) |], [| LinearSpec 5 |])
            let network = Network<float32>(short, 1UL)
            let data: IDataset = Toy 20

            let feasible i =
                network.OutputLength(data.Frames i) >= CtcFeasibility.FramesNeeded(ReadOnlySpan(data.Labels i))

            let some = [|
                for i in 0..19 do
                    if feasible i then
                        i
            |]

            Expect.isTrue (some.Length > 0 && some.Length < 20) "some utterances are feasible, some are not"
            let trainer = Trainer(network, schedule 1, data, data)
            let batch utterances = LabelledBatch.Read(data, utterances, ThreadTeam 1)
            let mixed = Trainer(Network<float32>(short, 1UL), schedule 1, data, data).Step(batch [| 0..19 |], 0.0)
            let alone = trainer.Step(batch some, 0.0)
            Expect.floatClose Accuracy.medium mixed.Loss alone.Loss "the loss is that of the feasible utterances"
            Expect.equal (mixed.Infeasible, alone.Infeasible) (20 - some.Length, 0) "they are counted"
        }
    ]
