module Hybrid.Tests.Hw3p2SubmissionTests

open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private recognized phones =
    RecognitionResult([| TimedHypothesis([| for phone in phones -> Interval(phone, 0.0, 0.1, 1.0) |], -1.0) |], 1.0)

[<Tests>]
let tests =
    testList "submission" [
        test "a row per utterance, a letter per phone, and an empty label for what failed" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "out.csv")

                Hw3p2Submission.Write(
                    path,
                    PhoneInventory.Arpabet,
                    [ recognized [ "[SIL]"; "HH"; "AE"; "NG"; "AY" ]; recognized []; null; recognized [ "EY"; "EH" ] ]
                )

                Expect.equal (File.ReadAllText path) "index,label\n0,-h@GY\n1,\n2,\n3,eE\n" "file")
        }

        test "a phone without a letter leaves no file" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "out.csv")

                let error =
                    Expect.throwsC
                        (fun () -> Hw3p2Submission.Write(path, PhoneInventory [ "QQ" ], [ recognized [ "QQ" ] ]))
                        id

                Expect.stringContains error.Message "QQ has no letter" "message"
                Expect.isEmpty (Directory.GetFiles folder) "files")
        }
    ]
