/// The tables of where a model errs, against counts by hand.
module Hybrid.Tests.ErrorAnalysisTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private labels (phones: string) =
    PhoneInventory.Arpabet.Labels(phones.Split(' ', StringSplitOptions.RemoveEmptyEntries))

let private result id reference hypothesis =
    let reference, hypothesis = labels reference, labels hypothesis
    UtteranceResult(id, 1.0, reference, hypothesis, EditDistance.Align(ReadOnlySpan reference, ReadOnlySpan hypothesis))

[<Tests>]
let tests =
    test "error analysis counts errors by phone, kind, speaker, length and corpus" {
        let manifest = [
            """{"id":"a","audio":"a.wav","speaker":"anna","corpus":"one","text":"HAND"}"""
            """{"id":"b","audio":"b.wav","speaker":"bert","corpus":"two","text":"LAND | SAND"}"""
        ]

        let utterances =
            withFolder (fun folder ->
                File.WriteAllLines(Path.Combine(folder, "manifest.jsonl"), manifest)
                Corpus.Read(folder).Utterances)

        // D for T; M inserted. AE deleted, S for Z.
        let evaluation =
            Evaluation [| result "a" "HH AE N D" "HH AE M N T"; result "b" "Z AE N D L AE N D" "S AE N D L N D" |]

        let lines = ErrorAnalysis.Markdown(evaluation, PhoneInventory.Arpabet, utterances).Split '\n'

        for line in
            [
                "### By kind of phone"
                // Of D D D, one is recognised as T.
                "| stop | 3 | 1 | 0 | 0 | 33.33 |"
                "| D | 3 | 1 | 0 | 0 | 33.33 | T 1 |"
                "| vowel | 3 | 0 | 1 | 0 | 33.33 |"
                // N N N are right, M is inserted.
                "| nasal | 3 | 0 | 0 | 1 | 33.33 |"
                "| anna | 1 | 4 | 1 | 0 | 1 | 50.00 |"
                "| bert | 1 | 8 | 1 | 1 | 0 | 25.00 |"
                "| 0 to 19 | 2 | 12 | 2 | 1 | 1 | 33.33 |"
                "| two | 1 | 8 | 1 | 1 | 0 | 25.00 |"
                "| b | 8 | 1 | 1 | 0 | 25.00 | LAND \\| SAND |"
            ] do
            Expect.contains lines line "a line of the tables"

        let place (title: string) = Array.IndexOf(lines, title)
        Expect.stringStarts lines[place "### Best utterances" + 4] "| b " "the best"
        Expect.stringStarts lines[place "### Worst utterances" + 4] "| a " "the worst"
    }
