/// Edit distance compared with its recursive definition.
module Hybrid.Tests.EditDistanceTests

open System
open Expecto
open Hybrid.Core

/// Definition: the cheapest of a match or substitution, a deletion and an insertion at the beginning.
let rec private distance reference hypothesis =
    match reference, hypothesis with
    | [], rest
    | rest, [] -> List.length rest
    | r :: reference', h :: hypothesis' ->
        List.min [
            distance reference' hypothesis' + (if r = h then 0 else 1)
            distance reference' hypothesis + 1
            distance reference hypothesis' + 1
        ]

let private align (reference: int[]) (hypothesis: int[]) = EditDistance.Align(reference, hypothesis)

let private letters (text: string) = [| for c in text -> int c |]

/// Fails unless the steps visit every label of both sides once, in order, and their kinds equal the counts.
let private expectConsistent (reference: int[]) (hypothesis: int[]) (a: EditAlignment) name =
    let indices side = [
        for step in a.Steps do
            if side step >= 0 then
                side step
    ]

    Expect.sequenceEqual (indices _.Reference) [ 0 .. reference.Length - 1 ] $"{name}: indices of the reference"
    Expect.sequenceEqual (indices _.Hypothesis) [ 0 .. hypothesis.Length - 1 ] $"{name}: indices of the hypothesis"
    let count kind = a.Steps |> Seq.filter kind |> Seq.length

    let pairs kind =
        count (fun s -> s.Reference >= 0 && s.Hypothesis >= 0 && kind reference[s.Reference] hypothesis[s.Hypothesis])

    Expect.equal (pairs (<>)) a.Substitutions $"{name}: substitutions"
    Expect.equal (count (fun s -> s.Hypothesis < 0)) a.Deletions $"{name}: deletions"
    Expect.equal (count (fun s -> s.Reference < 0)) a.Insertions $"{name}: insertions"
    Expect.equal a.Distance (a.Substitutions + a.Deletions + a.Insertions) $"{name}: sum"

[<Tests>]
let editDistance =
    testList "EditDistance" [
        test "equals the recursive definition, with consistent steps, on random sequences" {
            let random = CounterRandom(1UL).Stream()
            let sequence () = Array.init (random.Below 7) (fun _ -> random.Below 3)

            for _ in 1..500 do
                let reference, hypothesis = sequence (), sequence ()
                let name = $"%A{reference} against %A{hypothesis}"
                let a = align reference hypothesis
                Expect.equal a.Distance (distance (List.ofArray reference) (List.ofArray hypothesis)) name
                Expect.equal (align hypothesis reference).Distance a.Distance $"{name}, the other way round"
                expectConsistent reference hypothesis a name
        }
        test "the distance alone equals that of the alignment, for sequences of any kind" {
            let random = CounterRandom(3UL).Stream()

            for _ in 1..300 do
                let sequence () = Array.init (random.Below 200) (fun _ -> random.Below 4)
                let reference, hypothesis = sequence (), sequence ()
                let expected = (align reference hypothesis).Distance
                let text (labels: int[]) = String([| for label in labels -> char (int 'a' + label) |])
                Expect.equal (EditDistance.Distance(reference, hypothesis)) expected "labels"

                let upTo limit =
                    EditDistance.DistanceUpTo<char>(limit, (text reference).AsSpan(), (text hypothesis).AsSpan())

                Expect.equal (upTo expected) (Nullable expected) "characters, within the limit"

                if expected > 0 then
                    Expect.equal (upTo (expected - 1)) (Nullable()) "characters, beyond the limit"
        }
        test "a table in segments gives the alignment of the whole table" {
            let random = CounterRandom(4UL).Stream()

            for _ in 1..300 do
                let sequence () = Array.init (random.Below 40) (fun _ -> random.Below 3)
                let reference, hypothesis = sequence (), sequence ()
                let whole = align reference hypothesis

                for costs in [ 0; 50; 200; 1000 ] do
                    let parts = EditDistance.Align(reference, hypothesis, costs)
                    Expect.sequenceEqual parts.Steps whole.Steps $"{costs} costs kept"
                    Expect.equal parts.Distance whole.Distance $"{costs} costs kept"
        }
        test "20,000 labels against 20,000 are aligned in 40 MB" {
            let random = CounterRandom(5UL).Stream()
            let reference = Array.init 20_000 (fun _ -> random.Below 40)
            let hypothesis = Array.init 20_000 (fun i -> if i % 10 = 0 then random.Below 40 else reference[i])
            let before = GC.GetAllocatedBytesForCurrentThread()
            let alignment = align reference hypothesis
            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            Expect.isLessThan allocated 40_000_000L "bytes allocated"
            expectConsistent reference hypothesis alignment "20,000 labels"
            Expect.equal (EditDistance.Distance(reference, hypothesis)) alignment.Distance "the distance alone"
        }
        test "more pairs than the limit are refused before memory is allocated" {
            let labels = Array.zeroCreate 140_000
            let before = GC.GetAllocatedBytesForCurrentThread()

            Refusal.expectRefusal<ArgumentException, _>
                "140000 labels of the reference and 140000 of the hypothesis are too many to be aligned"
                (fun () -> align labels labels)

            Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 100_000L "bytes allocated"
        }
        test "steps are consistent on long sequences" {
            let random = CounterRandom(2UL).Stream()

            for length in [ 50; 300 ] do
                let reference = Array.init length (fun _ -> random.Below 40)

                let hypothesis = [|
                    for r in reference do
                        if random.Uniform() > 0.1 then
                            (if random.Uniform() < 0.1 then 99 else r)
                |]

                expectConsistent reference hypothesis (align reference hypothesis) $"{length} labels"
        }

        for reference, hypothesis, substitutions, deletions, insertions in
            [
                "", "", 0, 0, 0
                "abc", "abc", 0, 0, 0
                "abc", "", 0, 3, 0
                "", "abc", 0, 0, 3
                "kitten", "sitting", 2, 0, 1
                "saturday", "sunday", 1, 2, 0
                "flaw", "lawn", 0, 1, 1
                "aab", "ab", 0, 1, 0
                "abc", "axc", 1, 0, 0
            ] do
            test $"\"{reference}\" to \"{hypothesis}\" takes {substitutions} S, {deletions} D, {insertions} I" {
                let a = align (letters reference) (letters hypothesis)

                Expect.equal
                    (a.Substitutions, a.Deletions, a.Insertions)
                    (substitutions, deletions, insertions)
                    "counts"
            }

        test "ties, read from the end, prefer a pair to a deletion and a deletion to an insertion" {
            let steps reference hypothesis = [
                for step in (align (letters reference) (letters hypothesis)).Steps -> step.Reference, step.Hypothesis
            ]

            // Substituting twice and deleting with inserting both cost 2.
            Expect.equal (steps "ab" "ba") [ 0, 0; 1, 1 ] "two pairs"
            // The single b pairs with the last b of the reference.
            Expect.equal (steps "bb" "b") [ 0, -1; 1, 0 ] "the last of two equal labels"
            Expect.equal (steps "b" "bb") [ -1, 0; 0, 1 ] "the last of two equal labels of the hypothesis"
            // Deleting at one end and inserting at the other costs 2, whichever way.
            Expect.equal (steps "abab" "baba") [ -1, 0; 0, 1; 1, 2; 2, 3; 3, -1 ] "the deletion at the end"
        }

        test "the confusion matrix counts pairs, deletions and insertions" {
            let matrix = ConfusionMatrix()

            for reference, hypothesis in [ "kitten", "sitting"; "kit", "sit"; "ab", "b" ] do
                let r, h = letters reference, letters hypothesis
                matrix.Add(r, h, align r h)

            let none = ConfusionMatrix.None

            Expect.equal
                [ for struct (r, h, n) in matrix.Errors -> r, h, n ]
                [ int 'k', int 's', 2; none, int 'g', 1; int 'a', none, 1; int 'e', int 'i', 1 ]
                "errors, most frequent first"

            Expect.equal (matrix[int 't', int 't']) 3 "correct labels"
            Expect.equal (matrix[int 'x', int 't']) 0 "a pair that does not occur"
        }
    ]
