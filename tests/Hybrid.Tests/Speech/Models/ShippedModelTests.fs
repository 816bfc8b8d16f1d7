/// The model that comes with Hybrid, and how its weights are stored.
module Hybrid.Tests.ShippedModelTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// The value of a half-precision number, by the definition of IEEE 754: sign, five bits of exponent, ten of fraction.
let private valueOf (bits: int) =
    let sign = if bits &&& 0x8000 <> 0 then -1.0 else 1.0
    let exponent, fraction = bits >>> 10 &&& 31, float (bits &&& 0x3FF)

    match exponent with
    | 31 -> if fraction = 0.0 then sign * infinity else nan
    | 0 -> sign * fraction * 2.0 ** -24.0
    | _ -> sign * (1024.0 + fraction) * 2.0 ** float (exponent - 25)

let private tensor (kind: TensorType) (bytes: byte[]) = StoredTensor("halves", kind, [| 1L |], ReadOnlyMemory bytes)

let private halves (bits: int seq) =
    bits |> Seq.collect (uint16 >> BitConverter.GetBytes) |> Array.ofSeq |> tensor TensorType.F16

let private bitsOf (stored: StoredTensor) =
    stored.Bytes.ToArray()
    |> Array.chunkBySize 2
    |> Array.map (fun pair -> int (BitConverter.ToUInt16(pair, 0)))

let private rounded (values: float[]) =
    StoredTensor.FromDoubles("values", ReadOnlySpan values, [ values.Length ]).ToHalves() |> bitsOf

/// Utterances that were in the model's training, with what is said in them.
let private known =
    lazy
        (let data = shared "data"

         let texts =
             dict [
                 for line in File.ReadLines(Path.Combine(data, "index.tsv")) do
                     let cells = line.Split '\t'
                     cells[0], cells[cells.Length - 1]
             ]

         let files =
             Directory.GetFiles(
                 Path.Combine(data, "librispeech/train-clean-100"),
                 "*.flac",
                 SearchOption.AllDirectories
             )

         Array.Sort(files, StringComparer.Ordinal)

         [|
             for i in 0..5 ->
                 let path = files[i * files.Length / 6]
                 let id = string (Path.GetFileNameWithoutExtension path)
                 Utterance(id, path, "", "", texts[id], null)
         |])

[<Tests>]
let tests =
    testList "shipped model" [
        test "all 65536 halves are read as what they are" {
            let all = [| 0..65535 |]
            let stored = halves all
            let singles, doubles = stored.ToSingles(), stored.ToDoubles()

            for bits in all do
                let expected = valueOf bits

                for name, actual in [ "single", float singles[bits]; "double", doubles[bits] ] do
                    let same = BitConverter.DoubleToInt64Bits actual = BitConverter.DoubleToInt64Bits expected

                    if not (same || (Double.IsNaN actual && Double.IsNaN expected)) then
                        failtest $"{name}, bits %04x{bits}: expected {expected}, got {actual}"
        }

        test "numbers are rounded to the nearest half, of two equally near to the even one" {
            let finite = [| 0..0x7BFE |]
            let middles = finite |> Array.map (fun bits -> (valueOf bits + valueOf (bits + 1)) / 2.0)

            for name, values, expected in
                [
                    "itself", finite |> Array.map valueOf, finite
                    "middle", middles, finite |> Array.map (fun bits -> bits + bits % 2)
                    "below the middle", middles |> Array.map Math.BitDecrement, finite
                    "above the middle", middles |> Array.map Math.BitIncrement, finite |> Array.map ((+) 1)
                ] do
                for sign, mark in [ 1.0, 0; -1.0, 0x8000 ] do
                    let actual = rounded (values |> Array.map ((*) sign))

                    for i in finite do
                        if actual[i] <> expected[i] + mark then
                            failtest
                                $"{name} {sign * values[i]:R}: expected %04x{expected[i] + mark}, got %04x{actual[i]}"
        }

        test "numbers beyond the halves are refused by name, infinity is none of them" {
            Expect.equal
                (rounded [| 65519.99; infinity; -infinity |])
                [| 0x7BFF; 0x7C00; 0xFC00 |]
                "the largest half, infinities"

            expectRefusal<OverflowException, _> "element 2 of values is -65520" (fun () ->
                rounded [| infinity; 1.0; -65520.0 |])
        }

        test "a model stored in halves has half the size and its weights rounded" {
            withFolder (fun folder ->
                let spec = NetworkSpec(28, 41, [| LstmSpec(32, true) |], [| LinearSpec 41 |])
                let model = SpeechModel.Create(spec, FeaturePreset(), PhoneInventory.Arpabet, 5UL)
                let path name = Path.Combine(folder, name)
                model.Save(path "singles")
                model.Save(path "halves", halves = true)
                Expect.isLessThan (FileInfo(path "halves").Length) (FileInfo(path "singles").Length * 6L / 10L) "size"

                for before, after in
                    Seq.zip model.Network.Parameters (SpeechModel.Load(path "halves").Network.Parameters) do
                    let expected = before.ToArray() |> Array.map (fun x -> float32 (Half.op_Explicit x: Half))
                    Expect.sequenceEqual (after.ToArray()) expected before.Name)
        }

        test "comes with the library, is small, and is loaded once" {
            Expect.isLessThan
                (FileInfo(Path.Combine(root, "src-csharp/Hybrid.Speech/Models/english-small.safetensors")).Length)
                12_000_000L
                "bytes"

            Expect.isTrue (obj.ReferenceEquals(Recognizer.Default, Recognizer.Default)) "one recogniser"
            Expect.isTrue (obj.ReferenceEquals(Recognizer.Default.Model, SpeechModel.Default)) "one model"
            Expect.sequenceEqual SpeechModel.Default.Inventory.Symbols PhoneInventory.Arpabet.Symbols "phones"
            Expect.equal SpeechModel.Default.Features (FeaturePreset.Mfcc(28, 2)) "features"
        }

        test "recognises recordings" {
            let utterances = known.Value

            let lexicons = [|
                for name in [ "cmudict-0.7a.txt"; "librispeech-lexicon.txt" ] ->
                    Lexicon.Read(shared $"data/cmudict/{name}", PhoneInventory.Arpabet)
            |]

            let struct (evaluation, skipped) = Recognizer.Default.Evaluate(utterances, lexicons)
            Expect.isEmpty skipped "all have pronunciations"
            // It has heard them in training; of speakers it has not heard a fifth of the phones is wrong.
            Expect.isBelow evaluation.Per 20.0 "phone error rate"
        }

        test "is the default of the command line" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                AudioClip(Array.init 16000 (fun i -> 0.1f * sin (float32 (i * i % 7919))), 16000).WriteWav path
                File.WriteAllText(Path.Combine(folder, "a.txt"), "HAND")
                let expected = $"{path}: {Recognizer.Default.Recognize(AudioClip.Read path)}"

                for verb, arguments in
                    [
                        "recognize", [ path ]
                        "evaluate", [ "--corpus"; folder; "--error-analysis" ]
                        "align", [ "--out"; Path.Combine(folder, "out"); path ]
                    ] do
                    let finished = Process.hybrid folder (verb :: arguments)
                    Expect.equal finished.ExitCode 0 (string finished)

                    if verb = "recognize" then
                        Expect.equal (finished.Output.Trim()) (expected.Trim()) verb

                    if verb = "evaluate" then
                        Expect.stringContains finished.Output "### By kind of phone" verb)
        }
    ]
