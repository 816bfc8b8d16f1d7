/// The nearest word against a search through all words with the edit distance.
module Hybrid.Tests.NearestWordTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private letters (word: string) = [| for c in word -> int c |]

/// The definition: the smallest distance, the first in order; none where more than half of the letters differ.
let private search (words: string list) (word: string) =
    words
    |> List.map (fun known -> EditDistance.Align(letters word, letters known).Distance, known)
    |> List.filter (fun (distance, _) -> distance <= max 1 (word.Length / 2))
    |> List.sortWith (fun (d, a) (e, b) -> if d = e then String.CompareOrdinal(a, b) else compare d e)
    |> List.tryHead
    |> Option.map snd

let private lexicon folder (words: string seq) =
    let path = Path.Combine(folder, "words.txt")
    File.WriteAllLines(path, words |> Seq.map (fun word -> $"{word}  AA"))
    Lexicon.Read(path, PhoneInventory.Arpabet)

[<Tests>]
let tests =
    testList "nearest word" [
        test "equals the definition on random words" {
            withFolder (fun folder ->
                let random = Random 1
                let word () = String(Array.init (1 + random.Next 8) (fun _ -> char (int 'A' + random.Next 4)))
                let words = List.init 400 (fun _ -> word ()) |> List.distinct
                let nearest = NearestWord [ lexicon folder words ]

                for _ in 1..1000 do
                    let unknown = word ()
                    Expect.equal (Option.ofObj (nearest.Find unknown)) (search words unknown) unknown)
        }

        test "what is like no word has no nearest, however long it is" {
            withFolder (fun folder ->
                let nearest = NearestWord [ lexicon folder [ "HAND"; "LAMP" ] ]

                for unknown in [ "XYZ"; String('A', 1_000_000); "" ] do
                    Expect.isNull (nearest.Find unknown) unknown

                Expect.equal (nearest.Find "HANDD") "HAND" "one letter too many"
                Expect.isNull (NearestWord([]).Find "HAND") "no words")
        }
    ]
