/// The decoder, and the encoder that the other tests use, against the program `flac`.
module Hybrid.Tests.FlacProgramTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.FlacEncoder
open Hybrid.Tests.FlacTests

/// Skips the test where the program is not installed.
let private needFlac () =
    let path = Environment.GetEnvironmentVariable "PATH" |> Option.ofObj |> Option.defaultValue ""

    if
        not (
            path.Split Path.PathSeparator
            |> Array.exists (fun folder -> File.Exists(Path.Combine(folder, "flac")))
        )
    then
        skiptest "flac is not installed"

/// Runs the program on a file and returns what it writes.
let private flac (arguments: string list) (input: byte[]) =
    let start = ProcessStartInfo("flac", "-s" :: arguments)
    start.RedirectStandardInput <- true
    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true
    use running = Process.Start start |> nonNull
    use output = new MemoryStream()
    let errors = running.StandardError.ReadToEndAsync()

    let feed =
        task {
            do! running.StandardInput.BaseStream.WriteAsync(input.AsMemory())
            running.StandardInput.Close()
        }

    running.StandardOutput.BaseStream.CopyTo output
    running.WaitForExit()
    Expect.equal running.ExitCode 0 $"flac {arguments}: {errors.Result}"
    feed.Wait()
    output.ToArray()

let private raw = [ "--force-raw-format"; "--endian=little"; "--sign=signed" ]

/// The file that the program `flac` makes of samples with some options.
let private encodeOutside (options: string list) rate bits count (samples: byte[]) =
    // Not to its standard output: flac seeks back to the header to fill in length and MD5.
    withFolder (fun folder ->
        let path = Path.Combine(folder, "sound.flac")
        let format = [ $"--sample-rate={rate}"; $"--bps={bits}"; $"--channels={count}" ]
        flac [ yield! raw; yield! format; yield! options; "-o"; path; "-" ] samples |> ignore<byte[]>
        File.ReadAllBytes path)

[<Tests>]
let outside =
    testList "FLAC against the program flac" [
        test "flac decodes the files of the test encoder to the same samples" {
            needFlac ()

            for seed in 1..80 do
                let file = FlacRandom.file (Random seed) 100
                // flac compares its samples with the MD5, and writes those of whole bytes.
                let isWhole = file.Bits % 8 = 0
                let options = if isWhole then [ "-d"; "-c"; yield! raw ] else [ "-t" ]

                let output =
                    flac [ "-w"; yield! options; "-" ] (encode { file with TotalKnown = true; Md5Known = true })

                if isWhole then
                    Expect.isTrue (output.AsSpan().SequenceEqual(interleaved file)) $"seed {seed}: samples"
        }

        test "files of flac are decoded to the samples that it encoded" {
            needFlac ()

            let check seed options rate bits count wasted =
                let random = Random(seed: int)
                let lengths = [ for _ in 1..8 -> random.Next(100, 3000) ]
                let channel _ = lengths |> List.map (FlacRandom.signal random bits wasted) |> Array.concat
                let samples = Array.init count channel
                let bytes = interleaved (plain rate bits Independent Verbatim samples[0].Length samples)
                let what = $"flac {options}, {rate} Hz, {count} x {bits} bits, {wasted} wasted"
                expectSame (decode (encodeOutside options rate bits count bytes)) samples what

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

        test "recordings of LibriSpeech are decoded to the samples of flac" {
            needFlac ()
            let folder = shared "data/librispeech/train-clean-100"
            let files = Directory.GetFiles(folder, "*.flac", SearchOption.AllDirectories)
            Array.sortInPlaceWith (fun a b -> String.CompareOrdinal(a, b)) files
            Expect.isGreaterThanOrEqual files.Length 20 $"recordings in {folder}"

            for i in 0..19 do
                let path = files[i * (files.Length - 1) / 19]
                let output = flac [ "-d"; "-c"; yield! raw; path ] [||]
                expectSame (decode (File.ReadAllBytes path)) (integers 1 16 output) path
                Expect.equal (AudioClip.Read path).Samples.Length (output.Length / 2) path
        }
    ]
