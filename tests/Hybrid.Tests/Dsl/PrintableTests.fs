/// Control characters in text from data are escaped before it reaches a terminal, a page or a figure.
module Hybrid.Tests.PrintableTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open Hybrid.Dsl
open Hybrid.Tests.TestSettings

/// Any UTF-16 code units, more of the lowest ones.
let private texts =
    Gen.oneof [ Gen.choose (0, 0xFF); Gen.choose (0x2000, 0x2070); Gen.choose (0, 0xFFFF) ]
    |> Gen.map char
    |> Gen.arrayOf
    |> Gen.map String
    |> Arb.fromGen

[<Tests>]
let tests =
    testList "printable text" [
        for text, expected in
            [
                "HH AH L OW", "HH AH L OW"
                "Grüße, 音声, שלום 👋🏽", "Grüße, 音声, שלום 👋🏽"
                "\u001b[31mred", "\\x1B[31mred"
                "a\nb\r\tc", "a\\x0Ab\\x0D\\x09c"
                "\u0000\u007f\u009b31m", "\\x00\\x7F\\x9B31m"
                "abc\u202edef\u2066", "abcU+202EdefU+2066"
                "line\u2028break", "lineU+2028break"
                "\ufeffmark", "U+FEFFmark"
                "\U000e0041 tag", "U+E0041 tag"
                "می\u200cخواهم", "می\u200cخواهم"
            ] do
            test $"one line: %A{expected}" { Expect.equal (Printable.line text) expected "escaped" }

        test "one line: unpaired surrogates" {
            Expect.equal (Printable.line (String [| 'a'; char 0xD800; 'b'; char 0xDC00 |])) "aU+D800bU+DC00" "escaped"
        }

        test "a block keeps its line breaks and nothing else" {
            Expect.equal (Printable.block "a\u001b\r\nb\n\tc\rd") "a\\x1B\r\nb\n\\x09c\\x0Dd" "escaped"
        }

        property "no text leaves a control character" 300 texts (fun text ->
            Expect.isFalse (Printable.line text |> Seq.exists Char.IsControl) "a line"
            Expect.isFalse (Printable.line text |> Seq.exists (fun c -> c = '\u202e')) "a line"

            Expect.isFalse
                (Printable.block text |> Seq.exists (fun c -> Char.IsControl c && c <> '\n' && c <> '\r'))
                "a block")
    ]
