/// Code and derivation pages have the same equations, docs are consistent, and nothing is marked as unfinished.
module Hybrid.Tests.DocumentationTests

open System.IO
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto
open Hybrid.Tests.TestSettings

/// All files below a folder with one of the endings, as paths from the root, without build outputs.
let private files endings folder =
    let path = Path.Combine(root, folder)

    if Directory.Exists path then
        [
            for file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) do
                let file = Path.GetRelativePath(root, file).Replace('\\', '/')
                let built = Regex.IsMatch(file, "/(bin|obj)/")

                if not built && endings |> List.exists (fun (ending: string) -> file.EndsWith ending) then
                    file
        ]
    else
        []

let private lines file = File.ReadAllLines(Path.Combine(root, file))

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

/// The page that the doc comment of a source file names, in whatever folder it is; without one, the page of the same
/// name.
let private pageOf (pages: string list) (source: string) =
    match List.collect (matches @"Derivation: (\w+\.md)") (List.ofArray (lines source)) with
    | named :: _ ->
        let name = named.Groups[1].Value
        pages |> List.tryFind _.EndsWith("/" + name) |> Option.defaultValue $"{name}, which does not exist"
    | [] -> Regex.Replace(source, "cs$", "md")

/// Differences between a page and the sources that belong to it.
let private differences (page: string) (sources: string list) =
    let tags, mentions = sources |> List.map tagsOfCode |> List.unzip
    let tags, mentions = List.concat tags, List.concat mentions

    let defined =
        if File.Exists(Path.Combine(root, page)) then
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
            let core = "src-csharp/Hybrid.Core"
            let derivations = files [ ".md" ] core
            let byPage = files [ ".cs" ] core |> List.groupBy (pageOf derivations) |> Map.ofList
            let pages = List.append derivations (List.ofSeq byPage.Keys)
            let sources = List.concat byPage.Values

            let found = [
                for page in List.distinct pages do
                    yield! differences page (byPage.TryFind page |> Option.defaultValue [])
            ]

            Expect.isNonEmpty (List.collect (tagsOfCode >> fst) sources) $"no tags at all below {root}"
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

            Expect.isNonEmpty all $"no sources at all below {root}"
            Expect.isEmpty found ("\n" + String.concat "\n" found)
        }

        test "every relative link leads to a file, and every anchor to a heading" {
            let found = [
                for page in Markdown.pages do
                    for link in Markdown.links page do
                        if not (Regex.IsMatch(link, "^[a-z]+:")) then
                            let path, anchor =
                                match link.Split '#' with
                                | [| path; anchor |] -> path, Some anchor
                                | _ -> link, None

                            let folder = Path.Combine(root, page, "..")
                            let target = if path = "" then page else path

                            let full =
                                Path.GetFullPath(
                                    if path = "" then
                                        Path.Combine(root, page)
                                    else
                                        Path.Combine(folder, path)
                                )

                            let relative = Path.GetRelativePath(root, full).Replace('\\', '/')

                            if not (Path.Exists full) then
                                $"{page}: {target} does not exist"
                            else
                                match anchor with
                                | Some anchor when not ((Markdown.anchors relative).Contains anchor) ->
                                    $"{page}: {relative} has no heading #{anchor}"
                                | _ -> ()
            ]

            Expect.isGreaterThan (List.sumBy (Markdown.links >> List.length) Markdown.pages) 100 "links"
            Expect.isEmpty found ("\n" + String.concat "\n" found)
        }

        test "every page of docs is in their index" {
            let index = Set(Markdown.links "docs/README.md")

            for page in Markdown.pages do
                if page.StartsWith "docs/" && page <> "docs/README.md" && page <> "docs/figures/README.md" then
                    Expect.isTrue (index.Contains(page.Substring 5)) $"{page} is not in docs/README.md"
        }

        test "the README has at most 900 words" {
            let words = Regex.Matches(Markdown.read "README.md", @"\S+").Count
            Expect.isLessThanOrEqual words 900 "words of README.md"
        }

        test "package, citation and changelog have the same version" {
            let version =
                XDocument.Load(Path.Combine(root, "Directory.Build.props")).Descendants "Version"
                |> Seq.exactlyOne
                |> _.Value

            Expect.contains (lines "CITATION.cff") $"version: {version}" "CITATION.cff"
            let newest = lines "CHANGELOG.md" |> Array.find _.StartsWith("## ")
            Expect.stringStarts newest $"## {version}" "CHANGELOG.md"
        }

        for name in [ "results"; "performance" ] do
            test $"docs/figures/{name}.svg is drawn from the tables" {
                withFolder (fun folder ->
                    // The script writes beside itself and reads the page in the folder above.
                    let figures = Path.Combine(folder, "figures")
                    Directory.CreateDirectory figures |> ignore

                    for file in [ "Svg.fsx"; $"{name}.fsx" ] do
                        File.Copy(Path.Combine(root, "docs", "figures", file), Path.Combine(figures, file))

                    File.Copy(Path.Combine(root, "docs", $"{name}.md"), Path.Combine(folder, $"{name}.md"))
                    let finished = Process.dotnet folder [ "fsi"; Path.Combine(figures, $"{name}.fsx") ]
                    Expect.equal finished.ExitCode 0 (string finished)

                    Expect.equal
                        (File.ReadAllText(Path.Combine(root, "docs", "figures", $"{name}.svg")))
                        (File.ReadAllText(Path.Combine(figures, $"{name}.svg")))
                        $"draw it again: dotnet fsi docs/figures/{name}.fsx")
            }

        test "figures are small" {
            for file in Directory.GetFiles(Path.Combine(root, "docs"), "*.svg", SearchOption.AllDirectories) do
                Expect.isLessThan (FileInfo(file).Length) 300_000L file
        }
    ]
