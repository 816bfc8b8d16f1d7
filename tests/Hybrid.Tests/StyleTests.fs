/// Style that the compilers do not check: line length, the field's terms, summaries, and the layout of the formatters.
module Hybrid.Tests.StyleTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Hybrid.Tests.TestSettings

/// The longest line, in columns.
let private maxColumns = 120

/// Everyday words in place of a term of the field, with the reason or the replacement.
let private banned = [
    @"\b[Ss]t(and|ands|ood|anding)\b", "data is stored, comes before, or means"
    @"\b[Ll](ie|ies|ying)\b", "data is in, at or beside a place"
    @"\b[Ss]o many\b", "name the number"
    @"\b[Aa]sk(s|ed)? for\b", "requests, requires"
    @"\b([Tt]old|[Tt]ells?)\b", "receives, reports, distinguishes"
    @"\b([Nn]o|[Ss]ome|[Aa]ny|[Ee]very)body\b", "name the caller, thread or program"
    @"\b[Ww]ho(m)?ever\b", "name the caller, thread or program"
    @"\b[Dd]oors?\b", "gate, front end"
    @"\b[Rr]ooms? for\b", "slot, space, memory"
    @"\bby heart\b", "overfits, stores"
    @"\b[Jj]udg(e|es|ed|ing|ement|ements)\b", "evaluates, validates"
    @"\b[Ss]trangers?\b", "untrusted, invalid, other programs"
    @"\b[Cc]rews?\b", "pool, threads"
    @"\b[Ll]iking\b", "weight, bonus"
    @"\b[Oo]f before\b", "previous, earlier"
]

let private bannedWord = Regex(String.Join('|', [ for pattern, _ in banned -> $"(?:{pattern})" ]))

/// The first line of a summary that begins with a question word instead of a noun or a verb.
let private questionSummary =
    Regex(
        @"(?:<summary>\s*(?:/// )?|(?<!///[^\n]*\n)^ */// )(?<line>(?:What|Where|How|When|Who|Which)\b[^\n]*)",
        RegexOptions.Multiline
    )

type private Kind =
    | Code
    | Page

let private kindOf (file: string) = if file.EndsWith ".md" then Page else Code

/// Whether no space is left where a line of Markdown could be broken.
let private isUnbreakable (line: string) = Regex.IsMatch(line, @"^\s*(?:[-*>]\s|\d+\.\s)?\s*\S+$")

/// The lines of a file, each with its number; of a page, those outside of fenced blocks, which show programs and their
/// output.
let private linesOf kind (text: string) =
    let lines = text.Split '\n'

    match kind with
    | Code -> List.ofArray (Array.mapi (fun i line -> i + 1, line) lines)
    | Page ->
        let fences = lines |> Array.scan (fun inside line -> inside <> line.TrimStart().StartsWith "```") false

        [
            for i, line in Array.indexed lines do
                if not fences[i] && not fences[i + 1] then
                    i + 1, line
        ]

/// Violations in a text of one kind, each with file and line.
let private violations (file: string) (text: string) =
    let kind = kindOf file

    [
        for number, line in linesOf kind text do
            let row = kind = Page && line.TrimStart().StartsWith '|'

            if line.Length > maxColumns && not row && not (kind = Page && isUnbreakable line) then
                $"{file}:{number}: {line.Length} columns, must be at most {maxColumns}"

            // Inline code of a page quotes what programs say.
            let prose =
                if kind = Page then
                    Regex.Replace(line, "`[^`]*`", "")
                else
                    line

            for word in bannedWord.Matches prose do
                let _, better = banned |> List.find (fun (pattern, _) -> Regex.IsMatch(word.Value, $"^(?:{pattern})$"))
                $"{file}:{number}: \"{word.Value}\"; better: {better}"

        if kind = Code then
            for summary in questionSummary.Matches text do
                let line = summary.Groups["line"]
                let number = text.AsSpan(0, line.Index).Count('\n') + 1
                $"{file}:{number}: a summary begins with a noun or a verb: {line.Value}"
    ]

/// All sources and pages, by their paths from the root; without build outputs and this file, which has the words.
let private files =
    lazy
        [
            for folder in [ "src-csharp"; "src-fsharp"; "tests"; "examples"; "docs" ] do
                let path = Path.Combine(root, folder)

                for file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) do
                    let file = Path.GetRelativePath(root, file).Replace('\\', '/')
                    let isSource = Regex.IsMatch(file, @"\.(cs|fs|fsi|fsx)$")

                    if
                        isSource && not (Regex.IsMatch(file, "/(bin|obj)/")) && Path.GetFileName file <> __SOURCE_FILE__
                    then
                        file
            yield! Markdown.pages
        ]

let private expectNone what (found: string list) =
    if not found.IsEmpty then
        failtest $"{found.Length} {what}:\n{String.Join('\n', found)}"

/// The checker's findings in a planted text, without the name of the file.
let private planted file (text: string) = [
    for found in violations file text -> found.Substring(String.length file + 1)
]

let private long = String('x', 60) + " " + String('y', 60)

[<Tests>]
let style =
    testList "style" [
        test "lines have at most 120 columns; comments, messages and docs use the field's terms" {
            Expect.isGreaterThan files.Value.Length 400 "sources and pages"

            [
                for file in files.Value do
                    yield! violations file (File.ReadAllText(Path.Combine(root, file)))
            ]
            |> expectNone "violations"
        }

        for file in [ "a.cs"; "a.fs"; "a.fsx"; "a.md" ] do
            test $"a planted long line in {file} is found, a line of 120 columns is not" {
                Expect.equal
                    (planted file $"{long}\n{long[..119]}\n")
                    [ "1: 121 columns, must be at most 120" ]
                    "long line"
            }

        test "tables, fenced blocks and words without a space may be longer in pages, not in code" {
            let link = "- [x](https://example.org/" + String('a', 120) + ")"
            Expect.isEmpty (planted "a.md" $"| {long} |\n```\n{long}\n```\n{link}\n") "page"
            Expect.hasLength (planted "a.md" $"```\n{long}\n```\n{long}\n") 1 "after a block"
            Expect.hasLength (planted "a.cs" $"| {long} |\n{link}\n") 2 "code"
        }

        for line, word in
            [
                "/// The rows that stand beside each other.", "stand"
                "// nobody needs the gradient", "nobody"
                "throw new ArgumentException(\"so many frames\");", "so many"
                "The layer asks for memory and is told its size.", "asks for"
                "The model learns them by heart.", "by heart"
                "It is judged by the same utterances.", "judged"
                "Rooms for the threads", "Rooms for"
            ] do
            test $"a planted \"{word}\" is found" {
                for file in [ "a.cs"; "a.fs"; "a.md" ] do
                    Expect.exists (planted file line) _.StartsWith($"1: \"{word}\"; better: ") file
            }

        test "parts of words, identifiers and inline code of pages are not found" {
            let text = "Standard, lied, masks for, outdoors, mushrooms, TOLD, Understands"
            Expect.isEmpty (planted "a.cs" text) "words"
            Expect.isEmpty (planted "a.md" "The column `Judgement` was renamed.") "inline code"
        }

        test "a summary that begins with a question word is found" {
            Expect.hasLength (planted "a.cs" "    /// <summary>What a layer needs.</summary>") 1 "C#, one line"
            Expect.hasLength (planted "a.cs" "    /// How a layer works.") 1 "C#, several lines"
            Expect.hasLength (planted "a.fs" "/// Where the files are.") 1 "F#"
            Expect.hasLength (planted "a.cs" "/// <summary>\n/// Where it is.\n/// </summary>") 1 "C#, second line"
            Expect.isEmpty (planted "a.fs" "/// Whether the file exists.\n/// Where it does, it is read.") "others"
        }
    ]

/// Enough to download two tools; without a network, NuGet fails earlier by itself.
let private restoreLimit = TimeSpan.FromMinutes 2.0

/// Null where the formatters are restored, otherwise the reason why they are not.
let private notRestored =
    lazy
        (let restored = Process.dotnetWithin restoreLimit [] root [ "tool"; "restore" ]

         if restored.ExitCode = 0 then
             null
         else
             "formatters: not run: dotnet tool restore failed")

/// Runs a formatter at the root in its checking mode.
let private check (arguments: string list) =
    match notRestored.Value with
    | null -> Process.dotnet root arguments
    | reason ->
        // Expecto counts skipped tests without printing the reason.
        printfn $"{reason}"
        skiptest reason

/// Checks files in a new folder that has the settings of the root.
let private checkPlanted (arguments: string list) (name: string) (text: string) =
    withFolder (fun folder ->
        for settings in [ ".editorconfig"; ".csharpierrc.yaml" ] do
            File.Copy(Path.Combine(root, settings), Path.Combine(folder, settings))

        File.WriteAllText(Path.Combine(folder, name), text)
        check (arguments @ [ Path.Combine(folder, name) ]))

[<Tests>]
let format =
    testList "format" [
        for name, arguments, folders, file, good, bad in
            [
                "C# has the layout of CSharpier",
                [ "csharpier"; "check" ],
                [ "." ],
                "Planted.cs",
                "class Planted\n{\n    int x = 1;\n}\n",
                "class Planted { int x=1; }\n"
                "F# has the layout of Fantomas",
                [ "fantomas"; "--check" ],
                [ "src-fsharp"; "tests"; "examples"; "docs" ],
                "Planted.fs",
                "module Planted\n\nlet x = 1\n",
                "module Planted\nlet  x=1\n"
            ] do
            testCase name (fun () ->
                let finished = check (arguments @ folders)
                Expect.equal finished.ExitCode 0 (string finished))

            testCase $"{name}: a planted line without it is found" (fun () ->
                Expect.equal (checkPlanted arguments file good).ExitCode 0 "formatted"
                Expect.notEqual (checkPlanted arguments file bad).ExitCode 0 "not formatted")
    ]
