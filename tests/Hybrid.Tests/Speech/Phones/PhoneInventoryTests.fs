/// The output symbols of a model.
module Hybrid.Tests.PhoneInventoryTests

open System
open Expecto
open Hybrid.Speech
open Hybrid.Tests.Refusal

/// CMU 11-785 homework 3: the names in the order of its table, which begins with the blank.
let private homework =
    "[SIL] NG F M AE R UW N IY AW V UH OW AA ER HH Z K CH W EY ZH T EH Y AH B P TH DH AO G L JH OY SH D AY S IH".Split
        ' '

[<Tests>]
let phoneInventory =
    testList "PhoneInventory" [
        test "the default is the blank and 40 phones in the order of CMU 11-785" {
            let inventory = PhoneInventory.Arpabet
            Expect.equal inventory.Count 41 "symbols"
            Expect.sequenceEqual inventory.Symbols (Array.append [| "" |] homework) "order"
            Expect.equal (Set homework).Count 40 "all different"
            Expect.equal PhoneInventory.Silence "[SIL]" "silence"
        }
        test "names and labels are inverse to each other" {
            let inventory = PhoneInventory.Arpabet
            Expect.sequenceEqual (inventory.Labels homework) [ 1..40 ] "labels"
            Expect.sequenceEqual (inventory.Names [ 40; 2; 2 ]) [ "IH"; "NG"; "NG" ] "names"

            for i in 1..40 do
                Expect.equal (inventory.TryGetIndex inventory.Symbols[i]) (true, i) inventory.Symbols[i]
        }
        test "the blank, other cases and unknown names are not phones" {
            for name in [ ""; "ih"; "XX"; " IH" ] do
                Expect.isFalse (fst (PhoneInventory.Arpabet.TryGetIndex name)) $"\"{name}\""
        }
        test "the message has all unknown phones once, and the known ones" {
            let inventory = PhoneInventory [ "a"; "b" ]
            let message names = messageOf<FormatException, _>(fun () -> inventory.Labels(Seq.ofList names))
            Expect.equal (message [ "a"; "x"; "y"; "x" ]) "unknown phones x, y; known are a b" "two"
            Expect.equal (message [ "x" ]) "unknown phone x; known are a b" "one"
        }
        test "any names, of any length and script" {
            let names = [ "t͡ʃ"; "ə"; "ɑ̃ː"; "語"; "A_B-1" ]
            let inventory = PhoneInventory names
            Expect.sequenceEqual (inventory.Names(inventory.Labels names)) names "there and back"
        }
        test "ambiguous names, and those that cannot be written to a file, are refused" {
            for names, problem in
                [
                    [ "a"; "" ], "a phone has no name"
                    [ "a"; " " ], "a phone has no name"
                    [ "a"; "b c" ], "phone \"b c\" has white space in its name"
                    [ "a"; "b"; "a" ], "phone a is a duplicate"
                ] do
                expectRefusal<ArgumentException, _> problem (fun () -> PhoneInventory names)
        }
        test "letters are those of the homework, and unique" {
            let arpabet = PhoneInventory.Arpabet
            let letters = String [| for label in arpabet.Labels homework -> arpabet.Letter label |]
            Expect.equal letters "-Gfm@runiWvUoaRhzkCweZtEyAbpTDcgljOSdYsI" "letters"
            Expect.equal (arpabet.Letter 0) ' ' "blank"
            Expect.equal (Set letters).Count 40 "letters"
        }
        test "a phone without a letter is named" {
            let inventory = PhoneInventory [ "AA"; "QQ" ]
            Expect.equal (inventory.Letter 1) 'a' "a letter does not depend on the order"
            expectRefusal<FormatException, _> "QQ" (fun () -> inventory.Letter 2)
        }
    ]
