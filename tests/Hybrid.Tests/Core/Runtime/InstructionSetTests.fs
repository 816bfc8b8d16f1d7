/// The same bits with registers of every width and any number of threads; right results without vector instructions.
module Hybrid.Tests.InstructionSetTests

open System
open System.Runtime.Intrinsics
open System.Runtime.InteropServices
open System.Security.Cryptography
open Expecto
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.TestSettings

let private networks =
    dict [ "everything", Networks.everything; "homework", Networks.homework; "wide", Networks.wide ]

/// A fingerprint of all weights and statistics after 50 steps of training.
let private trained (name: string) threads =
    let spec = networks[name]
    let trainer = Networks.trainer spec threads

    let batches = [|
        for seed, lengths in [ 1UL, [| 12; 9; 31; 20 |]; 2UL, [| 25; 25; 4; 7; 13; 1; 18; 22; 30 |]; 3UL, [| 40 |] ] ->
            Networks.batch spec seed lengths
    |]

    for step in 0..49 do
        trainer.Step(batches[step % batches.Length], 1e-2) |> ignore

    use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

    for p in trainer.Network.Parameters do
        hash.AppendData(MemoryMarshal.AsBytes p.Value)

    Convert.ToHexString(hash.GetHashAndReset())

/// The output of this program for `--trained NETWORK THREADS`: the width of its registers and the fingerprint.
let answer name threads =
    let width =
        if Vector512.IsHardwareAccelerated then 512
        elif Vector256.IsHardwareAccelerated then 256
        else 128

    $"{width} {trained name threads}"

/// The same from a process of its own.
let private ask variables name (threads: int) =
    let finished = Process.tests variables [ "--trained"; name; string threads ]
    Expect.equal finished.ExitCode 0 (string finished)
    finished.Output.Trim()

let private narrow = [ "DOTNET_EnableAVX512", "0" ]

[<Tests>]
let tests =
    testList "instruction sets" [
        for name in networks.Keys do
            test $"{name}: the same weights after 50 steps, bit for bit, again and with 1, 2 and 8 threads" {
                let one = trained name 1

                for threads in [ 1; 2; 8 ] do
                    Expect.equal (trained name threads) one $"{threads} threads"
            }

            test $"{name}: the same weights with registers of 256 bits" {
                if not Vector512.IsHardwareAccelerated then
                    skiptest "this machine has no registers of 512 bits"

                Expect.equal (ask narrow name 2) $"256 {trained name 1}" "width and weights"
            }

            longTest $"{name}: the same weights in processes of 512 and 256 bits with 1, 2 and 8 threads" (fun () ->
                if not Vector512.IsHardwareAccelerated then
                    skiptest "this machine has no registers of 512 bits"

                let expected = trained name 1

                for width, variables in [ 512, []; 256, narrow ] do
                    for threads in [ 1; 2; 8 ] do
                        for run in 1..2 do
                            Expect.equal
                                (ask variables name threads)
                                $"{width} {expected}"
                                $"{width} bits, {threads} threads, run {run}")

        longTest "kernels and gradients are right without vector instructions" (fun () ->
            let finished = Process.tests [ "DOTNET_EnableHWIntrinsic", "0" ] [ "--kernels" ]
            Expect.equal finished.ExitCode 0 (string finished))
    ]
