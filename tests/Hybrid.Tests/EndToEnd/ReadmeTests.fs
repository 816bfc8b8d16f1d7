/// Code and commands of the README run with the output shown.
module Hybrid.Tests.ReadmeTests

open System
open System.IO
open System.Text.RegularExpressions
open Argu
open Expecto
open Hybrid.Cli.Arguments
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.Process

let private readme = File.ReadAllText(Path.Combine(root, "README.md"))

/// The code blocks of a language, or without one.
let private blocks language = [
    for m in Regex.Matches(readme, "^```(\\w*)\n(.*?)^```$", RegexOptions.Singleline ||| RegexOptions.Multiline) do
        if m.Groups[1].Value = language then
            m.Groups[2].Value
]

/// All commands of the program in text and blocks, without its name.
let private commands = [
    for m in Regex.Matches(readme, @"`hybrid ([a-z][^`]*)`") -> m.Groups[1].Value
    for m in
        Regex.Matches(readme, @"^(?:\$ )?(?:hybrid|dotnet run .*Hybrid\.Cli --) ([a-z].*)$", RegexOptions.Multiline) ->
        m.Groups[1].Value
]

/// The arguments of a command, split as by a shell.
let private arguments command = [
    for m in Regex.Matches(command, "\"([^\"]*)\"|\\S+") -> if m.Groups[1].Success then m.Groups[1].Value else m.Value
]

/// A command with values that make it run in seconds instead of hours.
let private shorter (text: string) (command: string) =
    [
        "--utterances 300", "--utterances 30"
        "--speakers 30", "--speakers 10"
        "--recipe small", "--recipe tiny"
        "--minutes 20", "--epochs 1"
        "--seconds 1", "--seconds 0.05"
        "\"hello world\"", $"\"{text}\""
    ]
    |> List.fold (fun (command: string) (before: string, after: string) -> command.Replace(before, after)) command

[<Tests>]
let tests =
    testList "README" [
        test "the F# blocks are the recipe hw3p2, and a script that trains and recognises" {
            match blocks "fsharp" with
            | [ declared; driven ] ->
                withFolder (fun folder ->
                    let wav, _ = CSharpTests.speak folder
                    let place (name: string) = $"@\"{Path.Combine(folder, name)}\""
                    let loaded = Regex.Match(driven, "^#load \"(.*?)\".*\n")
                    Expect.isTrue (File.Exists(Path.Combine(root, loaded.Groups[1].Value))) "the loaded file"

                    let expectRuns name (lines: string list) =
                        let file = Path.Combine(folder, name)
                        File.WriteAllLines(file, lines)
                        Expect.equal (Scripts.problemsOf file) "" name

                    expectRuns "declared.fsx" [
                        declared
                        "if network <> { Features = Recipes.hw3p2.Features; Network = Recipes.hw3p2.Network } then"
                        "    failwith \"another network than hw3p2\""
                        "if schedule.ToJson() <> Recipes.hw3p2.Training.ToJson() then"
                        "    failwith \"another schedule than hw3p2\""
                    ]

                    expectRuns "driven.fsx" [
                        "let network ="
                        "    encoderDecoder {"
                        "        features (mfcc 28)"
                        "        encoder { conv1d (8, stride = 2) }"
                        "        decoder { linear phones }"
                        "    }"
                        "let schedule = training { epochs 1 }"
                        driven
                            .Replace(loaded.Value, "")
                            .Replace(
                                "synthesize (\"speech\", utterances = 300, speakers = 30)",
                                $"""synthesize ({place "speech"}, utterances = 30, speakers = 10)"""
                            )
                            .Replace("\"run\"", place "run")
                            .Replace("\"recording.wav\"", $"@\"{wav}\"")
                    ]

                    Expect.isTrue (File.Exists(Path.Combine(folder, "run", "model.safetensors"))) "the model")
            | blocks -> failtest $"{blocks.Length} blocks of F#"
        }

        test "commands shown with output give this output, except for numbers" {
            withFolder (fun folder ->
                let demo = Path.Combine(folder, "hybrid-demo")
                Directory.CreateDirectory demo |> ignore
                File.Copy(CSharpTests.model, Path.Combine(demo, "model.safetensors"))
                SyntheticCorpus.Write(Path.Combine(demo, "speech"), 30, 10, 1UL) |> ignore<Corpus>
                let spoken = Hybrid.Dsl.Run.speak ("hair candle", seed = 1)

                AudioClip(spoken.Samples, SpokenUtterance.SampleRate)
                    .WriteWav(Path.Combine(folder, "speaker000-0000.wav"))

                /// Numbers, and phones after a colon, depend on the model.
                let shape (line: string) =
                    Regex.Replace(Regex.Replace(line.TrimEnd(), @"-?\d+(\.\d+)?", "#"), @"^(\S+\.wav # #:).*", "$1")

                let shapes (text: string) = text.Split '\n' |> Array.map shape |> List.ofArray
                let mutable said = []

                for block in blocks "" do
                    for line in block.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
                        match Regex.Match(line, @"^\$ (\w+) (.*)$") with
                        | call when call.Success && call.Groups[1].Value = "hybrid" ->
                            let finished = hybrid folder (arguments call.Groups[2].Value)
                            Expect.equal finished.ExitCode 0 $"{line}: {finished}"
                            said <- shapes (finished.Output + finished.Errors)
                        | call when call.Success && call.Groups[1].Value = "cat" ->
                            said <- shapes (File.ReadAllText(Path.Combine(folder, call.Groups[2].Value)))
                        | call when call.Success -> failtest $"unknown command: {line}"
                        | _ when line.StartsWith "dotnet " -> ()
                        | _ -> Expect.contains said (shape line) $"{line}: {said}")
        }

        test "the C# block runs" {
            let block = List.exactlyOne (blocks "csharp")
            let program = File.ReadAllText(Path.Combine(root, "tests", "Interop.Readme", "Program.cs"))
            Expect.equal program block "Program.cs of Interop.Readme is the block"

            withFolder (fun folder ->
                let speech, _ = CSharpTests.speak folder
                let wav = Path.Combine(folder, "recording.wav")
                File.Move(speech, wav)
                let finished = dotnet folder [ Path.Combine(AppContext.BaseDirectory, "Interop.Readme.dll") ]
                Expect.equal finished.ExitCode 0 (string finished)
                let phones = Recognizer.Default.Recognize(AudioClip.Read wav).Phones
                let lines = finished.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)

                Expect.equal
                    [ for line in lines -> (line.Split ' ')[2] ]
                    [ for phone in phones -> phone.Label ]
                    "phones")
        }

        test "every command is parsed" {
            let parser = ArgumentParser.Create<Verb>(programName = "hybrid")
            Expect.isGreaterThan commands.Length 6 "commands"

            for command in commands do
                try
                    parser.ParseCommandLine(List.toArray (arguments command)) |> ignore<ParseResults<Verb>>
                with :? ArguParseException as error ->
                    failtest $"hybrid {command}: {error.Message}"
        }

        test "every command of the table runs, shortened; demo has its own test" {
            let table = [
                for m in Regex.Matches(readme, @"^\| `[a-z-]+` \| `hybrid ([^`]*)`", RegexOptions.Multiline) ->
                    m.Groups[1].Value
            ]

            Expect.isGreaterThan table.Length 5 "verbs"

            withFolder (fun folder ->
                let wav, spoken = CSharpTests.speak folder

                for name in [ "a"; "b" ] do
                    File.Copy(wav, Path.Combine(folder, $"{name}.wav"))
                    File.WriteAllText(Path.Combine(folder, $"{name}.txt"), spoken.Text)

                for command in table do
                    if not (command.StartsWith "demo") then
                        let command = shorter spoken.Text command
                        let finished = hybrid folder (arguments command)
                        Expect.equal finished.ExitCode 0 $"hybrid {command}: {finished}")
        }
    ]
