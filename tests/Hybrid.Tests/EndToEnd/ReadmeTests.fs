/// Examples and commands in README and docs run, and do what the pages say.
module Hybrid.Tests.ReadmeTests

open System
open System.Diagnostics
open System.IO
open System.Net.Http
open System.Text.Json
open System.Text.RegularExpressions
open Argu
open Expecto
open Hybrid.Cli.Arguments
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.Process

let private block language page = List.exactlyOne (Markdown.blocks language page)

/// All calls of the command line program in a page, without its name: in running text and in blocks. `...` replaces
/// options.
let private commandsOf page = [
    let text = Markdown.read page

    for m in Regex.Matches(text, @"`hybrid\s([a-z][^`]*)`") do
        m.Groups[1].Value

    let line = @"^(?:\$ )?(?:hybrid|dotnet run .*Hybrid\.Cli --) ([a-z].*)$"

    for m in Regex.Matches(text, line, RegexOptions.Multiline) do
        m.Groups[1].Value.Replace(" ...", "")
]

/// The arguments of a call, as a shell would split them.
let private arguments command = [
    for m in Regex.Matches(command, "\"([^\"]*)\"|\\S+") -> if m.Groups[1].Success then m.Groups[1].Value else m.Value
]

let private replaced (changes: (string * string) list) (text: string) =
    (text, changes)
    ||> List.fold (fun text (before, after) ->
        Expect.stringContains text before "what the test replaces"
        text.Replace(before, after))

/// A script of FSI with the names of files in a folder, and what else is replaced; it must run.
let private expectRuns folder name changes (script: string) =
    let loaded = Regex.Match(script, "^#load \"(.*?)\".*\n")
    let file = Path.Combine(folder, $"{name}.fsx")

    if loaded.Success then
        Expect.isTrue (File.Exists(Path.Combine(root, loaded.Groups[1].Value))) "what the script loads"

    File.WriteAllText(file, script.Substring(loaded.Length) |> replaced changes)
    Expect.equal (Scripts.problemsOf file) "" name

/// A string of F# with the path of a file in a folder.
let private literal folder (name: string) = $"@\"{Path.Combine(folder, name)}\""

/// A lexicon with the words of the recording in the README, and all built-in words.
let private writeLexicon folder =
    let line word (phones: string seq) = $"""{word} {String.concat " " phones}"""

    File.WriteAllLines(
        Path.Combine(folder, "cmudict.txt"),
        [
            "THAT DH AE T"
            "IS IH Z"
            "THE DH AH"
            "STRANGE S T R EY N JH"
            "PART P AA R T"
            "OF AH V"
            "IT IH T"
            for word in WordList.All do
                line word.Spelling word.Phones
        ]
    )

let private writeWav path (spoken: SpokenUtterance) =
    AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav path

/// Creates the files that the blocks of the docs use: a recording with its words, a dictionary, a model and its corpus.
let private withDocumentedFolder body =
    withFolder (fun folder ->
        let place (name: string) = Path.Combine(folder, name)
        let recording, _ = CSharpTests.speak folder
        File.Move(recording, place "recording.wav")
        Directory.CreateDirectory(place "recordings") |> ignore
        File.Copy(place "recording.wav", place "recordings/recording.wav")
        File.WriteAllText(place "recordings/recording.txt", "That is the strange part of it.")
        writeLexicon folder
        Directory.CreateDirectory(place "hybrid-demo") |> ignore
        File.Copy(CSharpTests.model, place "hybrid-demo/model.safetensors")

        Hybrid.Dsl.Run.synthesize (place "hybrid-demo/speech", utterances = 30, speakers = 10, seed = 1)
        |> ignore<Corpus>

        writeWav (place "speaker000-0000.wav") (Hybrid.Dsl.Run.speak ("hair candle", seed = 1))
        body folder)

/// Numbers, and the phones after a colon, depend on recording and model.
let private shape (line: string) =
    let numbers = Regex.Replace(line.TrimEnd(), @"-?\d+(\.\d+)?", "#")
    Regex.Replace(numbers, @"^(\S+\.wav( # #)?:).*", "$1")

let private shapes (text: string) = text.Split '\n' |> Array.map shape |> List.ofArray

/// Runs the calls of a block that begin with $ and compares the lines after them with what they print.
let private expectSession folder (block: string) =
    let mutable printed = []

    for line in block.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
        match Regex.Match(line, @"^\$ (\w+) (.*)$") with
        | call when call.Success && call.Groups[1].Value = "hybrid" ->
            let finished = hybrid folder (arguments call.Groups[2].Value)
            Expect.equal finished.ExitCode 0 $"{line}: {finished}"
            printed <- shapes (finished.Output + finished.Errors)
        | call when call.Success && call.Groups[1].Value = "cat" ->
            printed <- shapes (File.ReadAllText(Path.Combine(folder, call.Groups[2].Value)))
        | call when call.Success -> failtest $"the test does not know the program of: {line}"
        | _ -> Expect.contains printed (shape line) $"{line}: {printed}"

/// Lines without indentation: blocks and sources differ in it.
let private dedented (text: string) =
    text.Split('\n', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)
    |> String.concat "\n"

/// Replaces sizes in a command, so that it takes seconds instead of hours; the options stay the same.
let private shortened (text: string) (command: string) =
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
        test "the F# script trains and writes a model" {
            withFolder (fun folder ->
                block "fsharp" "README.md"
                |> expectRuns folder "first" [
                    "synthesize (\"speech\", utterances = 380, speakers = 40, seed = 1)",
                    $"""synthesize ({literal folder "speech"}, utterances = 30, speakers = 10)"""
                    "\"run\"", literal folder "run"
                    "epochs 8", "epochs 1"
                ]

                Expect.isTrue (File.Exists(Path.Combine(folder, "run", "model.safetensors"))) "the model")
        }

        test "the F# block of docs/hw3p2.md is the recipe" {
            withFolder (fun folder ->
                block "fsharp" "docs/hw3p2.md"
                + "if network <> { Features = Recipes.hw3p2.Features; Network = Recipes.hw3p2.Network } then\n"
                + "    failwith \"another network than hw3p2\"\n"
                + "if schedule.ToJson() <> Recipes.hw3p2.Training.ToJson() then\n"
                + "    failwith \"another schedule than hw3p2\"\n"
                |> expectRuns folder "declared" [])
        }

        test "the F# block of docs/dsl.md declares a network and a schedule" {
            withFolder (fun folder -> block "fsharp" "docs/dsl.md" |> expectRuns folder "dsl" [])
        }

        test "the F# script of docs/train.md trains on a corpus with lexicons" {
            withDocumentedFolder (fun folder ->
                block "fsharp" "docs/train.md"
                |> expectRuns folder "recordings" [
                    "Recipes.small", "Recipes.tiny"
                    "\"speech\"", literal folder "hybrid-demo/speech"
                    "\"cmudict.txt\"", literal folder "cmudict.txt"
                    "\"run\"", literal folder "run"
                    "minutes = 60.0", "minutes = 0.05"
                    "\"recording.wav\"", literal folder "recording.wav"
                ])
        }

        for page in [ "README.md"; "docs/cli.md" ] do
            test $"calls in {page} with their output give such output, numbers aside" {
                withDocumentedFolder (fun folder ->
                    let sessions = Markdown.blocks "" page |> List.filter _.StartsWith("$ ")
                    Expect.isNonEmpty sessions page

                    for session in sessions do
                        expectSession folder session)
            }

        test "the C# block runs" {
            let program = File.ReadAllText(Path.Combine(root, "tests", "Interop.Readme", "Program.cs"))
            Expect.equal program (block "csharp" "README.md") "Program.cs of Interop.Readme is the block"

            withDocumentedFolder (fun folder ->
                let finished = dotnet folder [ Path.Combine(AppContext.BaseDirectory, "Interop.Readme.dll") ]
                Expect.equal finished.ExitCode 0 (string finished)
                let phones = Recognizer.Default.Recognize(AudioClip.Read(Path.Combine(folder, "recording.wav"))).Phones
                let lines = finished.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)

                Expect.equal
                    [ for line in lines -> (line.Split ' ')[2] ]
                    [ for phone in phones -> phone.Label ]
                    "phones")
        }

        test "the C# blocks of docs/csharp.md are in sources that run" {
            let source (path: string) = dedented (File.ReadAllText(Path.Combine(root, "tests", path)))
            let calls, web = source "Interop.Docs/DocumentedCalls.cs", source "Interop.Web/Program.cs"

            for block in Markdown.blocks "csharp" "docs/csharp.md" do
                let block = dedented block

                if not (calls.Contains block || block = web) then
                    failtest $"neither DocumentedCalls.cs nor Program.cs of Interop.Web has\n{block}"

            withDocumentedFolder (fun folder ->
                let finished = dotnet folder [ Path.Combine(AppContext.BaseDirectory, "Interop.Docs.dll") ]
                Expect.equal finished.ExitCode 0 (string finished)

                for expected in [ "STRANGE"; "PER " ] do
                    Expect.stringContains finished.Output expected "output"

                for file in [ "recording.TextGrid"; "recording.json"; "run/model.safetensors" ] do
                    Expect.isTrue (File.Exists(Path.Combine(folder, file))) file)
        }

        test "the web service of docs/csharp.md returns the phones of an upload, and refuses what is no sound" {
            withFolder (fun folder ->
                let wav, _ = CSharpTests.speak folder
                let output = DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar))
                let configuration = (nonNull output.Parent).Name

                let program =
                    Path.Combine(root, "tests", "Interop.Web", "bin", configuration, output.Name, "Interop.Web.dll")

                let start = prepare "dotnet" folder [ program; "--urls"; "http://127.0.0.1:0" ]
                use service = nonNull (Process.Start start)

                try
                    let address =
                        Seq.initInfinite (fun _ -> service.StandardOutput.ReadLine())
                        |> Seq.map (fun line -> Regex.Match(nonNull line, @"Now listening on: (\S+)"))
                        |> Seq.find _.Success
                        |> fun found -> found.Groups[1].Value

                    // Its further log must not fill the pipe.
                    service.StandardOutput.ReadToEndAsync() |> ignore
                    use client = new HttpClient()

                    let post (bytes: byte[]) =
                        use content = new ByteArrayContent(bytes)
                        client.PostAsync($"{address}/phones", content).Result

                    use answer = post (File.ReadAllBytes wav)
                    let phones = JsonDocument.Parse(answer.Content.ReadAsStringAsync().Result).RootElement

                    Expect.equal
                        [ for phone in phones.EnumerateArray() -> string (phone.GetProperty "label") ]
                        [ for phone in Recognizer.Default.Recognize(AudioClip.Read wav).Phones -> phone.Label ]
                        "phones"

                    use refused = post [| 1uy; 2uy; 3uy |]
                    Expect.equal (int refused.StatusCode) 400 "no sound"
                finally
                    service.Kill true)
        }

        test "every call of the command line in README and docs is understood" {
            let parser = ArgumentParser.Create<Verb>(programName = "hybrid")

            let commands = [
                for page in Markdown.pages do
                    for command in commandsOf page -> page, command
            ]

            Expect.isGreaterThan commands.Length 40 "commands"

            for page, command in commands do
                try
                    parser.ParseCommandLine(List.toArray (arguments command)) |> ignore<ParseResults<Verb>>
                with :? ArguParseException as error ->
                    failtest $"{page}: hybrid {command}: {error.Message}"
        }

        test "every verb has a row in the table of docs/cli.md, which runs, shortened; demo has its own test" {
            let table = [
                for m in
                    Regex.Matches(
                        Markdown.read "docs/cli.md",
                        @"^\| `([a-z0-9-]+)` \| `hybrid ([^`]*)`",
                        RegexOptions.Multiline
                    ) -> m.Groups[1].Value, m.Groups[2].Value
            ]

            let verbs =
                FSharp.Reflection.FSharpType.GetUnionCases typeof<Verb>
                |> Array.map _.Name.ToLowerInvariant().Replace('_', '-')
                |> Array.except [ "version" ]

            Expect.equal (Set(List.map fst table)) (Set verbs) "verbs"

            withFolder (fun folder ->
                let wav, spoken = CSharpTests.speak folder

                for name in [ "a"; "b" ] do
                    File.Copy(wav, Path.Combine(folder, $"{name}.wav"))
                    File.WriteAllText(Path.Combine(folder, $"{name}.txt"), spoken.Text)

                for verb, command in table do
                    if verb <> "demo" then
                        let command = shortened spoken.Text command
                        let finished = hybrid folder (arguments command)
                        Expect.equal finished.ExitCode 0 $"hybrid {command}: {finished}")
        }
    ]
