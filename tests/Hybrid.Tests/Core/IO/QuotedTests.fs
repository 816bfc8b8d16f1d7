/// Text from files inside messages: one line, bounded, without characters that a terminal obeys.
module Hybrid.Tests.QuotedTests

open System
open Expecto
open Hybrid.Core

/// Control characters, line separators and marks that change the direction of text.
let private hostile =
    "\u001b[2J\a\r\nforged: line\u0085\u2028\u2029\u202Eabc\u2066\u200F\u061C\u009B31m\u007F"

let private isSafe (text: string) =
    text
    |> Seq.forall (fun c ->
        not (Char.IsControl c)
        && not (Seq.contains c "\u2028\u2029\u202E\u2066\u200F\u061C")
        && c <> '\uFFFE')

[<Tests>]
let quoted =
    testList "Quoted" [
        for name, quote in
            [
                "Text", Quoted.Text
                "Unless", Quoted.Unless
                "Path", Quoted.Path
                "Line", Quoted.Line
                "Message", (fun text -> Quoted.Message(FormatException text))
                "List", (fun text -> Quoted.List [| text; text |])
            ] do
            test $"{name}: no control characters, of any length" {
                for text in [ hostile; String.replicate 50_000 hostile; hostile + String('x', 4_000_000) ] do
                    let shown = quote text
                    Expect.isTrue (isSafe shown) $"%A{shown}"
                    Expect.isLessThanOrEqual shown.Length Quoted.LongestLine name
            }

            test $"{name}: text in any script is kept, and no half of a surrogate pair remains" {
                Expect.stringContains (quote "ʒ ə 語 👄 é") "ʒ ə 語 👄 é" "short"

                for length in 100..103 do
                    for text in [ String.replicate 2000 "👄"; String('x', length) + String.replicate 2000 "👄" ] do
                        let shown = quote text
                        Expect.equal (Text.Encoding.UTF8.GetString(Text.Encoding.UTF8.GetBytes shown)) shown "valid"
            }

        test "text is quoted, trimmed and cut" {
            Expect.equal (Quoted.Text "  a b ") "\"a b\"" "short"
            Expect.equal (Quoted.Text "a\nb\u001bc") "\"a.b.c\"" "control characters"
            Expect.equal (Quoted.Text(String('x', 121))) ("\"" + String('x', 120) + "...\"") "long"
        }
        test "a harmless name is not quoted" {
            Expect.equal (Quoted.Unless "encoder.0.weight") "encoder.0.weight" "harmless"
            Expect.equal (Quoted.Unless "") "\"\"" "empty"
            Expect.equal (Quoted.Unless "a\tb") "\"a.b\"" "control character"
        }
        test "a long message keeps its beginning and its end" {
            let shown = Quoted.Line("begin " + String('x', 5000) + " end")
            Expect.stringStarts shown "begin xxx" "beginning"
            Expect.stringEnds shown "xxx end" "end"
            Expect.stringContains shown " ... " "gap"
        }
        test "a list shows what fits and counts the others" {
            Expect.equal (Quoted.List [| 1; -2; 3 |]) "1, -2, 3" "short"
            Expect.equal (Quoted.List([| 1.5; 2.0 |], " ")) "1.5 2" "another separator"
            let shown = Quoted.List [| 1..1_000_000 |]
            Expect.stringStarts shown "1, 2, 3, " "beginning"
            Expect.stringEnds shown "... (1000000 in all)" "end"
            Expect.isLessThan shown.Length 240 "length"
        }
    ]
