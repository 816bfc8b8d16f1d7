/// The command line program at work, and a model for it.
module Hybrid.Tests.CommandLine

open System
open System.IO
open Expecto
open Hybrid.Tests.Process

/// What ended with 0.
let expectSuccess (finished: Finished) =
    Expect.equal finished.ExitCode 0 (string finished)
    finished

/// One sentence on standard error, the exit code, and no stack trace.
let refused (code: int) (parts: string list) (finished: Finished) =
    Expect.equal finished.ExitCode code (string finished)

    for part in parts do
        Expect.stringContains finished.Errors part (string finished)

    Expect.isFalse (finished.Errors.Contains "   at ") $"a stack trace: {finished}"
    finished

let expectRefusal code parts finished = refused code parts finished |> ignore<Finished>

/// A model that has seen two epochs of next to nothing: enough for every door, of no use.
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
