/// The Markdown pages of the repository: their blocks, links and anchors.
module Hybrid.Tests.Markdown

open System
open System.IO
open System.Text.RegularExpressions
open Hybrid.Tests.TestSettings

/// All pages, by their paths from the root; without those that builds leave.
let pages =
    [
        yield! Directory.GetFiles(root, "*.md")
        for folder in [ "docs"; "examples"; "src-csharp"; "src-fsharp"; "tests" ] do
            yield! Directory.EnumerateFiles(Path.Combine(root, folder), "*.md", SearchOption.AllDirectories)
    ]
    |> List.map (fun file -> Path.GetRelativePath(root, file).Replace('\\', '/'))
    |> List.filter (fun file -> not (Regex.IsMatch(file, "(^|/)(bin|obj)/")))
    |> List.sort

let read (page: string) = File.ReadAllText(Path.Combine(root, page))

let private fence = Regex(@"^```(\w*)\n(.*?)^```$", RegexOptions.Singleline ||| RegexOptions.Multiline)

/// The blocks of a language, or of none.
let blocks language page = [
    for m in fence.Matches(read page) do
        if m.Groups[1].Value = language then
            m.Groups[2].Value
]

let private proseOf text = Regex.Replace(fence.Replace(text, ""), "`[^`\n]*`", "")

/// The text outside of blocks and inline code.
let prose page = proseOf (read page)

/// The targets of the links and pictures in a text.
let linksIn text = [ for m in Regex.Matches(proseOf text, @"\]\(([^)\s]+)\)") -> m.Groups[1].Value ]

/// The targets of a page's links and pictures.
let links page = linksIn (read page)

/// The anchors of a page's headings, as GitHub makes them.
let anchors page =
    fence.Replace(read page, "").Split '\n'
    |> Seq.filter _.StartsWith('#')
    |> Seq.map (fun heading -> heading.TrimStart('#').Trim().ToLowerInvariant())
    |> Seq.map (fun heading -> Regex.Replace(heading, @"[^\w\- ]", "").Replace(' ', '-'))
    |> Set.ofSeq
