/// Audio readers against damaged and forged files.
module Hybrid.Tests.AudioFuzzTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Fuzz
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.WavEncoder

/// A float for each sample that a file may hold: 512 samples a byte for FLAC, at least 2^24 samples, and as much again
/// while an array grows; and the memory of the decoders.
let private allowed (length: int) = 3L * 4L * max (512L * int64 length) (1L <<< 24) + 50_000_000L

let private wav (random: Random) =
    let telephone encoding = { pcm16 with Encoding = encoding; Bits = 8; Bytes = 1 }
    let forms = telephone 6 :: telephone 7 :: storages
    let storage = forms[random.Next forms.Length]
    let format = if random.Next 4 = 0 then extensible else format
    let bytes = Array.zeroCreate (random.Next 2000)
    random.NextBytes bytes

    // Many floats would be too large otherwise.
    if storage.Encoding = 3 then
        for i in storage.Bytes - 1 .. storage.Bytes .. bytes.Length - 1 do
            bytes[i] <- 0x3Euy

    let other id = [
        if random.Next 2 = 0 then
            chunk id (Array.zeroCreate (random.Next 30))
    ]

    riff [
        yield! other "JUNK"
        chunk "fmt " (format storage (random.Next(1, 4)) (random.Next(8000, 48001)))
        yield! other "LIST"
        chunk "data" bytes
        yield! other "LIST"
    ]

/// WAV files whose chunks are dropped, repeated, exchanged, nested or of other declared sizes, and files one behind the
/// other.
let rec private forgedWav (random: Random) (depth: int) : byte[] =
    let sizes = [| 0L; 1L; 0x7FFFFFFFL; 0x80000000L; 0xFFFFFFFEL; 0xFFFFFFFFL; int64 (random.Next 5000) |]

    let size (content: byte[]) =
        if random.Next 4 = 0 then
            sizes[random.Next sizes.Length]
        else
            int64 content.Length

    let declared id content = chunkOf (size content) id content

    let item () =
        match random.Next 8 with
        | 0 -> declared "fmt " ((if random.Next 2 = 0 then format else extensible) pcm16 (random.Next 4) 16000)
        | 1 -> declared "fmt " (mutate random (format floats 2 44100))
        | 2
        | 3 -> declared "data" (Array.zeroCreate (random.Next 300))
        | 4 -> declared "ds64" (mutate random (Array.create 28 (byte (random.Next 3))))
        | 5 -> declared "LIST" (if depth < 3 then forgedWav random (depth + 1) else [||])
        | 6 -> declared "JUNK" (Array.zeroCreate (random.Next 30))
        | _ -> declared "\u001b[2J" [||]

    let name = [| "RIFF"; "RIFF"; "RIFF"; "RF64"; "BW64" |][random.Next 5]

    let valid = [
        chunk "fmt " (format pcm16 (1 + random.Next 2) 16000)
        chunk "data" (Array.zeroCreate (2 * random.Next 100))
    ]

    let chunks = [
        if random.Next 2 = 0 then
            yield! valid
        for _ in 1 .. random.Next 6 do
            item ()
    ]

    let content = Array.concat chunks
    let file = riffOf (size content) name chunks

    if depth = 0 && random.Next 3 = 0 then
        Array.append file (forgedWav random 1)
    else
        file

/// FLAC files with other metadata blocks, of declared lengths at their extremes.
let private forgedMetadata random =
    let bytes = encode { FlacRandom.file random 100 with Md5Known = false }
    // The block STREAMINFO: its header, then sizes, rate, channels, bits and the number of samples.
    let fields = [ 4, 1; 5, 3; 8, 2; 10, 2; 12, 3; 15, 3; 18, 4; 22, 4 ]
    let changed = extremeField random fields bytes

    match random.Next 4 with
    | 0 ->
        let length = 1 <<< random.Next 24
        let header = [| byte (random.Next 256); byte (length >>> 16); byte (length >>> 8); byte length |]
        Array.concat [ changed[..41]; header; Array.zeroCreate (random.Next 60); changed[42..] ]
    | 1 -> splice random changed (encode (FlacRandom.file random 100))
    | _ -> changed

/// A FLAC file with mutated frames and correct checksums, so that these do not detect the mutation.
let private forged random =
    let file = { FlacRandom.file random 300 with Md5Known = random.Next 3 = 0 }

    let frame (header, body) =
        match random.Next 4 with
        | 0 -> seal (mutate random header, body)
        | 1 -> seal (header, mutate random body)
        | _ -> seal (header, body)

    Array.concat (head file :: List.map frame (frames file))

/// Silence that is longer than a file of its size should have.
let private bomb (random: Random) =
    let silence = plain 48000 16 Independent Constant 65535 [| Array.zeroCreate (65535 * 2) |]
    let frame = seal (encodeFrame silence 0L silence.Frames.Head)

    Array.concat (
        head { silence with TotalKnown = false; Md5Known = false }
        :: List.replicate (random.Next 1000) frame
    )

let private read (bytes: byte[]) =
    use stream = new MemoryStream(bytes)
    let clip = AudioClip.Read stream

    if clip.SampleRate <= 0 then
        failtest $"{clip.SampleRate} samples per second"

    if clip.Samples |> Array.exists (Single.IsFinite >> not) then
        failtest "a sample that is not finite"

/// Reads a piece of a file of each format, from a known frame and without one.
let private readPiece (bytes: byte[]) =
    let index = AudioIndex()
    let random = Random bytes.Length

    for _ in 1..3 do
        use stream = new MemoryStream(bytes)
        let offset, duration = random.NextDouble() * 0.02, 0.001 + random.NextDouble() * 0.01
        let clip = AudioClip.Read(stream, AudioPiece(offset, Nullable duration, Nullable()), index)

        if float clip.Samples.Length > 1.0 + duration * float clip.SampleRate then
            failtest "a piece that is too long"

let private fuzz name =
    Fuzz.run {
        Name = name
        Read = read
        Refuses = (fun error -> error :? AudioFormatException)
        Allowed = allowed
    }

[<Tests>]
let tests =
    testList "damaged and forged audio is read or refused" [
        test "WAV" { fuzz "WAV" 0.25 (fun random -> mutate random (wav random)) }
        test "WAV of forged chunks" { fuzz "WAV of forged chunks" 0.4 (fun random -> forgedWav random 0) }
        test "FLAC with forged metadata" { fuzz "FLAC with forged metadata" 0.2 forgedMetadata }
        test "FLAC" { fuzz "FLAC" 0.25 (fun random -> mutate random (encode (FlacRandom.file random 100))) }
        test "pieces" {
            Fuzz.run
                {
                    Name = "pieces"
                    Read = readPiece
                    Refuses = (fun error -> error :? AudioFormatException)
                    Allowed = allowed
                }
                0.1
                (fun random ->
                    if random.Next 2 = 0 then
                        mutate random (wav random)
                    else
                        forged random)
        }
        test "FLAC with correct checksums" { fuzz "forged FLAC" 0.445 forged }
        test "silence that would fill the memory" { fuzz "FLAC silence" 0.005 bomb }

        test "recordings of LibriSpeech" {
            let folder = TestSettings.shared "data/librispeech/train-clean-100"
            let files = DirectoryInfo(folder).GetFiles("*.flac", SearchOption.AllDirectories)

            let shortest =
                files |> Array.sortBy _.Length |> Array.truncate 10 |> Array.map (_.FullName >> File.ReadAllBytes)

            fuzz "recordings as FLAC" 0.05 (fun random -> mutate random shortest[random.Next shortest.Length])
        }
    ]
