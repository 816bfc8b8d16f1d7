module Hybrid.Tests.Program

open Expecto
open Expecto.Impl
open Expecto.Logging

/// The last line that scripts read: how many passed, failed, were skipped.
let private printer =
    { TestPrinters.defaultPrinter with
        summary =
            fun config summary ->
                async {
                    do! TestPrinters.defaultPrinter.summary config summary
                    printfn $"{summary.passed.Length} passed, {summary.failed.Length + summary.errored.Length} failed, {summary.ignored.Length} skipped"
                } }

[<EntryPoint>]
let main arguments =
    Tier.all <- Array.contains "--all" arguments
    let rest = arguments |> Array.filter ((<>) "--all")
    runTestsInAssemblyWithCLIArgs [ CLIArguments.Printer printer; CLIArguments.No_Spinner; CLIArguments.Colours 0; CLIArguments.Verbosity LogLevel.Warn ] rest
