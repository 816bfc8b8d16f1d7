/// What tests use from outside the repository. It may be missing; then they are skipped and say so.
module Hybrid.Tests.Outside

open System
open System.Diagnostics
open System.IO
open System.Threading.Tasks
open Expecto

/// A file or folder of the shared data; skips the test where it is missing.
let shared (path: string) =
    let root =
        match Environment.GetEnvironmentVariable "HYBRID_SHARED" with
        | null | "" ->
            let rec above (folder: string | null) =
                match folder with
                | null -> None
                | folder when File.Exists(Path.Combine(folder, "Hybrid.sln")) -> Some(Path.Combine(folder, "..", "shared"))
                | folder -> above (Path.GetDirectoryName folder)

            above AppContext.BaseDirectory |> Option.defaultValue "shared"
        | root -> root

    let full = Path.Combine(root, path)
    if not (Path.Exists full) then skiptest $"{full} is missing: set HYBRID_SHARED to the shared data"
    full

/// Skips the test where a program is not on the PATH.
let needs program =
    let path = Environment.GetEnvironmentVariable "PATH" |> Option.ofObj |> Option.defaultValue ""

    if not (path.Split Path.PathSeparator |> Array.exists (fun folder -> File.Exists(Path.Combine(folder, program)))) then
        skiptest $"{program} is not installed"

/// Runs a program on some input: exit code, output, and what it said.
let run program (arguments: string seq) (input: byte[]) =
    let start = ProcessStartInfo(program, arguments)
    start.RedirectStandardInput <- true
    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true
    use child = Process.Start start |> nonNull
    use output = new MemoryStream()
    let said = child.StandardError.ReadToEndAsync()

    let feed =
        task {
            try
                do! child.StandardInput.BaseStream.WriteAsync(input.AsMemory())
                child.StandardInput.Close()
            with :? IOException ->
                () // It had seen enough.
        }

    child.StandardOutput.BaseStream.CopyTo output
    Task.WaitAll(feed, said)
    child.WaitForExit()
    child.ExitCode, output.ToArray(), said.Result
