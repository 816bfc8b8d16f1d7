/// Pronunciation of regular English inflections.
module Hybrid.Tests.EnglishInflectionsTests

open System
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private bases =
    dict [
        "WALK", "W AO K"
        "BAKE", "B EY K"
        "STOP", "S T AA P"
        "NEED", "N IY D"
        "STUDY", "S T AH D IY"
        "CHURCH", "CH ER CH"
        "DOG", "D AO G"
        "DOGS", "D AO G Z"
        "THERE", "DH EH R"
        "WHO", "HH UW"
        "FUSE", "F Y UW Z"
    ]

let private lookup word : Collections.Generic.IReadOnlyList<string> | null =
    match bases.TryGetValue word with
    | true, phones -> phones.Split ' '
    | _ -> null

let private inflected word =
    match EnglishInflections.Pronounce(word, lookup) with
    | null -> "none"
    | phones -> String.Join(' ', phones)

[<Tests>]
let tests =
    testList "English inflections" [
        for word, phones in
            [
                "WALKS", "W AO K S"
                "WALKED", "W AO K T"
                "WALKING", "W AO K IH NG"
                "BAKED", "B EY K T"
                "BAKING", "B EY K IH NG"
                "STOPPED", "S T AA P T"
                "STOPPING", "S T AA P IH NG"
                "NEEDED", "N IY D IH D"
                "STUDIES", "S T AH D IY Z"
                "STUDIED", "S T AH D IY D"
                "STUDYING", "S T AH D IY IH NG"
                "CHURCHES", "CH ER CH IH Z"
                "CHURCH'S", "CH ER CH IH Z"
                "FUSES", "F Y UW Z IH Z"
                "DOG'S", "D AO G Z"
                "DOGS'", "D AO G Z"
                "THERE'LL", "DH EH R AH L"
                "WHO'D", "HH UW D"
                "WHO'VE", "HH UW V"
                "ZORRO'S", "none"
                "DOGSS", "none"
                "WALK", "none"
            ] do
            test $"{word}: {phones}" { Expect.equal (inflected word) phones "phones" }

        test "on the inflections of CMUdict, 90 % of the pronunciations are one of the dictionary's" {
            let lexicon = Lexicon.Read(shared "data/cmudict/cmudict-0.7a.txt")

            let known word : Collections.Generic.IReadOnlyList<string> | null =
                match lexicon.TryGet word with
                | true, phones -> phones
                | _ -> null

            let compared = [
                for word in lexicon.Words do
                    if word.EndsWith "'S" || word.EndsWith "ED" || word.EndsWith "ING" then
                        match EnglishInflections.Pronounce(word, known) with
                        | null -> ()
                        | phones -> lexicon.Pronunciations word |> Seq.exists (Seq.forall2 (=) phones)
            ]

            let right = compared |> List.filter id |> List.length
            Expect.isGreaterThan compared.Length 9000 "inflections of known words"
            Expect.isGreaterThan (float right / float compared.Length) 0.9 "share that is right"
        }
    ]
