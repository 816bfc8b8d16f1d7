module Hybrid.Tests.ExampleTests

open System.IO
open Expecto
open Hybrid.Tests.Tier
open Hybrid.Tests.Process

/// Every numbered script runs as it stands; what its output must contain.
let private scripts = [ "03-declare-and-train.fsx", "PER on unseen speakers" ]

[<Tests>]
let tests =
    testList "examples" [
        for script, expected in scripts do
            test $"{script} runs" {
                let finished = dotnet root [ "fsi"; Path.Combine("examples", script) ]
                Expect.equal finished.ExitCode 0 (string finished)
                Expect.stringContains finished.Output expected (string finished)
            }

        test "every script is run by a test" {
            let known = scripts |> List.map fst |> Set.ofList
            let there = Directory.GetFiles(Path.Combine(root, "examples"), "??-*.fsx") |> Seq.map Path.GetFileName |> Set.ofSeq
            Expect.equal there known "scripts"
        }
    ]
