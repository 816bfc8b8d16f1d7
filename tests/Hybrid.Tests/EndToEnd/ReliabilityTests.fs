/// Full disks, interruptions, kills and damaged checkpoints.
module Hybrid.Tests.ReliabilityTests

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine

let private program = Path.Combine(AppContext.BaseDirectory, "hybrid.dll")

let private corpus folder = SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10) |> ignore<Corpus>

/// Trains into the folder `run`.
let private train folder recipe corpus (epochs: int) more =
    Process.hybrid
        folder
        ([ "train"; "--recipe"; recipe; "--corpus"; corpus; "--out"; "run"; "--epochs"; string epochs ]
         @ more)

/// Runs a shell command in a folder, calls `meanwhile` while it runs, and waits for its end.
let private shell (folder: string) (line: string) (meanwhile: Process -> unit) =
    use running = new Process(StartInfo = Process.prepare "/bin/sh" folder [ "-c"; line ])
    running.Start() |> ignore
    let errors = running.StandardError.ReadToEndAsync()
    let output = running.StandardOutput.ReadToEndAsync()
    meanwhile running
    running.WaitForExit()
    output.Result |> ignore
    running.ExitCode, errors.Result

let private onUnix body =
    if OperatingSystem.IsWindows() then
        skiptest "signals and limits of a Unix shell"
    else
        body ()

/// Kills a run once it has two checkpoints.
let private killAfterTwoCheckpoints (path: string) (running: Process) =
    while not (File.Exists(path + ".previous")) && not running.HasExited do
        Thread.Sleep 20

    running.Kill true

/// Whether this program ignores SIGINT, as background jobs of shells do; its children then ignore it too.
let private ignoresInterrupts () =
    let status = "/proc/self/status"
    let mask = "SigIgn:"

    File.Exists status
    && File.ReadLines status
       |> Seq.filter _.StartsWith(mask)
       |> Seq.exists (fun line -> Convert.ToUInt64(line.Substring(mask.Length).Trim(), 16) &&& 2UL <> 0UL)

[<Tests>]
let tests =
    testList "reliability" [
        test "a disk that is full during a checkpoint ends in one sentence and leaves the last good one usable" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    let path = Path.Combine(folder, "run", "checkpoint.safetensors")
                    // The W^X protection of the runtime counts as a large file.
                    let train limit =
                        ($"trap '' XFSZ; ulimit -f {limit}; DOTNET_EnableWriteXorExecute=0 exec dotnet {program} "
                         + "train --recipe tiny --corpus speech --out run --epochs 12 --checkpoint-seconds 0.1 "
                         + "--resume")

                    shell folder (train "unlimited") (killAfterTwoCheckpoints path) |> ignore
                    // A checkpoint has 4.4 MB; the limit counts blocks of 512 bytes.
                    let code, errors = shell folder (train "6000") ignore
                    Expect.equal code 1 errors
                    Expect.stringContains errors "checkpoint.safetensors could not be written" errors
                    Expect.isFalse (errors.Contains "   at ") $"a stack trace: {errors}"
                    Checkpoint.Read(path + ".previous") |> ignore<Checkpoint>

                    Expect.isEmpty
                        (Directory.GetFiles(Path.Combine(folder, "run"), "*.tmp"))
                        "no temporary file remains"

                    let code, errors = shell folder (train "unlimited") ignore
                    Expect.equal code 0 errors))
        }

        test "Ctrl+C stops a training with one sentence; what was written stays usable" {
            if ignoresInterrupts () then
                skiptest "SIGINT is ignored, as in background jobs"

            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    let model = Path.Combine(folder, "run", "model.safetensors")

                    let interrupt (running: Process) =
                        while not (File.Exists model) && not running.HasExited do
                            Thread.Sleep 50

                        Process.Start("kill", [ "-INT"; string running.Id ]).WaitForExit()

                    let code, errors =
                        shell
                            folder
                            $"exec dotnet {program} train --recipe tiny --corpus speech --out run --epochs 1000"
                            interrupt

                    Expect.equal code 1 errors
                    Expect.stringContains errors "stopped: what was written so far stays usable" errors
                    SpeechModel.Load model |> ignore<SpeechModel>))
        }
    ]

/// Kills runs at random moments, resumes each, and compares the result with an undisturbed run.
let private killSeries (kills: int) =
    withFolder (fun folder ->
        corpus folder
        let seed = Random().Next()
        let random = Random seed

        // A checkpoint after every step or two, so that many kills interrupt the writing of one.
        let train out =
            ($"exec dotnet {program} train --recipe tiny --corpus speech --out {out} --epochs 6 "
             + "--checkpoint-seconds 0.05 --resume")

        let weights out =
            let model = SpeechModel.Load(Path.Combine(folder, out, "model.safetensors"))
            let last = Checkpoint.Read(Path.Combine(folder, out, "checkpoint.safetensors"))

            let bytes = [
                for tensor in Seq.append (model.Network.Save()) last.Tensors ->
                    tensor.Name, Convert.ToHexString(Security.Cryptography.SHA256.HashData tensor.Bytes.Span)
            ]

            bytes, [ for report in last.State.History -> report.TrainLoss, report.DevLoss, report.DevPer ]

        let clock = Stopwatch.StartNew()
        let code, errors = shell folder (train "whole") ignore
        Expect.equal code 0 errors
        let duration = clock.Elapsed
        let mutable killed, torn = 0, 0

        // Until enough runs were killed, and then to the end.
        while killed < kills do
            let moment = duration * random.NextDouble()

            let run = Path.Combine(folder, "broken")

            let isBeingWritten () =
                Directory.Exists run && Directory.GetFiles(run, "checkpoint.safetensors.*.tmp").Length > 0

            let kill (running: Process) =
                if not (running.WaitForExit moment) then
                    // Every other kill waits until a checkpoint is being written.
                    while killed % 2 = 1 && not (isBeingWritten ()) && not running.HasExited do
                        Thread.SpinWait 1000

                    running.Kill true

            let code, _ = shell folder (train "broken") kill

            if code <> 0 then
                killed <- killed + 1

            if isBeingWritten () then
                torn <- torn + 1

            if code = 0 && killed < kills then
                Directory.Delete(Path.Combine(folder, "broken"), true)

        let code, errors = shell folder (train "broken") ignore
        Expect.equal code 0 $"seed {seed}: {errors}"

        Expect.isEmpty
            (Directory.GetFiles(Path.Combine(folder, "broken"), "checkpoint.safetensors.*.tmp"))
            $"seed {seed}: temporary files of killed runs"

        Expect.equal
            (weights "broken")
            (weights "whole")
            $"seed {seed}, {killed} kills, {torn} in the middle of a checkpoint"

        printfn $"kill and resume: {killed} kills, {torn} in the middle of a checkpoint, seed {seed}")

/// Kills a training only while it writes a checkpoint; after each kill it continues.
let private killWhileWriting (kills: int) =
    withFolder (fun folder ->
        corpus folder
        let run = Path.Combine(folder, "run")
        let model, path = Path.Combine(run, "model.safetensors"), Path.Combine(run, "checkpoint.safetensors")

        let train =
            ($"exec dotnet {program} train --recipe tiny --corpus speech --out run --epochs 100000 "
             + "--checkpoint-seconds 0.02 --resume")

        let torn () = Directory.GetFiles(run, "checkpoint.safetensors.*.tmp").Length > 0
        let mutable killed, attempts, steps = 0, 0, 0L

        while killed < kills do
            attempts <- attempts + 1
            Expect.isLessThan attempts (20 * kills) $"only {killed} kills hit the writing of a checkpoint"
            // At another place each time: while the file is written, or between its renaming and that of the older one.
            let delay = 300 * (attempts % 7)

            let kill (running: Process) =
                while not (File.Exists model) && not running.HasExited do
                    Thread.Sleep 10

                let before = File.GetLastWriteTimeUtc path

                while File.GetLastWriteTimeUtc path = before && not running.HasExited do
                    Thread.Sleep 1

                while not (torn ()) && not running.HasExited do
                    Thread.SpinWait 50

                Thread.SpinWait delay
                running.Kill()

            let _, errors = shell folder train kill

            if attempts > 1 then
                Expect.stringContains errors "continues after" errors

            if torn () then
                killed <- killed + 1

            let mutable notice = null

            match Checkpoint.ReadLatest(path, &notice) with
            | null -> failtest "no checkpoint"
            | found ->
                Expect.isGreaterThanOrEqual found.State.Steps steps "no update is lost that was saved"
                steps <- found.State.Steps

            SpeechModel.Load model |> ignore<SpeechModel>

        printfn $"kill while writing: {killed} torn checkpoints of {attempts} kills, {steps} updates")

[<Tests>]
let kills =
    testSequenced
    <| testList "kill and resume" [
        test "three kills do not change the weights" { onUnix (fun () -> killSeries 3) }
        test "a kill while a checkpoint is written" { onUnix (fun () -> killWhileWriting 1) }
        longTest "thirty kills while checkpoints are written" (fun () -> onUnix (fun () -> killWhileWriting 30))
        longTest "twenty kills do not change the weights" (fun () -> onUnix (fun () -> killSeries 20))

        test "a torn checkpoint is recognised and the previous one used; both torn are refused" {
            withFolder (fun folder ->
                corpus folder

                let train () = train folder "tiny" "speech" 3 [ "--resume" ]

                Expect.equal (train ()).ExitCode 0 "train"
                let path = Path.Combine(folder, "run", "checkpoint.safetensors")
                let bytes = File.ReadAllBytes path

                // Twice in a row: the damaged file must not replace the good previous one.
                for name, damaged in
                    [
                        "cut", bytes[.. bytes.Length / 2]
                        "flipped", Array.mapi (fun i b -> if i = bytes.Length - 5000 then b ^^^ 1uy else b) bytes
                    ] do
                    File.WriteAllBytes(path, damaged)
                    let finished = train ()
                    Expect.equal finished.ExitCode 0 $"{name}: {finished}"
                    Expect.stringContains finished.Errors "the previous checkpoint is used" $"{name}: {finished}"
                    Expect.equal (Checkpoint.Read path).State.Epoch 3 "trained to the end again"

                File.WriteAllBytes(path, bytes[..100])
                File.WriteAllBytes(path + ".previous", bytes[..100])
                let finished = train ()
                Expect.equal finished.ExitCode 1 $"{finished}"
                Expect.stringContains finished.Errors "checkpoint.safetensors" $"{finished}")
        }

        test "another configuration or corpus is refused with what differs" {
            withFolder (fun folder ->
                corpus folder
                SyntheticCorpus.Write(Path.Combine(folder, "other"), 30, 10, 9UL) |> ignore<Corpus>

                let train recipe corpus epochs = train folder recipe corpus epochs [ "--resume" ]

                Expect.equal (train "tiny" "speech" 1).ExitCode 0 "train"

                Expect.stringContains
                    (train "tiny" "speech" 2).Errors
                    "the training goes on to 2 epochs instead of 1"
                    "more epochs"

                train "tiny" "speech" 1 |> expectRefusal 1 [ "training.epochs was 2, is 1" ]

                train "small" "speech" 2
                |> expectRefusal 1 [
                    "belongs to another training: features.deltas was 0, is 2; network.encoder[0]"
                    "training.speeds"
                    "Give the same recipe, data and time"
                ]

                train "tiny" "other" 2 |> expectRefusal 1 [ "training data: 24 utterances" ])
        }

        test "a training in a folder that holds one moves it aside" {
            withFolder (fun folder ->
                corpus folder

                let train () = train folder "tiny" "speech" 1 []

                Expect.equal (train ()).ExitCode 0 "first"
                let first = File.ReadAllBytes(Path.Combine(folder, "run", "model.safetensors"))
                let second = train ()
                Expect.equal second.ExitCode 0 $"{second}"
                Expect.stringContains second.Errors "earlier-1" $"{second}"

                Expect.equal
                    (File.ReadAllBytes(Path.Combine(folder, "run", "earlier-1", "model.safetensors")))
                    first
                    "kept")
        }

        test "metrics have every step once, across interruptions" {
            withFolder (fun folder ->
                corpus folder

                let train =
                    ($"exec dotnet {program} train --recipe tiny --corpus speech --out run --epochs 4 "
                     + "--checkpoint-seconds 0.2 --resume")

                let metrics = Path.Combine(folder, "run", "metrics.jsonl")

                let kill (running: Process) =
                    while not (File.Exists metrics) && not running.HasExited do
                        Thread.Sleep 20

                    running.Kill true

                shell folder train kill |> ignore
                let code, errors = shell folder train ignore
                Expect.equal code 0 errors
                let lines = [ for line in File.ReadLines metrics -> Text.Json.JsonDocument.Parse(line).RootElement ]

                let steps = [
                    for line in lines do
                        match line.TryGetProperty "loss" with
                        | true, _ -> line.GetProperty("step").GetInt32()
                        | _ -> ()
                ]

                Expect.equal steps [ 1 .. steps.Length ] "steps"

                let epochs = [
                    for line in lines do
                        match line.TryGetProperty "devPer" with
                        | true, _ -> line.GetProperty("epoch").GetInt32()
                        | _ -> ()
                ]

                Expect.equal epochs [ 1..4 ] "epochs"

                for name in
                    [
                        "gradientNorm"
                        "blankRatio"
                        "meanOutputLength"
                        "framesPerSecond"
                        "paddingShare"
                        "infeasible"
                        "learningRate"
                        "elapsedSeconds"
                    ] do
                    Expect.isTrue (fst (lines[0].TryGetProperty name)) name)
        }

        test "a training with a time limit resumes at the elapsed time" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    let path = Path.Combine(folder, "run", "checkpoint.safetensors")

                    let train =
                        ($"exec dotnet {program} train --recipe tiny --corpus speech --out run --minutes 0.05 "
                         + "--checkpoint-seconds 0.1 --resume")

                    shell folder train (killAfterTwoCheckpoints path) |> ignore
                    let mutable notice = null

                    let spent =
                        match Checkpoint.ReadLatest(path, &notice) with
                        | null -> failtest "no checkpoint"
                        | found -> found.State.ElapsedSeconds

                    let code, errors = shell folder train ignore
                    Expect.equal code 0 errors

                    Expect.stringContains
                        errors
                        (FormattableString.Invariant
                            $"the schedule goes on at {spent / 60.0:F1} minutes already spent")
                        errors

                    let lines = [
                        for line in File.ReadLines(Path.Combine(folder, "run", "metrics.jsonl")) ->
                            Text.Json.JsonDocument.Parse(line).RootElement
                    ]

                    let steps = lines |> List.filter (fun line -> fst (line.TryGetProperty "loss"))
                    let values (name: string) = [ for step in steps -> step.GetProperty(name).GetDouble() ]
                    Expect.equal (values "step") [ 1.0 .. float steps.Length ] "steps"
                    // The time may run out in a step or in the validation after it.
                    let ended = (List.last lines).GetProperty("elapsedSeconds").GetDouble()
                    Expect.isGreaterThanOrEqual ended 3.0 "the whole time is used"
                    Expect.equal (values "elapsedSeconds") (List.sort (values "elapsedSeconds")) "time goes on"
                    // The rate rises in the warm-up and falls after it, once.
                    let rates = values "learningRate"
                    let top = List.findIndex ((=) (List.max rates)) rates
                    Expect.equal rates[..top] (List.sort rates[..top]) "up"
                    Expect.equal rates[top..] (List.sortDescending rates[top..]) "down"

                    let code, errors = shell folder (train.Replace("0.05", "0.1")) ignore
                    Expect.equal code 1 errors
                    Expect.stringContains errors "time limit: 0.05 minutes then, 0.1 minutes now" errors))
        }

        test "--overfit reaches PER 0 on four utterances" {
            withFolder (fun folder ->
                corpus folder

                let finished =
                    Process.hybrid folder [ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--overfit"; "4" ]

                Expect.equal finished.ExitCode 0 $"{finished}"
                Expect.stringContains finished.Errors "PER 0 on 4 utterances" $"{finished}"

                let hopeless =
                    Process.hybrid folder [
                        "train"
                        "--recipe"
                        "tiny"
                        "--corpus"
                        "speech"
                        "--overfit"
                        "4"
                        "--epochs"
                        "1"
                    ]

                Expect.equal hopeless.ExitCode 1 $"{hopeless}"
                Expect.stringContains hopeless.Errors "everything is blank" $"{hopeless}")
        }
    ]

[<Tests>]
let page =
    testList "table of faults" [
        test "docs/reliability.md has a line for each of the 17 kinds, with lists of tests that exist" {
            let rows = [
                for line in File.ReadLines(Path.Combine(root, "docs", "reliability.md")) do
                    let row = Regex.Match(line, @"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$")

                    if row.Success then
                        let links = Regex.Matches(row.Groups[3].Value, @"\[([^\]]+)\]\(\.\./([^)]+)\)")
                        int row.Groups[1].Value, [ for link in links -> link.Groups[1].Value, link.Groups[2].Value ]
            ]

            Expect.equal (List.map fst rows) [ 1..17 ] "numbers"

            for number, lists in rows do
                Expect.isNonEmpty lists $"tests of {number}"

                for name, file in lists do
                    let source = File.ReadAllText(Path.Combine(root, file))
                    Expect.stringContains source $"testList \"{name}\"" $"{number}: {file}"
        }
    ]
