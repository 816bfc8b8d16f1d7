/// The dependency graph of the folders: every edge is on a list, and the lists have no cycle.
module Hybrid.Tests.ArchitectureTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto

/// The folders that a folder may use. An edge that no source needs is removed from the list.
let private core = [
    "Runtime", []
    "IO", []
    "Tensors", [ "Runtime" ]
    "Simd", [ "Runtime"; "Tensors" ]
    "Gemm", [ "Runtime"; "Tensors"; "Simd" ]
    "Layers", [ "Runtime"; "IO"; "Tensors"; "Simd"; "Gemm" ]
    "Networks", [ "Runtime"; "IO"; "Tensors"; "Layers" ]
    "Posteriors", [ "Tensors"; "Simd" ]
    "Data", [ "Runtime"; "IO"; "Tensors" ]
    "Losses", [ "Runtime"; "IO"; "Tensors"; "Simd"; "Posteriors" ]
    "LanguageModels", [ "IO"; "Posteriors" ]
    "Decoding", [ "Runtime"; "Simd"; "Posteriors"; "Losses"; "LanguageModels" ]
    "Scoring", [ "Runtime"; "Tensors"; "Layers"; "Networks"; "Posteriors"; "Data"; "Losses" ]
    "Training",
    [
        "Runtime"
        "IO"
        "Tensors"
        "Simd"
        "Layers"
        "Networks"
        "Posteriors"
        "Data"
        "Losses"
        "Decoding"
        "Scoring"
    ]
    "GradientChecking", [ "Runtime"; "Tensors"; "Layers"; "Networks"; "Losses" ]
]

let private speech = [
    "Audio", []
    "Features", [ "Audio" ]
    "Phones", []
    "Pronunciation", [ "Phones" ]
    "Corpora", [ "Audio"; "Features"; "Phones"; "Pronunciation" ]
    "LanguageModels", [ "Phones"; "Pronunciation"; "Corpora" ]
    "Models", [ "Features"; "Phones"; "Pronunciation"; "Corpora"; "LanguageModels" ]
    "Recognition", [ "Audio"; "Features"; "Phones"; "Pronunciation"; "Corpora"; "LanguageModels"; "Models" ]
    "Alignment", [ "Audio"; "Features"; "Phones"; "Pronunciation"; "Corpora"; "Recognition" ]
    "Training", [ "Features"; "Phones"; "Pronunciation"; "Corpora"; "Models" ]
    "Results", [ "Phones"; "Corpora"; "Recognition"; "Alignment" ]
    "Synthesis", [ "Audio"; "Features"; "Phones"; "Corpora" ]
]

let private isBuilt (file: string) = Regex.IsMatch(file.Replace('\\', '/'), "/(bin|obj)/")

/// Source without comments; of string literals, what their interpolations compute.
let private code (source: string) =
    let withoutComments = Regex.Replace(source, @"//[^\n]*", "")

    Regex.Replace(
        withoutComments,
        "\\$?@?\"(?:\\\\.|[^\"\\\\\n])*\"",
        fun literal ->
            if literal.Value.StartsWith '$' then
                String.Join(' ', [ for hole in Regex.Matches(literal.Value, @"\{([^{}]*)\}") -> hole.Groups[1].Value ])
            else
                "\"\""
    )

let private declaration =
    Regex(
        @"^(?<nested>[ ]*)(?:\[[^\]\n]*\]\s*)?"
        + @"(?:(?:public|internal|private|protected|static|sealed|abstract|readonly|unsafe|partial|ref)\s+)*"
        + @"(?:class|struct|interface|enum|record struct|record|delegate\s+[\w<>\[\],. ?*]+?)\s+(?<name>[A-Z]\w*)",
        RegexOptions.Multiline
    )

/// Words in front of a name that is used, not declared.
let private keywords =
    ("new return is as in out ref static readonly public internal private protected sealed override virtual abstract "
     + "throw await case where params this typeof not or and when else unsafe async implicit explicit operator const "
     + "required partial scoped from select let")
        .Split
        ' '
    |> Set.ofArray

let private reference =
    Regex(@"(?:(?<before>[\w\])?>])\s+)?(?<![\w.])(?<name>[A-Z]\w*)\b(?!\s*=(?![=>]))")

let private wordBefore (text: string) (at: int) =
    let mutable first = at

    while first > 0 && (Char.IsLetterOrDigit text[first - 1] || text[first - 1] = '_') do
        first <- first - 1

    text[first .. at - 1]

/// Names that a file uses; not those that it declares.
let private uses (text: string) =
    Set [
        for m in reference.Matches text do
            let name = m.Groups["name"]
            let before = text[.. name.Index - 1].TrimEnd()
            let last = if before = "" then ' ' else before[before.Length - 1]

            let declares =
                (Char.IsLetterOrDigit last && not (keywords.Contains(wordBefore before before.Length)))
                || Regex.IsMatch(before, @"[^\s=]>$")
                || last = ']'
                || last = '?' && Regex.IsMatch(before, @"[\w>\])]\?$")

            if not declares then
                name.Value
    ]

/// The edges between the folders on top of a project, each with an example.
let private edges (project: string) (planted: (string * string) list) =
    let root = Path.Combine(TestSettings.root, "src-csharp", project)

    let sources = [
        for file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories) do
            if not (isBuilt file) then
                let path = Path.GetRelativePath(root, file).Replace('\\', '/')
                path, code (File.ReadAllText file)
        yield! planted
    ]

    let folderOf (path: string) = path.Split('/')[0]

    let homes =
        Map [
            for name, homes in
                sources
                |> List.collect (fun (path, text) -> [
                    for m in declaration.Matches text do
                        if m.Groups["nested"].Length = 0 then
                            m.Groups["name"].Value, folderOf path
                ])
                |> List.distinct
                |> List.groupBy fst do
                match homes with
                | [ _, home ] -> name, home
                | _ -> ()
        ]

    [
        for path, text in sources do
            let own = Set [ for m in declaration.Matches text -> m.Groups["name"].Value ]

            for name in uses text - own do
                match homes.TryFind name with
                | Some home when home <> folderOf path -> (folderOf path, home), $"{path} uses {name}"
                | _ -> ()
    ]

/// Edges that are not on the list, and edges of the list that no source needs.
let private differences (allowed: (string * string list) list) (found: ((string * string) * string) list) =
    let listed =
        Set [
            for folder, uses in allowed do
                for used in uses do
                    folder, used
        ]

    let needed = Set(List.map fst found)

    [
        for edge, example in List.distinctBy fst found do
            if not (listed.Contains edge) then
                $"{fst edge} -> {snd edge}: {example}"
        for folder, used in listed - needed do
            $"{folder} -> {used}: no source needs this edge"
    ]

/// A folder uses only folders that come before it in its list: the graph has no cycle.
let private expectAcyclic (allowed: (string * string list) list) =
    let names = List.map fst allowed

    for folder, uses in allowed do
        for used in uses do
            Expect.isLessThan
                (List.findIndex ((=) used) names)
                (List.findIndex ((=) folder) names)
                $"{folder} -> {used}"

let private expectNone (what: string) (found: string list) =
    if not found.IsEmpty then
        let lines = String.Join(Environment.NewLine, found)
        failtest $"{found.Length} {what}:{Environment.NewLine}{lines}"

[<Tests>]
let tests =
    testList "architecture" [
        for project, allowed in [ "Hybrid.Core", core; "Hybrid.Speech", speech ] do
            test $"{project}: every edge between folders is on the list, and the graph has no cycle" {
                differences allowed (edges project []) |> expectNone "edges"
                expectAcyclic allowed
            }

            test $"{project}: every folder is on the list" {
                let root = Path.Combine(TestSettings.root, "src-csharp", project)

                let folders = [
                    for folder in Directory.EnumerateDirectories root do
                        let name = string (Path.GetFileName folder)

                        if
                            Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
                            |> Seq.exists (isBuilt >> not)
                        then
                            name
                ]

                Expect.equal (List.sort folders) (allowed |> List.map fst |> List.sort) "folders"
            }

        test "planted edges are found" {
            for project, allowed, path, text, edge in
                [
                    "Hybrid.Core", core, "Tensors/Planted.cs", "class P { Trainer t; }", "Tensors -> Training"
                    "Hybrid.Core",
                    core,
                    "Losses/Ctc/Planted.cs",
                    "class P { int F() => GreedyDecoder.X; }",
                    "Losses -> Decoding"
                    "Hybrid.Speech",
                    speech,
                    "Features/Planted.cs",
                    "class P { void F(Utterance u) { } }",
                    "Features -> Corpora"
                    "Hybrid.Speech",
                    speech,
                    "Phones/Planted.cs",
                    "class P { object F() => new Recognizer(m); }",
                    "Phones -> Recognition"
                ] do
                Expect.exists
                    (differences allowed (edges project [ path, code text ]))
                    (fun difference -> difference.StartsWith edge)
                    edge
        }

        test "messages of Core and Speech do not name options, verbs or words of upper layers" {
            let upper =
                Regex(
                    """[\s"'`(]--[a-z]{2,}|"""
                    + @"\bhybrid (demo|synth|check-data|train|evaluate|recognize|align|lm|export|info|bench)\b|"
                    + @"features \((mfcc|logMel|precomputed)|(de|en)coder \{"
                )

            let named = [
                for project in [ "Hybrid.Core"; "Hybrid.Speech" ] do
                    let root = Path.Combine(TestSettings.root, "src-csharp", project)

                    for file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories) do
                        if not (isBuilt file) then
                            for number, line in Seq.indexed (File.ReadLines file) do
                                if upper.IsMatch line then
                                    $"{Path.GetFileName file}:{number + 1}: {line.Trim()}"
            ]

            named |> expectNone "front-end words"
        }
    ]
