module Hybrid.Tests.WavTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.WavEncoder

/// [frames][channels], samples in [-1, 1), the same for every file.
let private source channels count = [|
    for i in 0 .. count - 1 ->
        [| for c in 0 .. channels - 1 -> 0.999 * sin (float i * 0.31 * float (c + 1) + float c) |]
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

let private fmt = chunk "fmt " (format pcm16 1 16000)
let private samples = chunk "data" (data pcm16 1 100)
let private list = chunk "LIST" "INFOIART\005\000\000\000Klatt"B

/// The samples in a chunk with a declared size.
let private samplesOf size = chunkOf size "data" (data pcm16 1 100)

/// A valid file with 100 samples.
let private file storage channels rate (format: Storage -> int -> int -> byte[]) =
    riff [ chunk "fmt " (format storage channels rate); chunk "data" (data storage channels 100) ]

/// Valid files: name, storage of samples, channels, rate, and content.
let private table = [
    for storage in storages do
        for channels in [ 1; 2 ] do
            for name, format in [ "plain", format; "extensible", extensible ] do
                let what = $"{storage.Name}, {channels} channels, {name}"
                yield what, storage, channels, 16000, file storage channels 16000 format

    for rate in [ 8000; 11025; 22050; 32000; 44100; 48000 ] do
        yield $"{rate} Hz", pcm16, 2, rate, file pcm16 2 rate format

    for storage in [ integer 6 1; integer 12 2; integer 20 3; integer 24 4 ] do
        for name, format in [ "plain", format; "extensible", extensible ] do
            yield $"{storage.Name}, {name}", storage, 2, 16000, file storage 2 16000 format

    for channels in [ 3; 6 ] do
        yield $"{channels} channels", pcm16, channels, 16000, file pcm16 channels 16000 extensible

    for name, bytes in
        [
            "a format of 18 bytes", riff [ chunk "fmt " (Array.append (format pcm16 1 16000) (words [ 0 ])); samples ]
            "LIST before the data", riff [ fmt; list; samples ]
            "LIST after the data", riff [ fmt; samples; list ]
            "LIST before the format", riff [ list; fmt; samples ]
            "an odd chunk with its pad byte", riff [ fmt; chunk "abcd" [| 1uy; 2uy; 3uy |]; samples ]
            "an odd chunk without its pad byte", riff [ fmt; chunkOf 3 "abcd" [| 1uy; 2uy; 3uy |]; samples ]
            "an odd chunk without its pad byte before the format",
            riff [ chunkOf 1 "bext" [| 9uy |]; fmt; list; samples ]
            "two odd chunks, one with its pad byte",
            riff [ fmt; chunkOf 1 "abcd" [| 1uy |]; chunk "efgh" [| 2uy |]; samples ]
            "an empty chunk", riff [ fmt; chunk "abcd" [||]; samples ]
            "JUNK first", riff [ chunk "JUNK" (Array.zeroCreate 29); fmt; samples ]
            "data of size 0", riff [ fmt; samplesOf 0 ]
            "data of size 0 in a RIFF of size 36", riffOf 36 "RIFF" [ fmt; samplesOf 0 ]
            "data of size 2^32 - 1", riffOf 0xFFFFFFFFL "RIFF" [ fmt; samplesOf 0xFFFFFFFFL ]
            "data of size 2^31", riff [ fmt; samplesOf 0x80000000L ]
            "data of a size that is too large", riff [ fmt; samplesOf 1000 ]
            "data of an odd size", riff [ fmt; samplesOf 201; [| 7uy; 0uy |] ]
            "a RIFF of size 0", riffOf 0 "RIFF" [ fmt; samples ]
            "a RIFF of a size that is too small", riffOf 40 "RIFF" [ fmt; samples ]
            "a RIFF of a size that is too large", riffOf 123456 "RIFF" [ fmt; samples ]
            "bytes after the end", Array.append (riff [ fmt; samples ]) (Array.create 7 200uy)

            let unfilled = Array.append (Array.truncate 12 (format pcm16 1 16000)) (words [ 0; 16 ])
            "bytes per frame of 0", riff [ chunk "fmt " unfilled; samples ]

            let sizes = Array.concat [ BitConverter.GetBytes 0L; BitConverter.GetBytes 200L; Array.zeroCreate 12 ]

            for id in [ "RF64"; "BW64" ] do
                $"{id} with LIST after the data",
                riffOf 0xFFFFFFFFL id [ chunk "ds64" sizes; fmt; samplesOf 0xFFFFFFFFL; list ]
        ] do
        yield name, pcm16, 1, 16000, bytes
]

/// The message about an invalid file.
let private refusal (bytes: byte[]) =
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

        test "A-law and mu-law are decoded as ITU-T G.711 says" {
            // Values of Python 3.11's audioop for the 256 codes: some of them, and the sums of (code + 1) x and of x^2.
            for encoding, some, sum, squares in
                [
                    6,
                    [ 0x00, -5504; 0x2A, -32256; 0x44, -280; 0x55, -8; 0xAA, 32256; 0xD5, 8 ],
                    100139008L,
                    26719580160L
                    7,
                    [ 0x00, -32124; 0x2A, -5372; 0x3C, -2364; 0x7F, 0; 0x80, 32124; 0xFE, 8 ],
                    98107392L,
                    26310951424L
                ] do
                let storage = { pcm16 with Encoding = encoding; Bits = 8; Bytes = 1 }
                let clip = read (riff [ chunk "fmt " (format storage 1 8000); chunk "data" [| 0uy .. 255uy |] ])
                let decoded = clip.Samples |> Array.map (fun sample -> int64 (sample * 32768f))

                for code, value in some do
                    Expect.equal decoded[code] (int64 value) $"encoding {encoding}, code {code}"

                Expect.equal
                    (decoded |> Seq.mapi (fun code x -> int64 (code + 1) * x) |> Seq.sum)
                    sum
                    $"encoding {encoding}"

                Expect.equal (decoded |> Seq.sumBy (fun x -> x * x)) squares $"encoding {encoding}"
        }

        test "a written file is read with the same samples" {
            let clip = AudioClip([| -1f; -0.5f; 0f; 0.25f; 32767f / 32768f; 1.5f; -7f; nanf |], 22050)
            use stream = new MemoryStream()
            WavFile.Write(stream, clip)
            let back = read (stream.ToArray())
            Expect.equal back.SampleRate 22050 "rate"
            let most = 32767f / 32768f
            Expect.sequenceEqual back.Samples [ -1f; -0.5f; 0f; 0.25f; most; most; -1f; 0f ] "samples"
        }

        test "a file without a whole frame is an empty clip" {
            for what, bytes in
                [
                    "empty data", riff [ fmt; chunk "data" [||] ]
                    "empty data with LIST after it", riff [ fmt; chunk "data" [||]; list ]
                    "one byte of two", riff [ fmt; chunkOf 1 "data" [| 1uy |] ]
                    "never filled in", riffOf 0 "RIFF" [ fmt; chunk "data" [||] ]
                ] do
                Expect.isEmpty (read bytes).Samples what
        }

        test "the message about an invalid file has chunk and byte" {
            let formatWith storage channels rate = chunk "fmt " (format storage channels rate)
            let following (x: float) = chunk "data" (Array.append (data doubles 1 5000) (BitConverter.GetBytes x))

            for bytes, parts in
                [
                    riff [], [ "no \"data\""; "byte 12" ]
                    riff [ fmt ], [ "no \"data\""; "byte 36" ]
                    riff [ samples; fmt ], [ "\"data\" at byte 12"; "\"fmt \"" ]
                    riff [ chunk "fmt " (Array.zeroCreate 15) ], [ "\"fmt \" at byte 12"; "15 bytes" ]
                    riff [ list; chunkOf 16 "fmt " [| 1uy |] ], [ "\"fmt \" at byte 38"; "ends at byte 47" ]
                    riff [ fmt; chunkOf 0xFFFFFFFFL "LIST" [||] ], [ "\"LIST\" at byte 36"; "4294967295 bytes" ]
                    riff [ formatWith pcm16 0 16000 ], [ "\"fmt \" at byte 12"; "0 channels" ]
                    riff [ formatWith pcm16 65 16000 ], [ "\"fmt \" at byte 12"; "65 channels" ]
                    riff [ formatWith pcm16 1 0 ], [ "\"fmt \" at byte 12"; "0 samples per second" ]
                    riff [ formatWith pcm16 1 1650422383 ], [ "\"fmt \" at byte 12"; "1650422383 samples per second" ]
                    riff [ formatWith { pcm16 with Bits = 33 } 1 16000 ],
                    [ "\"fmt \" at byte 12"; "33 bits"; "16-bit PCM" ]
                    riff [ formatWith { pcm16 with Encoding = 3 } 1 16000 ], [ "encoding 3 with 16 bits" ]
                    riff [ formatWith { pcm16 with Encoding = 2; Bits = 4 } 1 16000 ], [ "ADPCM"; "16-bit PCM" ]
                    riff [ formatWith { pcm16 with Encoding = 0x31 } 1 16000 ], [ "GSM" ]
                    riff [ formatWith { pcm16 with Encoding = 0x55 } 1 16000 ], [ "MPEG" ]
                    for bad in [ nan; infinity; -infinity; 1e30 ] do
                        riff [ formatWith doubles 1 16000; following bad ], [ "\"data\" at byte 36"; "byte 40044" ]
                ] do
                let text = refusal bytes

                for part in parts do
                    Expect.stringContains text part "message"
        }

        test "the message has the path of the file" {
            TestSettings.withFolder (fun folder ->
                let path = Path.Combine(folder, "truncated.wav")
                File.WriteAllBytes(path, riff [ fmt ])

                Expect.throwsC (fun () -> AudioClip.Read path |> ignore<AudioClip>) (fun error ->
                    Expect.stringStarts error.Message $"{path}: no \"data\"" "message"))
        }

        test "a pipe is read like a file" {
            if not (Directory.Exists "/proc/self/fd") then
                skiptest "this system has no names for open files"

            let bytes = riff [ chunk "fmt " (format pcm16 1 16000); samples ]

            let piped (read: string -> AudioClip) =
                use pipe = new Pipes.AnonymousPipeServerStream(Pipes.PipeDirection.Out)
                let path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}"
                pipe.Write(ReadOnlySpan bytes)
                pipe.SafePipeHandle.Dispose() // the end of the pipe, after the last writer
                (read path).Samples

            let expected = (read bytes).Samples
            Expect.sequenceEqual (piped (fun path -> AudioClip.Read path)) expected "read"
            Expect.sequenceEqual (piped (fun path -> AudioClip.ReadAsync(path).Result)) expected "read asynchronously"
        }

        test "a FLAC file and a WAV file of the same samples are the same clip" {
            let random = Random 1

            for bits in [ 8; 16; 24; 32 ] do
                for channels in 1..3 do
                    let integers = Array.init channels (fun _ -> FlacRandom.signal random bits 0 300)
                    let flac = FlacEncoder.plain 16000 bits FlacEncoder.Independent FlacEncoder.Verbatim 128 integers
                    let unsign value = if bits = 8 then value + 128uy else value
                    let bytes = FlacEncoder.interleaved flac |> Array.map unsign

                    let wav =
                        riff [ chunk "fmt " (format (integer bits (bits / 8)) channels 16000); chunk "data" bytes ]

                    let what = $"{channels} channels of {bits} bits"
                    Expect.sequenceEqual (read (FlacEncoder.encode flac)).Samples (read wav).Samples what
        }

        test "streams and bytes give the same clip as the file" {
            TestSettings.withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                AudioClip([| for i in 0..999 -> sin (float32 i) * 0.5f |], 16000).WriteWav path
                let bytes = File.ReadAllBytes path
                let expected = AudioClip.Read path

                let expectSame (clip: AudioClip) name =
                    Expect.equal (clip.Samples, clip.SampleRate) (expected.Samples, 16000) name

                expectSame (AudioClip.Read bytes) "bytes"
                expectSame (AudioClip.Read(new MemoryStream(bytes))) "a stream that can seek"

                // The sound begins at the current position.
                let inside = new MemoryStream(Array.append [| 1uy; 2uy; 3uy |] bytes)
                inside.Position <- 3L
                expectSame (AudioClip.Read inside) "from the position on"

                let packed = new MemoryStream()

                (use zip = new Compression.GZipStream(packed, Compression.CompressionLevel.Fastest, true)
                 zip.Write bytes)

                packed.Position <- 0L

                expectSame
                    (AudioClip.Read(new Compression.GZipStream(packed, Compression.CompressionMode.Decompress)))
                    "a stream that cannot seek"

                Expect.equal (string expected) "0.06 s of audio at 16000 Hz" "text"

                Refusal.expectRefusal<AudioFormatException, _> "" (fun () -> AudioClip.Read [| 1uy; 2uy |]))
        }
    ]
