namespace Hybrid.Dsl

open System
open System.IO
open System.Net
open System.Security.Cryptography
open System.Text
open System.Text.Json.Nodes
open Plotly.NET
open Hybrid.Core

/// A part of a report.
type ReportPart =
    /// A heading.
    | Heading of string
    /// A paragraph.
    | Paragraph of string
    /// A small line of explanation under a figure.
    | Caption of string
    /// Preformatted text.
    | Verbatim of string
    /// A chart. On a narrow page it scrolls sideways below the width that its layout names, if any.
    | Picture of GenericChart
    /// The diagram of a network.
    | NetworkDiagram of Architecture
    /// A player for a WAV or FLAC file, which is embedded in the page.
    | Sound of path: string
    /// Parts in columns, or below each other on a narrow page.
    | Beside of ReportPart list

/// HTML pages of text, charts, diagrams and sound, each one self-contained file that works offline.
[<AbstractClass; Sealed>]
type Report =
    static let plotly =
        lazy
            (let assembly = typeof<GenericChart>.Assembly

             let name =
                 assembly.GetManifestResourceNames()
                 |> Array.find (fun name -> name.EndsWith("min.js", StringComparison.Ordinal))

             match assembly.GetManifestResourceStream name with
             | null -> failwith $"the script {name} is missing from {assembly.FullName}"
             | stream ->
                 use reader = new StreamReader(stream)
                 reader.ReadToEnd())

    static let style =
        """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff; margin: 0; }
main { max-width: 1080px; margin: 0 auto; padding: 1rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.2rem 0 .6rem; border-top: 1px solid #d9e2ec; padding-top: 1rem; }
p { margin: .6rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.source, .caption { color: #52606d; font-size: .85rem; }
.source { font-family: ui-monospace, monospace; }
.caption { margin-top: .2rem; }
pre { background: #f5f7fa; padding: .8rem; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
figure { margin: .6rem 0; overflow-x: auto; }
figure svg { display: block; margin: 0 auto; }
audio { display: block; width: 100%; max-width: 28rem; margin: .6rem 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr)); gap: 0 1.5rem; }
.columns > * { min-width: 0; }
"""

    static let draw =
        """
for (const [id, figure] of figures)
  Plotly.newPlot(id, figure.data, figure.layout, { displayModeBar: false, responsive: true });
"""

    /// A Content-Security-Policy source that allows exactly this script.
    static let hash (script: string) =
        $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes script))}'"

    /// The container of a chart, and its traces and layout as JSON. The default JSON encoder escapes `<`, `>` and `&`,
    /// so nothing in a label can end the script.
    static let chart (id: string) (chart: GenericChart) =
        let figure = nonNull (JsonNode.Parse(GenericChart.toFigureJson chart))
        let layout = figure["layout"] |> nonNull |> _.AsObject()

        let size (name: string) =
            match layout[name] with
            | null -> None
            | value -> Some(value.GetValue<float>())

        let minWidth =
            match size "width" with
            | Some width -> $"min-width:{width:F0}px;"
            | None -> ""

        let height = size "height" |> Option.defaultValue 400.0
        layout.Remove "width" |> ignore
        layout["autosize"] <- JsonValue.Create true

        let parts = JsonObject()
        parts["data"] <- (nonNull figure["data"]).DeepClone()
        parts["layout"] <- layout.DeepClone()

        $"<figure><div class=\"chart\" id=\"{id}\" style=\"{minWidth}height:{height:F0}px\"></div></figure>",
        parts.ToJsonString()

    static let sound (path: string) =
        let kind =
            if path.EndsWith(".flac", StringComparison.OrdinalIgnoreCase) then
                "flac"
            else
                "wav"

        $"<audio controls src=\"data:audio/{kind};base64,{Convert.ToBase64String(File.ReadAllBytes path)}\"></audio>"

    /// The markup of a part; charts are appended to `figures` as id and JSON.
    static let rec markup (figures: ResizeArray<string * string>) part =
        match part with
        | Heading text -> $"<h2>{Printable.html text}</h2>"
        | Paragraph text -> $"<p>{Printable.html text}</p>"
        | Caption text -> $"<p class=\"caption\">{Printable.html text}</p>"
        | Verbatim text -> $"<pre>{WebUtility.HtmlEncode(Printable.block text)}</pre>"
        | NetworkDiagram architecture -> $"<figure>{Diagram.svg architecture}</figure>"
        | Sound path -> sound path
        | Beside parts ->
            let columns = [ for part in parts -> $"<div>{markup figures part}</div>" ]
            $"""<div class="columns">{String.concat "" columns}</div>"""
        | Picture picture ->
            let id = $"chart-{figures.Count + 1}"
            let container, figure = chart id picture
            figures.Add(id, figure)
            container

    /// <summary>Writes a page.</summary>
    /// <param name="path">The HTML file, written as a whole or not at all.</param>
    /// <param name="title">The title.</param>
    /// <param name="parts">The content, in order.</param>
    /// <param name="command">The command that produced the page, shown below the title.</param>
    /// <param name="date">The date shown below the title; the content depends on no clock.</param>
    static member write(path: string, title: string, parts: ReportPart list, ?command: string, ?date: DateOnly) : unit =
        let figures = ResizeArray()
        let body = [ for part in parts -> markup figures part ]
        let data = String.concat ",\n" [ for id, figure in figures -> $"[\"{id}\",{figure}]" ]
        let drawing = $"const figures = [\n{data}\n];{draw}"
        let scripts = if figures.Count > 0 then [ plotly.Value; drawing ] else []

        // Only these scripts run, and nothing is loaded: a second line of defence behind the encoding.
        let policy =
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; script-src "
            + (if scripts.IsEmpty then
                   "'none'"
               else
                   scripts |> List.map hash |> String.concat " ")

        let source = [
            yield! Option.toList command
            match date with
            | Some date -> date.ToString "yyyy-MM-dd"
            | None -> ()
        ]

        AtomicFile.Write(
            path,
            fun stream ->
                use writer = new StreamWriter(stream, leaveOpen = true, NewLine = "\n")
                writer.WriteLine "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
                writer.WriteLine $"<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"
                writer.WriteLine "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                writer.WriteLine $"<title>{Printable.html title}</title>\n<style>{style}</style>\n</head>"
                writer.WriteLine $"<body>\n<main>\n<h1>{Printable.html title}</h1>"

                if not source.IsEmpty then
                    let source = source |> List.map Printable.html |> String.concat " · "
                    writer.WriteLine $"<p class=\"source\">{source}</p>"

                for part in body do
                    writer.WriteLine part

                writer.WriteLine "</main>"

                for script in scripts do
                    writer.WriteLine $"<script>{script}</script>"

                writer.WriteLine "</body>\n</html>"
        )
