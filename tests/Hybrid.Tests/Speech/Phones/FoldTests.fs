/// Folds, and error rates scored by hand, with and without a fold.
module Hybrid.Tests.FoldTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// Reference, hypothesis; substitutions, deletions and insertions without a fold, and without silence.
let private scored = [
    // Pairs are preferred from the end: UW substitutes the last silence; OW and the first silence are deleted.
    "[SIL] HH AH L OW [SIL]", "HH AH L UW", (1, 2, 0), (1, 0, 0)
    // A second D.
    "W ER L D", "W ER L D D", (0, 0, 1), (0, 0, 1)
    // T and silence are substituted, by silence and S; without silence, T by S.
    "K AE T [SIL] S", "K AE [SIL] S S", (2, 0, 0), (1, 0, 0)
    // All deleted.
    "S IH T", "", (0, 3, 0), (0, 3, 0)
    "AY", "AY", (0, 0, 0), (0, 0, 0)
]

let private labels (phones: string) =
    PhoneInventory.Arpabet.Labels(phones.Split(' ', StringSplitOptions.RemoveEmptyEntries))

let private evaluation =
    Evaluation [|
        for i, (reference, hypothesis, _, _) in List.indexed scored ->
            let r, h = labels reference, labels hypothesis
            UtteranceResult(string i, 2.0, r, h, EditDistance.Align(ReadOnlySpan r, ReadOnlySpan h))
    |]

let private counts (e: Evaluation) = [
    for u in e.Utterances -> u.Alignment.Substitutions, u.Alignment.Deletions, u.Alignment.Insertions
]

let private close = Expect.floatClose { absolute = 1e-9; relative = 0.0 }

let private confusions (inventory: PhoneInventory) (e: Evaluation) =
    let name label =
        if label = ConfusionMatrix.None then
            "-"
        else
            inventory.Symbols[label]

    set [ for struct (r, h, n) in e.ConfusionMatrix().Errors -> name r, name h, n ]

[<Tests>]
let tests =
    testList "folds" [
        test "error rates without a fold equal those scored by hand" {
            Expect.equal
                (counts evaluation)
                [ for _, _, expected, _ in scored -> expected ]
                "substitutions, deletions, insertions"

            Expect.equal evaluation.ReferenceLabels 19 "reference phones"
            close evaluation.Per (100.0 * 9.0 / 19.0) "9 errors of 19 phones"
            close evaluation.AverageDistance 1.8 "9 errors in 5 utterances"

            Expect.equal
                (confusions PhoneInventory.Arpabet evaluation)
                (set [
                    "[SIL]", "-", 1
                    "[SIL]", "UW", 1
                    "OW", "-", 1
                    "-", "D", 1
                    "T", "[SIL]", 1
                    "[SIL]", "S", 1
                    "S", "-", 1
                    "IH", "-", 1
                    "T", "-", 1
                ])
                "confusions"
        }

        test "error rates without silence equal those scored by hand" {
            let fold = Fold.Find "arpabet-39"
            let folded = fold.Apply(evaluation, PhoneInventory.Arpabet)

            Expect.equal
                (counts folded)
                [ for _, _, _, expected in scored -> expected ]
                "substitutions, deletions, insertions"

            Expect.equal folded.ReferenceLabels 16 "reference phones"
            close folded.Per 37.5 "6 errors of 16 phones"
            close folded.AverageDistance 1.2 "6 errors in 5 utterances"
            close folded.Loss evaluation.Loss "the loss is that of the network's labels"

            Expect.equal
                (confusions fold.Inventory folded)
                (set [ "OW", "UW", 1; "-", "D", 1; "T", "S", 1; "S", "-", 1; "IH", "-", 1; "T", "-", 1 ])
                "confusions"
        }

        test "CMUdict's phones without silence" {
            let fold = Fold.Find "arpabet-39"
            Expect.equal (Seq.length fold.Inventory.Symbols - 1) 39 "phones"
            let phones = PhoneInventory.Arpabet.Symbols |> Seq.skip 1 |> Array.ofSeq

            Expect.sequenceEqual (fold.Apply phones) (phones |> Array.filter ((<>) PhoneInventory.Silence)) "unchanged"
        }

        test "TIMIT's 61 phones become 48 and 39" {
            let path = Path.Combine(root, "src-csharp", "Hybrid.Speech", "Phones", "folds", "timit-39.txt")

            let rows = [
                for line in File.ReadLines path do
                    if not (line.StartsWith '#') then
                        line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            ]

            Expect.equal rows.Length 61 "phones"

            Expect.equal
                (List.distinct [
                    for row in rows do
                        if row.Length > 1 then
                            row[1]
                ])
                    .Length
                48
                "for training"

            let fold = Fold.Find "timit-39"
            Expect.equal (Seq.length fold.Inventory.Symbols - 1) 39 "for scoring"

            Expect.sequenceEqual
                (fold.Apply [| "h#"; "sh"; "ix"; "hv"; "eh"; "dcl"; "d"; "q"; "ao"; "zh" |])
                [ "sil"; "sh"; "ih"; "hh"; "eh"; "sil"; "d"; "aa"; "sh" ]
                "some of each kind"
        }

        test "a custom table, and invalid ones" {
            let read (text: string) = Fold.Read("mine", new StringReader(text))
            let fold = read "# a comment\nAA AO\nAO  AO\nSIL\n"
            Expect.sequenceEqual (fold.Apply [| "SIL"; "AA"; "AO" |]) [ "AO"; "AO" ] "folded"

            expectRefusal<FormatException, _> "mine has no B, D" (fun () -> fold.Apply [| "AA"; "B"; "D"; "B" |])

            expectRefusal<FormatException, _> "line 2: phone AA is a duplicate" (fun () -> read "AA AO\nAA AA")
            expectRefusal<FormatException, _> "no phone is left" (fun () -> read "AA\n")

            expectRefusal<IOException, _> "no fold and no file named other; folds are arpabet-39, timit-39" (fun () ->
                Fold.Find "other")

            withFolder (fun folder ->
                let path = Path.Combine(folder, "own.txt")
                File.WriteAllText(path, "A B\nA C\n")
                expectRefusal<FormatException, _> "own.txt: line 2" (fun () -> Fold.Find path)
                File.WriteAllText(path, "A B\nC B\n")
                Expect.equal (Fold.Find path).Name "own" "name")
        }
    ]
