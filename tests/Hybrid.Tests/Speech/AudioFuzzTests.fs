/// Audio readers against damaged and forged files.
module Hybrid.Tests.AudioFuzzTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.WavEncoder

let private setting (name: string) otherwise =
    match Int32.TryParse(Environment.GetEnvironmentVariable name) with
    | true, value -> value
    | _ -> otherwise

/// How many files are tried in all.
let private cases () = setting "HYBRID_FUZZ_CASES" (if Tier.all then 100_000 else 2_000)

/// Where randomness begins; another place each time, unless a failure is to be seen again.
let private seed = setting "HYBRID_FUZZ_SEED" (Random.Shared.Next 1_000_000_000)

/// A float for each sample that a file may hold: 512 samples a byte for FLAC, which any file may exceed up to 2^24 samples,
/// and as much again while an array grows; and what decoders need beside it.
let private allowed length = 3L * 4L * max (512L * int64 length) (1L <<< 24) + 50_000_000L

let private wav (random: Random) =
    let telephone encoding = { pcm16 with Encoding = encoding; Bits = 8; Bytes = 1 }
    let forms = telephone 6 :: telephone 7 :: storages
    let storage = forms[random.Next forms.Length]
    let format = if random.Next 4 = 0 then extensible else format
    let bytes = Array.zeroCreate (random.Next 2000)
    random.NextBytes bytes

    // Many floats would be absurdly large otherwise.
    if storage.Encoding = 3 then
        for i in storage.Bytes - 1 .. storage.Bytes .. bytes.Length - 1 do
            bytes[i] <- 0x3Euy

    let other id = [ if random.Next 2 = 0 then chunk id (Array.zeroCreate (random.Next 30)) ]

    riff [
        yield! other "JUNK"
        chunk "fmt " (format storage (random.Next(1, 4)) (random.Next(8000, 48001)))
        yield! other "LIST"
        chunk "data" bytes
        yield! other "LIST"
    ]

/// Some bytes changed: flipped bits, bytes that are often special, copied, dropped or doubled stretches, a cut end.
let private mutate (random: Random) (bytes: byte[]) =
    let mutable bytes = Array.copy bytes

    for _ in 1 .. 1 <<< random.Next 4 do
        if bytes.Length > 0 then
            let at = if random.Next 3 > 0 then random.Next bytes.Length else random.Next(min bytes.Length 100)
            let stretch = min (random.Next 40) (bytes.Length - at)

            match random.Next 8 with
            | 0
            | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
            | 2 -> bytes[at] <- [| 0uy; 1uy; 0x7Fuy; 0x80uy; 0xFEuy; 0xFFuy |][random.Next 6]
            | 3 -> Array.fill bytes at stretch (if random.Next 2 = 0 then 0uy else 0xFFuy)
            | 4 -> Array.blit bytes (random.Next(bytes.Length - stretch + 1)) bytes at stretch
            | 5 -> bytes <- Array.append bytes[.. at - 1] bytes[at + stretch ..]
            | 6 -> bytes <- Array.insertManyAt at bytes[at .. at + stretch - 1] bytes
            | _ -> if random.Next 4 = 0 then bytes <- bytes[.. at - 1]

    bytes

/// A FLAC file with mutated frames whose check sums are right, so that the mutation is not found out by these.
let private forged random =
    let file = { FlacRandom.file random 300 with Md5Known = random.Next 3 = 0 }

    let frame (header, body) =
        match random.Next 4 with
        | 0 -> seal (mutate random header, body)
        | 1 -> seal (header, mutate random body)
        | _ -> seal (header, body)

    Array.concat (head file :: List.map frame (frames file))

/// Silence of a length that no file of its size should have, if its size is not that of a file of flac.
let private bomb (random: Random) =
    let silence = plain 48000 16 Independent Constant 65535 [| Array.zeroCreate (65535 * 2) |]
    let frame = seal (encodeFrame silence 0L silence.Frames.Head)
    Array.concat (head { silence with TotalKnown = false; Md5Known = false } :: List.replicate (random.Next 1000) frame)

let private outcome (bytes: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()

    let result =
        try
            use stream = new MemoryStream(bytes)
            let clip = AudioClip.Read stream
            if clip.SampleRate <= 0 then failtest $"{clip.SampleRate} samples per second"
            if clip.Samples |> Array.exists (Single.IsFinite >> not) then failtest "a sample that is not finite"
            true
        with :? AudioFormatException as error ->
            if error.Message = "" || error.Message.Contains '\n' then failtest $"message \"{error.Message}\""
            false

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    if allocated > allowed bytes.Length then failtest $"{allocated} bytes were allocated"
    result

/// Tries a share of all cases; a failure says how to see it again.
let private fuzz share make =
    let count = max 1 (int (share * float (cases ())))
    let mutable read = 0

    for i in 0 .. count - 1 do
        let bytes: byte[] = make (Random(seed + i))

        try
            if outcome bytes then read <- read + 1
        with error ->
            let path = Path.Combine(Path.GetTempPath(), $"hybrid-fuzz-{seed + i}")
            File.WriteAllBytes(path, bytes)
            failtest $"case {i} (HYBRID_FUZZ_SEED={seed + i} HYBRID_FUZZ_CASES=1; the file is {path}): {error}"

    printfn $"audio fuzz: {count} files from seed {seed}, {read} were read and the others refused"

[<Tests>]
let tests =
    testList "damaged and forged audio is read or refused" [
        test "WAV" { fuzz 0.25 (fun random -> mutate random (wav random)) }
        test "FLAC" { fuzz 0.25 (fun random -> mutate random (encode (FlacRandom.file random 100))) }
        test "FLAC with right check sums" { fuzz 0.445 forged }
        test "silence that would fill the memory" { fuzz 0.005 bomb }

        test "recordings of LibriSpeech" {
            let folder = Tier.shared "data/librispeech/train-clean-100"
            let files = DirectoryInfo(folder).GetFiles("*.flac", SearchOption.AllDirectories)
            let shortest = files |> Array.sortBy _.Length |> Array.truncate 10 |> Array.map (_.FullName >> File.ReadAllBytes)
            fuzz 0.05 (fun random -> mutate random shortest[random.Next shortest.Length])
        }
    ]
