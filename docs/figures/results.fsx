// The chart of docs/results.md, from the tables of that page.
// Run it with: dotnet fsi docs/figures/results.fsx
#load "Svg.fsx"

open System
open System.Globalization
open System.IO

let page = File.ReadAllLines(Path.Combine(__SOURCE_DIRECTORY__, "..", "results.md"))

/// The rows of the first table after a heading, as cells.
let table (heading: string) =
    page
    |> Array.skipWhile ((<>) heading)
    |> Array.skipWhile (fun line -> not (line.StartsWith "|"))
    |> Array.takeWhile _.StartsWith("|")
    |> Array.skip 2
    |> Array.map (fun line -> line.Trim('|').Split '|' |> Array.map _.Trim())

let value (cell: string) = Double.Parse(cell, CultureInfo.InvariantCulture)

/// Names of decoders in the chart, by row of the table; the other rows vary weights.
let decoders = [
    "--greedy", "greedy"
    "--lm-weight 0 --length-bonus 0 --beam 16", "beam search"
    "--lm lm3.arpa", "3-grams"
    "--lm lm4.arpa", "4-grams"
    "--lm lm5.arpa", "5-grams"
    "", "6-grams (shipped)"
]

let groups = [
    "decoder",
    [
        for options, name in decoders do
            let row =
                table "## Decoding"
                |> Array.find (fun row ->
                    let shown = row[1].Trim '`'

                    if options = "" then
                        shown = ""
                    else
                        shown.StartsWith options)

            name, value row[2]
    ]
    "speaker", [ for row in table "### By speaker" -> row[0], value row[6] ]
    "kind of phone", [ for row in table "### By kind of phone" -> row[0], value row[5] ]
    "hours of training (first recipe)", [ for row in table "## More data" -> row[0], value row[6] ]
]

let ink, bar = "#1f2933", "#31688e"
let rowHeight, labels, scale = 19.0, 150.0, 6.4

/// One group of bars with its title at a place; the height that it takes.
let drawn (x, y) (title: string, bars: (string * float) list) = [
    Svg.text "start" 13 ink (x, y + 13.0) $"PER by {title}, %%"

    for i, (name, per) in List.indexed bars do
        let y = y + 24.0 + rowHeight * float i
        Svg.text "end" 12 ink (x + labels - 6.0, y + 12.0) name
        Svg.rectangle bar (x + labels, y, scale * per, rowHeight - 5.0)

        Svg.text
            "start"
            12
            ink
            (x + labels + scale * per + 5.0, y + 12.0)
            (per.ToString("F1", CultureInfo.InvariantCulture))
]

let height (_, bars) = 24.0 + rowHeight * float (List.length bars) + 18.0
let column = 480.0
let top = 10.0

Svg.figure (int (2.0 * column)) (int (top + height groups[0] + height groups[2])) "Phone error rates on the dev set" [
    yield! drawn (10.0, top) groups[0]
    yield! drawn (10.0, top + height groups[0]) groups[2]
    yield! drawn (column + 10.0, top) groups[1]
    yield! drawn (column + 10.0, top + height groups[0]) groups[3]
]
|> fun svg -> File.WriteAllText(Path.Combine(__SOURCE_DIRECTORY__, "results.svg"), svg)
