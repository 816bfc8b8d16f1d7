/// Pronunciation dictionaries: formats and messages.
module Hybrid.Tests.LexiconTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// Reads a dictionary with the given lines.
let read (lines: string list) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "lexicon.txt")
        File.WriteAllLines(path, lines)
        Lexicon.Read(path, PhoneInventory.Arpabet))

let private pronunciation (lexicon: Lexicon) word =
    match lexicon.TryGet word with
    | true, phones -> String.Join(' ', phones)
    | false, _ -> "none"

let private refusal lines =
    let message = messageOf<FormatException, _>(fun () -> read lines)
    message[message.IndexOf "lexicon.txt" ..]

[<Tests>]
let lexicon =
    testList "Lexicon" [
        for format, lines in
            [
                "CMUdict", [ "HELLO  HH AH0 L OW1"; "HELLO(2)  HH EH0 L OW1"; "WORLD'S  W ER1 L D Z" ]
                "CMUdict with variant numbers",
                [ "HELLO 1 HH AH0 L OW1"; "HELLO 2 HH EH0 L OW1"; "WORLD'S 1 W ER1 L D Z" ]
                "word, comma, phones", [ "HELLO,HH AH L OW"; "WORLD'S,W ER L D Z" ]
                "lower case, tabs and spaces", [ "hello\thh ah0 l ow1  "; "  world's w er1 l d z" ]
                "comments and empty lines",
                [ ";;; CMUdict"; "# more"; ""; "   "; "HELLO  HH AH0 L OW1"; "WORLD'S  W ER1 L D Z"; "" ]
            ] do
            test format {
                let lexicon = read lines
                Expect.equal lexicon.Count 2 "words"
                Expect.equal (pronunciation lexicon "HELLO") "HH AH L OW" "first pronunciation, without stress"
                Expect.equal (pronunciation lexicon "WORLD'S") "W ER L D Z" "the other word"
                Expect.equal (pronunciation lexicon "HELLO(2)") "none" "the variant is no word"
                Expect.equal (pronunciation lexicon "hello") "none" "words are looked up in upper case"
            }

        test "the first of several pronunciations is kept, with any number" {
            let lexicon = read [ "A(2)  EY1"; "A  AH0"; "THE,DH AH"; "THE,DH IY" ]
            Expect.equal (pronunciation lexicon "A") "EY" "variant first"
            Expect.equal (pronunciation lexicon "THE") "DH AH" "the same word twice"
        }
        test "words that resemble markup" {
            let lexicon = read [ "A.  EY1"; "(PAREN  P ER0 EH1 N"; "'TIS  T IH1 Z"; "A42128 1 EY1 F AO1 R" ]
            Expect.equal (pronunciation lexicon "A.") "EY" "with a stop"
            Expect.equal (pronunciation lexicon "(PAREN") "P ER EH N" "a parenthesis at the beginning is no variant"
            Expect.equal (pronunciation lexicon "'TIS") "T IH Z" "with an apostrophe"
            Expect.equal (pronunciation lexicon "A42128") "EY F AO R" "with digits"
        }
        test "lines without phones and with unknown ones are left out, each with its number and the reason" {
            let lexicon = read [ "HELLO  HH AH0"; "WORLD"; "THERE  DH AX0 R"; "NEW  N UW" ]
            Expect.equal (Seq.toList lexicon.Words) [ "HELLO"; "NEW" ] "the other words"

            Expect.equal
                lexicon.SkippedLines[0]
                "line 2: \"WORLD\" has no pronunciation; a line is WORD PH PH or WORD,PH PH"
                "no phones"

            Expect.stringStarts lexicon.SkippedLines[1] "line 3: unknown phone AX; known are [SIL] NG F " "phone"
            Expect.equal lexicon.SkippedLines.Count 2 "lines"
        }

        test "comments after a word, probabilities of the Montreal Forced Aligner, NFD and curly apostrophes" {
            let lexicon =
                read [
                    "aalborg AO1 L B AO0 R G # place, danish"
                    "hello\t0.99\t0.2\t1.0\t1.1\tHH AH0 L OW1"
                    "hello\t0.3\tHH EH0 L OW1"
                    "cafe\u0301 K AE F EY"
                    "we\u2019re W IY R"
                ]

            let expected = [ "AALBORG", "AO L B AO R G"; "HELLO", "HH AH L OW"; "CAFÉ", "K AE F EY"; "WE'RE", "W IY R" ]

            for word, phones in expected do
                Expect.equal (pronunciation lexicon word) phones word

            Expect.equal
                [ for variant in lexicon.Pronunciations "HELLO" -> String.Join(' ', variant) ]
                [ "HH AH L OW"; "HH EH L OW" ]
                "variants in order"

            Expect.isEmpty (lexicon.Pronunciations "NOWHERE") "an unknown word"
        }

        test "a line in Latin-1 is left out" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "lexicon.txt")
                File.WriteAllBytes(path, Text.Encoding.Latin1.GetBytes "HI HH AY1\nDÉJÀ D EY2 ZH AA1\n")
                let lexicon = Lexicon.Read path
                Expect.equal (Seq.toList lexicon.Words) [ "HI" ] "the other word"
                Expect.stringContains lexicon.SkippedLines[0] "line 2: " "line"
                Expect.stringContains lexicon.SkippedLines[0] "has bytes that are not UTF-8" "reason")
        }

        test "a file without a usable line is refused with file, line and text" {
            Expect.stringContains (refusal [ "WORLD," ]) "line 1: \"WORLD,\" has no pronunciation" "comma"
            Expect.stringContains (refusal [ "WORLD 1" ]) "line 1: \"WORLD 1\" has no pronunciation" "variant number"
        }
        test "an unknown phone is refused with file, line and the known phones" {
            let message = refusal [ "# comment"; ""; "HELLO  HH AX0 L OW1" ]
            Expect.stringStarts message "lexicon.txt, line 3: unknown phone AX; known are [SIL] NG F " "message"
        }
        test "a file without pronunciations is refused" {
            for lines in [ []; [ "" ]; [ ";;; nothing"; "# nothing" ] ] do
                Expect.equal (refusal lines) "lexicon.txt: no pronunciations" $"%A{lines}"
        }
        test "a missing file is an IOException" {
            expectRefusal<IOException, _> "missing.txt" (fun () -> Lexicon.Read("missing.txt", PhoneInventory.Arpabet))
        }
        test "CMUdict is read whole; the built-in words are pronounced as in it" {
            let dictionary = Lexicon.Read(shared "data/cmudict/cmudict-0.7a.txt", PhoneInventory.Arpabet)
            Expect.isGreaterThan dictionary.Count 100_000 "words"

            for word in WordList.All do
                Expect.equal (String.Join(' ', word.Phones)) (pronunciation dictionary word.Spelling) word.Spelling
                Expect.equal (pronunciation Lexicon.BuiltIn word.Spelling) (String.Join(' ', word.Phones)) word.Spelling
        }
        test "the lexicon of LibriSpeech is read" {
            let lexicon = Lexicon.Read(shared "data/cmudict/librispeech-lexicon.txt", PhoneInventory.Arpabet)
            Expect.equal (pronunciation lexicon "AARONSON") "AA R AH N S AH N" "one of its words"
        }

        test "the phones are ARPAbet's unless others are given, and a lexicon prints its first words" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "words.txt")
                File.WriteAllLines(path, [ "HI  HH AY1"; "YOU  Y UW1" ])
                let lexicon = Lexicon.Read path
                Expect.equal (pronunciation lexicon "HI") "HH AY" "stress is removed"
                Expect.equal (string lexicon) "lexicon of 2 words: HI YOU" "text"

                let other = Lexicon.Read(path, PhoneInventory [| "Y"; "UW" |])
                Expect.equal (Seq.toList other.Words) [ "YOU" ] "words of other phones"
                Expect.stringStarts (Seq.exactlyOne other.SkippedLines) "line 1: unknown phone HH" "skipped")
        }
    ]
