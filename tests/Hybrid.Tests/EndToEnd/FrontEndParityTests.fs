/// The four front ends give byte-identical results.
module Hybrid.Tests.FrontEndParityTests

open System
open System.IO
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.Process
open Interop

/// A script that recognises a file and writes the JSON, also typed into FSI. Words in capitals are replaced by paths.
let private script =
    """
open System.IO
open Hybrid.Dsl
open Hybrid.Speech

let result = recognize (SpeechModel.Load @"MODEL", @"FILE")
File.WriteAllText(@"JSON", ResultJson.Recognitions [ struct (@"FILE", result) ])
"""

[<Tests>]
let tests =
    testList "front-end parity" [
        test "a WAV file gives the same JSON bytes in C#, an F# script, FSI and on the command line" {
            withFolder (fun folder ->
                let wav, _ = CSharpTests.speak folder
                let at name = Path.Combine(folder, name)
                let expected = CSharpFrontEnd.Recognize(CSharpTests.model, wav)

                let source json =
                    script.Replace("MODEL", CSharpTests.model).Replace("FILE", wav).Replace("JSON", at json)

                let hybrid = Path.Combine(root, "examples", "Hybrid.fsx")
                let answer = at "answer.fsx"
                File.WriteAllText(answer, $"#load @\"{hybrid}\"\n" + source "script.json")

                // One FSI session runs the script and then the typed lines.
                let typed = $"#load @\"{answer}\";;\n" + source "fsi.json" + ";;\n#quit;;\n"
                let finished = dotnetReading typed Threading.Timeout.InfiniteTimeSpan [] folder [ "fsi"; "--nologo" ]
                Expect.equal finished.ExitCode 0 (string finished)

                let finished =
                    Process.hybrid folder [ "recognize"; "--model"; CSharpTests.model; "--format"; "json"; wav ]

                Expect.equal finished.ExitCode 0 (string finished)
                File.WriteAllText(at "cli.json", finished.Output)

                Expect.stringContains expected "\"phone\"" "something is recognised"
                let bytes (text: string) = Text.Encoding.UTF8.GetBytes text
                Expect.equal (File.ReadAllBytes(at "script.json")) (bytes expected) "script"
                Expect.equal (File.ReadAllBytes(at "fsi.json")) (bytes expected) "FSI"
                // Output on a terminal ends with a newline.
                Expect.equal (File.ReadAllBytes(at "cli.json")) (bytes (expected + Environment.NewLine)) "command line")
        }
    ]
