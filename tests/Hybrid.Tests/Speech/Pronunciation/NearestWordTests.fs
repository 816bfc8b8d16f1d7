/// The nearest word against a search of all words by edit distance.
module Hybrid.Tests.NearestWordTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech

let private letters (word: string) = [| for c in word -> int c |]

/// The definition: the smallest distance, the first in order; none if more than half of the letters differ.
let private search (words: string list) (word: string) =
    words
    |> List.map (fun known -> EditDistance.Align(letters word, letters known).Distance, known)
    |> List.filter (fun (distance, _) -> distance <= max 1 (word.Length / 2))
    |> List.sortWith (fun (d, a) (e, b) -> if d = e then String.CompareOrdinal(a, b) else compare d e)
    |> List.tryHead
    |> Option.map snd

[<Tests>]
let tests =
    testList "nearest word" [
        test "equals the definition on random words" {
            let random = Random 1
            let word () = String(Array.init (1 + random.Next 8) (fun _ -> char (int 'A' + random.Next 4)))
            let words = List.init 400 (fun _ -> word ()) |> List.distinct
            let nearest = NearestWord words

            for _ in 1..1000 do
                let unknown = word ()
                Expect.equal (Option.ofObj (nearest.Find unknown)) (search words unknown) unknown
        }

        test "a word of any length that is not similar to any has no nearest word" {
            let nearest = NearestWord [ "HAND"; "LAMP" ]

            for unknown in [ "XYZ"; String('A', 1_000_000); "" ] do
                Expect.isNull (nearest.Find unknown) unknown

            Expect.equal (nearest.Find "HANDD") "HAND" "one letter too many"
            Expect.isNull (NearestWord([]).Find "HAND") "no words"
        }
    ]
