/// TextGrid and CTM: what is written reads back, and files of others are read or refused.
module Hybrid.Tests.TextGridTests

open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Refusal

let private interval label (a: float) (b: float) = Interval(label, a, b, 0.5)

/// IPA and quotation marks in names, pauses at the beginning, between words and at the end.
let alignment =
    Alignment(
        "re\u00e7u",
        1.5,
        [| interval "say" 0.1 0.4; interval "\"t\u0283i\"" 0.6 1.1 |],
        [|
            interval "S" 0.1 0.25
            interval "EY" 0.25 0.4
            interval "t\u0361\u0283" 0.6 0.8333333333333334
            interval "i\u02d0" 0.8333333333333334 1.1
        |],
        -3.25
    )

let private cells (tier: TextGridTier) = [ for i in tier.Intervals -> i.StartSeconds, i.EndSeconds, i.Label ]

/// As Praat writes it, with a comment and the forms that its manual allows.
let private praat =
    "File type = \"ooTextFile\"\r\nObject class = \"TextGrid\"\r\n\r\nxmin = 0 \r\nxmax = 2.3 \r\n\
    tiers? <exists> \r\nsize = 1 \r\nitem []: \r\n    item [1]:\r\n        class = \"IntervalTier\" \r\n        \
    name = \"Mary \"\"x\"\"\" ! a comment with 3 numbers\r\n        xmin = 0 \r\n        \
    xmax = 2.3 \r\n        intervals: size = 2 \r\n        intervals [1]:\r\n            \
    xmin = 0 \r\n            xmax = 1.5 \r\n            text = \"\" \r\n        \
    intervals [2]:\r\n            xmin = 1.5 \r\n            xmax = 2.3 \r\n            \
    text = \"1 hello\" \r\n"

let private short =
    "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n2.3\n<exists>\n1\n\"IntervalTier\"\n\
    \"Mary \"\"x\"\"\"\n0\n2.3\n2\n0\n1.5\n\"\"\n1.5\n2.3\n\"1 hello\"\n"

[<Tests>]
let textGrid =
    testList "TextGrid" [
        test "tiers fill the recording without gaps, words over their phones, pauses empty" {
            let grid = TextGrid.Of alignment
            Expect.equal [ for tier in grid.Tiers -> tier.Name ] [ "words"; "phones" ] "tiers"

            Expect.equal
                (cells grid.Tiers[0])
                [ 0.0, 0.1, ""; 0.1, 0.4, "say"; 0.4, 0.6, ""; 0.6, 1.1, "\"t\u0283i\""; 1.1, 1.5, "" ]
                "words"

            for tier in grid.Tiers do
                let ends = [
                    0.0
                    for i in tier.Intervals do
                        i.EndSeconds
                ]

                Expect.equal
                    [ for i in tier.Intervals -> i.StartSeconds ]
                    ends[.. ends.Length - 2]
                    $"{tier.Name}: each begins where the one before ends"

                Expect.equal (List.last ends) 1.5 $"{tier.Name}: to the end"

            Expect.equal
                [ for tier in (TextGrid.Of(Alignment("x", 0.5, [||], [||], 0.0))).Tiers -> tier.Name, cells tier ]
                [ "phones", [ 0.0, 0.5, "" ] ]
                "nothing aligned"
        }

        for shortForm in [ false; true ] do
            test $"what is written reads back to the last digit, short form {shortForm}" {
                let grid = TextGrid.Of alignment
                let back = TextGrid.Read(grid.Write shortForm)
                Expect.equal back.EndSeconds grid.EndSeconds "end"

                Expect.equal
                    [ for tier in back.Tiers -> tier.Name, cells tier ]
                    [ for tier in grid.Tiers -> tier.Name, cells tier ]
                    "tiers"
            }

        for name, text in [ "long", praat; "short", short ] do
            test $"Praat's {name} form" {
                let grid = TextGrid.Read text
                Expect.equal grid.EndSeconds 2.3 "end"

                Expect.equal
                    [ for tier in grid.Tiers -> tier.Name, cells tier ]
                    [ "Mary \"x\"", [ 0.0, 1.5, ""; 1.5, 2.3, "1 hello" ] ]
                    "tiers"
            }

        test "the long form is Praat's to the letter" {
            let grid =
                TextGrid(
                    2.3,
                    [| TextGridTier("Mary \"x\"", [| Interval("", 0.0, 1.5); Interval("1 hello", 1.5, 2.3) |]) |]
                )

            let trimmed (text: string) = [ for line in text.Split '\n' -> line.TrimEnd() ]
            Expect.equal (trimmed (grid.Write())) (trimmed (praat.Replace(" ! a comment with 3 numbers", ""))) "long"
            Expect.equal (grid.Write true) short "short"
        }

        test "a recognition has a tier for each hypothesis" {
            let phone name a b = Interval(name, a, b, 1.0)

            let grid =
                TextGrid.Of(
                    RecognitionResult(
                        [|
                            TimedHypothesis([| phone "S" 0.1 0.2 |], -1.0)
                            TimedHypothesis([| phone "Z" 0.1 0.3 |], -2.0)
                        |],
                        0.5
                    )
                )

            Expect.equal
                [ for tier in grid.Tiers -> tier.Name, cells tier ]
                [
                    "phones", [ 0.0, 0.1, ""; 0.1, 0.2, "S"; 0.2, 0.5, "" ]
                    "phones 2", [ 0.0, 0.1, ""; 0.1, 0.3, "Z"; 0.3, 0.5, "" ]
                ]
                "tiers"
        }

        for part, text in
            [
                "line 1: the file type is missing", ""
                "not a TextGrid", "\"ooTextFile\" \"Sound\""
                "<exists> is missing", short.Replace("<exists>", "<absent>")
                "line 8: a tier is a \"TextTier\"", short.Replace("IntervalTier", "TextTier")
                "the number of tiers is 2.5", short.Replace("<exists>\n1", "<exists>\n2.5")
                "the number of intervals is 1000000", short.Replace("2.3\n2\n", "2.3\n1000000\n")
                "line 17: an interval runs from 1.5 to 1.3", short.Replace("1.5\n2.3\n\"1", "1.5\n1.3\n\"1")
                "no closing quotation mark", short.Replace("hello\"", "hello")
            ] do
            test $"\"{part}\"" { expectRefusal<System.FormatException, _> part (fun () -> TextGrid.Read text) }
    ]

[<Tests>]
let ctm =
    testList "CTM" [
        test "a line for each label, which does not reach into the next one" {
            Expect.equal
                (Ctm.Write("my file", alignment.Phones))
                "my%20file 1 0.1000 0.1500 S 0.5000\n\
                my%20file 1 0.2500 0.1500 EY 0.5000\n\
                my%20file 1 0.6000 0.2333 t\u0361\u0283 0.5000\n\
                my%20file 1 0.8333 0.2667 i\u02d0 0.5000\n"
                "text"
            // Rounded on their own, start and duration would end at 0.0002 behind the next start.
            let lines =
                Ctm.Read(new StringReader(Ctm.Write("a", [| interval "x" 0.00006 0.00016; interval "y" 0.00016 0.1 |])))

            Expect.isLessThanOrEqual lines[0].Interval.EndSeconds lines[1].Interval.StartSeconds "no overlap"
        }

        test "CTM reads back to a tenth of a millisecond; confidence is optional, comments are skipped" {
            let back =
                Ctm.Read(new StringReader(";; comment\n\n" + Ctm.Write("a", alignment.Phones) + "b A 1 0.5 hello\n"))

            Expect.equal
                [ for line in back -> line.Recording, line.Channel, line.Interval.Label ]
                [ "a", "1", "S"; "a", "1", "EY"; "a", "1", "t\u0361\u0283"; "a", "1", "i\u02d0"; "b", "A", "hello" ]
                "lines"

            Expect.equal back[4].Interval (Interval("hello", 1.0, 1.5, 1.0)) "without confidence"

            for line, expected in Seq.zip back alignment.Phones do
                Expect.floatClose
                    { absolute = 1e-4; relative = 0.0 }
                    line.Interval.StartSeconds
                    expected.StartSeconds
                    "start"

                Expect.floatClose { absolute = 1e-4; relative = 0.0 } line.Interval.EndSeconds expected.EndSeconds "end"
        }

        for part, text in
            [
                "line 2: \"a 1 0.5\" is not recording", "\na 1 0.5"
                "line 1: -1 is not a time in seconds", "a 1 -1 0.5 x"
                "line 1: NaN is not a time in seconds", "a 1 0 NaN x"
                "line 1: 1.5 is not a confidence in 0..1", "a 1 0 1 x 1.5"
            ] do
            test $"\"{part}\"" {
                expectRefusal<System.FormatException, _> part (fun () -> Ctm.Read(new StringReader(text)))
            }
    ]
