/// Pages, charts and diagrams: names from data are encoded, and a page is self-contained.
module Hybrid.Tests.ReportTests

open System
open System.IO
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto
open Plotly.NET
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests.TestSettings

/// A name that runs a script in a page that does not encode it, and acts on a terminal that does not escape it.
let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u001b[31m\u202e"

/// The inventory of the examples with the first phone renamed.
let private inventory =
    PhoneInventory [|
        for i, phone in Seq.indexed (Seq.tail PhoneInventory.Arpabet.Symbols) ->
            if i = 0 then
                "</script><script>alert(1)</script>"
            else
                phone
    |]

/// A model with a hostile phone, and an evaluation in which it is confused.
let private model = SpeechModel.Create(Recipes.tiny.Network, Recipes.tiny.Features, inventory, 1UL)

let private evaluation =
    let result (reference: int[]) (hypothesis: int[]) =
        UtteranceResult(
            hostile,
            1.0,
            reference,
            hypothesis,
            EditDistance.Align(ReadOnlySpan reference, ReadOnlySpan hypothesis)
        )

    Evaluation [| result [| 1; 2; 1; 3 |] [| 2; 1; 1 |]; result [| 2; 2 |] [| 1; 1 |] |]

let private intervals = [ Interval(hostile, 0.1, 0.2, 0.5); Interval("AA", 0.2, 0.3, 0.5) ]

let private history = [|
    EpochReport(1, 10L, 3.0, 2.5, 80.0, 9.0, 1e-3, 5.0)
    EpochReport(2, 20L, 1.0, 1.5, 40.0, 5.0, 1e-3, 9.0)
|]

let private logProbs frames =
    let V = inventory.Count
    let logits = Array.init (frames * V) (fun i -> if i % V = 1 then 5f else float32 (i % 7))
    LogProbs.FromLogits(ReadOnlySpan logits, frames, V)

let private clip = AudioClip(Array.init 8000 (fun i -> 0.1f * float32 (sin (0.3 * float i))), 16000)

let private charts () = [
    loss history
    errorRate history
    curves { Model = model; History = history; SelectBy = devPer; StopReason = StopReason.EpochsCompleted }
    posteriors (model, 0.5, logProbs 20)
    yield! lattice (model, 0.5, CtcLattice.Of(logProbs 20, [| 1; 2; 1 |]))
    spectrogram (clip, intervals, intervals)
    confusions (model, evaluation)
    substitutions (model, evaluation)
]

/// A network with a hostile name in it.
let private hostileNetwork () =
    let layer =
        custom (
            hostile,
            {
                new ICustomLayer with
                    member _.Build features = Linear<_>(features, features) :> Layer<_>
            }
        )

    {
        Features = FeaturePreset.Mfcc 28
        Network = NetworkSpec(28, 41, [| layer; LstmSpec 8 |], [| LinearSpec 41 |])
    }

let private write folder parts =
    let page = Path.Combine(folder, "page.html")
    Report.write (page, hostile, parts, command = $"hybrid demo --out {hostile}", date = DateOnly(2026, 11, 30))
    File.ReadAllText page

[<Tests>]
let tests =
    testList "report" [
        test "hostile names stay text in every part of a page" {
            withFolder (fun folder ->
                let sound = Path.Combine(folder, "a.wav")
                clip.WriteWav sound

                let html =
                    write folder [
                        Heading hostile
                        Paragraph hostile
                        Caption hostile
                        Verbatim hostile
                        NetworkDiagram(hostileNetwork ())
                        Sound sound
                        Beside [ Heading hostile; Picture(loss history) ]
                        for chart in charts () do
                            Picture chart
                    ]

                // The script of Plotly, and the one that draws the charts.
                Expect.equal (Regex.Matches(html, "<script").Count) 2 "scripts"
                Expect.equal (Regex.Matches(html, "</script").Count) 2 "ends of scripts"
                Expect.isFalse (html.Contains "<img src=x") "an element from a name"
                let ownText = html.Substring(0, html.IndexOf "<script") + html.Substring(html.LastIndexOf "<script")
                Expect.isFalse (ownText |> Seq.exists (fun c -> Char.IsControl c && c <> '\n')) "control characters"
                Expect.isFalse (ownText.Contains '\u202e') "text direction")
        }

        test "hostile names stay text in the HTML of a chart by itself" {
            for chart in charts () do
                let html = GenericChart.toChartHTML chart
                Expect.isFalse (html.Contains "<script>alert") "a script from a name"
                Expect.isFalse (html.Contains "<img src=x") "an element from a name"
        }

        test "hostile names stay text in a diagram and in FSI" {
            let network = hostileNetwork ()
            let svg = diagram network
            let document = XDocument.Parse svg
            Expect.isEmpty (document.Descendants(XName.Get "script")) "scripts"
            Expect.stringContains (string document) "alert(1)" "the name is shown"

            for text in [ string (summary network); Printers.architecture network ] do
                Expect.stringContains text "\\x1B[31mU+202E" "the name, escaped"
                Expect.isFalse (text |> Seq.exists (fun c -> Char.IsControl c && c <> '\n' && c <> '\r')) "a table"
        }

        test "only the scripts of the page are allowed to run, and it is the same for the same parts" {
            withFolder (fun folder ->
                let parts = [ Heading "Loss"; Picture(loss history) ]
                let html = write folder parts
                Expect.equal (write folder parts) html "deterministic"
                let hashes = [ for m in Regex.Matches(html, "'sha256-([^']+)'") -> m.Groups[1].Value ]

                let scripts = [
                    for m in Regex.Matches(html, "<script>(.*?)</script>", RegexOptions.Singleline) ->
                        Text.Encoding.UTF8.GetBytes m.Groups[1].Value
                        |> Security.Cryptography.SHA256.HashData
                        |> Convert.ToBase64String
                ]

                Expect.equal hashes scripts "hashes of the policy"
                Expect.stringContains html "default-src 'none'" "nothing is loaded"
                Expect.stringContains html "displayModeBar: false" "no toolbar"
                Expect.stringContains html "2026-11-30" "the date")
        }

        test "the loss has a logarithmic axis, and the confusion matrix no diagonal and phones by kind" {
            Expect.stringContains (GenericChart.toFigureJson (loss history)) "\"type\":\"log\"" "axis"
            let trace = GenericChart.getTraces (confusions (model, evaluation)) |> List.head
            let values = trace.GetPropertyValue "z" :?> float[][]

            // Rows and columns are the phones in confusion; those recognised rightly are on the diagonal.
            Expect.isTrue (values |> Array.exists (Array.exists Double.IsNaN)) "a cell of the diagonal is empty"

            let kinds = [
                for v in PhoneOrder.byKind PhoneInventory.Arpabet -> PhoneOrder.kind PhoneInventory.Arpabet.Symbols[v]
            ]

            Expect.equal (List.length (List.distinct kinds)) 8 "kinds of phones"
            Expect.equal (kinds |> List.pairwise |> List.filter (fun (a, b) -> a <> b) |> List.length) 7 "in groups"
            Expect.isFalse (List.contains "other" kinds) "every phone has a kind"
        }
    ]
