// The chart of docs/performance.md, from the table of that page.
// Run it with: dotnet fsi docs/figures/performance.fsx
#load "Svg.fsx"

open System
open System.Globalization
open System.IO

let value (cell: string) = Double.Parse(cell.Trim '*', CultureInfo.InvariantCulture)

/// Work, threads, best competitor and ratio of every case that was compared with another program.
let cases =
    File.ReadAllLines(Path.Combine(__SOURCE_DIRECTORY__, "..", "performance.md"))
    |> Array.skipWhile ((<>) "## Against the others")
    |> Array.skipWhile (fun line -> not (line.StartsWith "|"))
    |> Array.takeWhile _.StartsWith("|")
    |> Array.skip 2
    |> Array.map (fun line -> line.Trim('|').Split '|' |> Array.map _.Trim())
    |> Array.filter (fun row -> not (row[7].StartsWith "Hybrid"))
    |> Array.map (fun row -> row[0], row[2], value row[9])

let works = [
    for work, rows in Array.groupBy (fun (work, _, _) -> work) cases ->
        work, [ for _, threads, ratio in rows -> threads, ratio ]
]

let ink, pale = "#1f2933", "#d9dee4"
let left, right, top, rowHeight, width = 250.0, 20.0, 34.0, 24.0, 960.0
let least, most = 0.7, 50.0

/// Ratios have equal distances where they have equal quotients.
let x ratio = left + (width - left - right) * Math.Log(ratio / least) / Math.Log(most / least)
let bottom = top + rowHeight * float works.Length

let grid = [
    for tick in [ 1.0; 2.0; 5.0; 10.0; 20.0; 50.0 ] do
        Svg.line (if tick = 1.0 then ink else pale) 1.0 (x tick, top - 6.0) (x tick, bottom)
        Svg.text "middle" 12 ink (x tick, top - 12.0) $"{tick}x"
]

let rows = [
    for i, (work, points) in List.indexed works do
        let y = top + rowHeight * (float i + 0.5)
        let ratios = List.map snd points
        Svg.text "end" 12 ink (left - 12.0, y + 4.0) work
        Svg.line "#8fb3cc" 4.0 (x (List.min ratios), y) (x (List.max ratios), y)

        for threads, ratio in points do
            let size, color = if threads = "1" then 7.0, "#31688e" else 7.0, "#35b779"
            Svg.rectangle color (x ratio - size / 2.0, y - size / 2.0, size, size)
]

let legend = [
    Svg.rectangle "#31688e" (left, bottom + 12.0, 7.0, 7.0)
    Svg.text "start" 12 ink (left + 12.0, bottom + 20.0) "one thread"
    Svg.rectangle "#35b779" (left + 110.0, bottom + 12.0, 7.0, 7.0)
    Svg.text "start" 12 ink (left + 122.0, bottom + 20.0) "two threads"
    Svg.text "end" 12 ink (width - right, bottom + 20.0) "speed relative to the best competitor, log axis"
]

Svg.figure (int width) (int bottom + 34) "Speed of Hybrid relative to the best competitor" (grid @ rows @ legend)
|> fun svg -> File.WriteAllText(Path.Combine(__SOURCE_DIRECTORY__, "performance.svg"), svg)
