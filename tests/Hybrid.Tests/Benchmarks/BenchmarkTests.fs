/// Benchmarks run, check their results and report consistent numbers. Speed itself is not tested.
module Hybrid.Tests.BenchmarkTests

open System
open System.IO
open Expecto
open Hybrid.Cli.Commands
open Hybrid.Core
open Hybrid.Benchmarks
open Hybrid.Speech
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

[<Tests>]
let benchmarks =
    testList "Benchmark" [
        test "a result has all columns of the table" {
            let team = ThreadTeam 2
            let result = KernelBenchmarks.Product(48, 40, 64, "NT").Run(team, 0.01, Machine(2, 512, 100.0, 10.0))
            Expect.equal (result.Group, result.Case, result.Threads) ("gemm", "48x40x64_NT", 2) "names"
            Expect.isGreaterThan result.MedianMilliseconds 0.0 "median"
            let operations = 2.0 * 48.0 * 40.0 * 64.0
            Expect.floatClose Accuracy.high (result.Gflops * result.MedianMilliseconds * 1e6) operations "operations"
            Expect.floatClose Accuracy.high (result.PeakShare * 100.0) result.Gflops "share of the peak"
        }

        for form in [ "NN"; "NT"; "TN"; "TT" ] do
            test $"products {form} equal their reference" {
                KernelBenchmarks.Product(13, 70, 45, form).Prepare.Invoke(ThreadTeam 1) |> ignore<Action>
            }

        test "layers, losses, searches and features equal their references at small sizes" {
            let utterances = SpeechBenchmarks.Posteriors(2, 40)

            for benchmark in
                [
                    KernelBenchmarks.RecurrentProduct(3, 20, 70)
                    KernelBenchmarks.RecurrentTraining(3, 20, 5, LstmSpec(6, true))
                    KernelBenchmarks.RecurrentInference(1, 20, 5, GruSpec(7, true))
                    KernelBenchmarks.Convolution(4, 6, 3, true, 2, 30)
                    KernelBenchmarks.Ctc(30, 2, 8)
                    KernelBenchmarks.Alignment(30, 2, 8)
                    SpeechBenchmarks.BeamSearch("small", utterances, 4)
                    SpeechBenchmarks.BeamSearch("small", utterances, 4, 5)
                    SpeechBenchmarks.Features 0.2
                ] do
                let work = benchmark.Prepare.Invoke(ThreadTeam 2)
                work.Invoke()
        }

        test "wrong results are never timed" {
            let utterances = SpeechBenchmarks.Posteriors(1, 20)
            let wrong = [| [| 1; 2; 3; 4; 5; 6; 7; 8; 9 |] |]
            let search = SpeechBenchmarks.BeamSearch("wrong", utterances, 4, 0, wrong)

            expectRefusal<WrongResultException, _> "utterance 0 differs from the reference" (fun () ->
                search.Run(ThreadTeam 1, 0.01))
        }

        test "a line of the history has the speed where there is one, and quotes commas" {
            let product = BenchmarkResult("gemm", "8x8x8_NN", 2, 0.12345, 0.0, 117.26, 0.9876, 0L, 0L)
            let search = BenchmarkResult("beam-search", "T400", 1, 3.5, 0.0, 0.0, 0.0, 0L, 0L)
            let line = Bench.historyLine "abc" (DateOnly(2026, 2, 3)) "CPU, \"fast\" x2"
            let prefix = "abc,2026-02-03,\"CPU, \"\"fast\"\" x2\","
            Expect.equal (line product) $"{prefix}gemm 8x8x8_NN,2,0.1235,117.3,0.988" "product"
            Expect.equal (line search) $"{prefix}beam-search T400,1,3.5,," "search"
        }

        test "bench --record appends a line for each result, after one header" {
            withFolder (fun folder ->
                let bench () =
                    hybrid folder [ "bench"; "features"; "--threads"; "1"; "--seconds"; "0.01"; "--record" ]
                    |> expectSuccess
                    |> ignore

                bench ()
                bench ()
                let path = Path.Combine(folder, Bench.historyPath)
                let lines = File.ReadAllLines path
                Expect.equal lines[0] Bench.historyHeader "header"
                Expect.equal lines.Length 5 "two results in each of two runs"
                let kernels = [ for line in lines[1..] -> (line.Split ',')[3] ]
                Expect.equal (List.take 2 kernels) (List.skip 2 kernels) "the same kernels"
                Expect.all kernels (fun kernel -> kernel.StartsWith "features ") $"{kernels}"

                File.WriteAllText(path, "a,b\n1,2\n")

                hybrid folder [ "bench"; "features"; "--threads"; "1"; "--seconds"; "0.01"; "--record" ]
                |> refused 1 [ "history.csv"; "another table" ]
                |> ignore

                Expect.equal (File.ReadAllText path) "a,b\n1,2\n" "another table stays as it is")
        }
    ]
