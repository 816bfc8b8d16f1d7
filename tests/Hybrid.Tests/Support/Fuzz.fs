/// Fuzz tests: readers on damaged and forged files, in bounded memory, with bounded messages.
module Hybrid.Tests.Fuzz

open System
open System.IO
open System.Text
open Expecto
open Hybrid.Tests

let private setting (name: string) otherwise =
    match Int32.TryParse(Environment.GetEnvironmentVariable name) with
    | true, value -> value
    | _ -> otherwise

/// Number of files per list of tests.
let private cases () = setting "HYBRID_FUZZ_CASES" (if TestSettings.all then 100_000 else 2_000)

/// The first seed: fixed in the quick tier, so that every change is tested on the same files; random in the long one.
let private seed =
    setting
        "HYBRID_FUZZ_SEED"
        (if TestSettings.all then
             Random.Shared.Next 1_000_000_000
         else
             1)

/// Bytes that are often special, alone and as length fields of four and eight bytes.
let private extremes = [|
    for value in [ 0uy; 1uy; 0x7Fuy; 0x80uy; 0xFEuy; 0xFFuy ] -> [| value |]
    for value in [ 0u; 1u; 0x7FFFFFFFu; 0x80000000u; 0xFFFFFFFFu ] -> BitConverter.GetBytes value
    for value in [ 0UL; 0x7FFFFFFFFFFFFFFFUL; 0x8000000000000000UL; 0xFFFFFFFFFFFFFFFFUL ] ->
        BitConverter.GetBytes value
|]

/// Terminal escape sequences, line breaks, marks of text direction, invalid UTF-8, and text of special meaning.
let private hostile =
    [|
        "\u001b[2J"
        "\r\n"
        "\a\b"
        "\u202E"
        "\u2028"
        "\u0000"
        "</script><script>"
        ";;"
        "\""
        "\\"
        "-inf"
        "1e999"
    |]
    |> Array.map Encoding.UTF8.GetBytes
    |> Array.append [| [| 0xC3uy |]; [| 0xEDuy; 0xA0uy; 0x80uy |] |]

/// Openings of nested structures, up to far deeper than any reader should follow.
let private nesting (random: Random) = Array.create (1 <<< random.Next 14) (Array.item (random.Next 4) "[{(<"B)

/// Changes a file at one to eight offsets: flipped bits, extreme values and length fields, filled, copied, dropped or
/// repeated ranges, hostile text, deep nesting, and truncation.
let mutate (random: Random) (bytes: byte[]) =
    let mutable bytes = Array.copy bytes

    for _ in 1 .. 1 <<< random.Next 4 do
        if bytes.Length > 0 then
            let at =
                if random.Next 3 > 0 then
                    random.Next bytes.Length
                else
                    random.Next(min bytes.Length 100)

            let range = min (random.Next 40) (bytes.Length - at)
            let pick (all: byte[][]) = all[random.Next all.Length]

            match random.Next 10 with
            | 0
            | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
            | 2 ->
                let value = pick extremes
                Array.blit value 0 bytes at (min value.Length (bytes.Length - at))
            | 3 -> Array.fill bytes at range (if random.Next 2 = 0 then 0uy else 0xFFuy)
            | 4 -> Array.blit bytes (random.Next(bytes.Length - range + 1)) bytes at range
            | 5 -> bytes <- Array.append bytes[.. at - 1] bytes[at + range ..]
            | 6 -> bytes <- Array.insertManyAt at bytes[at .. at + range - 1] bytes
            | 7 -> bytes <- Array.insertManyAt at (pick hostile) bytes
            | 8 ->
                if random.Next 8 = 0 then
                    bytes <- Array.insertManyAt at (nesting random) bytes
            | _ ->
                if random.Next 4 = 0 then
                    bytes <- bytes[.. at - 1]

    bytes

/// The beginning of one file and the end of another.
let splice (random: Random) (first: byte[]) (second: byte[]) =
    Array.append first[.. random.Next(first.Length + 1) - 1] second[random.Next(second.Length + 1) ..]

/// A reader under test, the exceptions with which it may refuse a file, and the bytes that it may allocate for a file
/// of some length.
type Reader = { Name: string; Read: byte[] -> unit; Refuses: exn -> bool; Allowed: int -> int64 }

/// Whether the file was read. Anything but a refusal in one bounded line is a failure.
let private wasRead reader (bytes: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()

    let wasRead =
        try
            reader.Read bytes
            true
        with error when reader.Refuses error ->
            let message = error.Message

            if message = "" || message.Length >= 500 || Seq.exists Char.IsControl message then
                failtest $"message of {message.Length} characters: %A{message}"

            false

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before

    if allocated > reader.Allowed bytes.Length then
        failtest $"{allocated} bytes were allocated for {bytes.Length}"

    wasRead

/// Runs a reader on a share of all cases; a failure names the seed and the file that reproduce it.
let run reader share (make: Random -> byte[]) =
    let count = max 1 (int (share * float (cases ())))
    let mutable read = 0

    for i in 0 .. count - 1 do
        let bytes = make (Random(seed + i))

        try
            if wasRead reader bytes then
                read <- read + 1
        with error ->
            let path = Path.Combine(Path.GetTempPath(), $"hybrid-fuzz-{seed + i}")
            File.WriteAllBytes(path, bytes)
            failtest $"case {i} (HYBRID_FUZZ_SEED={seed + i} HYBRID_FUZZ_CASES=1; the file is {path}): {error}"

    printfn $"fuzz of {reader.Name}: {count} files from seed {seed}, {read} were read and the others refused"
