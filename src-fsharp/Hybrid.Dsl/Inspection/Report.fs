namespace Hybrid.Dsl

open System
open System.IO
open System.Net
open Plotly.NET
open Hybrid.Core

/// A part of a report.
type ReportPart =
    /// A heading.
    | Heading of string
    /// A paragraph.
    | Paragraph of string
    /// Lines that keep their spaces.
    | Verbatim of string
    /// A chart.
    | Picture of GenericChart

/// Pages of text and charts in one HTML file that works offline.
module Report =
    /// Plotly's script, which travels in its assembly.
    let private script =
        lazy
            (let assembly = typeof<GenericChart>.Assembly

             let name =
                 assembly.GetManifestResourceNames()
                 |> Array.find (fun name -> name.EndsWith("min.js", StringComparison.Ordinal))

             match assembly.GetManifestResourceStream name with
             | null -> failwith $"Plotly's script {name} is missing from {assembly.FullName}"
             | stream ->
                 use reader = new StreamReader(stream)
                 reader.ReadToEnd())

    let private html part =
        match part with
        | Heading text -> $"<h2>{WebUtility.HtmlEncode text}</h2>"
        | Paragraph text -> $"<p>{WebUtility.HtmlEncode text}</p>"
        | Verbatim text -> $"<pre>{WebUtility.HtmlEncode text}</pre>"
        | Picture chart ->
            chart
            |> Chart.withDisplayOptions (DisplayOptions.init (PlotlyJSReference = PlotlyJSReference.NoReference))
            |> GenericChart.toChartHTML

    /// Writes a page.
    let write (path: string) (title: string) (parts: ReportPart list) =
        let title = WebUtility.HtmlEncode title

        AtomicFile.Write(
            path,
            fun stream ->
                use writer = new StreamWriter(stream, leaveOpen = true)

                writer.WriteLine
                    $"<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>"

                writer.WriteLine
                    "<style>body{font-family:sans-serif;max-width:1120px;margin:2em auto;color:#222}pre{background:#f4f4f4;padding:1em;overflow-x:auto}</style>"

                writer.WriteLine $"<script>{script.Value}</script></head><body><h1>{title}</h1>"

                for part in parts do
                    writer.WriteLine(html part)

                writer.WriteLine "</body></html>"
        )
