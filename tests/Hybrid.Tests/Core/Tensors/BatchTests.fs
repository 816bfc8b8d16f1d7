/// Results of an utterance do not depend on the other utterances or the padding of its batch.
module Hybrid.Tests.BatchTests

open System
open Expecto
open FsCheck.FSharp
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.TestSettings

/// The frames of an utterance: random numbers that follow from its key, as many as its length says.
let private frames (key: uint64) count =
    let random = CounterRandom(key).Fork("frames").Stream()
    Array.init count (fun _ -> float32 (random.Normal()))

/// A batch of utterances, each a key and a length; the frames beyond their ends contain `padding`, and the batch has
/// `extra` frames more than the longest utterance.
let private together features (padding: float32) extra (utterances: (uint64 * int) list) =
    let keys, lengths = List.toArray utterances |> Array.unzip
    let T, B = Array.max lengths + extra, lengths.Length

    let batch =
        Batch<float32>(Memory(Array.create (T * B * features) padding), T, B, features, Memory lengths, Memory keys)

    for b in 0 .. B - 1 do
        let own = frames keys[b] (lengths[b] * features)

        for t in 0 .. lengths[b] - 1 do
            own.AsSpan(t * features, features).CopyTo(batch.Row(t, b))

    batch

/// The outputs of every utterance by key.
let private outputs (network: Network<float32>) training (batch: Batch<float32>) =
    let y = network.Forward(batch, Pass(Workspace(ThreadTeam 1), training, CounterRandom 3UL))

    Map [
        for b in 0 .. y.B - 1 ->
            y.Keys.Span[b],
            [|
                for t in 0 .. y.Lengths.Span[b] - 1 do
                    yield! y.Row(t, b).ToArray()
            |]
    ]

/// Utterances of up to 30 frames; counterexamples are made of fewer and shorter ones.
let private someUtterances =
    let lengths = Gen.nonEmptyListOf (Gen.choose (0, 30))

    let shrink (lengths: int list) =
        seq {
            for i in 0 .. lengths.Length - 1 do
                if lengths.Length > 1 then
                    List.removeAt i lengths

                if lengths[i] > 1 then
                    List.updateAt i (lengths[i] / 2) lengths
        }

    Arb.fromGenShrink (Gen.resize 9 lengths, shrink)

let private independent name (spec: NetworkSpec) training =
    property
        $"{name}: neighbours, order and padding change no bit of an utterance's outputs"
        20
        someUtterances
        (fun lengths ->
            let network = Network<float32>(spec, 5UL)
            let outputs, together = outputs network training, together spec.Inputs
            let utterances = [ for b, length in List.indexed lengths -> uint64 (b + 1), length ]
            let expected = outputs (together 0f 0 utterances)
            Expect.equal (outputs (together 0f 0 (List.rev utterances))) expected "in another order"
            Expect.equal (outputs (together nanf 3 utterances)) expected "with other padding"

            for key, length in utterances do
                Expect.equal
                    (outputs (together 0f 0 [ key, length ]))
                    (Map [ key, expected[key] ])
                    $"utterance {key} alone")

/// The gradients of all weights, summed over batches; that of an utterance's outputs depends on nothing but the
/// utterance.
let private gradients (network: Network<float32>) (batches: (uint64 * int) list list) =
    network.ClearGradients()

    for utterances in batches do
        let pass = Pass(Workspace(ThreadTeam 1), true, CounterRandom 3UL)
        let y = network.Forward(together network.Spec.Inputs 0f 0 utterances, pass)
        let dy = y.With(Memory(Array.zeroCreate<float32> y.Data.Length), y.F)

        for b in 0 .. y.B - 1 do
            let own = frames (y.Keys.Span[b] + 1000UL) (y.Lengths.Span[b] * y.F)

            for t in 0 .. y.Lengths.Span[b] - 1 do
                own.AsSpan(t * y.F, y.F).CopyTo(dy.Row(t, b))

        network.Backward(dy, pass)

    [ for p in network.Parameters -> p.Name, Array.copy p.Gradient ]

/// |a - b| / |b| as vectors.
let private distance (a: float32[]) (b: float32[]) =
    let norm (x: seq<float>) = sqrt (Seq.sumBy (fun v -> v * v) x)
    norm (Seq.map2 (fun x y -> float x - float y) a b) / norm (Seq.map float b)

[<Tests>]
let tests =
    testList "batches" [
        for name, spec in [ "every kind of layer", Networks.everything; "the homework's layers", Networks.homework ] do
            independent $"evaluation, {name}" spec false

        independent "training without batch statistics" Networks.withoutBatchStatistics true

        property
            "gradients of a batch are the sum of those of its utterances"
            1
            (Arb.fromGen (Gen.listOfLength 32 (Gen.choose (1, 400))))
            (fun lengths ->
                let network = Network<float32>(Networks.withoutBatchStatistics, 5UL)
                let utterances = [ for b, length in List.indexed lengths -> uint64 (b + 1), length ]
                let whole = gradients network [ utterances ]

                for size in [ 1; 2; 7 ] do
                    for (name, expected), (_, actual) in
                        Seq.zip whole (gradients network (List.chunkBySize size utterances)) do
                        Expect.isBelow (distance actual expected) 1e-5 $"{name} in batches of {size}")
    ]
