/// Small scripts, compiled and run in this process as by FSI.
module Hybrid.Tests.Scripts

open System
open System.IO
open System.Text
open FSharp.Compiler.Diagnostics
open FSharp.Compiler.Interactive.Shell
open Hybrid.Tests.TestSettings

/// One FSI session for all scripts, with Hybrid.Dsl and its printers; scripts see the declarations of earlier ones.
let private session =
    lazy
        (let output = StringBuilder()
         let library (name: string) = $"-r:{Path.Combine(AppContext.BaseDirectory, name)}"

         let arguments = [|
             "fsi"
             "--noninteractive"
             "--nologo"
             yield!
                 List.map library [
                     "FSharp.Compiler.Service.dll"
                     "Hybrid.Core.dll"
                     "Hybrid.Speech.dll"
                     "Hybrid.Dsl.dll"
                     "Plotly.NET.dll"
                 ]
         |]

         let configuration = FsiEvaluationSession.GetDefaultConfiguration(Settings.fsi, false)
         let writer = new StringWriter(output)

         let session =
             FsiEvaluationSession.Create(
                 configuration,
                 arguments,
                 new StringReader "",
                 writer,
                 writer,
                 collectible = false
             )

         session.EvalInteraction "let fsi = FSharp.Compiler.Interactive.Shell.Settings.fsi"
         session.EvalInteraction(File.ReadAllText(Path.Combine(root, "src-fsharp", "Hybrid.Dsl", "Hybrid.Dsl.fsx")))
         session.EvalInteraction "open Hybrid.Dsl"
         session, output)

/// The output of FSI for an expression.
let printed (expression: string) =
    let session, output = session.Value

    lock session (fun () ->
        output.Clear() |> ignore
        session.EvalInteraction expression
        (string output).Trim())

/// The problems of a script: the errors of the compiler with line and column, or the message of its exception. Empty if
/// it runs.
let problemsOf (file: string) =
    let session, _ = session.Value

    lock session (fun () ->
        // The same file name and lines as in FSI on any machine.
        let source = $"# 1 \"{file}\"\n" + File.ReadAllText file
        let result, diagnostics = session.EvalInteractionNonThrowing(source, nonNull (Path.GetFileName file))
        let errors = diagnostics |> Array.filter (fun d -> d.Severity = FSharpDiagnosticSeverity.Error)

        if errors.Length > 0 then
            [
                for d in errors ->
                    $"({d.StartLine},{d.StartColumn + 1}): error {d.ErrorNumberText}: {d.Message.ReplaceLineEndings()}"
            ]
            |> List.distinct
            |> String.concat "\n"
        else
            match result with
            | Choice1Of2 _ -> ""
            | Choice2Of2 error -> error.Message.ReplaceLineEndings "\n")
