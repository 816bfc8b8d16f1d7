/// Runs of the command line program with expected outcomes, and a model for them.
module Hybrid.Tests.CommandLine

open System
open System.IO
open Expecto
open Hybrid.Tests.Process

/// Fails unless the exit code is 0.
let expectSuccess (finished: Finished) =
    Expect.equal finished.ExitCode 0 (string finished)
    finished

/// Fails unless the exit code is `code` and standard error has all `parts` and no stack trace.
let refused (code: int) (parts: string list) (finished: Finished) =
    Expect.equal finished.ExitCode code (string finished)

    for part in parts do
        Expect.stringContains finished.Errors part (string finished)

    Expect.isFalse (finished.Errors.Contains "   at ") $"a stack trace: {finished}"
    finished

let expectRefusal code parts finished = refused code parts finished |> ignore<Finished>

/// A folder with a small corpus, and a model trained on it for two epochs.
let untrained =
    lazy
        (let folder = Directory.CreateTempSubdirectory("hybrid-test-model-").FullName
         AppDomain.CurrentDomain.ProcessExit.Add(fun _ -> Directory.Delete(folder, true))

         hybrid folder [ "synth"; "--out"; "speech"; "--utterances"; "30"; "--speakers"; "10" ]
         |> expectSuccess
         |> ignore

         hybrid folder [ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--out"; "run"; "--epochs"; "2" ]
         |> expectSuccess
         |> ignore

         folder)
