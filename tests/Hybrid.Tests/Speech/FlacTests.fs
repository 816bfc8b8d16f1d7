module Hybrid.Tests.FlacTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder

/// The integers of each channel.
let private decode (bytes: byte[]) =
    let decoder = FlacDecoder bytes
    let channels = Array.init decoder.Info.Channels (fun _ -> ResizeArray<int64>())

    for block in decoder.Blocks() do
        for c in 0 .. channels.Length - 1 do
            channels[c].AddRange(ArraySegment(block.Channels[c], 0, block.Length))

    channels |> Array.map _.ToArray()

let private expectSame (actual: int64[][]) (expected: int64[][]) message =
    Expect.equal actual.Length expected.Length $"{message}: channels"

    for c in 0 .. expected.Length - 1 do
        Expect.equal actual[c].Length expected[c].Length $"{message}: samples of channel {c}"

        for i in 0 .. expected[c].Length - 1 do
            if actual[c][i] <> expected[c][i] then
                failtest $"{message}: channel {c}, sample {i} is {actual[c][i]}, should be {expected[c][i]}"

let private channels (file: File) = [| for c in 0 .. file.Frames.Head.Channels.Length - 1 -> channel c file |]

/// The integers of raw samples, the lowest byte first.
let private integers count bits (bytes: byte[]) =
    let width = (bits + 7) / 8

    let value at =
        let high = int64 (sbyte bytes[at + width - 1])
        List.foldBack (fun b sum -> (sum <<< 8) ||| int64 bytes[at + b]) [ 0 .. width - 2 ] high

    [| for c in 0 .. count - 1 -> [| for i in 0 .. bytes.Length / (width * count) - 1 -> value ((i * count + c) * width) |] |]

/// What the forms of a file exercise.
let private features (file: File) = [
    $"{file.Frames.Head.Channels.Length} channels"
    if file.Variable then "variable block size"

    for frame in file.Frames do
        string frame.Stereo
        $"rate code {frame.RateCode}"
        $"bits code {frame.BitsCode}"

        for subframe in frame.Subframes do
            if subframe.Wasted > 0 then "wasted bits"

            let residual =
                match subframe.Form with
                | Fixed(order, residual) -> Some($"fixed {order}", residual)
                | Linear(coefficients, _, _, residual) -> Some($"linear {coefficients.Length}", residual)
                | _ -> None

            match residual with
            | None -> string subframe.Form
            | Some(name, residual) ->
                name
                if residual.Wide then "5-bit parameters" else "4-bit parameters"
                if residual.Partitions.Length > 1 then "partitions"

                for partition in residual.Partitions do
                    match partition with
                    | Escape 0 -> "escape of 0 bits"
                    | Escape _ -> "escape"
                    | Rice _ -> ()
]

let private allFeatures =
    Set [
        yield! [ "Constant"; "Verbatim"; "wasted bits"; "4-bit parameters"; "5-bit parameters"; "partitions"; "escape"; "escape of 0 bits" ]
        yield "variable block size"
        for stereo in [ Independent; LeftSide; SideRight; MidSide ] -> string stereo
        for order in 0..4 -> $"fixed {order}"
        for order in 1..32 -> $"linear {order}"
        for count in 1..8 -> $"{count} channels"
        for code in [ 0; 3; 4; 5; 6; 9; 10; 11; 12; 13; 14 ] -> $"rate code {code}"
        for code in [ 0; 1; 2; 4; 5; 6; 7 ] -> $"bits code {code}"
    ]

let private message (bytes: byte[]) =
    try
        decode bytes |> ignore<int64[][]>
        failtest "nothing was wrong"
    with :? AudioFormatException as error ->
        error.Message

let private expectMessage bytes (parts: string list) =
    let text = message bytes

    for part in parts do
        Expect.stringContains text part $"message for {parts}"

let private sine = [| Array.init 1000 (fun i -> int64 (round (9000.0 * sin (float i * 0.05)))) |]

/// Three frames of 400, 400 and 200 samples.
let private sample = plain 16000 16 Independent (Fixed(2, { Wide = false; Partitions = [| Rice 6 |] })) 400 sine

/// The sample with other bytes in frame 1, whose check sums are right nevertheless; the byte where the frame begins.
let private forge change =
    let frames = frames sample
    let bytes = [ for i, frame in Seq.indexed frames -> seal (if i = 1 then change frame else frame) ]
    Array.concat (head sample :: bytes), (head sample).Length + bytes[0].Length

let private replace i value (bytes: byte[]) = bytes |> Array.mapi (fun j old -> if i = j then value else old)

[<Tests>]
let decoding =
    testList "FLAC decoder" [
        // Appendix D of RFC 9639 decodes three files by hand and gives the bytes that their MD5 is taken of.
        for name, file, expected, count, bits in [
            "1",
            "664c6143800000221000100000000f00000f0ac442f0000000013e84b41807dc690307586a3dad1a2e0ffff869180000bf0358fd03128baa9a",
            "f463b028", 2, 16
            "2",
            "664c614300000022001000100000170000440ac442f000000013d5b0564975e98b8d8b930422757b810303000012000000000000000000000000000000000010"
            + "0400003a200000007265666572656e6365206c6962464c414320312e332e33203230313930383034010000000e0000005449544c453dd7a9d79cd795d79d8100"
            + "0006000000000000fff86998000f9912086701623d1442998f5df70d6fe00c17caeb21000ee7a77a24a1590c1217b603097b784faa9a33d285e070ad5b1b4851"
            + "b4010d99d2cd1a68f1e6b810fff869180102a402c382c40bc14a03ee48dd03b67c1330",
            "8428B617794631295E3A2722D445D1280B3DB723EB45DF28723f1E259D464929B84170265747B8298F438127AEC714DF9FC441DD54C7E4DEA5C440DD1EC633DE"
            + "82C390DC0BC402DD4AC13EDB", 2, 16
            "3",
            "664c6143800000221000100000001f00001f07d0007000000018f8f9e396f5cbcfc6dc807f9977906b32fff868020017e944004f6f313d1047d227cb6d090831"
            + "452bdc2822228057a3",
            "004F6F4E08C3A6BCF32A43350DE5D2DAF40E181306FCFB00", 1, 8
        ] do
            test $"decodes example {name} of RFC 9639 as the RFC does" {
                let expected = integers count bits (Convert.FromHexString expected)
                expectSame (decode (Convert.FromHexString file)) expected "example"
            }

        test "decodes random files of every form to the samples that were encoded" {
            let mutable seen = Set.empty

            for seed in 1..700 do
                let file = FlacRandom.file (Random seed) 100
                expectSame (decode (encode file)) (channels file) $"seed {seed}"
                seen <- seen + Set(features file)

            Expect.isEmpty (allFeatures - seen) "forms that no file had"
        }

        test "decodes every code of block size, sample rate and bits" {
            let random = Random 1

            for size in [ 1; 16; 255; 256; 257; 192; 576; 1152; 2304; 4608; 512; 1024; 2048; 4096; 8192; 16384; 32768; 65535 ] do
                let file = plain 16000 16 Independent Constant size [| Array.replicate (size + 1) -77L |]

                for code in sizeCodes size do
                    let first = { file.Frames.Head with SizeCode = code }
                    let file = { file with Frames = first :: file.Frames.Tail }
                    expectSame (decode (encode file)) (channels file) $"{size} samples by code {code}"

            for rate in [ 88200; 176400; 192000; 8000; 16000; 22050; 24000; 32000; 44100; 48000; 96000; 1; 255000; 65535; 655350; 1048575 ] do
                for code in rateCodes rate do
                    let file = plain rate 16 Independent Verbatim 10 sine
                    let file = { file with Frames = [ for frame in file.Frames -> { frame with RateCode = code } ] }
                    Expect.equal (FlacDecoder(encode file).Info.SampleRate) rate "rate"
                    expectSame (decode (encode file)) (channels file) $"{rate} Hz by code {code}"

            for bits in 4..32 do
                for stereo in [ LeftSide; SideRight; MidSide ] do
                    let extremes = [| for _ in 0..99 -> if random.Next 2 = 0 then -(1L <<< (bits - 1)) else (1L <<< (bits - 1)) - 1L |]
                    let file = plain 16000 bits stereo Verbatim 64 [| extremes; Array.rev extremes |]

                    for code in bitsCodes bits do
                        let file = { file with Frames = [ for frame in file.Frames -> { frame with BitsCode = code } ] }
                        expectSame (decode (encode file)) (channels file) $"{bits} bits by code {code}, {stereo}"
        }

        test "numbers of frames and samples of every length are passed over" {
            for bits in 0..35 do
                for number in [ 1L <<< bits; (1L <<< bits) + (1L <<< bits) - 1L ] do
                    let file = { sample with Variable = true; Frames = sample.Frames[..0] }
                    let bytes = Array.append (head file) (seal (encodeFrame file number file.Frames.Head))
                    expectSame (decode bytes) (channels file) $"number {number}"
        }

        test "an ID3 tag in front, unknown metadata, unknown length and MD5, and bytes behind the sound do no harm" {
            let tag size footer = Array.concat [ "ID3"B; [| 4uy; 0uy; (if footer then 16uy else 0uy); 0uy; 0uy; byte (size >>> 7); byte (size &&& 127) |]; Array.create (size + if footer then 10 else 0) 65uy ]

            for inFront in [ [||]; tag 300 false; tag 5 true; Array.append (tag 0 false) (tag 200 true) ] do
                for metadata in [ []; [ 1, Array.zeroCreate 1000; 4, [||]; 126, [| 255uy; 248uy |] ] ] do
                    for totalKnown in [ true; false ] do
                        for md5Known in [ true; false ] do
                            let file = { sample with InFront = inFront; Metadata = metadata; TotalKnown = totalKnown; Md5Known = md5Known }
                            let behind = if totalKnown then Array.append "TAG"B (Array.zeroCreate 125) else [||]
                            use stream = new MemoryStream(Array.append (encode file) behind)
                            let clip = AudioClip.Read stream
                            let what = $"{inFront.Length} bytes in front, {metadata.Length} blocks, {totalKnown}, {md5Known}"
                            Expect.sequenceEqual clip.Samples [ for sample in sine[0] -> float32 sample / 32768f ] what
        }

        test "no sound at all is an empty clip" {
            for totalKnown in [ true; false ] do
                use stream = new MemoryStream(encode { sample with Frames = []; TotalKnown = totalKnown })
                Expect.isEmpty (AudioClip.Read stream).Samples "samples"
        }

        test "several channels become one by their mean" {
            for count in 1..8 do
                let samples = Array.init count (fun c -> FlacRandom.signal (Random c) 24 0 500)
                use stream = new MemoryStream(encode (plain 44100 24 Independent Verbatim 192 samples))
                let clip = AudioClip.Read stream
                Expect.equal clip.SampleRate 44100 "rate"

                for i in 0..499 do
                    let mean = (samples |> Array.sumBy (fun channel -> float channel[i] / 8388608.0)) / float count
                    Expect.equal clip.Samples[i] (float32 mean) $"{count} channels, sample {i}"
        }
    ]

[<Tests>]
let errors =
    testList "FLAC errors" [
        test "a damaged frame is named by its number and first byte" {
            let intact, at = forge id
            expectSame (decode intact) sine "intact"
            expectMessage (replace (at + 30) (intact[at + 30] ^^^ 4uy) intact) [ $"FLAC frame 1 at byte {at}"; "CRC-16" ]
            expectMessage (replace (at + 5) (intact[at + 5] ^^^ 1uy) intact) [ $"FLAC frame 1 at byte {at}"; "CRC-8" ]
            expectMessage (replace at 0uy intact) [ $"FLAC frame 1 at byte {at}"; "no frame begins here" ]
            let md5 = 4 + 4 + 18
            expectMessage (replace md5 (intact[md5] ^^^ 1uy) intact) [ "MD5"; "damaged" ]
        }

        test "no single flipped bit of a sound goes unnoticed" {
            let intact = encode sample

            for i in (head sample).Length .. intact.Length - 1 do
                for bit in 0..7 do
                    message (replace i (intact[i] ^^^ (1uy <<< bit)) intact) |> ignore<string>
        }

        test "a file cut anywhere is torn" {
            let intact = encode { sample with InFront = [| yield! "ID3"B; 4uy; 0uy; 0uy; 0uy; 0uy; 0uy; 3uy; 1uy; 2uy; 3uy |] }

            for length in 1 .. intact.Length - 1 do
                if length >= 3 then
                    use stream = new MemoryStream(intact[.. length - 1])
                    let text = Expect.throwsC (fun () -> AudioClip.Read stream |> ignore<AudioClip>) (fun error -> error :?> AudioFormatException |> _.Message)
                    Expect.isNonEmpty text $"cut at {length}"
        }

        test "what the format reserves is refused by name" {
            let forged header body = forge (fun (h, b) -> header h, body b)

            for header, body, part in [
                replace 1 0xFAuy, id, "no frame begins here"
                replace 2 0x00uy, id, "block size code 0"
                replace 2 0x7Fuy, id, "sample rate code 15"
                replace 3 0xB0uy, id, "channel assignment 11"
                replace 3 0x06uy, id, "bit depth code 3"
                replace 3 0x01uy, id, "reserved bit of its header"
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
                expectMessage bytes [ part; $"FLAC frame 1 at byte {at}" ]
        }

        test "a sample beyond the bit depth is refused" {
            // The first sample is written as -128; the residual leads on below it.
            let form = Fixed(1, { Wide = false; Partitions = [| Rice 0 |] })
            let falling = plain 16000 8 Independent form 16 [| Array.init 16 (fun i -> -128L - int64 i) |]
            expectMessage (encode falling) [ "does not fit into 8 bits" ]
        }

        test "more or fewer samples than the head says" {
            let frames = frames sample |> List.map seal
            let head = head sample
            expectMessage (Array.concat [ head; frames[0]; frames[1] ]) [ "800 of 1000"; "torn" ]
            expectMessage (Array.concat [ head; frames[0]; frames[1]; frames[0] ]) [ "frame 2"; "1200"; "1000" ]
        }

        test "metadata that are torn or out of order" {
            let intact = encode sample
            expectMessage (replace 4 0x81uy intact) [ "STREAMINFO"; "byte 4" ]
            expectMessage (replace 7 33uy intact) [ "STREAMINFO"; "byte 4" ]
            expectMessage (replace 5 0x7Fuy intact) [ "torn"; "byte 4" ]
            expectMessage (encode { sample with Metadata = [ 0, Array.zeroCreate 34 ] }) [ "STREAMINFO"; "byte 42" ]
            expectMessage (encode { sample with InFront = "ID3\004\000\000\000\000\000\000not FLAC"B }) [ "byte 10"; "not FLACfLaC" ]
            expectMessage (encode { sample with Rate = 0 }) [ "no sound" ]
        }

        test "silence of any length is decoded, a forgery that would fill the memory is not" {
            let silence seconds size = plain 16000 16 Independent Constant size [| Array.zeroCreate (16000 * seconds) |]
            use stream = new MemoryStream(encode (silence 900 65535))
            Expect.equal (AudioClip.Read stream).Samples.Length (16000 * 900) "a quarter of an hour in 2 KB"

            for known in [ true; false ] do
                use stream = new MemoryStream(encode { silence 1100 65535 with TotalKnown = known; Md5Known = false })
                let before = GC.GetAllocatedBytesForCurrentThread()
                Expect.throwsC (fun () -> AudioClip.Read stream |> ignore<AudioClip>) (fun error -> Expect.stringContains error.Message "flac -d" "remedy")
                Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 400_000_000L "bytes allocated"
        }

        test "content of no known format is named together with the formats that are" {
            for bytes, name in [ "OggS"B, "Ogg"; "NIST_1A\n   1024"B, "SPHERE"; [| 0xFFuy; 0xFBuy; 0x90uy |], "MP3"; "FORM    AIFF"B, "AIFF"; "hello"B, "hello"; [||], "empty" ] do
                use stream = new MemoryStream(bytes)
                Expect.throwsC (fun () -> AudioClip.Read stream |> ignore<AudioClip>) (fun error ->
                    Expect.equal (error.GetType()) typeof<AudioFormatException> "type"
                    Expect.stringContains error.Message name "name"
                    if bytes.Length > 0 then Expect.stringContains error.Message "WAV and FLAC" "remedy")
        }
    ]

let private raw = [ "--force-raw-format"; "--endian=little"; "--sign=signed" ]

/// What the program `flac` makes of samples with some options.
let private encodeOutside (options: string list) rate bits count (samples: byte[]) =
    let path = Path.GetTempFileName()

    try
        let format = [ $"--sample-rate={rate}"; $"--bps={bits}"; $"--channels={count}" ]
        let code, _, said = Outside.run "flac" [ "-s"; "-f"; yield! raw; yield! format; yield! options; "-o"; path; "-" ] samples
        Expect.equal code 0 $"flac {options}: {said}"
        File.ReadAllBytes path
    finally
        File.Delete path

[<Tests>]
let outside =
    testList "FLAC against the program flac" [
        test "the test encoder's files are what flac reads" {
            Outside.needs "flac"

            for seed in 1..80 do
                let file = FlacRandom.file (Random seed) 100
                // flac compares its samples with the MD5, and writes those of whole bytes.
                let isWhole = file.Bits % 8 = 0
                let options = if isWhole then [ "-d"; "-c"; yield! raw ] else [ "-t" ]
                let code, output, said = Outside.run "flac" [ "-s"; "-w"; yield! options; "-" ] (encode { file with TotalKnown = true; Md5Known = true })
                Expect.equal code 0 $"seed {seed}: {said}"
                if isWhole then Expect.isTrue (output.AsSpan().SequenceEqual(interleaved file)) $"seed {seed}: samples"
        }

        test "files that flac makes are decoded to the samples that it was given" {
            Outside.needs "flac"

            let check seed options rate bits count wasted =
                let random = Random(seed: int)
                let samples = Array.init count (fun _ -> Array.concat [ for _ in 1..8 -> FlacRandom.signal random bits wasted (random.Next(100, 3000)) ])
                let length = samples |> Array.map _.Length |> Array.min
                let samples = samples |> Array.map (Array.take length)
                let bytes = interleaved (plain rate bits Independent Verbatim length samples)
                expectSame (decode (encodeOutside options rate bits count bytes)) samples $"flac {options}, {rate} Hz, {count} x {bits} bits, {wasted} wasted"

            let mutable seed = 0

            let each options =
                for bits in [ 8; 16; 24 ] do
                    for count in [ 1; 2 ] do
                        seed <- seed + 1
                        check seed options 16000 bits count (if seed % 5 = 0 then 3 else 0)

            for level in 0..8 do
                each [ $"-{level}" ]

            each [ "-8"; "-e"; "-p" ]
            each [ "--lax"; "-b"; "65535"; "-r"; "15"; "-l"; "32" ]

            for order in 0..32 do
                check order [ "--lax"; "-l"; string order ] 44100 (8 + 8 * (order % 3)) (1 + order % 2) 0

            for i, size in Seq.indexed [ 16; 17; 192; 255; 576; 1000; 4096; 4608; 16384; 32768; 65535 ] do
                check i [ "--lax"; "-b"; string size ] 48000 16 2 0

            for parameter in 0..15 do
                check parameter [ "--lax"; "-r"; $"{min parameter 4},{parameter}" ] 8000 24 2 1

            for i, mode in Seq.indexed [ "-m"; "-M"; "--no-mid-side" ] do
                check i [ "-5"; mode ] 22050 16 2 0

            for precision in 5..15 do
                check precision [ "-q"; string precision ] 16000 16 1 0

            for count in 1..8 do
                check count [ "-8" ] 96000 24 count 0

            for wasted in 1..15 do
                check wasted [ "-5" ] 16000 16 2 wasted

            for level in 0..8 do
                check level [ $"-{level}" ] 192000 32 2 (level % 3)
        }

        test "recordings of LibriSpeech are decoded as flac does" {
            let folder = Outside.shared "data/librispeech/train-clean-100"
            Outside.needs "flac"
            let files = Directory.GetFiles(folder, "*.flac", SearchOption.AllDirectories) |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))
            Expect.isGreaterThanOrEqual files.Length 20 $"recordings in {folder}"

            for i in 0..19 do
                let path = files[i * (files.Length - 1) / 19]
                let code, output, said = Outside.run "flac" [ "-d"; "-c"; "-s"; yield! raw; path ] [||]
                Expect.equal code 0 $"{path}: {said}"
                expectSame (decode (File.ReadAllBytes path)) (integers 1 16 output) path
                Expect.equal (AudioClip.Read path).Samples.Length (output.Length / 2) path
        }
    ]
