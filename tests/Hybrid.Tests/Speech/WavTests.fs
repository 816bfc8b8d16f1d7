module Hybrid.Tests.WavTests

open System
open System.IO
open System.Text
open Expecto
open Hybrid.Speech
open Hybrid.Tests

/// How a WAV file stores its samples: name, encoding, bits, bytes, and the sample that a number in [-1, 1) is written as.
type private Storage = {
    Name: string
    Encoding: int
    Bits: int
    Bytes: int
    Write: float -> byte[]
    Tolerance: float
}

let private integer bits bytes =
    let scale = 2.0 ** float (bits - 1)

    let write x =
        // Bits that a container has to spare are its lowest.
        let value = int64 (floor (x * scale)) <<< (8 * bytes - bits)
        [| for b in 0 .. bytes - 1 -> byte (value >>> (8 * b)) |]

    {
        Name = $"{bits} bits in {bytes} bytes"
        Encoding = 1
        Bits = bits
        Bytes = bytes
        Write = write
        // One step of the integers, or of a float just below 1.
        Tolerance = max (1.0 / scale) 6e-8
    }

let private storages = [
    { integer 8 1 with Write = fun x -> [| byte (floor (x * 128.0) + 128.0) |] }
    integer 16 2
    integer 24 3
    integer 32 4
    { Name = "float"; Encoding = 3; Bits = 32; Bytes = 4; Write = float32 >> BitConverter.GetBytes; Tolerance = 6e-8 }
    { Name = "double"; Encoding = 3; Bits = 64; Bytes = 8; Write = BitConverter.GetBytes; Tolerance = 6e-8 }
]

let private pcm16 = storages[1]

/// A chunk: id, what its size says, and its content.
let private chunk (id: string) (size: int64) (content: byte[]) =
    Array.concat [ Encoding.ASCII.GetBytes id; BitConverter.GetBytes(uint32 size); content ]

let private whole id content = chunk id (int64 (Array.length content)) content

let private padded id (content: byte[]) =
    Array.append (whole id content) (if content.Length % 2 = 1 then [| 0uy |] else [||])

let private words (values: int list) = values |> List.map (int16 >> BitConverter.GetBytes) |> Array.concat

let private formatOf storage channels (rate: int) = [|
    yield! words [ storage.Encoding; channels ]
    yield! BitConverter.GetBytes rate
    yield! BitConverter.GetBytes(rate * channels * storage.Bytes)
    yield! words [ channels * storage.Bytes; storage.Bits ]
|]

/// The same as WAVEFORMATEXTENSIBLE: 22 more bytes, bits of the container, bits that count, speakers, and a GUID.
let private extensibleOf storage channels rate =
    Array.concat [
        words [ -2 ]
        (formatOf { storage with Bits = 8 * storage.Bytes } channels rate)[2..]
        words [ 22; storage.Bits; 3; 0; storage.Encoding; 0; 0; 0x10; 0x80; 0xAA00 ]
        [| 0x38uy; 0x9Buy; 0x71uy |]
        [| 0uy |]
    ]

let private riff (chunks: byte[] list) =
    let content = Array.concat ("WAVE"B :: chunks)
    whole "RIFF" content

/// Samples in [-1, 1) of each channel, the same for every file.
let private source channels count = [|
    for i in 0 .. count - 1 -> [| for c in 0 .. channels - 1 -> 0.999 * sin (float i * 0.31 * float (c + 1) + float c) |]
|]

let private data storage channels count = source channels count |> Array.collect (Array.collect storage.Write)

let private read (bytes: byte[]) =
    use stream = new MemoryStream(bytes)
    AudioClip.Read stream

let private expectSource storage channels count rate (bytes: byte[]) =
    let clip = read bytes
    Expect.equal clip.SampleRate rate "rate"
    Expect.equal clip.Samples.Length count "samples"

    for i, frame in Seq.indexed (source channels count) do
        let mean = Array.average frame
        if abs (float clip.Samples[i] - mean) > storage.Tolerance then
            failtest $"sample {i} is {clip.Samples[i]}, should be {mean} within {storage.Tolerance}"

let private fmt = whole "fmt " (formatOf pcm16 1 16000)
let private samples = data pcm16 1 100
let private list = padded "LIST" "INFOIART\005\000\000\000Klatt"B

/// The whole table: a name, how samples are stored, channels, rate, and the file with 100 samples.
let private table = [
    for storage in storages do
        for channels in [ 1; 2 ] do
            for name, format in [ "plain", formatOf; "extensible", extensibleOf ] do
                yield
                    $"{storage.Name}, {channels} channels, {name}", storage, channels, 16000,
                    riff [ padded "fmt " (format storage channels 16000); padded "data" (data storage channels 100) ]

    for rate in [ 8000; 11025; 22050; 32000; 44100; 48000 ] do
        yield $"{rate} Hz", pcm16, 2, rate, riff [ whole "fmt " (formatOf pcm16 2 rate); whole "data" (data pcm16 2 100) ]

    for storage in [ integer 12 2; integer 20 3; integer 24 4; integer 6 1 ] do
        let storage = if storage.Bytes > 1 then storage else { storage with Write = fun x -> [| byte (int (floor (x * 32.0)) * 4 + 128) |] }
        yield $"{storage.Name}, plain", storage, 1, 16000, riff [ whole "fmt " (formatOf storage 1 16000); whole "data" (data storage 1 100) ]

        if storage.Bytes > 1 then
            yield $"{storage.Name}, extensible", storage, 2, 16000, riff [ whole "fmt " (extensibleOf storage 2 16000); whole "data" (data storage 2 100) ]

    for channels in [ 3; 6 ] do
        yield
            $"{channels} channels", pcm16, channels, 16000,
            riff [ whole "fmt " (extensibleOf pcm16 channels 16000); whole "data" (data pcm16 channels 100) ]

    for name, bytes in [
        "a format of 18 bytes", riff [ whole "fmt " (Array.append (formatOf pcm16 1 16000) [| 0uy; 0uy |]); whole "data" samples ]
        "LIST ahead of the data", riff [ fmt; list; whole "data" samples ]
        "LIST behind the data", riff [ fmt; whole "data" samples; list ]
        "LIST ahead of the format", riff [ list; fmt; whole "data" samples ]
        "an odd chunk with its pad byte", riff [ fmt; padded "abcd" [| 1uy; 2uy; 3uy |]; whole "data" samples ]
        "an odd chunk without its pad byte", riff [ fmt; whole "abcd" [| 1uy; 2uy; 3uy |]; whole "data" samples ]
        "an odd chunk without its pad byte ahead of the format", riff [ whole "bext" [| 9uy |]; fmt; list; whole "data" samples ]
        "two odd chunks, one with its pad byte", riff [ fmt; whole "abcd" [| 1uy |]; padded "efgh" [| 2uy |]; whole "data" samples ]
        "an empty chunk", riff [ fmt; whole "abcd" [||]; whole "data" samples ]
        "JUNK first", riff [ padded "JUNK" (Array.zeroCreate 29); fmt; whole "data" samples ]
        "data of size 0", riff [ fmt; chunk "data" 0L samples ]
        "data of size 0 in a RIFF of size 36", chunk "RIFF" 36L (Array.concat [ "WAVE"B; fmt; chunk "data" 0L samples ])
        "data of size 2^32 - 1", chunk "RIFF" 0xFFFFFFFFL (Array.concat [ "WAVE"B; fmt; chunk "data" 0xFFFFFFFFL samples ])
        "data of size 2^31", riff [ fmt; chunk "data" 0x80000000L samples ]
        "data of a size that is too large", riff [ fmt; chunk "data" 1000L samples ]
        "data of an odd size", riff [ fmt; chunk "data" 201L (Array.append samples [| 7uy; 0uy |]) ]
        "a RIFF of size 0", chunk "RIFF" 0L (Array.concat [ "WAVE"B; fmt; whole "data" samples ])
        "a RIFF of a size that is too small", chunk "RIFF" 40L (Array.concat [ "WAVE"B; fmt; whole "data" samples ])
        "a RIFF of a size that is too large", chunk "RIFF" 123456L (Array.concat [ "WAVE"B; fmt; whole "data" samples ])
        "bytes behind the end", Array.append (riff [ fmt; whole "data" samples ]) (Array.create 7 200uy)
        "bytes per frame that nobody filled in", riff [ whole "fmt " (Array.concat [ (formatOf pcm16 1 16000)[..11]; words [ 0; 16 ] ]); whole "data" samples ]

        let sizes = Array.concat [ BitConverter.GetBytes 0L; BitConverter.GetBytes 200L; Array.zeroCreate 12 ]

        for id in [ "RF64"; "BW64" ] do
            $"{id} with LIST behind the data",
            chunk id 0xFFFFFFFFL (Array.concat [ "WAVE"B; whole "ds64" sizes; fmt; chunk "data" 0xFFFFFFFFL samples; list ])
    ] do
        yield name, pcm16, 1, 16000, bytes
]

let private message (bytes: byte[]) =
    try
        let clip = read bytes
        failtest $"{clip.Samples.Length} samples were read"
    with :? AudioFormatException as error ->
        error.Message

[<Tests>]
let wav =
    testList "WAV" [
        for name, storage, channels, rate, bytes in table do
            test $"reads {name}" { expectSource storage channels 100 rate bytes }

        test "telephone codes are decoded after ITU-T G.711" {
            // What Python 3.11's audioop makes of all 256 codes: some of it, and the sums of (code + 1) x and of x^2.
            for encoding, some, sum, squares in [
                6, [ 0x00, -5504; 0x2A, -32256; 0x3C, -13056; 0x44, -280; 0x55, -8; 0xAA, 32256; 0xD5, 8; 0xFF, 848 ], 100139008L, 26719580160L
                7, [ 0x00, -32124; 0x2A, -5372; 0x3C, -2364; 0x7E, -8; 0x7F, 0; 0x80, 32124; 0xA5, 6652; 0xFF, 0 ], 98107392L, 26310951424L
            ] do
                let storage = { pcm16 with Encoding = encoding; Bits = 8; Bytes = 1 }
                let clip = read (riff [ whole "fmt " (formatOf storage 1 8000); whole "data" [| 0uy .. 255uy |] ])
                let decoded = clip.Samples |> Array.map (fun sample -> int64 (sample * 32768f))
                for code, value in some do Expect.equal decoded[code] (int64 value) $"encoding {encoding}, code {code}"
                Expect.equal (decoded |> Seq.mapi (fun code x -> int64 (code + 1) * x) |> Seq.sum) sum $"encoding {encoding}"
                Expect.equal (decoded |> Seq.sumBy (fun x -> x * x)) squares $"encoding {encoding}"
        }

        test "what it writes it reads" {
            let clip = AudioClip([| -1f; -0.5f; 0f; 0.25f; 32767f / 32768f; 1.5f; -7f; nanf |], 22050)
            use stream = new MemoryStream()
            WavFile.Write(stream, clip)
            let back = read (stream.ToArray())
            Expect.equal back.SampleRate 22050 "rate"
            Expect.sequenceEqual back.Samples [ -1f; -0.5f; 0f; 0.25f; 32767f / 32768f; 32767f / 32768f; -1f; 0f ] "samples"
        }

        test "no data, or less than a frame, is an empty clip" {
            for what, bytes in [
                "empty data", riff [ fmt; whole "data" [||] ]
                "empty data with LIST behind", riff [ fmt; whole "data" [||]; list ]
                "one byte of two", riff [ fmt; whole "data" [| 1uy |] ]
                "never filled in", chunk "RIFF" 0L (Array.concat [ "WAVE"B; fmt; chunk "data" 0L [||] ])
            ] do
                Expect.isEmpty (read bytes).Samples what
        }

        test "what is broken is named by chunk and byte" {
            let formatWith storage channels rate = whole "fmt " (formatOf storage channels rate)

            for bytes, parts in [
                riff [], [ "no \"data\""; "byte 12" ]
                riff [ fmt ], [ "no \"data\""; "byte 36" ]
                riff [ whole "data" samples; fmt ], [ "\"data\" at byte 12"; "\"fmt \"" ]
                riff [ whole "fmt " (Array.zeroCreate 15) ], [ "\"fmt \" at byte 12"; "15 bytes" ]
                riff [ list; chunk "fmt " 16L [| 1uy |] ], [ "\"fmt \" at byte 38"; "ends at byte 47" ]
                riff [ fmt; chunk "LIST" 0xFFFFFFFFL [||] ], [ "\"LIST\" at byte 36"; "4294967295 bytes" ]
                riff [ formatWith pcm16 0 16000 ], [ "\"fmt \" at byte 12"; "0 channels" ]
                riff [ formatWith pcm16 65 16000 ], [ "\"fmt \" at byte 12"; "65 channels" ]
                riff [ formatWith pcm16 1 0 ], [ "\"fmt \" at byte 12"; "0 samples per second" ]
                riff [ formatWith pcm16 1 1650422383 ], [ "\"fmt \" at byte 12"; "1650422383 samples per second" ]
                riff [ formatWith { pcm16 with Bits = 33 } 1 16000 ], [ "\"fmt \" at byte 12"; "33 bits"; "16-bit PCM" ]
                riff [ formatWith { pcm16 with Encoding = 3 } 1 16000 ], [ "encoding 3 with 16 bits" ]
                riff [ formatWith { pcm16 with Encoding = 2; Bits = 4 } 1 16000 ], [ "ADPCM"; "16-bit PCM" ]
                riff [ formatWith { pcm16 with Encoding = 0x31 } 1 16000 ], [ "GSM" ]
                riff [ formatWith { pcm16 with Encoding = 0x55 } 1 16000 ], [ "MPEG" ]
                for bad in [ nan; infinity; -infinity; 1e30 ] do
                    riff [ formatWith storages[5] 1 16000; whole "data" (Array.concat [ data storages[5] 1 5000; BitConverter.GetBytes bad ]) ],
                    [ "\"data\" at byte 36"; "byte 40044" ]
            ] do
                let text = message bytes
                for part in parts do Expect.stringContains text part "message"
        }

        test "the message of a file names it" {
            let path = Path.GetTempFileName()

            try
                File.WriteAllBytes(path, riff [ fmt ])
                Expect.throwsC (fun () -> AudioClip.Read path |> ignore<AudioClip>) (fun error -> Expect.stringStarts error.Message $"{path}: no" "message")
            finally
                File.Delete path
        }

        test "a FLAC file and a WAV file of the same samples are the same clip" {
            let random = Random 1

            for bits in [ 8; 16; 24; 32 ] do
                for channels in 1..3 do
                    let integers = Array.init channels (fun _ -> FlacRandom.signal random bits 0 300)
                    let flac = FlacEncoder.plain 16000 bits FlacEncoder.Independent FlacEncoder.Verbatim 128 integers
                    let storage = integer bits (bits / 8)
                    let bytes = FlacEncoder.interleaved flac |> Array.map (fun value -> if bits = 8 then value + 128uy else value)
                    let wav = riff [ whole "fmt " (formatOf storage channels 16000); whole "data" bytes ]
                    Expect.sequenceEqual (read (FlacEncoder.encode flac)).Samples (read wav).Samples $"{channels} channels of {bits} bits"
        }
    ]
