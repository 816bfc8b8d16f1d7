/// Sessions of `dotnet fsi` with the libraries of this build, as a user types them.
module Hybrid.Tests.FsiTests

open System
open System.IO
open Expecto
open Hybrid.Tests.Process
open Hybrid.Tests.TestSettings

let private library (name: string) = Path.Combine(AppContext.BaseDirectory, name)

/// The first lines of a session.
let private opening =
    [ "Hybrid.Core.dll"; "Hybrid.Speech.dll"; "Hybrid.Dsl.dll"; "Plotly.NET.dll" ]
    |> List.map (fun name -> $"#r @\"{library name}\"")
    |> fun lines ->
        lines
        @ [
            "#load @\"" + Path.Combine(root, "src-fsharp", "Hybrid.Dsl", "Hybrid.Dsl.fsx") + "\""
            "open Hybrid.Dsl"
            "open Hybrid.Speech"
        ]

let private session folder (lines: string list) =
    // Without a path, no browser is found and none opens in a test.
    let input = String.Join("\n", opening @ lines |> List.map (fun line -> line + ";;")) + "\n#quit;;\n"
    dotnetReading input (TimeSpan.FromMinutes 3.0) [ "PATH", "" ] folder [ "fsi"; "--nologo" ]

[<Tests>]
let tests =
    testList "FSI" [
        test "refusals are sentences, tanh is a function, a sequence has no notice, a chart needs no browser" {
            withFolder (fun folder ->
                let finished =
                    session folder [
                        "tanh 0.5"
                        "sequence ([ (5.0, constant) ], cosine ())"
                        "recognize (SpeechModel.Default, \"nowhere.wav\")"
                        [
                            "encoderDecoder { features (mfcc 28)"
                            "                 encoder { pyramid 1 }"
                            "                 decoder { linear 3 } }"
                        ]
                        |> String.concat "\n"
                        "show (loss [||])"
                    ]

                let text = finished.Output + finished.Errors
                Expect.equal finished.ExitCode 0 text
                Expect.isFalse (text.Contains "   at ") $"a stack: {text}"
                Expect.isFalse (text.Contains "FS3886") $"a notice of the compiler: {text}"
                Expect.stringContains text "0.4621" "tanh"

                let page = Text.RegularExpressions.Regex.Match(text, @"chart: (\S+\.html)").Groups[1].Value
                Expect.isTrue (File.Exists page) "the chart"
                Expect.isFalse ((File.ReadAllText page).Contains "src=\"http") "which loads nothing"
                Expect.stringContains text "nowhere.wav" "the missing file"
                Expect.stringContains text "pyramid 1: factor is 1, must be at least 2" "the declaration")
        }

        test "a training in a script prints its epochs, unless it is quiet" {
            withFolder (fun folder ->
                let declaration = [
                    "let corpus = synthesize (\"speech\", utterances = 12, speakers = 3, seed = 1)"
                    [
                        "let network = encoderDecoder { features (mfcc 28)"
                        "                               encoder { conv1d (8, stride = 2) }"
                        "                               decoder { linear phones } }"
                    ]
                    |> String.concat "\n"
                    "let schedule = training { epochs 2 }"
                ]

                let loud = session folder (declaration @ [ "let result = train (network, schedule, corpus)" ])
                Expect.stringContains loud.Output "learning rate  minutes" (string loud)
                let lines = loud.Output.Split '\n' |> Array.map _.Trim()
                Expect.isTrue (lines |> Array.exists _.StartsWith("1 ")) (string loud)
                Expect.isTrue (lines |> Array.exists _.StartsWith("2 ")) (string loud)

                let quiet =
                    session folder (declaration @ [ "let result = train (network, schedule, corpus, quiet = true)" ])

                Expect.isFalse (quiet.Output.Contains "learning rate  minutes") (string quiet)
                Expect.stringContains quiet.Output "val result" (string quiet))
        }
    ]
