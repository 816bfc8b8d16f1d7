/// Damaged checkpoints are detected, and the previous one is used.
module Hybrid.Tests.CheckpointTests

open System
open System.Collections.Generic
open System.IO
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// Two frames of one feature, and one label.
let private data = {
    new IDataset with
        member _.Count = 1
        member _.Features = 1
        member _.Id _ = "u"
        member _.Frames _ = 2
        member _.Labels _ = [| 1 |]
        member _.CopyFeatures(_, destination) = destination.Fill 1f
}

let private trainer () =
    let network = Network<float32>(NetworkSpec(1, 2, [||], [| LinearSpec 2 |]), 1UL)

    let spec =
        TrainingSpec(1UL, 2, BatchSize(1, 10), SgdSpec(1e-2, 0.9), ConstantRate(), Averaging = AveragingSpec())

    Trainer(network, spec, data, data, ThreadTeam 1)

let private description = Dictionary(dict [ "hybrid.training.recipe", "{\"name\":\"tiny\"}" ])

/// Writes two checkpoints into a folder; the path of the latest.
let private write folder =
    let path = Path.Combine(folder, "checkpoint")
    let trainer = trainer ()
    Checkpoint.Write(path, trainer, description)
    trainer.Run() |> ignore
    Checkpoint.Write(path, trainer, description)
    path

/// Flips one bit of the latest checkpoint after another; each flip must be detected and the previous checkpoint used.
let private flip (choose: int -> bool) =
    withFolder (fun folder ->
        let path = write folder
        let bytes = File.ReadAllBytes path

        for bit in Seq.filter choose (seq { 0 .. 8 * bytes.Length - 1 }) do
            bytes[bit / 8] <- bytes[bit / 8] ^^^ (1uy <<< bit % 8)
            File.WriteAllBytes(path, bytes)
            bytes[bit / 8] <- bytes[bit / 8] ^^^ (1uy <<< bit % 8)
            let mutable notice = null
            let found = nonNull (Checkpoint.ReadLatest(path, &notice))

            if found.State.Epoch <> 0 || isNull notice then
                failtest $"bit {bit} of {8 * bytes.Length}: epoch {found.State.Epoch}, notice {notice}"

            Expect.stringContains (nonNull notice) "the previous checkpoint is used" "notice"
            Expect.isTrue (File.Exists(path + ".damaged") && not (File.Exists path)) "the damaged file is renamed"

        File.WriteAllBytes(path, bytes)
        Expect.equal (Checkpoint.Read path).State.Epoch 2 "without damage")

[<Tests>]
let tests =
    testList "Checkpoint" [
        test "flipped bits all over a checkpoint are detected" { flip (fun bit -> bit % 53 = 0) }
        longTest "every flipped bit of a checkpoint is detected" (fun () -> flip (fun _ -> true))

        test "a checkpoint cut anywhere is detected, and the previous one used" {
            withFolder (fun folder ->
                let path = write folder
                let bytes = File.ReadAllBytes path

                for length in 0..97 .. bytes.Length - 1 do
                    File.WriteAllBytes(path, bytes[.. length - 1])
                    let mutable notice = null
                    let found = nonNull (Checkpoint.ReadLatest(path, &notice))
                    Expect.equal found.State.Epoch 0 $"cut to {length} bytes")
        }

        test "files without a sum of the whole file are refused, as are header lengths beyond the format's" {
            withFolder (fun folder ->
                let path = write folder
                let refused text = expectRefusal<FormatException, _> text (fun () -> Checkpoint.Read path)
                let file = SafeTensors.Read path
                // As Hybrid 0.1 wrote it.
                let older = Dictionary file.Metadata
                older.Remove "hybrid.checkpoint.sha256" |> ignore
                older["hybrid.training.sha256"] <- String('A', 64)
                SafeTensors(older, file.Tensors).Write path
                refused "Hybrid 0.1"
                SafeTensors(Dictionary(), [||]).Write path
                refused "not a checkpoint"
                File.WriteAllBytes(path, BitConverter.GetBytes 5L)
                refused "torn"
                File.WriteAllText(path, "")
                refused "is empty"
                // A sparse file that is long enough for its header.
                use stream = File.Create path
                stream.Write(ReadOnlySpan(BitConverter.GetBytes 200_000_000L))
                stream.SetLength 300_000_000L
                stream.Dispose()
                refused "its header would have 200000000 bytes")
        }

        test "a sum that is right does not make a checkpoint" {
            withFolder (fun folder ->
                let path = write folder
                let file = SafeTensors.Read path

                for key, value, text in
                    [
                        "hybrid.training.state", "{\"epoch\":-1}", "no training is ever in the state"
                        "hybrid.training.state", "{", "not a checkpoint"
                        "hybrid.training.optimizerSteps", "x", "the metadata lack"
                    ] do
                    let metadata = Dictionary file.Metadata
                    metadata[key] <- value
                    Checkpoint.Sealed(SafeTensors(metadata, file.Tensors)).Write path
                    expectRefusal<FormatException, _> text (fun () -> Checkpoint.Read path))
        }

        test "metadata that quote the sum's name do not mislead the reader" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "checkpoint")
                let trap = Dictionary(dict [ "a", "\"hybrid.checkpoint.sha256\":\"" + String('0', 64) + "\"" ])
                Checkpoint.Write(path, trainer (), trap)
                Expect.equal (Checkpoint.Read path).Metadata["a"] trap["a"] "read"
                let text = Encoding.Latin1.GetString(File.ReadAllBytes path)
                Expect.stringContains text "hybrid.checkpoint.sha256" "the name is in the header")
        }
    ]
