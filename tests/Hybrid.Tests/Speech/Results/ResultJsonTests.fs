/// Results as JSON fit their schema and read back.
module Hybrid.Tests.ResultJsonTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Refusal

let private recognition =
    let phone name a b = Interval(name, a, b, 0.75)

    RecognitionResult(
        [| TimedHypothesis([| phone "AA" 0.1 0.25 |], -0.5, -2.25, 0.5); TimedHypothesis([||], -infinity) |],
        1.0
    )

let private evaluation =
    let result (id: string) reference hypothesis =
        UtteranceResult(
            id,
            1.5,
            reference,
            hypothesis,
            EditDistance.Align(ReadOnlySpan reference, ReadOnlySpan hypothesis)
        )

    Evaluation [| result "a" [| 2; 3 |] [| 2; 4; 5 |]; result "b" [| 6 |] [||] |]

[<Tests>]
let tests =
    testList "result JSON" [
        test "recognitions fit the schema" {
            let json =
                ResultJson.Recognitions [| struct ("a b.wav", recognition); struct ("\u0283.wav", recognition) |]

            Schema.expectValid "recognitions" json
            Schema.expectValid "recognitions" (ResultJson.Recognitions [||])
            Expect.stringContains json "\"total\": -2.25" "scores add up"
            Expect.stringContains json "\"logProbability\": null" "minus infinity is null"
            Expect.stringContains json "\u0283.wav" "letters stay as they are"
        }

        test "evaluations fit the schema; confusions have deleted and inserted phones" {
            let json =
                ResultJson.Evaluation(
                    evaluation,
                    PhoneInventory.Arpabet,
                    [| SkippedUtterance("c", "why") |],
                    Fold.Find "arpabet-39"
                )

            Schema.expectValid "evaluation" json
            Schema.expectValid "evaluation" (ResultJson.Evaluation(Evaluation [||], PhoneInventory.Arpabet, [||]))

            for part in [ "\"fold\": \"arpabet-39\""; "\"reference\": null"; "\"hypothesis\": null" ] do
                Expect.stringContains json part part
        }

        test "alignments fit the schema and read back" {
            let json = ResultJson.Alignment TextGridTests.alignment
            Schema.expectValid "alignment" json
            let back = ResultJson.ReadAlignment json
            Expect.equal (ResultJson.Alignment back) json "the same text again"

            Expect.equal
                [ for w in back.Words -> w.Label ]
                [ for w in TextGridTests.alignment.Words -> w.Label ]
                "words"

            Expect.equal back.LogProbability -3.25 "log probability"
        }

        test "the check of the schema can fail" {
            let json = ResultJson.Alignment TextGridTests.alignment

            for from, into in
                [ "\"id\"", "\"name\""; "0.5", "1.5"; "-3.25", "3.25"; "\"phone\"", "\"word\""; "1.5,", "\"1.5\"," ] do
                Expect.isNonEmpty (Schema.check "alignment" (json.Replace(from, into))) $"{from} as {into}"
        }

        for part, json in
            [
                "not an alignment as JSON", "{"
                "not an alignment as JSON", "[]"
                "not an alignment as JSON", "{}"
                "durationSeconds is -1", "{\"id\":\"a\",\"durationSeconds\":-1}"
                "id is null", "{\"id\":null,\"durationSeconds\":1,\"words\":[],\"phones\":[],\"logProbability\":0}"
                "phones[0] runs from 0.5 to 0.25",
                "{\"id\":\"a\",\"durationSeconds\":1,\"words\":[],\
                \"phones\":[{\"phone\":\"A\",\"startSeconds\":0.5,\"endSeconds\":0.25,\
                \"confidence\":1}],\"logProbability\":0}"
                "endSeconds is 2, must be 0 to 1",
                "{\"id\":\"a\",\"durationSeconds\":1,\"words\":[],\
                \"phones\":[{\"phone\":\"A\",\"startSeconds\":0.5,\"endSeconds\":2,\
                \"confidence\":1}],\"logProbability\":0}"
            ] do
            test $"\"{part}\" is said of {json}" {
                expectRefusal<FormatException, _> part (fun () -> ResultJson.ReadAlignment json)
            }
    ]
