/// A FLAC encoder for tests: it writes every feature of the format (RFC 9639), with or without good compression. It
/// shares no code with the decoder; where `flac` is installed, the tests check it against that program.
module Hybrid.Tests.FlacEncoder

open System
open System.Numerics
open System.Security.Cryptography

/// The code of the residual of a partition.
type Partition =
    | Rice of parameter: int
    | Escape of bits: int

/// A residual: whether Rice parameters have 5 bits instead of 4, and 2^order partitions.
type Residual = { Wide: bool; Partitions: Partition[] }

/// The code of a channel; coefficients are those of the previous sample, the one before it, and so on.
type Form =
    | Constant
    | Verbatim
    | Fixed of order: int * Residual
    | Linear of coefficients: int[] * precision: int * shift: int * Residual

type Subframe = { Form: Form; Wasted: int }

type Stereo =
    | Independent
    | LeftSide
    | SideRight
    | MidSide

/// A frame: samples of each channel, and the header codes of block size, sample rate and bits.
type Frame = {
    Channels: int64[][]
    Stereo: Stereo
    Subframes: Subframe[]
    SizeCode: int
    RateCode: int
    BitsCode: int
}

/// A file. Metadata blocks have a type and a content; the bytes in front may be an ID3 tag.
type File = {
    Rate: int
    Bits: int
    Variable: bool
    Frames: Frame list
    InFront: byte[]
    Metadata: (int * byte[]) list
    TotalKnown: bool
    Md5Known: bool
}

type Bits() =
    let bits = ResizeArray<bool>()

    member _.Put(value: int64, count) =
        for i in count - 1 .. -1 .. 0 do
            bits.Add((value >>> i) &&& 1L = 1L)

    member _.Unary(zeros: int64) =
        for _ in 1L .. zeros do
            bits.Add false

        bits.Add true

    /// Whole bytes, padded with zeros.
    member _.ToArray() =
        bits
        |> Seq.chunkBySize 8
        |> Seq.map (fun chunk -> byte (Seq.sum (chunk |> Seq.mapi (fun i bit -> if bit then 128 >>> i else 0))))
        |> Array.ofSeq

/// A CRC, bit by bit, the most significant bit first.
let private crc width polynomial (bytes: byte[]) =
    let mutable sum = 0
    let top = 1 <<< (width - 1)

    for value in bytes do
        for bit in 7..-1..0 do
            let out = (sum &&& top <> 0) <> ((int value >>> bit) &&& 1 = 1)
            sum <- ((sum <<< 1) ^^^ (if out then polynomial else 0)) &&& ((1 <<< width) - 1)

    sum

/// The header codes of a block size.
let sizeCodes size = [
    if size = 192 then
        1
    for code in 2..5 do
        if size = (576 <<< (code - 2)) then
            code
    if size <= 256 then
        6
    7
    for code in 8..15 do
        if size = (256 <<< (code - 8)) then
            code
]

/// The sample rates with their own code, from 1 up.
let tabulatedRates = [| 88200; 176400; 192000; 8000; 16000; 22050; 24000; 32000; 44100; 48000; 96000 |]

/// The header codes of a sample rate; 0 refers to the stream header.
let rateCodes rate = [
    0
    match Array.IndexOf(tabulatedRates, rate) with
    | -1 -> ()
    | i -> i + 1
    if rate % 1000 = 0 && rate / 1000 < 256 then
        12
    if rate < 65536 then
        13
    if rate % 10 = 0 && rate / 10 < 65536 then
        14
]

/// The header codes of a bit depth; 0 refers to the stream header.
let bitsCodes bits = [
    0
    match List.tryFindIndex ((=) bits) [ 8; 12; -1; 16; 20; 24; 32 ] with
    | Some i -> i + 1
    | None -> ()
]

/// The coefficients of the fixed predictors.
let fixedPredictor order = [| [||]; [| 1 |]; [| 2; -1 |]; [| 3; -3; 1 |]; [| 4; -6; 4; -1 |] |][order]

/// The residual of a predictor.
let residual (coefficients: int[]) shift (samples: int64[]) =
    let predicted i = coefficients |> Seq.mapi (fun j c -> int64 c * samples[i - 1 - j]) |> Seq.sum
    [| for i in coefficients.Length .. samples.Length - 1 -> samples[i] - (predicted i >>> shift) |]

/// The samples of the partitions of a residual.
let partitions count order (residual: int64[]) =
    let length = (residual.Length + order) / count

    [|
        for p in 0 .. count - 1 -> residual[max 0 (p * length - order) .. (p + 1) * length - order - 1]
    |]

let private putResidual (bits: Bits) order (form: Residual) residual =
    bits.Put((if form.Wide then 1L else 0L), 2)
    bits.Put(int64 (BitOperations.Log2(uint form.Partitions.Length)), 4)
    let width = if form.Wide then 5 else 4

    for partition, values in Array.zip form.Partitions (partitions form.Partitions.Length order residual) do
        match partition with
        | Rice parameter ->
            bits.Put(int64 parameter, width)

            for value in values do
                let folded = if value < 0L then -2L * value - 1L else 2L * value
                bits.Unary(folded >>> parameter)
                bits.Put(folded, parameter)
        | Escape size ->
            bits.Put(-1L, width)
            bits.Put(int64 size, 5)

            for value in values do
                bits.Put(value, size)

let private putSubframe (bits: Bits) depth (form: Subframe) (samples: int64[]) =
    let kind =
        match form.Form with
        | Constant -> 0
        | Verbatim -> 1
        | Fixed(order, _) -> 8 + order
        | Linear(coefficients, _, _, _) -> 31 + coefficients.Length

    bits.Put(int64 kind, 7)
    bits.Put((if form.Wasted > 0 then 1L else 0L), 1)

    if form.Wasted > 0 then
        bits.Unary(int64 form.Wasted - 1L)

    let depth = depth - form.Wasted
    let samples = samples |> Array.map (fun sample -> sample >>> form.Wasted)

    let put count =
        for sample in Seq.truncate count samples do
            bits.Put(sample, depth)

    match form.Form with
    | Constant -> put 1
    | Verbatim -> put samples.Length
    | Fixed(order, form) ->
        put order
        putResidual bits order form (residual (fixedPredictor order) 0 samples)
    | Linear(coefficients, precision, shift, form) ->
        put coefficients.Length
        bits.Put(int64 precision - 1L, 4)
        bits.Put(int64 shift, 5)

        for coefficient in coefficients do
            bits.Put(int64 coefficient, precision)

        putResidual bits coefficients.Length form (residual coefficients shift samples)

/// The stored channels, with their bits.
let stored bits stereo (channels: int64[][]) =
    let side () = Array.map2 (-) channels[0] channels[1]

    match stereo with
    | Independent -> [| for channel in channels -> bits, channel |]
    | LeftSide -> [| bits, channels[0]; bits + 1, side () |]
    | SideRight -> [| bits + 1, side (); bits, channels[1] |]
    | MidSide -> [| bits, Array.map2 (fun a b -> (a + b) >>> 1) channels[0] channels[1]; bits + 1, side () |]

/// A number of up to 36 bits, coded as in UTF-8.
let private putNumber (bits: Bits) (number: int64) =
    if number < 128L then
        bits.Put(number, 8)
    else
        let length = [ 2..7 ] |> List.find (fun length -> number < (1L <<< (5 * length + 1)))
        bits.Put(-1L, length)
        bits.Put(0L, 1)

        if length < 7 then
            bits.Put(number >>> (6 * (length - 1)), 7 - length)

        for i in length - 2 .. -1 .. 0 do
            bits.Put(2L, 2)
            bits.Put(number >>> (6 * i), 6)

/// A frame without its checksums: header and the rest. The number is that of the frame or of its first sample.
let encodeFrame (file: File) number (frame: Frame) =
    let size = frame.Channels[0].Length
    let header = Bits()
    header.Put((if file.Variable then 0xFFF9L else 0xFFF8L), 16)
    header.Put(int64 frame.SizeCode, 4)
    header.Put(int64 frame.RateCode, 4)

    let channelCode =
        match frame.Stereo with
        | Independent -> frame.Channels.Length - 1
        | LeftSide -> 8
        | SideRight -> 9
        | MidSide -> 10

    header.Put(int64 channelCode, 4)
    header.Put(int64 frame.BitsCode, 3)
    header.Put(0L, 1)
    putNumber header number

    match frame.SizeCode with
    | 6 -> header.Put(int64 size - 1L, 8)
    | 7 -> header.Put(int64 size - 1L, 16)
    | _ -> ()

    match frame.RateCode with
    | 12 -> header.Put(int64 file.Rate / 1000L, 8)
    | 13 -> header.Put(int64 file.Rate, 16)
    | 14 -> header.Put(int64 file.Rate / 10L, 16)
    | _ -> ()

    let body = Bits()

    for (depth, samples), form in Array.zip (stored file.Bits frame.Stereo frame.Channels) frame.Subframes do
        putSubframe body depth form samples

    header.ToArray(), body.ToArray()

/// A frame with its checksums.
let seal (header: byte[], body: byte[]) =
    let frame = Array.concat [ header; [| byte (crc 8 0x07 header) |]; body ]
    let sum = crc 16 0x8005 frame
    Array.append frame [| byte (sum >>> 8); byte sum |]

/// All samples of a channel.
let channel c (file: File) = file.Frames |> Seq.collect (fun frame -> frame.Channels[c]) |> Array.ofSeq

/// Interleaved samples of all channels, in whole bytes, little-endian: the output of `flac -d`, and the input of the
/// MD5.
let interleaved (file: File) =
    let width = (file.Bits + 7) / 8

    [|
        for frame in file.Frames do
            for i in 0 .. frame.Channels[0].Length - 1 do
                for samples in frame.Channels do
                    for b in 0 .. width - 1 -> byte (samples[i] >>> (8 * b))
    |]

/// The frames of a file without their checksums.
let frames (file: File) =
    let starts = file.Frames |> List.scan (fun start frame -> start + frame.Channels[0].Length) 0

    [
        for i, (start, frame) in Seq.indexed (Seq.zip starts file.Frames) ->
            encodeFrame file (int64 (if file.Variable then start else i)) frame
    ]

/// Everything before the frames.
let head (file: File) =
    let sizes = file.Frames |> List.map (fun frame -> frame.Channels[0].Length)

    let channels =
        if file.Frames.IsEmpty then
            1
        else
            file.Frames.Head.Channels.Length

    let info = Bits()
    let largest = List.fold max 16 sizes
    info.Put(int64 (if file.Variable then 16 else largest), 16)
    info.Put(int64 largest, 16)
    info.Put(0L, 48)
    info.Put(int64 file.Rate, 20)
    info.Put(int64 channels - 1L, 3)
    info.Put(int64 file.Bits - 1L, 5)
    info.Put((if file.TotalKnown then int64 (List.sum sizes) else 0L), 36)

    let md5 =
        if file.Md5Known then
            MD5.HashData(interleaved file)
        else
            Array.zeroCreate 16

    let blocks = (0, Array.append (info.ToArray()) md5) :: file.Metadata

    [|
        file.InFront
        "fLaC"B
        for i, (kind, content) in Seq.indexed blocks do
            let header = Bits()
            header.Put((if i = blocks.Length - 1 then 1L else 0L), 1)
            header.Put(int64 kind, 7)
            header.Put(int64 content.Length, 24)
            header.ToArray()
            content
    |]
    |> Array.concat

/// The whole file.
let encode (file: File) = Array.concat (head file :: List.map seal (frames file))

/// A file with the same code in all blocks, and a complete header.
let plain rate bits stereo (form: Form) size (channels: int64[][]) = {
    Rate = rate
    Bits = bits
    Variable = false
    Frames = [
        for start in 0..size .. channels[0].Length - 1 do
            let channels =
                channels |> Array.map (fun samples -> samples[start .. min (start + size) samples.Length - 1])

            {
                Channels = channels
                Stereo = stereo
                Subframes = [| for _ in channels -> { Form = form; Wasted = 0 } |]
                SizeCode = 7
                RateCode = 0
                BitsCode = 0
            }
    ]
    InFront = [||]
    Metadata = []
    TotalKnown = true
    Md5Known = true
}
