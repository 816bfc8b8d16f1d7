module Hybrid.Tests.Program

open System.IO
open System.Runtime.Intrinsics
open Expecto
open Expecto.Impl
open Expecto.Logging

/// The last line that scripts read: how many passed, failed, were skipped.
let private printer = {
    TestPrinters.defaultPrinter with
        summary =
            fun config summary ->
                async {
                    do! TestPrinters.defaultPrinter.summary config summary

                    printfn
                        $"{summary.passed.Length} passed, {summary.failed.Length + summary.errored.Length} failed, \
                        {summary.ignored.Length} skipped"
                }
}

let private settings = [
    CLIArguments.Printer printer
    CLIArguments.No_Spinner
    CLIArguments.Colours 0
    CLIArguments.Verbosity LogLevel.Warn
]

/// Gradients of layers, cells and losses against central differences and PyTorch's values.
let private gradients = [
    LayerTests.gradients
    LayerTests.losses
    CellTests.steps
    CellTests.sequences
    CtcTests.ctc
    ViterbiTests.tests
    GoldenTests.layers
    GoldenTests.recurrent
    GoldenTests.cells
    GoldenTests.ctc
    GoldenTests.network
    GoldenTests.tiny
]

/// Tests that also run without vector instructions, several hundred times slower: kernels and layers.
let private kernels =
    testList "kernels and gradients" [
        test "there are no vector instructions" {
            Expect.isFalse Vector128.IsHardwareAccelerated "--kernels is for DOTNET_EnableHWIntrinsic=0"
        }
        GemmTests.gemm
        VectorMathTests.vectorMath
        yield! gradients
    ]

/// Compares gradients and prints the table of errors, or writes it where nothing failed.
let private tabulate path =
    TestSettings.all <- true
    let all = testList "gradients" (gradients @ [ DiffSharpTests.tests; OracleTests.tests ])
    let code = runTestsWithCLIArgs settings [||] all
    GradientErrorTable.noteVersion ("PyTorch " + Golden.metadata "layers" "torch" + ", recorded")
    GradientErrorTable.noteVersion (Golden.metadata "diffsharp" "oracle" + ", recorded")
    let page = String.concat "\n" (GradientErrorTable.page ()) + "\n"

    match path with
    | Some path when code = 0 -> File.WriteAllText(path, page)
    | _ -> printf "%s" page

    code

[<EntryPoint>]
let main arguments =
    match List.ofArray arguments with
    | [ "--trained"; name; threads ] ->
        printfn $"{InstructionSetTests.answer name (int threads)}"
        0
    | [ "--update-api" ] ->
        PublicApi.update ()
        0
    | "--kernels" :: rest -> runTestsWithCLIArgs settings (List.toArray rest) kernels
    | [ "--gradients" ] -> tabulate None
    | [ "--gradients"; path ] -> tabulate (Some path)
    | arguments ->
        TestSettings.all <- List.contains "--all" arguments
        runTestsInAssemblyWithCLIArgs settings (arguments |> List.except [ "--all" ] |> List.toArray)
