/// What the README shows does what it says.
module Hybrid.Tests.ReadmeTests

open System
open System.IO
open System.Text.RegularExpressions
open Argu
open Expecto
open Hybrid.Cli.Arguments
open Hybrid.Speech
open Hybrid.Tests.Tier
open Hybrid.Tests.Process

let private readme = File.ReadAllText(Path.Combine(root, "README.md"))

/// The blocks of a language.
let private blocks language = [
    for m in Regex.Matches(readme, $"```{language}\n(.*?)```", RegexOptions.Singleline) -> m.Groups[1].Value
]

/// All calls of the command line program, without its name, as they stand in running text and in blocks.
let private commands = [
    for m in Regex.Matches(readme, @"`hybrid ([a-z][^`]*)`") -> m.Groups[1].Value
    for m in
        Regex.Matches(readme, @"^(?:\$ )?(?:hybrid|dotnet run .*Hybrid\.Cli --) ([a-z].*)$", RegexOptions.Multiline) ->
        m.Groups[1].Value
]

/// The arguments of a call, as a shell would cut them.
let private arguments command = [
    for m in Regex.Matches(command, "\"([^\"]*)\"|\\S+") -> if m.Groups[1].Success then m.Groups[1].Value else m.Value
]

/// What makes a command of hours one of seconds; the words stay the same.
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
        test "F# blocks are parts of examples, which run" {
            let scripts = [
                for file in Directory.GetFiles(Path.Combine(root, "examples"), "*.fsx") -> File.ReadAllText file
            ]

            Expect.isNonEmpty (blocks "fsharp") "blocks"

            for block in blocks "fsharp" do
                Expect.exists scripts _.Contains(block.Trim()) $"no example has\n{block}"
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
                    [ for phone in phones -> phone.Phone ]
                    "phones")
        }

        test "every call of the command line is understood" {
            let parser = ArgumentParser.Create<Verb>(programName = "hybrid")
            Expect.isGreaterThan commands.Length 6 "commands"

            for command in commands do
                try
                    parser.ParseCommandLine(List.toArray (arguments command)) |> ignore<ParseResults<Verb>>
                with :? ArguParseException as error ->
                    failtest $"hybrid {command}: {error.Message}"
        }

        test "every verb of the table runs as it stands there, shortened; demo has its own test" {
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
