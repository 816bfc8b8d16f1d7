/// What happens when things go wrong while a program runs.
module Hybrid.Tests.ReliabilityTests

open System
open System.Diagnostics
open System.IO
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Tier

let private program = Path.Combine(AppContext.BaseDirectory, "hybrid.dll")

let private corpus folder =
    SyntheticCorpus.Write(Path.Combine(folder, "speech"), 30, 10) |> ignore<Corpus>

/// Runs a shell line in a folder, does something while it runs, and waits for its end.
let private shell (folder: string) (line: string) (meanwhile: Process -> unit) =
    let start = ProcessStartInfo("/bin/sh", [ "-c"; line ], WorkingDirectory = folder, RedirectStandardError = true, RedirectStandardOutput = true)
    use running = new Process(StartInfo = start)
    running.Start() |> ignore
    let errors = running.StandardError.ReadToEndAsync()
    let output = running.StandardOutput.ReadToEndAsync()
    meanwhile running
    running.WaitForExit()
    output.Result |> ignore
    running.ExitCode, errors.Result

let private onUnix body =
    if OperatingSystem.IsWindows() then skiptest "signals and limits of a Unix shell" else body ()

[<Tests>]
let tests =
    testList "reliability" [
        test "a disk that is full during a checkpoint ends in one sentence and leaves the last good one usable" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    // The runtime's own protection of its code pages counts as a large file.
                    let train limit epochs = $"trap '' XFSZ; ulimit -f {limit}; DOTNET_EnableWriteXorExecute=0 exec dotnet {program} train --recipe tiny --corpus speech --out run --epochs {epochs}"
                    let code, errors = shell folder (train "unlimited" 1) ignore
                    Expect.equal code 0 errors
                    // A checkpoint has 4.4 MB, a model 1.5 MB; the limit counts blocks of 512 bytes.
                    let code, errors = shell folder (train "6000" 1) ignore
                    Expect.equal code 1 errors
                    Expect.stringContains errors "checkpoint.safetensors" errors
                    Expect.isFalse (errors.Contains "   at ") $"a stack trace: {errors}"
                    Checkpoint.Read(Path.Combine(folder, "run", "checkpoint.safetensors.previous")) |> ignore<Checkpoint>
                    SpeechModel.Load(Path.Combine(folder, "run", "model.safetensors")) |> ignore<SpeechModel>
                    Expect.isEmpty (Directory.GetFiles(Path.Combine(folder, "run"), "*.tmp")) "nothing torn is left behind"))
        }

        test "Ctrl+C stops a training with one sentence; what was written stays usable" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    let model = Path.Combine(folder, "run", "model.safetensors")

                    let interrupt (running: Process) =
                        while not (File.Exists model) && not running.HasExited do
                            Thread.Sleep 50

                        Process.Start("kill", [ "-INT"; string running.Id ]).WaitForExit()

                    let code, errors = shell folder $"exec dotnet {program} train --recipe tiny --corpus speech --out run --epochs 1000" interrupt
                    Expect.equal code 1 errors
                    Expect.stringContains errors "stopped: what was written so far stays usable" errors
                    SpeechModel.Load model |> ignore<SpeechModel>))
        }
    ]
