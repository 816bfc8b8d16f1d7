/// A training folder belongs to one training, and keeps what a training has done when it is interrupted.
module Hybrid.Tests.TrainingFolderTests

open System
open System.Diagnostics
open System.IO
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private recipe epochs =
    let network = NetworkSpec(28, 41, [| Conv1dSpec(8, 3, 2) |], [| LinearSpec 41 |])
    Recipe("test", FeaturePreset(), network, TrainingSpec(1UL, epochs, BatchSize(4, 8000), AdamWSpec(), ConstantRate()))

let private prepare folder epochs =
    TrainingRun.Prepare(recipe epochs, SyntheticCorpus.Write(Path.Combine(folder, "speech"), 12, 4))

let private names folder = Directory.GetFileSystemEntries folder |> Array.map Path.GetFileName |> Set.ofArray

/// Runs a training and collects the kinds of its notices.
let private notices (run: TrainingRun) (options: TrainingOptions) =
    let kinds = ResizeArray<TrainingNoticeKind>()

    let observer =
        TrainingObserver(Notices = Progress.call (fun (notice: TrainingNotice) -> kinds.Add notice.Kind))

    run.Run(options, observer) |> ignore<SpeechModel>
    List.ofSeq kinds

/// Starts `hybrid train` with these options into the folder "run", and does something while it runs.
let private whileTraining folder options (meanwhile: Process -> unit) =
    let program = Path.Combine(AppContext.BaseDirectory, "hybrid.dll")

    let arguments =
        program :: [ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--out"; "run" ] @ options

    use running = new Process(StartInfo = Process.prepare "dotnet" folder arguments)
    running.Start() |> ignore
    let errors, output = running.StandardError.ReadToEndAsync(), running.StandardOutput.ReadToEndAsync()

    try
        meanwhile running
        running.WaitForExit()
    finally
        if not running.HasExited then
            running.Kill true

    output.Result |> ignore
    running.ExitCode, errors.Result

let private waitFor (path: string) (running: Process) =
    while not (File.Exists path) && not running.HasExited do
        Thread.Sleep 20

let private onUnix body =
    if OperatingSystem.IsWindows() then
        skiptest "signals of Unix"
    else
        body ()

[<Tests>]
let tests =
    testList "training folder" [
        test "a folder in use is refused before anything is moved, with process, host and time; then it is free again" {
            withFolder (fun folder ->
                let out = Path.Combine(folder, "run")
                let first, second = prepare folder 2, prepare folder 2
                let mutable message = ""

                let intrude (report: EpochReport) =
                    if report.Epoch = 1 then
                        let before = names out
                        message <- messageOf<IOException, _>(fun () -> second.Run(TrainingOptions out))
                        expectRefusal<IOException, _> "is in use" (fun () -> TrainingFolder(out).RequireFree())
                        Expect.equal (names out) before "files"

                first.Run(TrainingOptions out, TrainingObserver(Epochs = Progress.call intrude))
                |> ignore<SpeechModel>

                Expect.stringContains
                    message
                    $"process {Environment.ProcessId} on {Environment.MachineName} since 2"
                    message

                Expect.equal first.History.Count 2 "the first goes on"
                TrainingFolder(out).RequireFree()
                Expect.equal (notices second (TrainingOptions out)) [ TrainingNoticeKind.EarlierFilesMoved ] "free")
        }

        test "an interrupted training releases its folder; files of a dead process do not block it" {
            withFolder (fun folder ->
                let out = Path.Combine(folder, "run")
                let run = prepare folder 1000
                use stop = new CancellationTokenSource()
                let observer = TrainingObserver(Epochs = Progress.call (fun (_: EpochReport) -> stop.Cancel()))

                expectRefusal<OperationCanceledException, _> "" (fun () ->
                    run.Run(TrainingOptions out, observer, stop.Token))

                Expect.isFalse (File.Exists(Path.Combine(out, "training.owner"))) "no owner"
                File.WriteAllText(Path.Combine(out, "training.owner"), "process 1 on elsewhere since yesterday")
                TrainingFolder(out).RequireFree()

                Expect.equal
                    (notices (prepare folder 1) (TrainingOptions out))
                    [ TrainingNoticeKind.EarlierFilesMoved ]
                    "free"

                TrainingFolder(Path.Combine(folder, "none")).RequireFree()
                Expect.isFalse (Directory.Exists(Path.Combine(folder, "none"))) "looking creates no folder")
        }

        test "notices say how a training begins" {
            withFolder (fun folder ->
                let resume = TrainingOptions(Path.Combine(folder, "run"), Resume = true)
                let path = Path.Combine(folder, "run", "checkpoint.safetensors")
                let start () = notices (prepare folder 2) resume
                Expect.equal (start ()) [ TrainingNoticeKind.NoCheckpoint ] "nothing there"
                Expect.equal (start ()) [ TrainingNoticeKind.Resumed ] "a checkpoint"
                let bytes = File.ReadAllBytes path
                bytes[20] <- bytes[20] ^^^ 1uy
                File.WriteAllBytes(path, bytes)

                Expect.equal
                    (start ())
                    [ TrainingNoticeKind.DamagedCheckpoint; TrainingNoticeKind.Resumed ]
                    "a damaged one"

                expectRefusal<FormatException, _> "belongs to another training: training.epochs was 2, is 1" (fun () ->
                    (prepare folder 1).Run resume)

                Expect.equal
                    (notices (prepare folder 3) resume)
                    [ TrainingNoticeKind.Extended; TrainingNoticeKind.Resumed ]
                    "more epochs")
        }

        test "a completed training goes on with more epochs as if it had had them from the start" {
            withFolder (fun folder ->
                let weights (run: TrainingRun) (options: TrainingOptions) =
                    let model = run.Run options
                    [ for p in model.Network.Parameters -> p.Name, List.ofArray (p.ToArray()) ], List.ofSeq run.History

                let out = Path.Combine(folder, "run")
                let _, first = weights (prepare folder 2) (TrainingOptions out)
                let longer, history = weights (prepare folder 5) (TrainingOptions(out, Resume = true))
                let straight, expected = weights (prepare folder 5) (TrainingOptions())
                Expect.equal longer straight "the same weights"
                Expect.equal history.Length 5 "epochs"
                let losses = List.map (fun (e: EpochReport) -> e.TrainLoss, e.DevLoss, e.DevPer)
                Expect.equal (losses history) (losses expected) "the same figures"
                Expect.equal (losses (List.take 2 history)) (losses first) "the first of which are the earlier ones")
        }

        test "a second `hybrid train` is refused, the first is not disturbed; after kill -9 the folder is free" {
            withFolder (fun folder ->
                SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10) |> ignore<Corpus>
                let run = Path.Combine(folder, "run")
                let mutable files = Set.empty

                let train epochs =
                    Process.hybrid folder [
                        "train"
                        "--recipe"
                        "tiny"
                        "--corpus"
                        "speech"
                        "--out"
                        "run"
                        "--epochs"
                        epochs
                    ]

                let intrude (running: Process) =
                    waitFor (Path.Combine(run, "checkpoint.safetensors")) running

                    train "1"
                    |> CommandLine.expectRefusal 1 [
                        "run is in use by process"
                        string running.Id
                        "choose another folder"
                    ]

                    files <- names run
                    running.Kill()

                let code, errors = whileTraining folder [ "--epochs"; "1000" ] intrude
                Expect.notEqual code 0 errors
                Expect.isFalse (errors.Contains "hybrid:") $"the first complains: {errors}"
                Expect.isFalse (files.Contains "earlier-1") "nothing is moved"
                let after = train "1"
                Expect.equal after.ExitCode 0 (string after)
                Expect.stringContains after.Errors "files of an earlier training were moved" (string after)
                Expect.stringContains after.Errors "stopped after epoch 1: the schedule is complete" (string after))
        }

        for signal in [ "TERM"; "HUP" ] do
            test $"SIG{signal} saves the latest update" {
                onUnix (fun () ->
                    withFolder (fun folder ->
                        SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10) |> ignore<Corpus>

                        let stop (running: Process) =
                            waitFor (Path.Combine(folder, "run", "model.safetensors")) running
                            // Somewhere in a later epoch.
                            Thread.Sleep 150
                            Process.Start("kill", [ $"-{signal}"; string running.Id ]).WaitForExit()

                        let code, errors =
                            whileTraining folder [ "--epochs"; "1000"; "--checkpoint-seconds"; "3600" ] stop

                        Expect.equal code 1 errors
                        let checkpoint = Checkpoint.Read(Path.Combine(folder, "run", "checkpoint.safetensors"))

                        Expect.stringContains
                            errors
                            $"interrupted after {checkpoint.State.Steps} updates, in epoch {checkpoint.State.Epoch + 1}"
                            errors

                        Expect.stringContains errors "hint: the same command with --resume continues there" errors
                        Expect.stringContains errors "stopped: what was written so far stays usable" errors))
            }
    ]

/// Writes the recipe of these tests as JSON, with changed settings of its schedule.
let private writeRecipe (path: string) (change: Text.Json.Nodes.JsonObject -> unit) =
    let json = (recipe 9).ToJson() |> Text.Json.Nodes.JsonNode.Parse |> nonNull
    change ((nonNull json["training"]).AsObject())
    File.WriteAllText(path, json.ToJsonString())

[<Tests>]
let ends =
    testList "end of a training" [
        for name, change, options, expected in
            [
                "patience",
                (fun (training: Text.Json.Nodes.JsonObject) ->
                    training["patience"] <- 1
                    // Too small to change a weight, so that the second epoch is no better.
                    (nonNull training["optimizer"])["learningRate"] <- 1e-30),
                [ "--epochs"; "9" ],
                "stopped after epoch 2: no improvement for 1 epochs"
                "time", ignore, [ "--minutes"; "0.01" ], ": the time limit of 0.01 minutes is reached"
                "epochs", ignore, [ "--epochs"; "2" ], "stopped after epoch 2: the schedule is complete"
            ] do
            test $"train says why it stopped: {name}" {
                withFolder (fun folder ->
                    SyntheticCorpus.Write(Path.Combine(folder, "speech"), 12, 4) |> ignore<Corpus>
                    writeRecipe (Path.Combine(folder, "recipe.json")) change

                    let finished =
                        Process.hybrid
                            folder
                            ([ "train"; "--recipe"; "recipe.json"; "--corpus"; "speech"; "--out"; "run" ] @ options)

                    Expect.equal finished.ExitCode 0 (string finished)
                    Expect.stringContains finished.Errors expected (string finished))
            }

        test "after a damaged checkpoint, the model file is that of the best epoch that the history names" {
            withFolder (fun folder ->
                let out = Path.Combine(folder, "run")
                let files = TrainingFolder out
                let corpus = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 24, 6)
                let limit = TimeSpan.FromMinutes 5.0
                let prepare () = TrainingRun.Prepare(recipe 200, corpus)
                let weights (path: string) = [ for t in SafeTensors.Read(path).Tensors -> t.Name, t.Bytes.ToArray() ]
                let models = Collections.Generic.Dictionary<int, (string * byte[]) list>()
                use stop = new CancellationTokenSource()
                let first = prepare ()

                let copy epoch = Path.Combine(folder, $"checkpoint-{epoch}")

                // The latest epoch must be better than the one before, whose checkpoint is going to be used.
                let epoch (report: EpochReport) =
                    models[report.Epoch] <- weights files.Model
                    File.Copy(files.Checkpoint, copy report.Epoch)

                    if report.Epoch >= 3 && obj.ReferenceEquals(first.Best, report) then
                        stop.Cancel()

                expectRefusal<OperationCanceledException, _> "" (fun () ->
                    first.Run(TrainingOptions(out, limit), TrainingObserver(Epochs = Progress.call epoch), stop.Token))

                let last = first.History.Count
                File.Copy(copy (last - 1), Checkpoint.Previous files.Checkpoint, true)
                let bytes = File.ReadAllBytes files.Checkpoint
                File.WriteAllBytes(files.Checkpoint, bytes[.. bytes.Length / 2])
                use again = new CancellationTokenSource()
                again.Cancel()
                let resumed = prepare ()

                expectRefusal<OperationCanceledException, _> "" (fun () ->
                    resumed.Run(TrainingOptions(out, limit, Resume = true), TrainingObserver(), again.Token))

                Expect.equal resumed.History.Count (last - 1) "the previous checkpoint is used"
                Expect.notEqual (weights files.Model) models[last] "not the epoch that is no longer in the history"
                Expect.equal (weights files.Model) models[last - 1] "the best epoch of the history"
                let state = (Checkpoint.Read files.Checkpoint).State
                Expect.equal (state.Best SelectionMetric.DevPer) resumed.Best "the checkpoint names the same")
        }

        test "links in a training folder are moved aside, or refused when resuming, and never written through" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    let out = Path.Combine(folder, "run")
                    Directory.CreateDirectory out |> ignore
                    let victim = Path.Combine(folder, "victim")
                    let names = [ "model.safetensors"; "checkpoint.safetensors"; "metrics.jsonl"; "training.owner" ]
                    File.WriteAllText(victim, "theirs")

                    let plant name (target: string) =
                        File.CreateSymbolicLink(Path.Combine(out, name), target) |> ignore

                    let dangling = Path.Combine(folder, "nothing")

                    for name in names do
                        plant name victim

                    plant "checkpoint.safetensors.previous" dangling
                    (prepare folder 1).Run(TrainingOptions out) |> ignore<SpeechModel>
                    Expect.equal (File.ReadAllText victim) "theirs" "a target"
                    Expect.isFalse (File.Exists dangling) "a missing target"
                    File.Delete(Path.Combine(out, "metrics.jsonl"))
                    plant "metrics.jsonl" victim

                    expectRefusal<IOException, _> "metrics.jsonl is a symbolic link" (fun () ->
                        (prepare folder 1).Run(TrainingOptions(out, Resume = true)))

                    Expect.equal (File.ReadAllText victim) "theirs" "resuming"
                    File.Delete(Path.Combine(out, "training.lock"))
                    plant "training.lock" dangling

                    expectRefusal<IOException, _> "training.lock is a symbolic link" (fun () ->
                        (prepare folder 1).Run(TrainingOptions out))

                    Expect.isFalse (File.Exists dangling) "a missing target of the lock"))
        }
    ]
