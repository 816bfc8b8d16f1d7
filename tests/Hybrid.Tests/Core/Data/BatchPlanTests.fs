/// Partition of datasets into batches.
module Hybrid.Tests.BatchPlanTests

open System
open Expecto
open Hybrid.Core

/// Utterances of given lengths; feature f of frame t of utterance i is i + t / 1000 + f / 100.
let private dataset (frames: int[]) = {
    new IDataset with
        member _.Count = frames.Length
        member _.Features = 2
        member _.Id i = $"utterance {i}"
        member _.Frames i = frames[i]
        member _.Labels i = [| i + 1 |]

        member _.CopyFeatures(i, destination) =
            for k in 0 .. 2 * frames[i] - 1 do
                destination[k] <- float32 i + float32 (k / 2) / 1000f + float32 (k % 2) / 100f
}

let private lengths seed count =
    let stream = CounterRandom(seed).Stream()
    Array.init count (fun _ -> stream.Below 400)

let private plans (data: IDataset) size = [
    "shuffled", BatchPlan.Shuffled(data, size, CounterRandom 1UL)
    "sorted", BatchPlan.Sorted(data, size)
]

let private sizes = [
    BatchSize(1, 1)
    BatchSize(7, 100_000)
    BatchSize(1000, 1000)
    BatchSize(16, 2500)
    BatchSize(100_000, Int32.MaxValue)
]

/// Frames of a batch, padding included.
let private padded (frames: int[]) (batch: int[]) =
    batch.Length * (batch |> Array.map (fun i -> frames[i]) |> Array.max)

let private inEveryPlan check =
    for count in [ 1; 2; 50; 300 ] do
        let frames = lengths (uint64 count) count

        for size in sizes do
            for kind, plan in plans (dataset frames) size do
                check $"{kind}, {count} utterances, {size}" size frames (List.ofSeq plan)

[<Tests>]
let batchPlan =
    testList "BatchPlan" [
        test "every utterance is in exactly one batch, and no batch is empty" {
            inEveryPlan (fun name _ frames plan ->
                Expect.sequenceEqual (Seq.sort (Seq.concat plan)) [ 0 .. frames.Length - 1 ] name
                Expect.all plan (fun batch -> batch.Length > 0) name)
        }
        test "no batch has more utterances or frames than allowed, except for a single long utterance" {
            inEveryPlan (fun name size frames plan ->
                for batch in plan do
                    Expect.isLessThanOrEqual batch.Length size.Utterances name

                    if batch.Length > 1 then
                        Expect.isLessThanOrEqual (padded frames batch) size.Frames name)
        }
        test "the longest utterance is first" {
            inEveryPlan (fun name _ frames plan ->
                for batch in plan do
                    Expect.isDescending [ for i in batch -> frames[i] ] name)
        }
        test "batches are as full as the limits allow" {
            let frames = Array.create 100 10

            Expect.equal
                [ for b in BatchPlan.Sorted(dataset frames, BatchSize(30, 1000)) -> b.Length ]
                [ 30; 30; 30; 10 ]
                "30 utterances"

            Expect.equal
                [ for b in BatchPlan.Sorted(dataset frames, BatchSize(30, 209)) -> b.Length ]
                [ 20; 20; 20; 20; 20 ]
                "209 frames"
        }
        test "batches have little padding" {
            let frames = lengths 5UL 2000 |> Array.map ((+) 50)

            for kind, plan in plans (dataset frames) (BatchSize(16, 100_000)) do
                let waste = float (Seq.sumBy (padded frames) plan) / float (Array.sum frames)
                Expect.isLessThan waste 1.08 $"{kind}: frames with padding over frames without"
        }
        test "equal generators give equal plans, different ones give batches of other utterances" {
            let data = dataset (lengths 6UL 200)
            let plan seed = BatchPlan.Shuffled(data, BatchSize(8, 10_000), CounterRandom seed) |> List.ofSeq
            Expect.equal (plan 1UL) (plan 1UL) "seed 1 twice"
            let sets plan = Set [ for batch in plan -> Set.ofArray batch ]
            Expect.notEqual (sets (plan 1UL)) (sets (plan 2UL)) "batches of seeds 1 and 2"
        }
        test "shuffled batches do not come in order of length" {
            let frames = lengths 7UL 400

            let firsts = [
                for batch in BatchPlan.Shuffled(dataset frames, BatchSize(8, 10_000), CounterRandom 1UL) ->
                    frames[batch[0]]
            ]

            Expect.notEqual firsts (List.sort firsts) "longest frames of the batches"
        }
        test "no utterances make no batches" {
            for kind, plan in plans (dataset [||]) (BatchSize(8, 1000)) do
                Expect.isEmpty plan kind
        }
        test "a batch has the features of each utterance in its column, zeros after them, labels, ids and keys" {
            let frames = [| 3; 0; 5; 2 |]
            let data = dataset frames

            for threads in [ 1; 2 ] do
                let batch = LabelledBatch.Read(data, [| 2; 0; 1 |], ThreadTeam threads)
                let x = batch.Features
                Expect.equal (x.T, x.B, x.F) (5, 3, 2) "size"
                Expect.equal batch.Ids [| "utterance 2"; "utterance 0"; "utterance 1" |] "ids"
                Expect.equal batch.Labels [| [| 3 |]; [| 1 |]; [| 2 |] |] "labels"
                Expect.equal (x.Lengths.ToArray()) [| 5; 3; 0 |] "lengths"

                for b, i in [ 0, 2; 1, 0; 2, 1 ] do
                    for t in 0..4 do
                        let expected =
                            if t < frames[i] then
                                [| float32 i + float32 t / 1000f; float32 i + float32 t / 1000f + 0.01f |]
                            else
                                [| 0f; 0f |]

                        Expect.equal (x.Row(t, b).ToArray()) expected $"utterance {i}, frame {t}"

            let key (utterances: int[]) b = LabelledBatch.Read(data, utterances, ThreadTeam 1).Features.Keys.Span[b]
            Expect.equal (key [| 2; 0 |] 1) (key [| 0; 1; 3 |] 0) "the key of an utterance does not depend on its index"
            Expect.notEqual (key [| 2; 0 |] 0) (key [| 2; 0 |] 1) "keys of different utterances"
        }
        test "invalid sizes are reported" {
            Expect.sequenceEqual
                (BatchSize(0, -1).Problems())
                [ "utterances per batch is 0, must be at least 1"; "frames per batch is -1, must be at least 1" ]
                "problems"

            Expect.isEmpty (BatchSize(1, 1).Problems()) "no problems"
        }
    ]
