/// Random FLAC files with every feature of the format.
module Hybrid.Tests.FlacRandom

open System
open System.Numerics
open Hybrid.Tests.FlacEncoder

/// Random samples of a number of bits, the lowest few of them 0.
let signal (random: Random) bits wasted length =
    let largest = 1L <<< (bits - 1 - wasted)
    let clamp (x: float) = Math.Clamp(int64 (round x), -largest, largest - 1L)
    let any () = random.NextInt64(-largest, largest)
    let step = random.NextDouble() * 2.0
    let start = any ()
    let quiet = max 1L (largest >>> random.Next 12)

    let value: int -> int64 =
        match random.Next 6 with
        | 0 -> fun _ -> start
        | 1 -> fun _ -> any ()
        | 2 -> fun _ -> random.NextInt64(-quiet, quiet)
        | 3 -> fun i -> clamp (float largest * sin (step * float i))
        | 4 -> fun i -> if i / 7 % 2 = 0 then -largest else largest - 1L
        | _ -> fun i -> clamp (float quiet * (sin (0.01 * step * float i) + 0.02 * random.NextDouble()))

    Array.init length (fun i -> value i <<< wasted)

/// The bits of a number in two's complement, 0 for the number 0.
let private bitsOf (value: int64) =
    if value = 0L then
        0
    else
        65 - BitOperations.LeadingZeroCount(uint64 (value ^^^ (value >>> 63)))

let private pick (random: Random) (choices: 'a list) = choices[random.Next choices.Length]

/// A valid code of a residual; none if there is none.
let private residualForm (random: Random) order (values: int64[]) =
    let size = values.Length + order
    let isPossible order' = size % (1 <<< order') = 0 && (size >>> order') > order

    match List.filter isPossible [ 0..15 ] with
    | [] -> None
    | _ when values |> Array.exists (fun value -> abs value >= (1L <<< 31)) -> None
    | possible ->
        let count = 1 <<< pick random possible
        let parts = partitions count order values
        let mean part = Array.sumBy (fun value -> 2.0 * abs (float value)) part / float (max 1 part.Length)
        let best = parts |> Array.map (fun part -> BitOperations.Log2(uint64 (mean part) ||| 1UL))
        let wide = random.Next 2 = 0 || Array.max best > 15

        let partition (part: int64[]) best =
            let bits = Array.fold (fun bits value -> max bits (bitsOf value)) 0 part

            if random.Next 4 = 0 && bits <= 31 then
                Escape(random.Next(bits, 32))
            else
                Rice(Math.Clamp(best + random.Next(-1, 3), 0, (if wide then 30 else 14)))

        Some { Wide = wide; Partitions = Array.map2 partition parts best }

let private linear (random: Random) size =
    if random.Next 3 = 0 then
        // A sine by its recurrence, quantised.
        let precision = random.Next(3, 16)
        let shift = precision - 3
        let coefficient = int (round (2.0 * cos (random.NextDouble() * 2.0) * float (1 <<< shift)))
        [| coefficient; -(1 <<< shift) |], precision, shift
    else
        let precision = random.Next(1, 16)
        let half = 1 <<< (precision - 1)
        Array.init (random.Next(1, 1 + min 32 size)) (fun _ -> random.Next(-half, half)), precision, random.Next 16

/// A random code that can represent the samples.
let private form (random: Random) (samples: int64[]) =
    let size = samples.Length

    let predicted =
        match random.Next 5 with
        | 0 -> Some Verbatim
        | 1 when Array.forall ((=) samples[0]) samples -> Some Constant
        | 2
        | 3 when size >= 2 ->
            let coefficients, precision, shift = linear random size

            residualForm random coefficients.Length (residual coefficients shift samples)
            |> Option.map (fun form -> Linear(coefficients, precision, shift, form))
        | _ ->
            let order = random.Next(0, 1 + min 4 (size - 1))

            residualForm random order (residual (fixedPredictor order) 0 samples)
            |> Option.map (fun form -> Fixed(order, form))

    predicted |> Option.defaultValue Verbatim

let private subframe (random: Random) (bits, samples: int64[]) =
    let all = Array.fold (|||) 0L samples

    let most =
        if all = 0L then
            bits - 1
        else
            min (bits - 1) (BitOperations.TrailingZeroCount all)

    let wasted = if random.Next 2 = 0 then 0 else random.Next(0, most + 1)
    { Form = form random (samples |> Array.map (fun sample -> sample >>> wasted)); Wasted = wasted }

/// A random file with blocks of up to a size.
let file (random: Random) largestBlock =
    let rate =
        pick random [ 8000; 11025; 16000; 22050; 44100; 48000; 96000; 192000; 17; 655350; 1048575; 255000; 37000 ]

    let bits = pick random [ 4; 5; 8; 12; 16; 16; 16; 20; 24; 31; 32 ]
    let channels = if random.Next 2 = 0 then 2 else random.Next(1, 9)
    let isVariable = random.Next 2 = 0

    let size () =
        if random.Next 5 = 0 then
            pick random [ 192; 256; 512; 576; 1024 ]
        else
            random.Next(16, largestBlock + 1)

    let fixedSize = size ()
    let wasted = if random.Next 3 = 0 then random.Next(0, bits) else 0

    let frame isLast =
        let size = if isVariable then size () else fixedSize
        let size = if isLast then random.Next(1, size + 1) else size
        let samples = Array.init channels (fun _ -> signal random bits wasted size)

        let stereo =
            if channels = 2 then
                pick random [ Independent; LeftSide; SideRight; MidSide ]
            else
                Independent

        {
            Channels = samples
            Stereo = stereo
            Subframes = stored bits stereo samples |> Array.map (subframe random)
            SizeCode = pick random (sizeCodes size)
            RateCode = pick random (rateCodes rate)
            BitsCode = pick random (bitsCodes bits)
        }

    let count = random.Next(1, 6)

    {
        Rate = rate
        Bits = bits
        Variable = isVariable
        Frames = [ for i in 1..count -> frame (i = count) ]
        InFront = [||]
        Metadata = [ for _ in 1 .. random.Next 3 -> random.Next(1, 127), Array.init (random.Next 100) byte ]
        TotalKnown = random.Next 4 > 0
        Md5Known = random.Next 4 > 0
    }
