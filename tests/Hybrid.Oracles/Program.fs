module Hybrid.Oracles.Program

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.Cases

/// The results of an oracle and of Hybrid in one precision, and their tolerance (see Golden.expectWithin).
type private Column = {
    Oracle: GradientErrorTable.Oracle
    Results: Case -> Tensors -> Tensors
    Hybrid: Case -> Tensors -> Tensors
    Share: float
    Tolerance: float
}

/// A package with its version, or the reason why it cannot run.
type private Package = { Name: string; Version: Result<string, string>; Columns: Column list }

let private inDouble oracle results = {
    Oracle = oracle
    Results = results
    Hybrid = fun case given -> HybridRun<float>(case, given).Results
    Share = Golden.share
    Tolerance = 1e-10
}

// Sums with cancellation lose digits in single precision, such as the gradient of a bias before a batch normalisation,
// which is zero: errors are relative to the largest value of a tensor.
let private inFloat oracle results = {
    Oracle = oracle
    Results = results
    Hybrid = fun case given -> HybridRun<float32>(case, given).Results
    Share = 1.0
    Tolerance = 1e-4
}

let private packages = [
    {
        Name = "DiffSharp"
#if DIFFSHARP
        Version = Ok DiffSharpOracle.Version
        Columns = [ inDouble GradientErrorTable.DiffSharp DiffSharpOracle.results ]
#else
        Version = Error "not built"
        Columns = []
#endif
    }
    {
        Name = "TorchSharp"
#if TORCHSHARP
        Version =
            try
                Ok(TorchSharpOracle.version ())
            with error ->
                let cause = error.GetBaseException().Message.Trim().Split('\n')[0]
                Error $"its native library does not load (see tests/Hybrid.Oracles/README.md): {cause}"
        Columns = [
            inDouble GradientErrorTable.TorchSharpDouble (TorchSharpOracle.results TorchSharp.torch.ScalarType.Float64)
            inFloat GradientErrorTable.TorchSharpFloat (TorchSharpOracle.results TorchSharp.torch.ScalarType.Float32)
        ]
#else
        Version = Error "not built"
        Columns = []
#endif
    }
]

let private agree column case =
    let given = given case
    let expected, actual = column.Results case given, column.Hybrid case given

    Expect.equal
        (Seq.sort actual.Keys |> List.ofSeq)
        (Seq.sort expected.Keys |> List.ofSeq)
        $"{case.Name}: names of results"

    for KeyValue(name, tensor) in expected do
        Golden.expectWithin
            column.Share
            column.Tolerance
            (GradientErrorTable.note column.Oracle case.Name)
            $"{case.Name}: {name}"
            tensor.Data
            actual[name].Data

/// Sequential: neither library is documented to be thread-safe.
let private tests =
    testSequenced
    <| testList "oracles" [
        for package in packages do
            if package.Version.IsOk then
                for column in package.Columns do
                    testList $"{column.Oracle}" [
                        for case in CaseList.all do
                            testCase case.Name (fun () -> agree column case)
                    ]
    ]

/// Writes inputs and results of DiffSharp, as tensors named by case.
let private record (path: string) =
    match packages |> List.find (fun package -> package.Name = "DiffSharp") with
    | { Version = Ok version; Columns = [ column ] } ->
        let tensors = [|
            for case in CaseList.all do
                if case.Recorded then
                    let given = given case

                    for KeyValue(name, tensor) in Seq.append given (column.Results case given) do
                        StoredTensor.FromDoubles($"{case.Name}/{name}", tensor.Data, tensor.Shape)
        |]

        let origin = dict [ "program", "tests/Hybrid.Oracles --record"; "oracle", version ]
        SafeTensors(Collections.Generic.Dictionary<string, string> origin, tensors).Write path
        printfn $"{path}: {tensors.Length} tensors, {FileInfo(path).Length} bytes"
        0
    | _ ->
        eprintfn "recording needs DiffSharp"
        1

[<EntryPoint>]
let main arguments =
    match List.ofArray arguments with
    | [ "--record"; path ] -> record path
#if TORCHSHARP
    | [ "--time"; threads ] ->
        Timing.run (int threads)
        0
#else
    | [ "--time"; _ ] ->
        eprintfn "built without TorchSharp: nothing to time"
        1
#endif
    | arguments ->
        let errors, rest =
            match arguments with
            | "--errors" :: path :: rest -> Some path, rest
            | rest -> None, rest

        for package in packages do
            match package.Version with
            | Ok version ->
                GradientErrorTable.noteVersion version
                printfn $"{package.Name}: {version}"
            | Error reason -> printfn $"{package.Name}: not run: {reason}"

        let code =
            runTestsWithCLIArgs [ CLIArguments.No_Spinner; CLIArguments.Colours 0 ] (List.toArray rest) tests

        errors |> Option.iter (fun path -> File.WriteAllLines(path, GradientErrorTable.lines ()))
        code
