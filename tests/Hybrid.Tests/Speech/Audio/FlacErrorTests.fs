/// Truncated, damaged and invalid FLAC files.
module Hybrid.Tests.FlacErrorTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.FlacTests

/// The message about an invalid file.
let private refusal (bytes: byte[]) =
    try
        use stream = new MemoryStream(bytes)
        let clip = AudioClip.Read stream
        failtest $"{clip.Samples.Length} samples were read of {bytes.Length} bytes"
    with :? AudioFormatException as error ->
        error.Message

let private expectRefusal bytes (parts: string list) =
    let text = refusal bytes

    for part in parts do
        Expect.stringContains text part $"message for {parts}"

/// The sample with other bytes in frame 1 and correct checksums; the byte where the frame begins.
let private forge change =
    let frames = frames sample
    let bytes = [ for i, frame in Seq.indexed frames -> seal (if i = 1 then change frame else frame) ]
    Array.concat (head sample :: bytes), (head sample).Length + bytes[0].Length

let private replace i value (bytes: byte[]) = bytes |> Array.mapi (fun j old -> if i = j then value else old)

[<Tests>]
let errors =
    testList "FLAC errors" [
        test "a damaged frame is named by its index and first byte" {
            let intact, at = forge id
            expectSame (decode intact) sine "intact"

            expectRefusal (replace (at + 30) (intact[at + 30] ^^^ 4uy) intact) [
                $"FLAC frame 1 at byte {at}"
                "CRC-16"
            ]

            expectRefusal (replace (at + 5) (intact[at + 5] ^^^ 1uy) intact) [ $"FLAC frame 1 at byte {at}"; "CRC-8" ]
            expectRefusal (replace at 0uy intact) [ $"FLAC frame 1 at byte {at}"; "no frame begins here" ]
            let md5 = 4 + 4 + 18
            expectRefusal (replace md5 (intact[md5] ^^^ 1uy) intact) [ "MD5"; "damaged" ]
        }

        test "every flipped bit of the frames is detected" {
            let intact = encode sample

            for i in (head sample).Length .. intact.Length - 1 do
                for bit in 0..7 do
                    refusal (replace i (intact[i] ^^^ (1uy <<< bit)) intact) |> ignore<string>
        }

        test "a file cut anywhere is truncated" {
            let intact = encode { sample with InFront = "ID3\004\000\000\000\000\000\003tag"B }

            for length in 0 .. intact.Length - 1 do
                refusal intact[.. length - 1] |> ignore<string>
        }

        test "reserved values are refused by name" {
            let forged header body = forge (fun (h, b) -> header h, body b)

            for header, body, part in
                [
                    replace 1 0xFAuy, id, "no frame begins here"
                    replace 2 0x00uy, id, "block size code 0"
                    replace 2 0x7Fuy, id, "sample rate code 15"
                    replace 3 0xB0uy, id, "channel assignment 11"
                    replace 3 0x06uy, id, "bit depth code 3"
                    replace 3 0x01uy, id, "reserved bit of the frame header"
                    replace 4 0xFFuy, id, "frame's number"
                    replace 4 0x80uy, id, "frame's number"
                    replace 4 0xC2uy, id, "frame's number"
                    (fun h -> [| yield! h[..4]; 0xFFuy; 0xFFuy |]), id, "block size of 65536"
                    replace 3 0x10uy, id, "2 channels"
                    replace 3 0x02uy, id, "8 bits"
                    replace 2 0x74uy, id, "8000 samples per second"
                    id, replace 0 0x80uy, "reserved bit of a subframe"
                    id, replace 0 0x04uy, "subframe type 2"
                    id, replace 0 0x1Auy, "subframe type 13"
                    id, (fun b -> [| 0x03uy; 0uy; 0uy; 1uy; yield! b |]), "wasted"
                    id, replace 5 0x80uy, "residual coding method 2"
                    id, replace 5 0x3Cuy, "partitions"
                    id, (fun _ -> [| 0x40uy; 0uy; 0uy; 0xF0uy; 0uy |]), "precision of 16"
                    id, (fun _ -> [| 0x40uy; 0uy; 0uy; 0x08uy; 0uy |]), "shift"
                ] do
                let bytes, at = forged header body
                expectRefusal bytes [ part; $"FLAC frame 1 at byte {at}" ]
        }

        test "a sample beyond the bit depth is refused" {
            // The first sample is written as -128; the residual leads on below it.
            let form = Fixed(1, { Wide = false; Partitions = [| Rice 0 |] })
            let falling = plain 16000 8 Independent form 16 [| Array.init 16 (fun i -> -128L - int64 i) |]
            expectRefusal (encode falling) [ "does not fit into 8 bits" ]
        }

        test "more or fewer samples than the header declares" {
            let frames = frames sample |> List.map seal
            let head = head sample
            expectRefusal (Array.concat [ head; frames[0]; frames[1] ]) [ "800 of 1000"; "truncated" ]
            expectRefusal (Array.concat [ head; frames[0]; frames[1]; frames[0] ]) [ "frame 2"; "1200"; "1000" ]
        }

        test "truncated or misplaced metadata" {
            let intact = encode sample
            expectRefusal (replace 4 0x81uy intact) [ "STREAMINFO"; "byte 4" ]
            expectRefusal (replace 7 33uy intact) [ "STREAMINFO"; "byte 4" ]
            expectRefusal (replace 5 0x7Fuy intact) [ "truncated"; "byte 4" ]
            expectRefusal (encode { sample with Metadata = [ 0, Array.zeroCreate 34 ] }) [ "STREAMINFO"; "byte 42" ]
            let tagged = encode { sample with InFront = "ID3\004\000\000\000\000\000\000not FLAC"B }
            expectRefusal tagged [ "byte 10"; "not FLACfLaC" ]
            expectRefusal (encode { sample with Rate = 0 }) [ "not audio" ]
        }

        test "long silence is decoded, a forged file that would fill the memory is refused" {
            let silence seconds size = plain 16000 16 Independent Constant size [| Array.zeroCreate (16000 * seconds) |]
            use stream = new MemoryStream(encode (silence 900 65535))
            Expect.equal (AudioClip.Read stream).Samples.Length (16000 * 900) "a quarter of an hour in 2 KB"

            for known in [ true; false ] do
                let bytes = encode { silence 1100 65535 with TotalKnown = known; Md5Known = false }
                let before = GC.GetAllocatedBytesForCurrentThread()
                Expect.stringContains (refusal bytes) "flac -d" "remedy"
                Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 400_000_000L "bytes allocated"
        }

        test "the message about an unknown format has its name and the supported formats" {
            for bytes, name in
                [
                    "OggS"B, "Ogg"
                    "NIST_1A\n   1024"B, "SPHERE"
                    [| 0xFFuy; 0xFBuy; 0x90uy |], "MP3"
                    "FORM    AIFF"B, "AIFF"
                    "RIFF    AVI "B, "RIFF    AVI "
                    "hello"B, "hello"
                ] do
                Expect.stringContains (refusal bytes) name "name"
                Expect.stringContains (refusal bytes) "WAV and FLAC" "remedy"

            Expect.stringContains (refusal [||]) "empty" "no content"
        }
    ]
