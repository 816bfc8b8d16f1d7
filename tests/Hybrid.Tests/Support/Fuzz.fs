/// Readers against damaged and forged files: what every such test shares.
module Hybrid.Tests.Fuzz

open System
open System.IO
open Expecto
open Hybrid.Tests

let private setting (name: string) otherwise =
    match Int32.TryParse(Environment.GetEnvironmentVariable name) with
    | true, value -> value
    | _ -> otherwise

/// How many files are tried in all by a list of tests.
let private cases () = setting "HYBRID_FUZZ_CASES" (if TestSettings.all then 100_000 else 2_000)

/// Where randomness begins: the quick tier judges a change by the same files each time, the long one looks for new ones.
let private seed =
    setting
        "HYBRID_FUZZ_SEED"
        (if TestSettings.all then
             Random.Shared.Next 1_000_000_000
         else
             1)

/// Some bytes changed: flipped bits, bytes that are often special, copied, dropped or doubled stretches, a cut end.
let mutate (random: Random) (bytes: byte[]) =
    let mutable bytes = Array.copy bytes

    for _ in 1 .. 1 <<< random.Next 4 do
        if bytes.Length > 0 then
            let at =
                if random.Next 3 > 0 then
                    random.Next bytes.Length
                else
                    random.Next(min bytes.Length 100)

            let stretch = min (random.Next 40) (bytes.Length - at)

            match random.Next 8 with
            | 0
            | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
            | 2 -> bytes[at] <- [| 0uy; 1uy; 0x7Fuy; 0x80uy; 0xFEuy; 0xFFuy |][random.Next 6]
            | 3 -> Array.fill bytes at stretch (if random.Next 2 = 0 then 0uy else 0xFFuy)
            | 4 -> Array.blit bytes (random.Next(bytes.Length - stretch + 1)) bytes at stretch
            | 5 -> bytes <- Array.append bytes[.. at - 1] bytes[at + stretch ..]
            | 6 -> bytes <- Array.insertManyAt at bytes[at .. at + stretch - 1] bytes
            | _ ->
                if random.Next 4 = 0 then
                    bytes <- bytes[.. at - 1]

    bytes

/// A reader under test: what it does with a file, how it may refuse one, and how much memory a file of a length justifies.
type Reader = { Name: string; Read: byte[] -> unit; Refuses: exn -> bool; Allowed: int -> int64 }

/// Whether the file was read; anything but a refusal in a sentence is a failure.
let private outcome reader (bytes: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()

    let wasRead =
        try
            reader.Read bytes
            true
        with error when reader.Refuses error ->
            if error.Message = "" || error.Message.Contains '\n' then
                failtest $"message \"{error.Message}\""

            false

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before

    if allocated > reader.Allowed bytes.Length then
        failtest $"{allocated} bytes were allocated"

    wasRead

/// Tries a share of all cases; a failure says how to see it again.
let run reader share (make: Random -> byte[]) =
    let count = max 1 (int (share * float (cases ())))
    let mutable read = 0

    for i in 0 .. count - 1 do
        let bytes = make (Random(seed + i))

        try
            if outcome reader bytes then
                read <- read + 1
        with error ->
            let path = Path.Combine(Path.GetTempPath(), $"hybrid-fuzz-{seed + i}")
            File.WriteAllBytes(path, bytes)
            failtest $"case {i} (HYBRID_FUZZ_SEED={seed + i} HYBRID_FUZZ_CASES=1; the file is {path}): {error}"

    printfn $"fuzz of {reader.Name}: {count} files from seed {seed}, {read} were read and the others refused"
