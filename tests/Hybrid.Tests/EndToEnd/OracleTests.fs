/// Runs tests/Hybrid.Oracles where its packages are available.
module Hybrid.Tests.OracleTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.Process

let private project = Path.Combine(root, "tests", "Hybrid.Oracles")
let private packages = [ "DiffSharp"; "TorchSharp" ]

/// The build properties that leave packages out.
let private without missing = [ for package in missing -> $"-p:{package}=false" ]

/// Enough for hundreds of megabytes; without a network, NuGet fails earlier by itself.
let private restoreLimit = TimeSpan.FromMinutes 5.0

/// The first error that a build reports.
let private reason (finished: Finished) =
    let said = Regex.Match(string finished, @"(error |did not end)[^\[\r\n]*")

    if said.Success then
        said.Value.Trim()
    else
        $"exit code {finished.ExitCode}"

/// Restores the available packages; returns the missing ones, or the reason if none is available.
let rec private restore missing =
    if List.length missing = packages.Length then
        Error "the package sources have neither DiffSharp nor TorchSharp"
    else
        let variables = [ "DOTNET_CLI_UI_LANGUAGE", "en" ]
        let finished = dotnetWithin restoreLimit variables project ("restore" :: without missing)

        let more = [
            for package in List.except missing packages do
                if finished.Output.Contains $"Unable to find package {package}" then
                    package
        ]

        if finished.ExitCode = 0 then
            Ok missing
        elif more.IsEmpty then
            Error $"restore failed: {reason finished}"
        else
            restore (missing @ more)

/// The packages that are missing in an earlier restore.
let private restored () =
    let assets = Path.Combine(project, "obj", "project.assets.json")

    if File.Exists assets then
        let text = File.ReadAllText assets
        let missing = packages |> List.filter (fun package -> not (Regex.IsMatch(text, $"\"{package}[^\"/]*/")))

        if missing = packages then
            Error "its packages were not available; --all tries again"
        else
            Ok missing
    else
        Error "its packages are not restored; --all tries to"

/// The output of the program, built and run once for all tests, or the reason why it did not run.
let private outcome =
    lazy
        ((if all then restore [] else restored ())
         |> Result.bind (fun missing ->
             let built = dotnet project ([ "build"; "-c"; "Release"; "--no-restore" ] @ without missing)

             if built.ExitCode = 0 then
                 withFolder (fun folder ->
                     let errors = Path.Combine(folder, "errors")
                     let program = Path.Combine(project, "bin", "Release", "net10.0", "Hybrid.Oracles.dll")
                     let finished = dotnet project [ program; "--errors"; errors ]

                     if File.Exists errors then
                         GradientErrorTable.read (File.ReadAllLines errors)

                     Ok finished)
             // A compiler error is a failure, a missing package is not.
             elif built.Output.Contains "error FS" || built.Output.Contains "error CS" then
                 Ok built
             else
                 Error $"build failed: {reason built}"))

let private notRun reason =
    // Expecto counts skipped tests without printing the reason.
    printfn $"tests/Hybrid.Oracles, {reason}"
    skiptest reason

[<Tests>]
let tests =
    testList "oracles" [
        for package in packages do
            testCase $"every cell, layer and loss agrees with {package}" (fun () ->
                match outcome.Value with
                | Error reason -> notRun $"{package}: not run: {reason}"
                | Ok finished ->
                    match finished.Output.Split '\n' |> Array.tryFind _.StartsWith($"{package}: not run: ") with
                    | Some line -> notRun (line.Trim())
                    | None -> Expect.equal finished.ExitCode 0 (string finished))
    ]
