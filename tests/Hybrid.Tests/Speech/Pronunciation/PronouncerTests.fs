/// Conversion of text to phones.
module Hybrid.Tests.PronouncerTests

open System
open Expecto
open Hybrid.Speech
open Hybrid.Tests

let private read = LexiconTests.read

let private first =
    LexiconTests.read [
        "HELLO  HH AH0 L OW1"
        "WORLD  W ER1 L D"
        "DON'T  D OW1 N T"
        "'TIS  T IH1 Z"
        "WELL  W EH1 L"
        "KNOWN  N OW1 N"
        "TWENTY-ONE  T W EH1 N"
    ]

let private second = LexiconTests.read [ "WORLD  AA1"; "NEW  N UW1"; "CAFÉ  K AE0 F EY1" ]

/// Words found and words missing, as text.
let private pronounce (lexicons: Lexicon list) text =
    let struct (words, missing) = Pronouncer(List.toArray lexicons).Pronounce text
    String.Join(" ", [ for word in words -> word.Spelling ]), String.Join(" ", missing)

let private phones (lexicons: Lexicon list) text =
    let struct (words, _) = Pronouncer(List.toArray lexicons).Pronounce text

    String.Join(
        " ",
        [
            for word in words do
                yield! word.Phones
        ]
    )

[<Tests>]
let pronouncer =
    testList "Pronouncer" [
        test "the phones of all words in order" {
            Expect.equal (phones [ first ] "hello world") "HH AH L OW W ER L D" "phones"
        }
        test "the first lexicon that has the word is used" {
            Expect.equal (phones [ first; second ] "world new") "W ER L D N UW" "first, then second"
            Expect.equal (phones [ second; first ] "world new") "AA N UW" "the other way round"
        }

        for text, words, missing in
            [
                "", "", ""
                " \t\n ", "", ""
                "Hello, WORLD!", "HELLO WORLD", ""
                "\"hello\" (world) ... - -- ?", "HELLO WORLD", ""
                "don't don’t don‘t", "DON'T DON'T DON'T", ""
                "'hello' ‘world’ 'tis", "HELLO WORLD 'TIS", ""
                "well-known", "WELL KNOWN", ""
                "well‐known well‑known -well-known-", "WELL KNOWN WELL KNOWN WELL KNOWN", ""
                "'well-known'", "WELL KNOWN", ""
                "twenty-one", "TWENTY-ONE", ""
                "well-read", "WELL", "READ"
                "hello zorro and zorro", "HELLO", "ZORRO AND ZORRO"
                "21 hello2", "HELLO", "TWENTY ONE TWO"
                "cafe\u0301 CAFÉ", "CAFÉ CAFÉ", ""
                "hello\u00A0world", "HELLO WORLD", ""
            ] do
            test $"\"{text}\" is {words}, without {missing}" {
                Expect.equal (pronounce [ first; second ] text) (words, missing) "words and missing words"
            }

        test "numbers and abbreviations are one word each, as written; noises are none" {
            let lexicon =
                read [ "DOCTOR D AA K T ER"; "SMITH S M IH TH"; "TWO T UW"; "A AH"; "M EH M"; "SIX S IH K S" ]

            let text = "Dr. Smith [laughter] 6 a.m. & 2"
            Expect.equal (pronounce [ lexicon ] text) ("Dr. SMITH 6 a.m. 2", "AND") "words and missing words"
            Expect.equal (phones [ lexicon ] "6 a.m.") "S IH K S EY EH M" "the letter A, not the article"
        }

        test "without lexicons, all words are missing" { Expect.equal (pronounce [] "hello") ("", "HELLO") "missing" }
    ]
