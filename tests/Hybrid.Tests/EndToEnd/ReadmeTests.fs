/// What the README shows does what it says.
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

/// The blocks of a language, or of none.
let private blocks language = [
    for m in Regex.Matches(readme, "^```(\\w*)\n(.*?)^```$", RegexOptions.Singleline ||| RegexOptions.Multiline) do
        if m.Groups[1].Value = language then
            m.Groups[2].Value
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
        test "the F# blocks are the recipe hw3p2, and a script that trains and recognizes" {
            match blocks "fsharp" with
            | [ declared; driven ] ->
                withFolder (fun folder ->
                    let wav, _ = CSharpTests.speak folder
                    let place (name: string) = $"@\"{Path.Combine(folder, name)}\""
                    let loaded = Regex.Match(driven, "^#load \"(.*?)\".*\n")
                    Expect.isTrue (File.Exists(Path.Combine(root, loaded.Groups[1].Value))) "what the script loads"

                    let expectRuns name (lines: string list) =
                        let file = Path.Combine(folder, name)
                        File.WriteAllLines(file, lines)
                        Expect.equal (Scripts.mistakesOf file) "" name

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
                            .Replace("synthesize \"speech\" 300 30", $"""synthesize {place "speech"} 30 10""")
                            .Replace("\"run\"", place "run")
                            .Replace("\"recording.wav\"", $"@\"{wav}\"")
                    ]

                    Expect.isTrue (File.Exists(Path.Combine(folder, "run", "model.safetensors"))) "the model")
            | blocks -> failtest $"{blocks.Length} blocks of F#"
        }

        test "calls shown with their output give such output, numbers aside" {
            withFolder (fun folder ->
                let demo = Path.Combine(folder, "hybrid-demo")
                Directory.CreateDirectory demo |> ignore
                File.Copy(CSharpTests.model, Path.Combine(demo, "model.safetensors"))
                Hybrid.Dsl.Api.synthesize (Path.Combine(demo, "speech")) 30 10 1 |> ignore<Corpus>
                let spoken = Hybrid.Dsl.Api.speak 1 "hair candle"

                AudioClip(spoken.Samples, SpokenUtterance.SampleRate)
                    .WriteWav(Path.Combine(folder, "speaker000-0000.wav"))

                /// Numbers, and the phones behind a colon, are the model's.
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
                        | call when call.Success -> failtest $"what is this: {line}"
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
