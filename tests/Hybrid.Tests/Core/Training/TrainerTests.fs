module Hybrid.Tests.TrainerTests

open System
open System.Threading
open Expecto
open Hybrid.Core

/// Utterances whose labels can be read off their features: each label lights one feature for three frames.
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

/// The same at three speeds: the louder, the faster.
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
            yield! p.Value
    |]
    |> Array.map BitConverter.SingleToInt32Bits

[<Tests>]
let tests =
    testList "trainer" [
        test "learns what can be learned" {
            let trainer = trainer 2 30
            let history = trainer.Run()
            Expect.equal history.Count 30 "a report for every epoch"
            Expect.isBelow history[29].DevPer 5.0 $"PER after the last epoch; {history[29]}"
            Expect.isBelow history[29].TrainLoss (0.2 * history[0].TrainLoss) "loss falls"
        }

        test "minimises the best alignment's loss, and learns in phases of both losses" {
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

            // Alone it settles for the alignments that it found first.
            let hard = run [| PhaseSpec("hard", 1, TrainingLoss.Viterbi) |]
            Expect.isBelow hard[29].TrainLoss (0.4 * hard[0].TrainLoss) $"{hard[29]}"
            let both = run [| PhaseSpec("hard", 1, TrainingLoss.Viterbi); PhaseSpec("all", 5, TrainingLoss.Ctc) |]
            Expect.isBelow both[29].DevPer hard[29].DevPer $"{both[29]}"
        }

        test "gives the same weights, bit for bit, again and with 1, 2 and 8 threads" {
            let run threads =
                let trainer = trainer threads 3
                trainer.Run() |> ignore
                weights trainer

            let one = run 1

            for threads in [ 1; 2; 8 ] do
                Expect.equal (run threads) one $"{threads} threads"
        }

        test "continues from a checkpoint to the same weights as without interruption" {
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
                    (fun () -> first.Run(stepped = stepped, cancellation = stop.Token) |> ignore)
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

        test "what was stopped between the end of its time and its judging is judged when it continues" {
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
                    (fun () -> first.Run(limit, stepped, cancellation = stop.Token) |> ignore)
                    "stopped"

                Checkpoint.Write(path, first, Collections.Generic.Dictionary())

                let second = trainer 1 4
                second.Restore(Checkpoint.Read path)
                Expect.isGreaterThan second.State.ElapsedSeconds limit.TotalSeconds "no time is left"
                Expect.equal (second.Run limit).Count 1 "the pass is judged"
                Expect.equal second.State.Steps 2L "no step is added"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> (trainer 1 4).Run TimeSpan.Zero |> ignore)
                    "no time at all")
        }

        test
            "phases of every kind, masks, speeds, averaging and a plateau: the same weights with any threads, and when continued from a checkpoint" {
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

            let judged (trainer: Trainer) = [|
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
                        (fun () -> first.Run(stepped = stepped, cancellation = stop.Token) |> ignore)
                        "stopped"

                    Checkpoint.Write(path, first, Collections.Generic.Dictionary())
                    let second = rich 2
                    second.Restore(Checkpoint.Read path)
                    second.Run() |> ignore
                    Expect.equal (weights second) (weights whole) $"weights, stopped after {steps}"
                    Expect.equal (judged second) (judged whole) $"average, stopped after {steps}"
                    Expect.equal (history second) (history whole) $"history, stopped after {steps}")
        }

        test "every pass draws speeds of its own, where the schedule has some; data without are refused" {
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
                "once a pass, each time from another generator"

            let error = Expect.throwsC (fun () -> train [| 0.9 |] (Toy 20) |> ignore) id
            Expect.stringContains error.Message "the data cannot be had at several" ""
        }

        test "a phase freezes layers: weights and running statistics stay, in momentum and decay too, all else moves" {
            let trainer =
                Trainer(
                    Network<float32>(spec, 7UL),
                    TrainingSpec(7UL, 1, BatchSize(4, 200), AdamWSpec(2e-2, 0.1), ConstantRate()),
                    Toy 20,
                    Toy 6
                )

            let batch = LabelledBatch.Read(Toy 20, [| 0..3 |], ThreadTeam 1)
            let values () = Map [ for p in trainer.Network.Parameters -> p.Name, Array.copy p.Value ]
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
                Expect.notEqual value during[name] $"{name} moves again"
        }

        test "masks of the schedule act in training, not where a phase is without" {
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

        test "an average is what is judged and kept, and the weights go on by themselves" {
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
            Expect.equal (weights averaged) (weights plain) "training does not know of the average"
            let kept = Network<float32>(spec, averaged.EvaluationWeights())
            let greedy = GreedyDecoder()

            let judge network =
                Evaluation.Run(
                    network,
                    Toy 6,
                    BatchSize(4, 200),
                    (fun logProbs -> greedy.Decode logProbs),
                    Workspace(ThreadTeam 1)
                )

            Expect.equal (judge kept |> _.Loss) averaged.State.History[2].DevLoss "loss of the kept weights"
            Expect.equal (judge plain.Network |> _.Loss) plain.State.History[2].DevLoss "loss without average"

            Expect.notEqual
                averaged.State.History[2].DevLoss
                plain.State.History[2].DevLoss
                "the average is another network"
        }

        test "ends when nothing has become better for as many passes as its patience, also when continued" {
            // A rate so small that no judgement differs from the first.
            let trainer =
                Trainer(
                    Network<float32>(spec, 7UL),
                    TrainingSpec(7UL, 50, BatchSize(4, 200), AdamWSpec(1e-12), ConstantRate(), Patience = 3),
                    Toy 20,
                    Toy 6
                )

            Expect.equal (trainer.Run().Count) 4 "the best and three more"
            Expect.equal (trainer.Run().Count) 4 "no further"
        }

        test "what does not fit the network is refused with what there is" {
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
                "phase \"late\" freezes \"encoder.11\", \"dec\", but the layers are encoder.0, encoder.1, encoder.2, encoder.3, encoder.4, decoder.0"
                ""

            Expect.stringContains error.Message "masks are up to 9 features wide, there are only 5" ""
        }

        test "stops at a loss that is not finite and names the utterances and the first tensor" {
            let data = Toy(8, spoil = 5)
            let trainer = Trainer(Network<float32>(spec, 7UL), schedule 1, data, Toy 6)
            let error = Expect.throwsC (fun () -> trainer.Run() |> ignore) id
            Expect.stringContains error.Message "toy5" "the utterance"
            Expect.stringContains error.Message "the features" "the tensor"
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

            Expect.isTrue (some.Length > 0 && some.Length < 20) "the case has both kinds"
            let trainer = Trainer(network, schedule 1, data, data)
            let batch utterances = LabelledBatch.Read(data, utterances, ThreadTeam 1)
            let mixed = Trainer(Network<float32>(short, 1UL), schedule 1, data, data).Step(batch [| 0..19 |], 0.0)
            let alone = trainer.Step(batch some, 0.0)
            Expect.floatClose Accuracy.medium mixed.Loss alone.Loss "the loss is that of those that fit"
            Expect.equal (mixed.Infeasible, alone.Infeasible) (20 - some.Length, 0) "they are counted"
        }
    ]
