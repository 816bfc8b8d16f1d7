/// Code and derivation pages have the same equations, and nothing in the repository is marked as unfinished.
module Hybrid.Tests.DocumentationTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto

let private root =
    lazy
        (Some(DirectoryInfo AppContext.BaseDirectory)
         |> Seq.unfold (Option.map (fun folder -> folder.FullName, Option.ofObj folder.Parent))
         |> Seq.find (fun folder -> File.Exists(Path.Combine(folder, "Hybrid.sln"))))

/// All files below a folder with one of the endings, as paths from the root, without build outputs.
let private files endings folder =
    let path = Path.Combine(root.Value, folder)

    if Directory.Exists path then
        [
            for file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) do
                let file = Path.GetRelativePath(root.Value, file).Replace('\\', '/')
                let built = Regex.IsMatch(file, "/(bin|obj)/")

                if not built && endings |> List.exists (fun (ending: string) -> file.EndsWith ending) then
                    file
        ]
    else
        []

let private lines file = File.ReadAllLines(Path.Combine(root.Value, file))

let private matches pattern text = [ for m in Regex.Matches(text, pattern) -> m ]

/// The tags in the comments of a source file: on lines of code, and in doc comments.
let private tagsOfCode source =
    let comments = [ for line in lines source -> Regex.Match(line, "//.*").Value ]
    let docs, others = comments |> List.partition _.StartsWith("///")
    let tags = List.collect (matches @"\b[FB]\d+\b") >> List.map _.Value
    tags others, tags docs

/// The tags that a page defines: the first columns of its tables.
let private tagsOfPage page = [
    for line in lines page do
        for row in matches @"^\| ([FB]\d+) \|" line -> row.Groups[1].Value
]

/// The page that the doc comment of a source file names; by default, the page of the same name.
let private pageOf (source: string) =
    match List.collect (matches @"Derivation: (\w+\.md)") (List.ofArray (lines source)) with
    | named :: _ -> Regex.Replace(source, "[^/]+$", named.Groups[1].Value)
    | [] -> Regex.Replace(source, "cs$", "md")

/// The differences between a page and its sources.
let private differences (page: string) (sources: string list) =
    let tags, mentions = sources |> List.map tagsOfCode |> List.unzip
    let tags, mentions = List.concat tags, List.concat mentions

    let defined =
        if File.Exists(Path.Combine(root.Value, page)) then
            tagsOfPage page
        else
            []

    let code = String.concat ", " sources

    [
        for tag in tags @ mentions |> List.distinct |> List.except defined do
            $"%s{page} does not define %s{tag}, which is in {code}"
        for tag in defined |> List.except tags do
            $"%s{page} defines %s{tag}, which no line of code carries"
        for tag, count in List.countBy id defined do
            if count > 1 then
                $"%s{page} defines %s{tag} %d{count} times"
    ]

[<Tests>]
let documentation =
    testList "documentation" [
        test "every tag in code is an equation of its page, and the reverse" {
            let rooms = [ for room in [ "Layers"; "Cells"; "Ctc"; "Training" ] -> $"src-csharp/Hybrid.Core/{room}" ]
            let sources = rooms |> List.collect (files [ ".cs" ])
            let byPage = sources |> List.groupBy pageOf |> Map.ofList
            let pages = rooms |> List.collect (files [ ".md" ]) |> List.append (List.ofSeq byPage.Keys)

            let found = [
                for page in List.distinct pages do
                    yield! differences page (byPage.TryFind page |> Option.defaultValue [])
            ]

            Expect.isNonEmpty (List.collect (tagsOfCode >> fst) sources) $"no tags at all below {root.Value}"
            Expect.isEmpty found ("\n" + String.concat "\n" found)
        }

        test "nothing is marked as unfinished" {
            // Concatenated, so that this file is not found.
            let words = [ "TO" + "DO"; "T" + "BD"; "FIX" + "ME"; "NotImplemented" + "Exception" ]
            let pattern = @"\b(" + String.concat "|" words + ")"
            let endings = [ ".cs"; ".csproj"; ".fs"; ".fsproj"; ".fsx"; ".md"; ".py"; ".sh" ]
            let all = [ "src-csharp"; "src-fsharp"; "tests"; "examples" ] |> List.collect (files endings)

            let found = [
                for file in all do
                    for i, line in Array.indexed (lines file) do
                        if Regex.IsMatch(line, pattern) then
                            $"%s{file}:%d{i + 1}: {line.Trim()}"
            ]

            Expect.isNonEmpty all $"no sources at all below {root.Value}"
            Expect.isEmpty found ("\n" + String.concat "\n" found)
        }
    ]
