/// The readers of results and of declarations against damaged and forged files.
module Hybrid.Tests.ResultFuzzTests

open System
open System.IO
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Dsl
open Hybrid.Tests
open Hybrid.Tests.Fuzz
open Hybrid.Tests.TextGridTests

let private reader name (read: string -> unit) allowed = {
    Name = name
    Read = fun bytes -> read (Encoding.UTF8.GetString bytes)
    Refuses = fun error -> error :? FormatException
    Allowed = fun length -> allowed * int64 length + 1_000_000L
}

let private same what a b =
    if a <> b then
        failtest $"{what} reads back as another"

/// Reads, writes and reads again: both values are equal.
let private textGrid (text: string) =
    let shown (grid: TextGrid) = [ for tier in grid.Tiers -> tier.Name, List.ofSeq tier.Intervals ]
    let grid = TextGrid.Read text
    same "the long form" (shown grid) (shown (TextGrid.Read(grid.Write())))
    same "the short form" (shown grid) (shown (TextGrid.Read(grid.Write true)))

let private ctm (text: string) =
    for line in Ctm.Read(new StringReader(text)) do
        if not (line.Interval.EndSeconds >= line.Interval.StartSeconds) then
            failtest $"{line}"

let private json (text: string) =
    let alignment = ResultJson.ReadAlignment text
    let written = ResultJson.Alignment alignment
    same "the alignment" written (ResultJson.Alignment(ResultJson.ReadAlignment written))
    TextGrid.Of(alignment).Write() |> ignore

let private declaration (text: string) =
    let recipe = Recipe.FromJson text
    same "the recipe" (recipe.ToJson()) (Recipe.FromJson(recipe.ToJson()).ToJson())

/// A fold, applied to the phones of the built-in inventory.
let private fold (text: string) =
    let fold = Fold.Read("fold", new StringReader(text))

    try
        let folded = fold.Apply [| "AA"; "B"; "[SIL]" |]

        for phone in folded do
            if not (fst (fold.Inventory.TryGetIndex phone)) then
                failtest $"{phone} is not in the inventory"
    with :? FormatException as error ->
        same "the cause" (error.Message.StartsWith "the fold fold has no ") true

/// The record of results: whatever it says, a file that Hybrid did not write is kept.
let private journal (folder: string) =
    let path = Path.Combine(folder, "a.json")
    File.WriteAllText(path, "by hand")

    fun (text: string) ->
        File.WriteAllText(Path.Combine(folder, ".hybrid-results"), text)

        try
            ResultFile.Write(path, "by Hybrid", false)
            failtest "the file was replaced"
        with :? ResultExistsException ->
            same "the file" (File.ReadAllText path) "by hand"

let private folds = [ "AA a\nB b\n[SIL]\n# comment\n"; "AA AA a\r\nB  B\tb\n\n[SIL] [SIL]\n" ]

let private records = [ for name in [ "a.json"; "b %0A.json" ] -> String('0', 64) + $"  {name}\n" ]

let private mutated (texts: string list) =
    let files = [| for text in texts -> Encoding.UTF8.GetBytes text |]
    fun (random: Random) -> mutate random files[random.Next files.Length]

[<Tests>]
let tests =
    testList "damaged and forged results are read or refused" [
        // Every reader works on text of two bytes a character, and makes values of some dozen bytes from few
        // characters.
        test "TextGrid" {
            run
                (reader "TextGrid" textGrid 2000L)
                0.3
                (mutated [ TextGrid.Of(alignment).Write(); TextGrid.Of(alignment).Write true ])
        }
        test "CTM" {
            run
                (reader "CTM" ctm 400L)
                0.2
                (mutated [ Ctm.Write("a", alignment.Phones) + ";; comment\nb A 1 0.5 hello\n" ])
        }
        test "TextGrid by its grammar" {
            run
                (reader "TextGrid by its grammar" textGrid 2000L)
                0.3
                (grammar [ TextGrid.Of(alignment).Write(); TextGrid.Of(alignment).Write true ])
        }
        test "CTM by its grammar" {
            run
                (reader "CTM by its grammar" ctm 400L)
                0.2
                (grammar [ Ctm.Write("a", alignment.Phones) + ";; comment\nb A 1 0.5 hello\n" ])
        }
        test "JSON of alignments by its grammar" {
            run (reader "JSON of alignments by its grammar" json 1000L) 0.2 (grammar [ ResultJson.Alignment alignment ])
        }
        test "folds" { run (reader "folds" fold 400L) 0.2 (mutated folds) }
        test "folds by their grammar" { run (reader "folds by their grammar" fold 400L) 0.2 (grammar folds) }
        test "records of results" {
            TestSettings.withFolder (fun folder ->
                run (reader "records of results" (journal folder) 400L) 0.05 (grammar records))
        }
        test "JSON of alignments" {
            run (reader "JSON of alignments" json 400L) 0.3 (mutated [ ResultJson.Alignment alignment ])
        }
        test "JSON of recipes" {
            run
                (reader "JSON of recipes" declaration 400L)
                0.2
                (mutated [ for recipe in Recipes.all -> recipe.ToJson() ])
        }
    ]
