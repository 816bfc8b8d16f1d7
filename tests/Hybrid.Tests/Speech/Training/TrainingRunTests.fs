module Hybrid.Tests.TrainingRunTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private recipe subsampling =
    let network =
        NetworkSpec(28, 41, [| Conv1dSpec(8, 3, subsampling); LstmSpec(8, true) |], [| LinearSpec 41 |])

    Recipe("test", FeaturePreset(), network, TrainingSpec(1UL, 1, BatchSize(8, 8000), AdamWSpec(), ConstantRate()))

/// A corpus of synthetic speech with its manifest rewritten line by line.
let private rewritten (folder: string) (change: int -> string -> string) =
    let path = Path.Combine(folder, Corpus.ManifestName)
    SyntheticCorpus.Write(folder, 20, 5) |> ignore<Corpus>
    File.WriteAllLines(path, File.ReadAllLines path |> Array.mapi change)
    Corpus.Read folder

/// A line of a manifest whose sound does not exist.
let private entry id key value =
    $"{{\"id\":\"{id}\",\"audio\":\"wav/none.wav\",\"split\":\"train\",\"speaker\":\"a\",\"{key}\":\"{value}\"}}"

[<Tests>]
let tests =
    testList "training run" [
        test "unusable utterances are skipped and reported" {
            withFolder (fun folder ->
                let corpus =
                    rewritten folder (fun i line ->
                        match i with
                        | 2 -> entry "unknown" "text" "HAND XYZZY"
                        | 3 -> entry "gone" "text" "HAND"
                        | 4 -> entry "strange" "phones" "HH QQ"
                        | _ -> line)

                let run = TrainingRun.Prepare(recipe 2, corpus)
                let reasons = Map [ for left in run.Train.Skipped -> left.Id, left.Reason ]
                Expect.equal reasons.Count 3 $"{reasons}"
                Expect.stringContains reasons["unknown"] "no pronunciation of XYZZY" ""
                Expect.stringContains reasons["gone"] "none.wav" ""
                Expect.stringContains reasons["strange"] "unknown phone QQ" "")
        }

        test "a network with too few output frames for every utterance is refused with the numbers" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 9, 3)
                let error = Expect.throwsC (fun () -> TrainingRun.Prepare(recipe 40, corpus) |> ignore<TrainingRun>) id

                Expect.stringContains
                    error.Message
                    "no utterance of the training data has enough output frames"
                    error.Message

                Expect.isTrue
                    (Text.RegularExpressions.Regex.IsMatch(
                        error.Message,
                        @"needs \d+ frames, has \d+ of \d+ input frames"
                    ))
                    error.Message)
        }

        test "the overfit check removes dropout from all layers" {
            withFolder (fun folder ->
                let layers: LayerSpec array = [|
                    Conv1dSpec(8, 3)
                    DropoutSpec 0.5
                    ResidualSpec [|
                        Conv1dSpec(8, 3)
                        DropoutSpec 0.5
                        LstmSpec(RecurrentSettings(8, false, 2, 0.5, true))
                    |]
                    LstmSpec(RecurrentSettings(8, true, 2, 0.5, true))
                |]

                let recipe =
                    recipe 1
                    |> fun r ->
                        Recipe(r.Name, r.Features, NetworkSpec(28, 41, layers, [| LinearSpec 41 |]), r.Training)

                let few = TrainingRun.Prepare(recipe, SyntheticCorpus.Write(folder, 9, 3)).Overfit(2, 1)
                let words = few.Recipe.Network.Encoder |> Seq.map _.Describe() |> String.concat "; "

                Expect.equal
                    words
                    "conv1d 8, kernel 3; residual (conv1d 8, kernel 3; lstm 8, 2 layers); blstm 8, 2 layers"
                    "layers")
        }

        test "a time limit of zero is refused before files are moved" {
            withFolder (fun folder ->
                let run = TrainingRun.Prepare(recipe 1, SyntheticCorpus.Write(folder, 9, 3))
                let out = Path.Combine(folder, "out")
                run.Run(TrainingOptions out) |> ignore<SpeechModel>

                expectRefusal<ArgumentException, _> "there is no time to train in" (fun () ->
                    run.Run(TrainingOptions(out, TimeSpan.Zero)))

                Expect.isTrue (Directory.GetDirectories(out).Length = 0 && Directory.GetFiles(out).Length > 0) "files")
        }

        test "only the split train is trained on, with any dev data" {
            withFolder (fun folder ->
                let corpus = rewritten folder (fun _ line -> line.Replace("\"split\":\"train\"", "\"split\":\"test\""))

                let refused = expectRefusal<FormatException, _> "no split train, only test"
                refused (fun () -> TrainingRun.Prepare(recipe 2, corpus))
                refused (fun () -> TrainingRun.Prepare(recipe 2, corpus, corpus)))
        }

        test "without a split dev, the seed selects the held-out speakers" {
            withFolder (fun folder ->
                let corpus =
                    rewritten folder (fun _ line ->
                        line
                            .Replace("\"split\":\"dev\"", "\"split\":\"train\"")
                            .Replace("\"split\":\"test\"", "\"split\":\"train\""))

                let speakers (utterances: Utterance seq) = utterances |> Seq.map _.Speaker |> Set.ofSeq
                let struct (train, dev) = corpus.TrainAndDev 1UL
                Expect.isEmpty (Set.intersect (speakers train) (speakers dev)) "disjoint"
                Expect.equal (speakers dev).Count 1 "5 % of five speakers, at least one"
                Expect.equal (train.Count + dev.Count) 20 "all are used"
                let struct (_, again) = corpus.TrainAndDev 1UL
                Expect.sequenceEqual again dev "the same seed holds out the same"

                let others = [
                    for seed in 2UL .. 20UL -> let struct (_, dev) = corpus.TrainAndDev seed in speakers dev
                ]

                Expect.isGreaterThan (List.distinct others).Length 1 "other seeds hold out others")
        }

        test "recipes without newer settings have the same fingerprint" {
            withFolder (fun folder ->
                let recipe = recipe 2
                let run = TrainingRun.Prepare(recipe, SyntheticCorpus.Write(folder, 9, 3))
                let now = TrainingFingerprint.Describe(recipe, run.Train, run.Dev, Nullable())

                let differences (change: JsonNode -> unit) =
                    let older = Collections.Generic.Dictionary<string, string> now
                    let json = nonNull (JsonNode.Parse(recipe.ToJson()))
                    change (nonNull json["training"])
                    older["hybrid.training.recipe"] <- json.ToJsonString()
                    TrainingFingerprint.DiffersFrom(older, now) |> List.ofSeq

                Expect.equal
                    (differences (fun training -> training.AsObject().Remove "speeds" |> ignore))
                    []
                    "without speeds"

                Expect.equal
                    (differences (fun training -> training["speeds"] <- JsonArray(JsonValue.Create 0.9)))
                    [ "training.speeds was nothing, is null"; "training.speeds[0] was 0.9, is nothing" ]
                    "with other speeds")
        }

        test "a model file restores network, features and inventory" {
            withFolder (fun folder ->
                let r = recipe 2
                let model = SpeechModel.Create(r.Network, r.Features, PhoneInventory.Arpabet, 3UL)
                let path = Path.Combine(folder, "model.safetensors")
                model.Save path
                let back = SpeechModel.Load path
                Expect.equal (back.Network.Spec.ToJson()) (model.Network.Spec.ToJson()) "network"
                Expect.equal back.Features model.Features "features"
                Expect.sequenceEqual back.Inventory.Symbols model.Inventory.Symbols "inventory"

                for a, b in Seq.zip back.Network.Parameters model.Network.Parameters do
                    Expect.equal a.Name b.Name "name"
                    Expect.sequenceEqual (a.ToArray()) (b.ToArray()) a.Name

                let random = CounterRandom(1UL).Stream()
                let clip = AudioClip(Array.init 16000 (fun _ -> float32 (random.Uniform(-0.1, 0.1))), 16000)
                let one, two = Recognizer(model).LogProbs clip, Recognizer(back).LogProbs clip
                Expect.isTrue (one.Data.Span.SequenceEqual two.Data.Span) "log probabilities"

                let foreign = Collections.Generic.Dictionary<string, string>(model.Describe())
                foreign["hybrid.format"] <- "model\n2"
                SafeTensors(foreign, Array.ofSeq (model.Network.Save())).Write path

                Refusal.expectRefusal<FormatException, _> "model format \"model.2\" is not known" (fun () ->
                    SpeechModel.Load path)

                model.Save path

                let bytes = File.ReadAllBytes path
                File.WriteAllBytes(path, bytes[.. bytes.Length - 100])
                let error = Expect.throwsC (fun () -> SpeechModel.Load path |> ignore<SpeechModel>) id
                Expect.isTrue (error :? FormatException) $"{error}"
                Expect.stringContains error.Message path "the torn file is named")
        }

        test "a recogniser gives the same results to many threads as to one" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 12, 4)
                let r = recipe 2
                let recognizer = Recognizer(SpeechModel.Create(r.Network, r.Features, PhoneInventory.Arpabet, 3UL))
                let clips = [| for u in corpus.Utterances -> AudioClip.Read u.AudioPath |]
                let bytes (clip: AudioClip) = recognizer.LogProbs(clip).Data.ToArray()
                let alone = clips |> Array.map bytes
                let together = Array.Parallel.map (fun i -> bytes clips[i % clips.Length]) [| 0..99 |]

                for i in 0..99 do
                    Expect.sequenceEqual together[i] alone[i % clips.Length] $"call {i}")
        }

        test "a training starts from the weights of a model where they fit, and lists what was taken and what not" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 12, 4)
                let r = recipe 2

                let frozen =
                    TrainingSpec(
                        1UL,
                        1,
                        BatchSize(8, 8000),
                        AdamWSpec 1e-3,
                        ConstantRate(),
                        Phases = [| PhaseSpec("all", 1, TrainingLoss.Ctc, Frozen = [| "encoder" |]) |],
                        Averaging = AveragingSpec 0.9
                    )

                let start (encoder: LayerSpec[]) (initial: SpeechModel) =
                    let network = NetworkSpec(28, 41, encoder, [| LinearSpec 41 |])
                    let recipe = Recipe("finetune", r.Features, network, frozen)
                    let run = TrainingRun.Prepare(recipe, corpus, initial = initial)
                    let notices = ResizeArray<TrainingNotice>()
                    let observer = TrainingObserver(Notices = Progress.call notices.Add)
                    let model = run.Run(TrainingOptions(), observer)

                    run,
                    model,
                    (notices |> Seq.filter (fun n -> n.Kind = TrainingNoticeKind.Initialized) |> Seq.exactlyOne)
                        .Message

                let values (model: SpeechModel) (path: string) = [
                    for p in model.Network.Parameters do
                        if p.Name.StartsWith(path, StringComparison.Ordinal) then
                            p.Name, List.ofArray (p.ToArray())
                ]

                // The same network and phones: all is taken, and the frozen encoder stays as it was.
                let initial = SpeechModel.Create(r.Network, r.Features, PhoneInventory.Arpabet, 77UL)
                let run, model, message = start (Seq.toArray r.Network.Encoder) initial
                let transfer = nonNull run.Initialization
                Expect.equal transfer.Taken.Count initial.Network.Parameters.Count "all"
                Expect.isEmpty transfer.Kept "none is new"
                Expect.equal (values model "encoder") (values initial "encoder") "frozen weights of the initial model"
                Expect.notEqual (values model "decoder") (values initial "decoder") "trained"
                Expect.stringContains message "12 of 12 tensors are those of the initial model" message

                // Other phones of the same number: the output layer is new.
                let others = PhoneInventory [| for i in 1..40 -> $"P{i}" |]

                let run, model, message =
                    start (Seq.toArray r.Network.Encoder) (SpeechModel.Create(r.Network, r.Features, others, 77UL))

                let transfer = nonNull run.Initialization

                Expect.equal
                    [ for kept in transfer.Kept -> kept ]
                    [ "decoder.0.weight [41, 16]"; "decoder.0.bias [41]" ]
                    "new"

                Expect.equal (values model "encoder") (values initial "encoder") "taken"
                Expect.stringContains message "the phones differ, so the output layer is new" message

                // Another width of the second layer, and one layer less.
                let narrow: LayerSpec[] = [| Conv1dSpec(8, 3, 2); LstmSpec(6, true) |]
                let run, _, message = start narrow initial
                let transfer = nonNull run.Initialization

                Expect.equal
                    [ for name in transfer.Taken -> name ]
                    [ "encoder.0.weight"; "encoder.0.bias"; "decoder.0.bias" ]
                    "taken"

                Expect.stringContains
                    message
                    "new: encoder.1.weight_ih_l0 [24, 8], [32, 8] in the other network"
                    message

                let _, _, message = start [| Conv1dSpec(8, 3, 2) |] initial
                Expect.stringContains message "not used: encoder.1.weight_ih_l0" message

                expectRefusal<ArgumentException, _>
                    "no weight of the initial model has the name and the shape"
                    (fun () ->
                        let network = NetworkSpec(28, 41, [||], [| LstmSpec 5; LinearSpec 41 |])
                        TrainingRun.Prepare(Recipe("x", r.Features, network, frozen), corpus, initial = initial)))
        }

        test "taking the weights of a network with the same spec makes both equal in every bit" {
            let r = recipe 2
            let initial = SpeechModel.Create(r.Network, r.Features, PhoneInventory.Arpabet, 77UL)
            let network = Network<float32>(r.Network, 1UL)
            let transfer = network.TakeMatching(initial.Network.Save())
            Expect.equal transfer.Taken.Count network.Parameters.Count "all"

            for p, q in Seq.zip network.Parameters initial.Network.Parameters do
                Expect.equal (p.ToArray()) (q.ToArray()) p.Name
        }
    ]
