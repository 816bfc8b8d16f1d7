/// The readers of models, checkpoints, training folders, recipes, lexicons and cached features against damaged and
/// forged files.
module Hybrid.Tests.ModelFuzzTests

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.RegularExpressions
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Fuzz

let private network =
    let body: LayerSpec[] = [| Conv1dSpec(3, 3); BatchNormSpec(); SqueezeExciteSpec 1 |]

    let encoder: LayerSpec[] = [|
        SpecAugmentSpec(2, 1)
        Conv1dSpec(3, 3, 2, 0)
        ResidualSpec(body, ActivationFunction.Relu)
        GruSpec(2, true, Layers = 2, Dropout = 0.1, LayerNorm = true)
        FrameStackingSpec 2
        LstmSpec 2
    |]

    NetworkSpec(28, 41, encoder, [| DropoutSpec 0.1; LinearSpec 41 |])

let private training =
    TrainingSpec(
        1UL,
        3,
        BatchSize(2, 100),
        AdamWSpec(),
        WarmUp(1.0, CosineWarmRestarts(1.0, 2.0)),
        5.0,
        [| PhaseSpec("a", 1, TrainingLoss.Viterbi); PhaseSpec("b", 2, TrainingLoss.Ctc) |]
    )

/// An utterance of twenty frames.
let private data = {
    new IDataset with
        member _.Count = 1
        member _.Features = 28
        member _.Id _ = "u"
        member _.Frames _ = 40
        member _.Labels _ = [| 1; 2 |]

        member _.CopyFeatures(_, destination) =
            for i in 0 .. destination.Length - 1 do
                destination[i] <- float32 (i % 7)
}

let private trainer () = Trainer(Network<float32> network, training, data, data, ThreadTeam 1)

let private written (write: string -> unit) =
    TestSettings.withFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        write path
        File.ReadAllBytes path)

let private model =
    lazy
        (let fresh = SpeechModel.Create(network, FeaturePreset(), PhoneInventory.Arpabet, 1UL)
         let ngrams = NGramModel.Estimate([ for i in 1..39 -> [| i; 1 + i * i % 40; i; 2 |] ], 41, 3)
         let language = WeightedLanguageModel(ngrams, 0.7, 1.5)
         let model = SpeechModel(fresh.Network, fresh.Inventory, fresh.Features, LanguageModel = language)
         written (fun path -> model.Save(path, halves = true)))

let private checkpoint =
    lazy
        (let trainer = trainer ()
         trainer.Run() |> ignore
         written (fun path -> Checkpoint.Write(path, trainer, dict [ "hybrid.training.recipe", "{}" ] |> Dictionary)))

/// Text with some numbers, or some bytes, exchanged: numbers keep it well-formed, so that what it says is looked at.
let private mutateText (random: Random) (text: string) =
    let numbers = [|
        "0"
        "-1"
        "1"
        "3"
        "1e-300"
        "0.5"
        "1000"
        "1048576"
        "1048577"
        "2147483647"
        "4294967296"
        "1e308"
        "-0.0"
        "null"
        "true"
    |]

    let rate = random.NextDouble() * 0.2

    if random.Next 3 = 0 then
        Encoding.UTF8.GetString(mutate random (Encoding.UTF8.GetBytes text))
    else
        Regex.Replace(
            text,
            @"\b\d+(\.\d+)?\b",
            (fun m ->
                if random.NextDouble() < rate then
                    numbers[random.Next numbers.Length]
                else
                    m.Value)
        )

/// The file of tensors with one text of its metadata damaged, or with a tensor of another name, type or shape;
/// well-formed, and sealed like a checkpoint.
let private forged (original: Lazy<byte[]>) (random: Random) =
    use stream = new MemoryStream(original.Value)
    let file = SafeTensors.Read stream
    let metadata = Dictionary<string, string> file.Metadata
    let tensors = Array.ofSeq file.Tensors

    if random.Next 4 > 0 then
        let key = Seq.item (random.Next metadata.Count) metadata.Keys
        metadata[key] <- mutateText random metadata[key]
    else
        let i = random.Next tensors.Length
        let tensor = tensors[i]

        tensors[i] <-
            match random.Next 3 with
            | 0 ->
                StoredTensor(
                    Encoding.UTF8.GetString(mutate random (Encoding.UTF8.GetBytes tensor.Name)) + $"{i}",
                    tensor.Type,
                    tensor.Shape,
                    tensor.Bytes
                )
            | 1 -> StoredTensor(tensor.Name, TensorType.U8, [| int64 tensor.Bytes.Length |], tensor.Bytes)
            | _ -> StoredTensor(tensor.Name, tensor.Type, Seq.append tensor.Shape [ 1L ] |> Array.ofSeq, tensor.Bytes)

    let forged = SafeTensors(metadata, tensors)
    use result = new MemoryStream()

    if metadata.ContainsKey "hybrid.training.state" then
        (Checkpoint.Sealed forged).Write result
    else
        forged.Write result

    result.ToArray()

let private refuses (error: exn) = error :? FormatException || error :? IOException

/// Reads a file that is written first.
let private reader name (read: string -> unit) = {
    Name = name
    Read =
        fun bytes ->
            TestSettings.withFolder (fun folder ->
                let path = Path.Combine(folder, "file")
                File.WriteAllBytes(path, bytes)
                read path)
    Refuses = refuses
    // The elements once as bytes and once as numbers, headers as JSON; a thousand layers at the most.
    Allowed = fun length -> 100L * int64 length + 5_000_000L
}

let private readModel (path: string) =
    let model = SpeechModel.Load path

    if model.Network.Parameters |> Seq.exists (fun p -> p.Value.Length <> p.Length) then
        failtest "weights are missing"

    match model.LanguageModel with
    | null -> ()
    | language ->
        if Double.IsNaN(language.Model.LogProbability [ 1; 2; 1; 2; 40 ]) then
            failtest "a score is no number"

/// Resumes as a training does: the latest checkpoint, or else the previous one, into a trainer.
let private readFolder (path: string) =
    let mutable notice = null

    match Checkpoint.ReadLatest(path, &notice) with
    | null -> failtest "nothing was read"
    | found -> (trainer ()).Restore found

let private metrics =
    "{\"step\":1,\"epoch\":1,\"loss\":3.5,\"blankRatio\":0.5}\n\
    {\"step\":1,\"epoch\":1,\"devPer\":100}\n{\"step\":2,\"epoch\":2,\"loss\":null}\n"

let private readMetrics (path: string) =
    let folder = TrainingFolder(string (Path.GetDirectoryName path))
    File.Move(path, folder.Metrics)
    folder.KeepMetricsUpTo 1L

    let steps = [
        for line in File.ReadLines folder.Metrics ->
            Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt64()
    ]

    if List.exists (fun step -> step > 1L) steps then
        failtest $"{steps}"

let private recipe = lazy Recipe("all", FeaturePreset(), network, training).ToJson()

let private recipeGrammar =
    lazy grammar [ recipe.Value; yield! [ for recipe in Hybrid.Dsl.Recipes.all -> recipe.ToJson() ] ]

let private readRecipe (path: string) =
    let recipe = Recipe.FromJson(File.ReadAllText path)

    let problems = [
        yield! recipe.Network.Validate() |> Seq.map string
        yield! recipe.Training.Validate() |> Seq.map string
        yield! recipe.Features.Validate()
    ]
    // Whatever the recipe says, the learning rate has a value soon.
    if problems.IsEmpty then
        recipe.Training.LearningRateAt(1.0, ReadOnlySpan.Empty) |> ignore

let private lexicon =
    "HELLO  HH AH0 L OW1\nHELLO(2)  HH EH0 L OW1\nA 1 AH0\nTHAT'S,DH AE T S\n;;; comment\n\u00c9T\u00c9  EH T EH\n"

let private readLexicon (path: string) =
    let words = Lexicon.Read(path, PhoneInventory.Arpabet)

    if words.Count = 0 then
        failtest "no words"

    for word in words.Words do
        if not (fst (words.TryGet word)) then
            failtest word

    NearestWord(words.Words).Find "HALLO" |> ignore

/// Kept features that are damaged are computed again: what is read is always right.
let private keptFeatures (folder: string) =
    let utterance = Utterance("u", Path.Combine(folder, "u.wav"), "", "", null, [| "AA" |])
    let extractor = FeatureExtractor(FeaturePreset())
    let place = Path.Combine(folder, "cache")

    let read () =
        let data =
            SpeechDataset.Load(
                [| utterance |],
                extractor,
                PhoneInventory.Arpabet,
                Pronouncer [],
                cache = FeatureCache place
            )

        let features = Array.zeroCreate<float32>(data.Frames 0 * data.Features)
        data.CopyFeatures(0, features)
        features, data.Hours

    let right =
        CorpusTests.sound folder "u.wav"
        read ()

    let file = Directory.GetFiles(place, "*", SearchOption.AllDirectories) |> Array.exactlyOne

    let reader = {
        reader "cached features" ignore with
            Read =
                fun bytes ->
                    File.WriteAllBytes(file, bytes)

                    if fst (read ()) <> fst right then
                        failtest "other features"
    }

    run reader 0.1 (let original = File.ReadAllBytes file in fun random -> mutate random original)

/// The file of tensors with a header that is changed by its grammar; the declared length mostly fits.
let private forgedHeader =
    let parts (file: byte[]) =
        let length = int (BitConverter.ToUInt64(file, 0))
        Encoding.UTF8.GetString(file, 8, length), file[8 + length ..]

    let headers = lazy grammar [ fst (parts model.Value); fst (parts checkpoint.Value) ]

    fun (random: Random) ->
        let header = headers.Value random
        let data = snd (parts (if random.Next 2 = 0 then model.Value else checkpoint.Value))
        let file = Array.concat [ BitConverter.GetBytes(uint64 header.Length); header; data ]

        if random.Next 4 = 0 then
            extremeField random [ 0, 8; 0, 4; 4, 4 ] file
        else
            file

let private safeTensors = {
    reader "safetensors" ignore with
        Read = fun bytes -> SafeTensors.Read(new MemoryStream(bytes)) |> ignore
}

[<Tests>]
let tests =
    testList "damaged and forged models, checkpoints, recipes and lexicons are read or refused" [
        test "safetensors" { run safeTensors 0.2 (fun random -> mutate random model.Value) }
        test "headers of safetensors by their grammar" {
            run { safeTensors with Name = "headers of safetensors" } 0.2 forgedHeader
        }
        test "models with forged headers" { run (reader "models with forged headers" readModel) 0.1 forgedHeader }
        test "recipes by their grammar" {
            run (reader "recipes by their grammar" readRecipe) 0.2 (fun random -> recipeGrammar.Value random)
        }
        test "lexicons by their grammar" {
            run (reader "lexicons by their grammar" readLexicon) 0.2 (grammar [ lexicon ])
        }
        test "metrics by their grammar" {
            run (reader "metrics by their grammar" readMetrics) 0.1 (grammar [ metrics ])
        }
        test "models" { run (reader "models" readModel) 0.1 (fun random -> mutate random model.Value) }
        test "models that are well-formed" { run (reader "forged models" readModel) 0.15 (forged model) }
        test "checkpoints" { run (reader "checkpoints" readFolder) 0.05 (fun random -> mutate random checkpoint.Value) }
        test "checkpoints with right check sums" {
            run (reader "forged checkpoints" readFolder) 0.1 (forged checkpoint)
        }
        test "metrics of a training folder" {
            run (reader "metrics" readMetrics) 0.1 (fun random -> mutate random (Encoding.UTF8.GetBytes metrics))
        }
        test "recipes" {
            run (reader "recipes" readRecipe) 0.1 (fun random -> Encoding.UTF8.GetBytes(mutateText random recipe.Value))
        }
        test "lexicons" {
            run (reader "lexicons" readLexicon) 0.1 (fun random -> mutate random (Encoding.UTF8.GetBytes lexicon))
        }
        test "cached features" { TestSettings.withFolder keptFeatures }
    ]

/// A model file without tensors, as small as a file of its declaration can be.
let private declared (layers: LayerSpec seq) (folder: string) =
    let metadata =
        Dictionary<string, string>(
            dict [
                "hybrid.format", "model 1"
                "hybrid.network",
                NetworkSpec(28, 41, [| LinearSpec(1 <<< 20); yield! layers |], [| LinearSpec 41 |]).ToJson()
                "hybrid.phones", PhoneInventory.Arpabet.Symbols |> Seq.skip 1 |> String.concat " "
                "hybrid.features", FeaturePreset().ToJson()
            ]
        )

    let path = Path.Combine(folder, "small.safetensors")
    SafeTensors(metadata, [||]).Write path
    path

/// Refused in a short sentence, in little time and memory.
let private expectCheapRefusal name (path: string) =
    let before, clock = GC.GetAllocatedBytesForCurrentThread(), Diagnostics.Stopwatch.StartNew()
    let message = Refusal.messageOf<FormatException, _>(fun () -> SpeechModel.Load path)
    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    let length = FileInfo(path).Length
    Expect.isLessThan allocated (100L * length + 5_000_000L) $"{name}: bytes for a file of {length}"
    Expect.isLessThan clock.Elapsed (TimeSpan.FromSeconds 5.0) $"{name}: time"
    Expect.isLessThan message.Length (500 + path.Length) $"{name}: {message}"
    Expect.isFalse (message.Contains '\n') $"{name}: {message}"

/// Layers with sizes at their extremes.
let private extreme (random: Random) : LayerSpec =
    let size () =
        let sizes = [| 1; 2; 3; 64; 1000; 4096; 1 <<< 16; 1 <<< 19; 1 <<< 20; Int32.MaxValue; 0; -1 |]
        sizes[random.Next sizes.Length]

    match random.Next 6 with
    | 0 -> Conv1dSpec(size (), size (), size (), Nullable(size ()), size (), size ())
    | 1 -> LinearSpec(size ())
    | 2 -> LstmSpec(size (), true, Layers = size ())
    | 3 -> ResidualSpec([| for _ in 1..20 -> Conv1dSpec(size (), 1, Groups = size ()) |])
    | 4 -> FrameStackingSpec(size ())
    | _ -> SpecAugmentSpec(size (), size (), size (), size ())

[<Tests>]
let small =
    testSequenced
    <| testList "small model files" [
        test "parameters are known before a network is built" {
            let custom = CustomLayerSpec.Register("shape test", Interop.CustomScaleLayer Interop.ScaleProblem.None)

            let mixed: LayerSpec[] = [|
                LinearSpec(5, false)
                custom
                GruSpec(2, Layers = 3)
                ResidualSpec [| LinearSpec 7 |]
            |]

            let specs = [
                yield! [ Networks.everything; Networks.homework; Networks.wide; network ]
                yield NetworkSpec(3, 6, mixed, [| LinearSpec 6 |])
                yield! [ for recipe in Hybrid.Dsl.Recipes.all -> recipe.Network ]
            ]

            for spec in specs do
                Expect.equal
                    [ for shape in ParameterShape.Of spec -> string shape ]
                    [ for parameter in Network<float32>(spec).Parameters -> string parameter ]
                    $"{spec}"
        }

        for name, count in [ "one layer", 1; "400 layers", 400 ] do
            test $"{name} of 2^20 groups: refused at once" {
                TestSettings.withFolder (
                    declared [ for _ in 1..count -> Conv1dSpec(1 <<< 20, 1, Groups = (1 <<< 20)) ]
                    >> expectCheapRefusal name
                )
            }

        test "layers of extreme sizes: refused at once" {
            TestSettings.withFolder (fun folder ->
                for seed in 1 .. (if TestSettings.all then 3000 else 300) do
                    let random = Random seed
                    let path = declared [ for _ in 1 .. 1 + random.Next 3 -> extreme random ] folder
                    expectCheapRefusal $"seed {seed}" path)
        }
    ]
