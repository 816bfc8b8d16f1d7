module Hybrid.Tests.TextNormalizerTests

open Expecto
open Hybrid.Speech

let private known = set [ "WE'RE"; "'TIS"; "DOGS'"; "U.S."; "MOTHER-IN-LAW"; "ROCK"; "ROLL" ]

let private normalizer = TextNormalizer(fun word -> known.Contains word)

let private spoken (text: string) =
    String.concat " " [
        for token in normalizer.Normalize text do
            yield! token.Words
    ]

let private written (text: string) = [ for token in normalizer.Normalize text -> token.Written ]

let private expect (rows: (string * string) list) =
    for text, words in rows do
        Expect.equal (spoken text) words text

[<Tests>]
let tests =
    testList "text normalizer" [
        test "punctuation separates words, apostrophes and hyphens are parts of words" {
            expect [
                "on\u2014to the hill", "ON TO THE HILL"
                "there,some one", "THERE SOME ONE"
                "wait\u2026what/why;so", "WAIT WHAT WHY SO"
                "we're well-known", "WE'RE WELL KNOWN"
                "we\u2019re", "WE'RE"
                "my mother-in-law", "MY MOTHER-IN-LAW"
                "'hello' 'tis the dogs'", "HELLO 'TIS THE DOGS'"
                "\u201cHello,\u201d (she) said!", "HELLO SHE SAID"
                "cafe\u0301", "CAF\u00c9"
                " -- . ? ", ""
            ]
        }

        test "numbers" {
            expect [
                "0 7 13 21 40 100 342", "ZERO SEVEN THIRTEEN TWENTY ONE FORTY ONE HUNDRED THREE HUNDRED FORTY TWO"
                "1,000,001", "ONE MILLION ONE"
                "25000", "TWENTY FIVE THOUSAND"
                "3.14", "THREE POINT ONE FOUR"
                "007", "ZERO ZERO SEVEN"
                "-5", "MINUS FIVE"
                "12345678901234567",
                "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE ZERO ONE TWO THREE FOUR FIVE SIX SEVEN"
                "1st 2nd 3rd 5th 12th 20th 101st", "FIRST SECOND THIRD FIFTH TWELFTH TWENTIETH ONE HUNDRED FIRST"
                "1/2 3/4 2/3 \u00bd", "ONE HALF THREE QUARTERS TWO THIRDS ONE HALF"
                "50% 7.5 %", "FIFTY PERCENT SEVEN POINT FIVE PERCENT"
            ]
        }

        test "years, dates and times" {
            expect [
                "in 1905", "IN NINETEEN OH FIVE"
                "1900 2000 2007 2024", "NINETEEN HUNDRED TWO THOUSAND TWO THOUSAND SEVEN TWENTY TWENTY FOUR"
                "the 1990s and '80s", "THE NINETEEN NINETIES AND EIGHTIES"
                "2024-05-01", "MAY FIRST TWENTY TWENTY FOUR"
                "3:30 p.m. 3:05 7:00 7 am", "THREE THIRTY P M THREE OH FIVE SEVEN O'CLOCK SEVEN A M"
            ]
        }

        test "money and units" {
            expect [
                "$5", "FIVE DOLLARS"
                "$1.01", "ONE DOLLAR AND ONE CENT"
                "$5.20", "FIVE DOLLARS AND TWENTY CENTS"
                "$0.99", "NINETY NINE CENTS"
                "\u00a31,200", "ONE THOUSAND TWO HUNDRED POUNDS"
                "$2.5 million", "TWO POINT FIVE MILLION DOLLARS"
                "5 km 1 kg 6ft 20\u00b0C 16 kHz",
                "FIVE KILOMETERS ONE KILOGRAM SIX FEET TWENTY DEGREES CELSIUS SIXTEEN KILOHERTZ"
            ]
        }

        test "abbreviations, initials and numerals" {
            expect [
                "Dr. Smith met Mrs. Jones", "DOCTOR SMITH MET MISSUS JONES"
                "Elm Dr. was wet", "ELM DRIVE WAS WET"
                "St. Paul on Main St.", "SAINT PAUL ON MAIN STREET"
                "the U.S. and the U.K.", "THE U.S. AND THE U K"
                "at 9 a.m.", "AT NINE A M"
                "No. 5", "NUMBER FIVE"
                "he said no.", "HE SAID NO"
                "Henry VIII, Chapter IV, World War II", "HENRY THE EIGHTH CHAPTER FOUR WORLD WAR TWO"
                "Malcolm X and I", "MALCOLM X AND I"
                "THE BIG MIX", "THE BIG MIX"
            ]
        }

        test "symbols and addresses are spoken" {
            expect [
                "rock & roll", "ROCK AND ROLL"
                "home + roll @ home", "HOME PLUS ROLL AT HOME"
                "see www.example.com", "SEE W W W DOT EXAMPLE DOT COM"
                "me@example.org", "ME AT EXAMPLE DOT ORG"
            ]
        }

        test "noises have no words; a token shows what was written" {
            let tokens = normalizer.Normalize "[laughter] well (coughs) (indeed) <noise>"
            Expect.equal (spoken "[laughter] well (coughs) (indeed) <noise>") "WELL INDEED" "words"

            Expect.equal
                [
                    for token in tokens do
                        if token.Kind = TextTokenKind.Noise then
                            token.Written
                ]
                [ "[laughter]"; "(coughs)"; "<noise>" ]
                "noises"

            Expect.equal
                (written "In 1905, Dr. Who paid $5.20.")
                [ "In"; "1905"; "Dr."; "Who"; "paid"; "$5.20" ]
                "written"
        }

        test "any text gives words of letters, digits, apostrophes, hyphens and full stops" {
            let random = System.Random 5
            let letters = " .,'-:/$%&@#()[]<>*0123456789abcXYZ\u00e9\u2019\u2014\u00bd\u00b0\u0301"

            for _ in 1..2000 do
                let text = System.String [| for _ in 1 .. random.Next 40 -> letters[random.Next letters.Length] |]

                for token in normalizer.Normalize text do
                    for word in token.Words do
                        Expect.isTrue
                            (word.Length > 0
                             && word |> Seq.forall (fun c -> System.Char.IsLetterOrDigit c || "'-.\u0301".Contains c))
                            $"{text}: {word}"
        }
    ]
