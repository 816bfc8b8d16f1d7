/// Writes valid and invalid WAV files for tests, chunk by chunk.
module Hybrid.Tests.WavEncoder

open System
open System.Text

/// The storage of samples in [-1, 1): encoding, valid bits, bytes, the bytes of a sample, and the tolerance of the
/// sample that is read.
type Storage = { Name: string; Encoding: int; Bits: int; Bytes: int; Write: float -> byte[]; Tolerance: float }

/// Integers of a number of bits, left-aligned in some bytes; those of one byte are unsigned.
let integer bits bytes =
    let scale = 2.0 ** float (bits - 1)

    let write x =
        let value = (int64 (floor (x * scale)) <<< (8 * bytes - bits)) + if bytes = 1 then 128L else 0L
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

let pcm16 = integer 16 2

let floats = {
    Name = "floats"
    Encoding = 3
    Bits = 32
    Bytes = 4
    Write = float32 >> BitConverter.GetBytes
    Tolerance = 6e-8
}

let doubles = { floats with Name = "doubles"; Bits = 64; Bytes = 8; Write = BitConverter.GetBytes }

/// The usual storages.
let storages = [ integer 8 1; pcm16; integer 24 3; integer 32 4; floats; doubles ]

/// A chunk with a declared size.
let chunkOf (size: int64) (id: string) (content: byte[]) =
    Array.concat [ Encoding.ASCII.GetBytes id; BitConverter.GetBytes(uint32 size); content ]

/// A valid chunk: a pad byte follows content of odd size.
let chunk id (content: byte[]) =
    Array.append (chunkOf content.Length id content) (Array.zeroCreate (content.Length % 2))

/// A file with a declared size.
let riffOf size id (chunks: byte[] list) = chunkOf size id (Array.concat ("WAVE"B :: chunks))

/// A valid file.
let riff (chunks: byte[] list) = riffOf (4L + int64 (List.sumBy Array.length chunks)) "RIFF" chunks

let words (values: int list) = values |> List.map (int16 >> BitConverter.GetBytes) |> Array.concat

/// The content of the chunk "fmt ".
let format storage channels (rate: int) =
    Array.concat [
        words [ storage.Encoding; channels ]
        BitConverter.GetBytes rate
        BitConverter.GetBytes(rate * channels * storage.Bytes)
        words [ channels * storage.Bytes; storage.Bits ]
    ]

/// The same as WAVEFORMATEXTENSIBLE: the bits of the container, then 22 bytes with valid bits, speakers and a GUID.
let extensible storage channels rate =
    Array.concat [
        words [ 0xFFFE ]
        (format { storage with Bits = 8 * storage.Bytes } channels rate)[2..]
        words [ 22; storage.Bits; 3; 0; storage.Encoding ]
        Convert.FromHexString "000000001000800000AA00389B71"
    ]
