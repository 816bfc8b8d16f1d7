module Hybrid.Tests.FlacTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.FlacEncoder

/// The integers of each channel.
let decode (bytes: byte[]) =
    use stream = new MemoryStream(bytes)
    let decoder = FlacDecoder stream
    let channels = Array.init decoder.Info.Channels (fun _ -> ResizeArray<int64>())

    for block in decoder.Blocks() do
        for c in 0 .. channels.Length - 1 do
            channels[c].AddRange(ArraySegment(block.Channels[c], 0, block.Length))

    channels |> Array.map _.ToArray()

let expectSame (actual: int64[][]) (expected: int64[][]) message =
    Expect.equal actual.Length expected.Length $"{message}: channels"

    for c in 0 .. expected.Length - 1 do
        Expect.equal actual[c].Length expected[c].Length $"{message}: samples of channel {c}"

        for i in 0 .. expected[c].Length - 1 do
            if actual[c][i] <> expected[c][i] then
                failtest $"{message}: channel {c}, sample {i} is {actual[c][i]}, should be {expected[c][i]}"

let channels (file: File) = [| for c in 0 .. file.Frames.Head.Channels.Length - 1 -> channel c file |]

/// The integers of raw samples, the lowest byte first.
let integers count bits (bytes: byte[]) =
    let width = (bits + 7) / 8

    let value at =
        let high = int64 (sbyte bytes[at + width - 1])
        List.foldBack (fun b sum -> (sum <<< 8) ||| int64 bytes[at + b]) [ 0 .. width - 2 ] high

    let length = bytes.Length / (width * count)
    Array.init count (fun c -> Array.init length (fun i -> value ((i * count + c) * width)))

/// The features of the format that a file has.
let private features (file: File) = [
    $"{file.Frames.Head.Channels.Length} channels"
    if file.Variable then
        "variable block size"

    for frame in file.Frames do
        string frame.Stereo
        $"rate code {frame.RateCode}"
        $"bits code {frame.BitsCode}"

        for subframe in frame.Subframes do
            if subframe.Wasted > 0 then
                "wasted bits"

            let residual =
                match subframe.Form with
                | Fixed(order, residual) -> Some($"fixed {order}", residual)
                | Linear(coefficients, _, _, residual) -> Some($"linear {coefficients.Length}", residual)
                | _ -> None

            match residual with
            | None -> string subframe.Form
            | Some(name, residual) ->
                name

                if residual.Wide then
                    "5-bit parameters"
                else
                    "4-bit parameters"

                if residual.Partitions.Length > 1 then
                    "partitions"

                for partition in residual.Partitions do
                    match partition with
                    | Escape 0 -> "escape of 0 bits"
                    | Escape _ -> "escape"
                    | Rice _ -> ()
]

let private allFeatures =
    Set [
        yield! [ "Constant"; "Verbatim"; "wasted bits"; "variable block size" ]
        yield! [ "4-bit parameters"; "5-bit parameters"; "partitions"; "escape"; "escape of 0 bits" ]
        for stereo in [ Independent; LeftSide; SideRight; MidSide ] -> string stereo
        for order in 0..4 -> $"fixed {order}"
        for order in 1..32 -> $"linear {order}"
        for count in 1..8 -> $"{count} channels"
        for code in [ 0; 3; 4; 5; 6; 9; 10; 11; 12; 13; 14 ] -> $"rate code {code}"
        for code in [ 0; 1; 2; 4; 5; 6; 7 ] -> $"bits code {code}"
    ]

let sine = [| Array.init 1000 (fun i -> int64 (round (9000.0 * sin (float i * 0.05)))) |]

/// Three frames of 400, 400 and 200 samples.
let sample = plain 16000 16 Independent (Fixed(2, { Wide = false; Partitions = [| Rice 6 |] })) 400 sine

[<Tests>]
let decoding =
    testList "FLAC decoder" [
        // Appendix D of RFC 9639 decodes three files by hand and gives the bytes that their MD5 is taken of.
        for name, file, expected, count, bits in
            [
                "1",
                "664c6143800000221000100000000f00000f0ac442f0000000013e84b41807dc690307586a3dad1a2e0f"
                + "fff869180000bf0358fd03128baa9a",
                "f463b028",
                2,
                16
                "2",
                "664c614300000022001000100000170000440ac442f000000013d5b0564975e98b8d8b930422757b8103"
                + "030000120000000000000000000000000000000000100400003a200000007265666572656e6365206c69"
                + "62464c414320312e332e33203230313930383034010000000e0000005449544c453dd7a9d79cd795d79d"
                + "81000006000000000000fff86998000f9912086701623d1442998f5df70d6fe00c17caeb21000ee7a77a"
                + "24a1590c1217b603097b784faa9a33d285e070ad5b1b4851b4010d99d2cd1a68f1e6b810fff869180102"
                + "a402c382c40bc14a03ee48dd03b67c1330",
                "8428B617794631295E3A2722D445D1280B3DB723EB45DF28723f1E259D464929B84170265747B8298F43"
                + "8127AEC714DF9FC441DD54C7E4DEA5C440DD1EC633DE82C390DC0BC402DD4AC13EDB",
                2,
                16
                "3",
                "664c6143800000221000100000001f00001f07d0007000000018f8f9e396f5cbcfc6dc807f9977906b32"
                + "fff868020017e944004f6f313d1047d227cb6d090831452bdc2822228057a3",
                "004F6F4E08C3A6BCF32A43350DE5D2DAF40E181306FCFB00",
                1,
                8
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

            Expect.isEmpty (allFeatures - seen) "features that no file had"
        }

        test "decodes every code of block size, sample rate and bits" {
            let random = Random 1

            let sizes = [
                yield! [ 1; 16; 255; 257; 65535; 192 ]
                for i in 0..3 -> 576 <<< i
                for i in 8..15 -> 1 <<< i
            ]

            for size in sizes do
                let file = plain 16000 16 Independent Constant size [| Array.replicate (size + 1) -77L |]

                for code in sizeCodes size do
                    let first = { file.Frames.Head with SizeCode = code }
                    let file = { file with Frames = first :: file.Frames.Tail }
                    expectSame (decode (encode file)) (channels file) $"{size} samples by code {code}"

            for rate in Seq.append tabulatedRates [ 1; 255000; 65535; 655350; 1048575 ] do
                for code in rateCodes rate do
                    let file = plain rate 16 Independent Verbatim 10 sine
                    let file = { file with Frames = [ for frame in file.Frames -> { frame with RateCode = code } ] }
                    use stream = new MemoryStream(encode file)
                    Expect.equal (FlacDecoder stream).Info.SampleRate rate "rate"
                    expectSame (decode (encode file)) (channels file) $"{rate} Hz by code {code}"

            for bits in 4..32 do
                for stereo in [ LeftSide; SideRight; MidSide ] do
                    let largest = (1L <<< (bits - 1)) - 1L
                    let extremes = [| for _ in 0..99 -> if random.Next 2 = 0 then -largest - 1L else largest |]
                    let file = plain 16000 bits stereo Verbatim 64 [| extremes; Array.rev extremes |]

                    for code in bitsCodes bits do
                        let file = { file with Frames = [ for frame in file.Frames -> { frame with BitsCode = code } ] }
                        expectSame (decode (encode file)) (channels file) $"{bits} bits by code {code}, {stereo}"
        }

        test "frame and sample numbers of every length are skipped" {
            for bits in 0..35 do
                for number in [ 1L <<< bits; (1L <<< bits) + (1L <<< bits) - 1L ] do
                    let file = { sample with Variable = true; Frames = sample.Frames[..0] }
                    let bytes = Array.append (head file) (seal (encodeFrame file number file.Frames.Head))
                    expectSame (decode bytes) (channels file) $"number {number}"
        }

        test "an ID3 tag before the stream, unknown metadata, length and MD5, and bytes after the audio are accepted" {
            let tag size hasFooter =
                let flags, footer = if hasFooter then 16uy, 10 else 0uy, 0
                let header = [| 4uy; 0uy; flags; 0uy; 0uy; byte (size >>> 7); byte (size &&& 127) |]
                Array.concat [ "ID3"B; header; Array.create (size + footer) 65uy ]

            for inFront in [ [||]; tag 300 false; tag 5 true; Array.append (tag 0 false) (tag 200 true) ] do
                for metadata in [ []; [ 1, Array.zeroCreate 1000; 4, [||]; 126, [| 255uy; 248uy |] ] ] do
                    for totalKnown in [ true; false ] do
                        for md5Known in [ true; false ] do
                            let file = { sample with InFront = inFront; Metadata = metadata }
                            let file = { file with TotalKnown = totalKnown; Md5Known = md5Known }

                            let trailing =
                                if totalKnown then
                                    Array.append "TAG"B (Array.zeroCreate 125)
                                else
                                    [||]

                            use stream = new MemoryStream(Array.append (encode file) trailing)
                            let clip = AudioClip.Read stream

                            let what =
                                $"{inFront.Length} bytes in front, {metadata.Length} blocks, {totalKnown}, {md5Known}"

                            Expect.sequenceEqual clip.Samples [ for sample in sine[0] -> float32 sample / 32768f ] what
        }

        test "a stream without samples is an empty clip" {
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
