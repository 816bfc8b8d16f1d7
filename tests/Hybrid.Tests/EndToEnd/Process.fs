/// Runs of programs, as by users.
module Hybrid.Tests.Process

open System
open System.Diagnostics
open System.IO
open System.Text

type Finished = {
    ExitCode: int
    Output: string
    Errors: string
} with

    override f.ToString() = $"exit code {f.ExitCode}\n--- output\n{f.Output}\n--- errors\n{f.Errors}"

/// A temporary feature cache for the programs, instead of the user's.
let cache =
    lazy
        (let folder = Directory.CreateTempSubdirectory("hybrid-test-cache-").FullName
         AppDomain.CurrentDomain.ProcessExit.Add(fun _ -> Directory.Delete(folder, true))
         folder)

/// The start information of a program with arguments in a folder.
let prepare (program: string) (folder: string) (arguments: string list) =
    let start =
        ProcessStartInfo(
            program,
            arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    start.Environment["HYBRID_CACHE"] <- cache.Value
    start

/// Runs `dotnet` in a folder with standard input, environment variables and arguments, and waits for its end; kills it
/// after a time limit.
let dotnetReading
    (input: string)
    (limit: TimeSpan)
    (variables: (string * string) list)
    (folder: string)
    (arguments: string list)
    =
    let start = prepare "dotnet" folder arguments
    start.RedirectStandardInput <- true

    for name, value in variables do
        start.Environment[name] <- value

    use running = new Process(StartInfo = start)
    let output, errors = StringBuilder(), StringBuilder()

    running.OutputDataReceived.Add(fun line ->
        if not (isNull line.Data) then
            output.AppendLine line.Data |> ignore)

    running.ErrorDataReceived.Add(fun line ->
        if not (isNull line.Data) then
            errors.AppendLine line.Data |> ignore)

    running.Start() |> ignore
    running.BeginOutputReadLine()
    running.BeginErrorReadLine()
    running.StandardInput.Write input
    running.StandardInput.Close()

    if not (running.WaitForExit limit) then
        running.Kill true
        errors.AppendLine $"did not end within {limit}" |> ignore

    // Also waits for the last line of output.
    running.WaitForExit()
    { ExitCode = running.ExitCode; Output = output.ToString(); Errors = errors.ToString() }

/// Runs `dotnet` with empty standard input.
let dotnetWithin = dotnetReading ""

/// Runs `dotnet` without a time limit.
let dotnetWith variables folder arguments = dotnetWithin Threading.Timeout.InfiniteTimeSpan variables folder arguments

/// Runs `dotnet` with arguments in a folder.
let dotnet folder arguments = dotnetWith [] folder arguments

/// Runs the command line program of this build.
let hybrid (folder: string) (arguments: string list) =
    dotnet folder (Path.Combine(AppContext.BaseDirectory, "hybrid.dll") :: arguments)

/// Runs this test program with environment variables.
let tests variables arguments =
    dotnetWith
        variables
        AppContext.BaseDirectory
        (Path.Combine(AppContext.BaseDirectory, "Hybrid.Tests.dll") :: arguments)
