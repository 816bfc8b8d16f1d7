/// Names and labels from untrusted files in results: they stay within their field, and read back equal.
module Hybrid.Tests.HostileTextTests

open System
open System.IO
open System.Text.Json
open Expecto
open FsCheck.FSharp
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.TestSettings

/// Texts that contain what formats and terminals treat specially.
let private texts =
    let pieces = [
        yield! [ ""; "a"; "AA"; " "; "  "; "\t"; "\n"; "\r"; "\r\n"; "\u0000"; "\u001b[31m"; "\u009b2J"; "\u0085" ]
        yield! [ "\u2028"; "\u2029"; "\u00a0"; "\u3000"; "\ufeff"; "\u202e"; "\u007f"; "\u200b" ]
        yield! [
            ";"
            ";;"
            "@"
            "%"
            "%%"
            "%4"
            "%20"
            "%0a"
            "%0A"
            "%C3%A9"
            "%E2%80%A8"
            "%25"
            "%FF"
            "%E2%80"
        ]
        yield! [
            "\""
            "\"\""
            "'"
            "!"
            "<exists>"
            "</script>"
            "<b>"
            "&amp;"
            "|"
            "\\"
            "\\|"
            "`"
            "*"
            "](x)"
        ]
        yield! [ "\u00e9"; "\u0283"; "t\u0361\u0283"; "\U0001F600"; "e\u0301"; "="; ","; "1"; "-5"; "0.25" ]
    ]

    Gen.elements pieces |> Gen.listOf |> Gen.resize 8 |> Gen.map (String.concat "")

let private intervals labels = [|
    for i, label in Seq.indexed labels -> Interval(label, 0.25 * float i, 0.25 * float (i + 1), 0.5)
|]

/// A line of a file that no terminal interprets.
let private expectPlain (text: string) =
    for c in text do
        if c <> '\n' && (Char.IsControl c || c = '\u2028' || c = '\u2029' || c = '\ufeff') then
            failtest $"U+%04X{int c} in {text}"

let private labelsOf (intervals: Interval seq) = [ for i in intervals -> i.Label, i.StartSeconds, i.EndSeconds ]

let private ctm (name: string, labels: string list) =
    let text = Ctm.Write(name, intervals labels)
    expectPlain text

    for line in text.Split '\n' |> Array.filter ((<>) "") do
        Expect.equal (line.Split ' ').Length 6 line
        Expect.isFalse (line.Split ' ' |> Array.exists _.StartsWith(";;", StringComparison.Ordinal)) line

    let lines = Ctm.Read(new StringReader(text))
    Expect.equal [ for line in lines -> line.Recording ] [ for _ in labels -> name ] "names"
    Expect.equal (labelsOf [ for line in lines -> line.Interval ]) (labelsOf (intervals labels)) "labels"

let private textGrid (name: string, labels: string list) =
    let grid = TextGrid(0.25 * float labels.Length, [| TextGridTier(name, intervals labels) |])

    for shortForm, head, each in [ false, 14, 4; true, 12, 3 ] do
        let text = grid.Write shortForm
        expectPlain text
        Expect.equal (text.Split('\n').Length - 1) (head + each * labels.Length) text
        let tier = (TextGrid.Read text).Tiers |> Seq.exactlyOne
        Expect.equal tier.Name name "name"
        Expect.equal (labelsOf tier.Intervals) (labelsOf (intervals labels)) "labels"

let private json (name: string, labels: string list) =
    let alignment = Alignment(name, 0.25 * float labels.Length, intervals labels, intervals labels, -1.5)

    let text = ResultJson.Alignment alignment
    expectPlain text
    let back = ResultJson.ReadAlignment text
    Expect.equal back.Id name "id"
    Expect.equal (labelsOf back.Words) (labelsOf alignment.Words) "words"
    Expect.equal (labelsOf back.Phones) (labelsOf alignment.Phones) "phones"

    let recognitions =
        ResultJson.Recognitions [|
            struct (name, RecognitionResult([| TimedHypothesis(intervals labels, -1.0) |], 1.0))
        |]

    expectPlain recognitions
    let root = JsonDocument.Parse(recognitions).RootElement[0]
    Expect.equal (root.GetProperty("file").GetString()) name "file"

let private text (name: string, labels: string list) =
    let one = TimedHypothesis(intervals labels, -1.0)

    for hypotheses in [ [| one |]; [| one; one; one |] ] do
        let text = ResultText.Recognition(name, RecognitionResult(hypotheses, 1.0))
        expectPlain text
        Expect.equal (text.Split('\n').Length - 1) hypotheses.Length text

let private markdown (name: string, labels: string list) =
    let cell = MarkdownText.Cell name
    Expect.isFalse (cell |> Seq.exists (fun c -> Char.IsControl c || c = '<' || c = '>')) cell
    // A pipe or a quotation mark of code follows a backslash that is no other one's.
    let plain = cell.Replace("\\\\", "")
    Expect.isFalse (plain.Replace("\\|", "").Replace("\\`", "").Contains '|') cell
    Expect.isFalse (plain.Replace("\\`", "").Contains '`') cell
    Expect.isFalse (plain.Contains "](") cell

    let result =
        UtteranceResult(name, 1.0, [| 2 |], [| 2 |], EditDistance.Align(ReadOnlySpan [| 2 |], ReadOnlySpan [| 2 |]))

    let words = String.concat " " labels
    let utterance = Utterance(name, "", name, "", words, null, Corpus = words)
    let page = ErrorAnalysis.Markdown(Evaluation [| result |], PhoneInventory.Arpabet, [| utterance |])
    expectPlain page

    for table in page.Split("### ", StringSplitOptions.RemoveEmptyEntries) do
        let cells (line: string) = line.Replace("\\\\", "").Replace("\\|", "").Split(" | ").Length
        let rows = table.TrimEnd().Split '\n' |> Array.skip 2
        Expect.equal (Array.distinct [| for row in rows -> cells row |]).Length 1 table

[<Tests>]
let tests =
    testList "hostile names and labels" [
        for name, holds in [ "CTM", ctm; "TextGrid", textGrid; "JSON", json; "text", text; "Markdown", markdown ] do
            property
                $"{name}: one line a field, no control characters, and the same when read back"
                500
                (Arb.fromGen (Gen.zip texts (Gen.listOf texts |> Gen.resize 5)))
                holds

        test "ordinary labels stay as they are" {
            for label in [ "AA"; "[SIL]"; "t\u0361\u0283"; "100%"; "50%xy"; "a;b"; "it's"; "x@y" ] do
                Expect.stringContains (Ctm.Write(label, intervals [ label ])) $"{label} 1 0.0000 0.2500 {label} " label

                Expect.stringContains
                    (TextGrid(1.0, [| TextGridTier(label, intervals [ label ]) |]).Write())
                    $"\"{label}\""
                    label
        }

        test "what Hybrid does not encode is not decoded" {
            let lines = Ctm.Read(new StringReader("a%41 %C3%A9 0 1 %zz%2\nb 1 0 1 %20%0a@ 1\n"))

            Expect.equal
                [ for l in lines -> l.Recording, l.Channel, l.Interval.Label ]
                [ "a%41", "%C3%A9", "%zz%2"; "b", "1", " \n@" ]
                "CTM"
        }

        test "letters of a submission need no quoting" {
            let inventory = PhoneInventory.Arpabet

            for i in 0 .. inventory.Count - 1 do
                Expect.isFalse (",\"\r\n;" |> Seq.contains (inventory.Letter i)) inventory.Symbols[i]
        }
    ]
