// Loss and error rate of a training after every epoch, as SVG, from the metrics in its folder.
// Run it with: dotnet fsi docs/figures/curve.fsx run/metrics.jsonl
#load "Svg.fsx"

open System
open System.IO
open System.Text.Json

/// Epoch, training loss, dev loss and dev PER of every epoch.
let epochs = [|
    for line in File.ReadLines(fsi.CommandLineArgs[1]) do
        let metrics = JsonDocument.Parse(line).RootElement

        if fst (metrics.TryGetProperty "devPer") then
            let value (name: string) = metrics.GetProperty(name).GetDouble()
            value "epoch", value "trainLoss", value "devLoss", value "devPer"
|]

let ink, pale = "#1f2933", "#d9dee4"
let width, height, left, top, plot, across = 960.0, 250.0, 46.0, 30.0, 180.0, 400.0
let last = epochs |> Array.map (fun (epoch, _, _, _) -> epoch) |> Array.max

/// Axes at a place and curves; `place` maps a value to a fraction of the height.
let panel left title (ticks: (float * string) list) (place: float -> float) curves = [
    let x epoch = left + across * (epoch - 1.0) / max 1.0 (last - 1.0)
    let y value = top + plot * (1.0 - place value)
    Svg.text "start" 13 ink (left, top - 12.0) title

    for value, label in ticks do
        Svg.line pale 1.0 (left, y value) (left + across, y value)
        Svg.text "end" 12 ink (left - 6.0, y value + 4.0) label

    for epoch in 1.0 .. last do
        Svg.text "middle" 12 ink (x epoch, top + plot + 18.0) $"{epoch}"

    for color, name, values in curves do
        Svg.polyline color 2.0 [ for i, value in Array.indexed values -> x (float i + 1.0), y value ]
        Svg.text "start" 12 color (left + across + 5.0, y (Array.last values) + 4.0) name
]

let losses = [| for _, train, dev, _ in epochs -> train, dev |]
let high = losses |> Array.map (fun (train, dev) -> max train dev) |> Array.max
let low = losses |> Array.map (fun (train, dev) -> min train dev) |> Array.min
let log value = Math.Log(value / (0.8 * low)) / Math.Log(1.1 * high / (0.8 * low))

let marks = [
    for tick in [ 0.1; 0.2; 0.5; 1.0; 2.0; 5.0; 10.0 ] do
        if tick > 0.8 * low && tick < 1.1 * high then
            tick, $"{tick}"
]

Svg.figure (int width) (int height) "Loss and phone error rate after every epoch" [
    yield!
        panel left "loss per phone, log axis" marks log [
            "#31688e", "training", Array.map fst losses
            "#d1495b", "dev", Array.map snd losses
        ]
    yield!
        panel
            (left + across + 80.0)
            "PER on the dev voices, %"
            [ for tick in 0.0..25.0..100.0 -> tick, $"{tick}" ]
            (fun per -> per / 100.0)
            [ ("#31688e", "", [| for _, _, _, per in epochs -> per |]) ]
    Svg.text "end" 12 ink (width - 34.0, height - 6.0) "epoch"
]
|> fun svg -> File.WriteAllText(Path.Combine(__SOURCE_DIRECTORY__, "curve.svg"), svg)
