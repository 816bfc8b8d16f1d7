/// Pieces and channels of recordings.
module Hybrid.Tests.PieceTests

open System
open System.IO
open System.Threading.Tasks
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings
open Hybrid.Tests.WavEncoder

/// A stream that counts the bytes that are read.
type private CountingStream(bytes: byte[]) =
    inherit MemoryStream(bytes)
    member val Count = 0L with get, set

    override this.Read(destination: Span<byte>) =
        let count = base.Read destination
        this.Count <- this.Count + int64 count
        count

let private rate = 16000

/// Noise of two channels, 16 bits.
let private noise seconds = [|
    for c in 0..1 ->
        let random = Random(c + 1)
        Array.init (int (float rate * seconds)) (fun _ -> random.NextInt64(-20000L, 20000L))
|]

let private wav (channels: int64[][]) =
    let data =
        Array.init channels[0].Length (fun i -> channels |> Array.collect (fun c -> BitConverter.GetBytes(int16 c[i])))

    riff [ chunk "fmt " (format pcm16 channels.Length rate); chunk "data" (Array.concat data) ]

let private flac channels = encode (plain rate 16 Independent Verbatim 1000 channels)

let private read (bytes: byte[]) (offset, duration: float option, channel: int option) =
    use stream = new MemoryStream(bytes)

    AudioClip.Read(stream, AudioPiece(offset, Option.toNullable duration, Option.toNullable channel)).Samples

let private refusal bytes piece = messageOf<AudioFormatException, _>(fun () -> read bytes piece)

/// The samples of a piece by its definition.
let private expected (channels: int64[][]) (offset, duration: float option, channel: int option) =
    let at (seconds: float) = int (round (seconds * float rate))

    let first = at offset

    let last =
        match duration with
        | Some duration -> min channels[0].Length (at (offset + duration))
        | None -> channels[0].Length

    [|
        for i in first .. last - 1 ->
            match channel with
            | Some c -> float32 (channels[c][i]) / 32768f
            | None -> float32 (channels[0][i] + channels[1][i]) / 65536f
    |]

let private channels = noise 3.0
let private files = [ "WAV", wav channels; "FLAC", flac channels ]

let private withFile (bytes: byte[]) (body: string -> unit) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "long")
        File.WriteAllBytes(path, bytes)
        body path)

[<Tests>]
let tests =
    testList "pieces of recordings" [
        for name, bytes in files do
            test $"{name}: a piece has the samples of its time range and channel" {
                let random = Random 1

                for i in 0..200 do
                    let offset = if i % 5 = 0 then 0.0 else 2.9 * random.NextDouble()
                    let longest = 3.0 - offset

                    let piece =
                        offset,
                        (if i % 7 = 0 then
                             None
                         else
                             Some(longest * random.NextDouble() + 1e-4)),
                        [ None; Some 0; Some 1 ][i % 3]

                    Expect.sequenceEqual (read bytes piece) (expected channels piece) $"{piece}"
            }

            test $"{name}: adjoining pieces have every sample once" {
                for length in [ 0.1; 0.3333; 0.00007; 1.0 / 3.0 ] do
                    let count = min 500 (int (3.0 / length))

                    let joined = [|
                        for i in 0 .. count - 1 do
                            yield! read bytes (float i * length, Some length, Some 0)
                    |]

                    Expect.sequenceEqual
                        joined
                        (expected channels (0.0, Some(float count * length), Some 0))
                        $"{length}"
            }

            test $"{name}: a piece outside the recording is refused with both times, a rounded end is cut" {
                Expect.stringContains
                    (refusal bytes (3.0, None, None))
                    "the piece begins at 3 s, and the recording ends at 3 s"
                    "at the end"

                Expect.stringContains
                    (refusal bytes (1e300, Some 1e300, None))
                    "and the recording ends at 3 s"
                    "far beyond the end"

                Expect.stringContains
                    (refusal bytes (1.0, Some 2.2, None))
                    "the piece ends at 3.2 s, and the recording ends at 3 s"
                    "too long"

                let rounded = 1.0, Some 2.05, None
                Expect.sequenceEqual (read bytes rounded) (expected channels rounded) "rounded"
            }

            test $"{name}: a channel that does not exist is refused with those that do" {
                Expect.stringContains
                    (refusal bytes (0.0, None, Some 2))
                    "there is no channel 2: the channels are 0 to 1"
                    "stereo"

                let mono =
                    if name = "WAV" then
                        wav [| channels[0] |]
                    else
                        flac [| channels[0] |]

                Expect.stringContains
                    (refusal mono (0.0, None, Some 1))
                    "there is no channel 1: the only channel is 0"
                    "mono"

                Expect.sequenceEqual (read mono (0.0, None, Some 0)) (expected channels (0.0, None, Some 0)) "channel 0"
            }

            test $"{name}: threads read pieces of one file" {
                withFile bytes (fun path ->
                    Parallel.For(
                        0,
                        100,
                        fun i ->
                            let piece = float (i * 37 % 100) * 0.029, Some 0.05, Some(i % 2)
                            let offset, duration, channel = piece

                            let clip =
                                AudioClip.Read(path, offset, Option.toNullable duration, Option.toNullable channel)

                            Expect.sequenceEqual clip.Samples (expected channels piece) $"piece {i}"
                    )
                    |> ignore)
            }

        test "values out of range are refused before the file is opened" {
            for read, problem in
                [
                    (fun () -> AudioClip.Read("nowhere.wav", -1.0)), "the offset of a piece is -1 s"
                    (fun () -> AudioClip.Read("nowhere.wav", nan)), "the offset of a piece is NaN s"
                    (fun () -> AudioClip.Read("nowhere.wav", infinity)), "the offset of a piece is Infinity s"
                    (fun () -> AudioClip.Read("nowhere.wav", 0.0, Nullable 0.0)), "the duration of a piece is 0 s"
                    (fun () -> AudioClip.Read("nowhere.wav", 0.0, Nullable nan)), "the duration of a piece is NaN s"
                    (fun () -> AudioClip.Read("nowhere.wav", channel = Nullable -1)), "the channel is -1"
                ] do
                expectRefusal<ArgumentOutOfRangeException, _> problem read
        }

        test "of a WAV file, only headers and the piece are read" {
            let bytes = wav (noise 60.0)
            use stream = new CountingStream(bytes)
            let clip = AudioClip.Read(stream, AudioPiece(50.0, Nullable 0.5, Nullable()))
            Expect.equal clip.Samples.Length 8000 "samples"
            Expect.isLessThan stream.Count (4L * 8000L + 1000L) $"bytes of {bytes.Length}"
        }

        test "the size of an unfinished WAV file is searched once for all pieces" {
            let channels = noise 20.0
            let bytes = wav channels
            Array.fill bytes 40 4 255uy
            use stream = new CountingStream(bytes)
            let index = AudioIndex()

            for i in 0..99 do
                stream.Position <- 0L
                let piece = float i * 0.2, Some 0.2, None
                let clip = AudioClip.Read(stream, AudioPiece(float i * 0.2, Nullable 0.2, Nullable()), index)
                Expect.sequenceEqual clip.Samples (expected channels piece) $"piece {i}"

            Expect.isLessThan stream.Count (3L * int64 bytes.Length) "bytes for all pieces"
        }

        test "a FLAC file is decoded to the end of a piece at most, and each part once" {
            let channels = noise 60.0
            let bytes = flac channels
            use stream = new CountingStream(bytes)
            let index = AudioIndex()

            let piece seconds =
                stream.Position <- 0L
                let clip = AudioClip.Read(stream, AudioPiece(seconds, Nullable 0.5, Nullable()), index)
                Expect.sequenceEqual clip.Samples (expected channels (seconds, Some 0.5, None)) $"piece at {seconds} s"

            piece 10.0
            Expect.isLessThan stream.Count (int64 bytes.Length / 4L) "bytes before and of the first piece"

            for i in 0..119 do
                piece (float i * 0.5)

            // A piece is decoded from up to a second before it, in windows that extend beyond its end.
            Expect.isLessThan stream.Count (8L * int64 bytes.Length) "bytes for 120 pieces"
            let before = stream.Count
            piece 59.0
            Expect.isLessThan (stream.Count - before) (int64 bytes.Length / 10L) "bytes of the last piece"
        }

        test "a changed FLAC file has no known frames" {
            withFile (flac channels) (fun path ->
                let second () = AudioClip.Read(path, 2.0, Nullable 0.5).Samples
                let before = second ()
                let other = noise 3.0 |> Array.map (Array.map (fun x -> x / 2L))
                File.WriteAllBytes(path, encode (plain rate 16 Independent Verbatim 777 other))
                File.SetLastWriteTimeUtc(path, DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc))
                Expect.sequenceEqual (second ()) (expected other (2.0, Some 0.5, None)) "new content"
                Expect.notEqual (second ()) before "not the former content")
        }

        test "a FLAC file without declared length has pieces, and its end is known when it is reached" {
            let file = { plain rate 16 Independent Verbatim 1000 channels with TotalKnown = false }
            let bytes = encode file
            let piece = 1.5, Some 1.0, None
            Expect.sequenceEqual (read bytes piece) (expected channels piece) "inside"
            Expect.stringContains (refusal bytes (4.0, None, None)) "the recording ends at 3 s" "after the end"
            Expect.stringContains (refusal bytes (2.0, Some 5.0, None)) "the recording ends at 3 s" "too long"
        }

        test "a damaged frame before a piece does not matter once the piece's frames are known, inside it does" {
            let bytes = flac channels
            let damaged = bytes |> Array.mapi (fun i b -> if i = bytes.Length - 2000 then b ^^^ 1uy else b)
            let piece = 0.5, Some 1.0, None
            Expect.sequenceEqual (read damaged piece) (expected channels piece) "before the damage"
            Expect.stringContains (refusal damaged (2.5, None, None)) "CRC-16" "with the damage"
        }
    ]

/// Channels by their gains on one signal, and noise.
let private gains (gains: float list) noise =
    let random = Random 3
    let signal = Array.init 8000 (fun i -> sin (float i * 0.05) * 8000.0)

    [|
        for gain in gains ->
            signal |> Array.map (fun x -> int64 (round (gain * x + noise * (2.0 * random.NextDouble() - 1.0))))
    |]

[<Tests>]
let cancellation =
    testList "channels that cancel out" [
        for name, write in [ "WAV", wav; "FLAC", flac ] do
            test $"{name}: opposite phase is refused in a sentence that names the channels" {
                for what, channels in
                    [
                        "exact", gains [ 1.0; -1.0 ] 0.0
                        "with noise", gains [ 1.0; -1.0 ] 300.0
                        "nearly equal gains", gains [ 1.0; -0.9 ] 0.0
                        "four channels", gains [ 1.0; -1.0; 1.0; -1.0 ] 0.0
                    ] do
                    let bytes = write channels
                    let text = refusal bytes (0.0, None, None)
                    Expect.stringContains text $"its {channels.Length} channels are in opposite phase" what
                    Expect.stringContains text $"channel 0 to {channels.Length - 1}" what
                    Expect.isFalse (text.Contains '\n') "one sentence"

                    for c in 0 .. channels.Length - 1 do
                        Expect.sequenceEqual
                            (read bytes (0.0, None, Some c))
                            [ for x in channels[c] -> float32 x / 32768f ]
                            $"{what}: channel {c}"
            }

            test $"{name}: other recordings are read" {
                for what, channels in
                    [
                        "equal channels", gains [ 1.0; 1.0 ] 0.0
                        "one silent channel", gains [ 1.0; 0.0 ] 0.0
                        "silence", gains [ 0.0; 0.0 ] 0.0
                        "noise", gains [ 0.0; 0.0 ] 3000.0
                        "much noise in opposite phase", gains [ 1.0; -1.0 ] 4000.0
                        "opposite phase of half the gain", gains [ 1.0; -0.5 ] 0.0
                        "eight channels of noise", gains (List.replicate 8 0.0) 3000.0
                        "one channel", gains [ 1.0 ] 0.0
                    ] do
                    Expect.equal (read (write channels) (0.0, None, None)).Length 8000 what
            }
    ]

/// A mono file with the samples from a number on.
let private counting storage rate first count =
    let data = [| for i in first .. first + count - 1 -> float i / 32768.0 |] |> Array.collect storage.Write
    chunk "fmt " (format storage 1 rate), data

let private whole (format, data) = riff [ format; chunk "data" data ]

let private list = chunk "LIST" "INFOIART\005\000\000\000Klatt"B

[<Tests>]
let concatenated =
    testList "concatenated files" [
        test "WAV files of one rate are one recording" {
            let first, second = counting pcm16 rate 0 1001, counting pcm16 rate 1001 500
            let format, data = first

            let unfilled size = riffOf 0xFFFFFFFFL "RIFF" [ format; chunkOf size "data" data ]

            for what, bytes in
                [
                    "plain", whole first
                    "with a chunk after the data", riff [ format; chunk "data" data; list ]
                    "size 0", unfilled 0L
                    "size 2^32 - 1", unfilled 0xFFFFFFFFL
                    "RIFF of size 0", riffOf 0 "RIFF" [ format; chunk "data" data ]
                ] do
                for what2, other in
                    [
                        "16 bits", whole second
                        "24 bits", whole (counting (integer 24 3) rate 1001 500)
                        "floats", whole (counting floats rate 1001 500)
                    ] do
                    let samples = read (Array.append bytes other) (0.0, None, None)
                    Expect.sequenceEqual samples [ for i in 0..1500 -> float32 i / 32768f ] $"{what}, then {what2}"

            let three = Array.concat [ whole first; whole second; whole (counting pcm16 rate 1501 3) ]
            Expect.equal (read three (0.0, None, None)).Length 1504 "three files"
            let across = read three (1000.0 / float rate, Some(502.0 / float rate), None)
            Expect.sequenceEqual across [ for i in 1000..1501 -> float32 i / 32768f ] "a piece across three files"
        }

        test "an odd file without pad byte, and a large one of unknown size" {
            let odd = counting (integer 8 1) rate 0 3
            let odd = riff [ fst odd; chunkOf 3 "data" (snd odd) ]
            Expect.equal (read (Array.append odd odd) (0.0, None, None)).Length 6 "odd"
            let random = Random 1

            for length in [ 65520; 65528; 65536; 65544; 131060; 200000 ] do
                let data = Array.zeroCreate<byte> length
                random.NextBytes data
                let first = riffOf 0 "RIFF" [ chunk "fmt " (format pcm16 1 rate); chunkOf 0xFFFFFFFFL "data" data ]
                let samples = read (Array.append first (whole (counting pcm16 rate 7 10))) (0.0, None, None)
                Expect.equal samples.Length (length / 2 + 10) $"{length} bytes"
                Expect.equal samples[length / 2] (7f / 32768f) $"{length} bytes: the second file"
        }

        test "WAV files of different rates are refused with both" {
            let bytes = Array.append (whole (counting pcm16 rate 0 10)) (whole (counting pcm16 8000 0 10))
            let text = refusal bytes (0.0, None, None)
            Expect.stringContains text "a second WAV file begins at byte 64 with 8000 samples per second" "place"
            Expect.stringContains text "the first has 16000" "first rate"
        }

        test "a second FLAC file is refused" {
            let one = flac channels
            let text = refusal (Array.append one one) (0.0, None, None)
            Expect.stringContains text $"a second FLAC file begins at byte {one.Length}" "message"
        }

        test "files of both formats, one behind the other, are refused" {
            let flac, wav = flac channels, whole (counting pcm16 rate 0 10)
            let text = refusal (Array.append flac wav) (0.0, None, None)
            Expect.stringContains text $"a second WAV file begins at byte {flac.Length}" "FLAC, then WAV"
            let text = refusal (Array.append wav flac) (0.0, None, None)
            Expect.stringContains text $"a FLAC file begins at byte {wav.Length}" "WAV, then FLAC"
            // What players append is no audio.
            Expect.equal (read (Array.append wav "ID3\004\000"B) (0.0, None, None)).Length 10 "a tag"
        }
    ]

[<Tests>]
let bounds =
    testList "what is not a sound file" [
        test "a folder is named" {
            withFolder (fun folder ->
                for read in [ (fun () -> AudioClip.Read folder); (fun () -> AudioClip.ReadAsync(folder).Result) ] do
                    try
                        read () |> ignore<AudioClip>
                        failtest "it was read"
                    with error ->
                        let error = error.GetBaseException()
                        Expect.isTrue (error :? IOException) $"{error}"
                        Expect.equal error.Message $"{folder} is a folder; give a file" "message")
        }

        test "a device without end is refused at once" {
            if not (File.Exists "/dev/zero") then
                skiptest "this system has no /dev/zero"

            for read in
                [
                    (fun () -> AudioClip.Read "/dev/zero")
                    (fun () -> AudioClip.ReadAsync("/dev/zero").GetAwaiter().GetResult())
                ] do
                Expect.stringContains (messageOf<AudioFormatException, _> read) "/dev/zero: the file" "message"
        }

        test "a pipe without end is refused after its head" {
            if not (Directory.Exists "/proc/self/fd") then
                skiptest "this system has no names for open files"

            use pipe = new Pipes.AnonymousPipeServerStream(Pipes.PipeDirection.Out)
            let path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}"
            pipe.Write(ReadOnlySpan(Array.zeroCreate<byte> 100))
            // The writer stays open: reading to the end would wait forever.
            Expect.stringContains
                (messageOf<AudioFormatException, _>(fun () -> AudioClip.Read path))
                "begins with"
                "message"
        }

        test "sparse files of any size are refused in bounded memory and time" {
            withFolder (fun folder ->
                let sparse name (head: byte[]) length =
                    let path = Path.Combine(folder, name)
                    use file = File.Create path
                    file.Write(head, 0, head.Length)
                    file.SetLength length
                    path

                let terabyte = 1L <<< 40

                let samples =
                    riffOf 0xFFFFFFFFL "RIFF" [ chunk "fmt " (format pcm16 1 rate); chunkOf 0xFFFFFFFFL "data" [||] ]

                for path, problem in
                    [
                        sparse "zeros.wav" [||] terabyte, "begins with"
                        sparse "chunks.wav" (riffOf 0 "RIFF" []) terabyte,
                        "no \"data\" chunk among the first 1000 chunks"
                        sparse "stream.flac" (head (plain rate 16 Independent Verbatim 1000 channels)) terabyte,
                        "no frame begins here"
                        sparse "meta.flac" "fLaC"B terabyte, "STREAMINFO"
                    ] do
                    let before = GC.GetAllocatedBytesForCurrentThread()
                    let clock = Diagnostics.Stopwatch.StartNew()

                    Expect.stringContains
                        (messageOf<AudioFormatException, _>(fun () -> AudioClip.Read path))
                        problem
                        path

                    Expect.isLessThan clock.Elapsed.TotalSeconds 5.0 path
                    Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 10_000_000L path

                // A declared size, so that the data are not searched for another file.
                let path =
                    sparse
                        "long.wav"
                        (riffOf 0xFFFFFFFFL "RF64" [
                            chunk
                                "ds64"
                                (Array.concat [
                                    BitConverter.GetBytes 0L
                                    BitConverter.GetBytes(1L <<< 34)
                                    Array.zeroCreate 12
                                ])
                            samples[12..]
                        ])
                        (1L <<< 35)

                Expect.stringContains
                    (messageOf<AudioFormatException, _>(fun () -> AudioClip.Read path))
                    "cut the recording into pieces"
                    "long"

                Expect.equal (AudioClip.Read(path, 100_000.0, Nullable 1.0)).Samples.Length rate "a piece of it")
        }
    ]
