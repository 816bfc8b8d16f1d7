/// ARPA files of phone n-grams: plain, compressed, truncated, and those that lack phones.
module Hybrid.Tests.LanguageModelsTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private inventory = PhoneInventory [ "AA"; "B"; "K" ]

let private model = NGramModel.Estimate([ [| 1; 2; 3 |]; [| 1; 1; 2 |]; [| 3; 2 |]; [||] ], 4, 3)

let private gzip (bytes: byte[]) =
    use packed = new MemoryStream()

    using (new GZipStream(packed, CompressionLevel.Optimal, true)) (fun stream -> stream.Write(bytes, 0, bytes.Length))
    packed.ToArray()

/// ARPA text of 1-grams of AA and B, with further lines.
let private unigrams (more: string list) =
    let lines = [ "-99\t<s>"; "-0.5\tAA"; "-0.5\tB" ] @ more
    let text = String.concat "\n" lines
    $"\\data\\\nngram 1={lines.Length}\n\n\\1-grams:\n{text}\n\n\\end\\\n"

/// A model of three phones with these n-grams.
let private withNGrams (language: WeightedLanguageModel | null) =
    let network = NetworkSpec(28, 4, [| Conv1dSpec(4, 3) |], [| LinearSpec 4 |])
    let fresh = SpeechModel.Create(network, FeaturePreset(), inventory, 3UL)
    SpeechModel(fresh.Network, inventory, fresh.Features, LanguageModel = language)

let private clip = AudioClip(Array.init 16000 (fun i -> 0.3f * sin (float32 (i * i % 977))), 16000)

[<Tests>]
let missing =
    testList "missing phones" [
        test "a file that lacks phones is refused with their names, unless that is allowed" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "some.arpa")

                let read (more: string list) =
                    File.WriteAllText(path, unigrams more)
                    fun allowed -> LanguageModels.Read(path, inventory, allowed)

                let lacking = read [ "-0.5\t</s>" ]
                let message = messageOf<MissingPhonesException, _>(fun () -> lacking false)
                Expect.stringStarts message $"{path}: the n-gram model lacks a phone, K," message
                let symbols = [ for symbol in (lacking true).MissingSymbols -> inventory.Symbols[symbol] ]
                Expect.equal symbols [ "K" ] "allowed"

                for unknown in [ "<unk>"; "<UNK>" ] do
                    let model = read [ "-0.5\t</s>"; $"-2\t{unknown}" ] false
                    Expect.isEmpty model.MissingSymbols unknown)
        }

        test "a file without an end of sequences is refused, because it would recognise nothing" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "endless.arpa")

                for more in [ [ "-0.5\tK" ]; [ "-0.5\tK"; "-99\t</s>" ] ] do
                    File.WriteAllText(path, unigrams more)

                    expectRefusal<FormatException, _> "the end of every sequence, </s>, probability 0" (fun () ->
                        LanguageModels.Read(path, inventory, true))

                File.WriteAllText(path, unigrams [ "-0.5\tK"; "-1\t<unk>" ])
                let model = LanguageModels.Read(path, inventory)
                let expected = (-0.5 - 1.0) * log 10.0
                Expect.floatClose Accuracy.high (model.LogProbability [ 1 ]) expected "the end is scored as unknown")
        }

        test "a recogniser with such n-grams refuses to recognise and to evaluate, at any weight but 0" {
            let lacking = NGramModel.Read(new StringReader(unigrams [ "-0.5\t</s>" ]), inventory.Symbols)

            for weight in [ 1.0; 1e-9 ] do
                let model = withNGrams (WeightedLanguageModel(lacking, weight))
                let recognizer = Recognizer model
                Expect.equal (List.ofSeq recognizer.MissingPhones) [ "K" ] "named"

                for refused in
                    [
                        fun () -> recognizer.Recognize clip |> ignore<RecognitionResult>
                        fun () ->
                            recognizer.RecognizeAsync("none.wav").GetAwaiter().GetResult() |> ignore<RecognitionResult>
                        fun () -> recognizer.Evaluate [||] |> ignore<struct (Evaluation * _)>
                        recognizer.RequireAllPhones
                    ] do
                    expectRefusal<MissingPhonesException, _> "lacks a phone, K," refused

                let allowed = Recognizer(model, AllowMissingPhones = true)
                Expect.isFalse (allowed.Recognize(clip).Phones |> Seq.exists (fun phone -> phone.Label = "K")) "no K"
                Recognizer(model, Beam = null).Recognize clip |> ignore<RecognitionResult>

            let unweighted = Recognizer(withNGrams (WeightedLanguageModel(lacking, 0.0)))
            Expect.isEmpty unweighted.MissingPhones "the model does not count"
            unweighted.Recognize clip |> ignore<RecognitionResult>
        }

        test "the words of the DSL refuse them with the word that allows them" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "a.wav")
                clip.WriteWav path
                let lacking = NGramModel.Read(new StringReader(unigrams [ "-0.5\t</s>" ]), inventory.Symbols)
                let model = withNGrams (WeightedLanguageModel lacking)

                for refused in
                    [
                        fun () -> Hybrid.Dsl.Run.recognize (model, path) |> ignore<RecognitionResult>
                        fun () -> Hybrid.Dsl.Run.evaluate (model, [||]) |> ignore<Evaluation>
                        fun () ->
                            Hybrid.Dsl.Run.recognize (withNGrams null, path, languageModel = lacking)
                            |> ignore<RecognitionResult>
                    ] do
                    expectRefusal<Hybrid.Dsl.RunException, _> "allowMissingPhones = true" refused

                Hybrid.Dsl.Run.recognize (model, path, allowMissingPhones = true) |> ignore<RecognitionResult>
                Hybrid.Dsl.Run.evaluate (model, [||], allowMissingPhones = true) |> ignore<Evaluation>)
        }
    ]

[<Tests>]
let tests =
    testList "ARPA files" [
        test "a file compressed with gzip is read as the plain one, under any name" {
            withFolder (fun folder ->
                let plain = Path.Combine(folder, "phones.arpa")
                LanguageModels.Write(plain, model, inventory)
                let expected = (LanguageModels.Read(plain, inventory)).LogProbability [ 1; 2; 2 ]

                for name in [ "phones.arpa.gz"; "phones" ] do
                    let path = Path.Combine(folder, name)
                    File.WriteAllBytes(path, gzip (File.ReadAllBytes plain))
                    Expect.equal ((LanguageModels.Read(path, inventory)).LogProbability [ 1; 2; 2 ]) expected name)
        }

        test "a compressed file that is truncated or damaged is refused and named" {
            withFolder (fun folder ->
                let plain, path = Path.Combine(folder, "phones.arpa"), Path.Combine(folder, "phones.arpa.gz")
                LanguageModels.Write(plain, model, inventory)
                let packed = gzip (File.ReadAllBytes plain)
                let read () = LanguageModels.Read(path, inventory)

                // The last twelve bytes are the end of the text after \end\, check sum and length.
                for length in 2 .. packed.Length - 13 do
                    File.WriteAllBytes(path, packed[.. length - 1])
                    Expect.stringStarts (messageOf<FormatException, _> read) $"{path}: " $"{length} bytes"

                // In the data and in the check sum.
                for index in [ 20; packed.Length / 2; packed.Length - 20; packed.Length - 6 ] do
                    File.WriteAllBytes(path, Array.updateAt index (packed[index] ^^^ 0x10uy) packed)
                    Expect.stringStarts (messageOf<FormatException, _> read) $"{path}: " $"byte {index}")
        }

        test "a small compressed file that unpacks beyond the limit is refused" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "bomb.arpa.gz")
                File.WriteAllBytes(path, gzip (Array.create 80_000_000 (byte '\n')))
                Expect.isLessThan (FileInfo(path).Length) 200_000L "the file is small"

                expectRefusal<FormatException, _> "it unpacks to more than 67108864 bytes" (fun () ->
                    LanguageModels.Read(path, inventory)))
        }

        test "phones that the file lacks are exposed" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "some.arpa")

                let text unknown =
                    $"\\data\\\nngram 1={if unknown then 5 else 4}\n\n\\1-grams:\n"
                    + "-99\t<s>\n-0.5\tAA\n-0.5\tB\n-0.5\t</s>\n"
                    + (if unknown then "-2\t<UNK>\n" else "")
                    + "\n\\end\\\n"

                let missing unknown =
                    File.WriteAllText(path, text unknown)
                    let model = LanguageModels.Read(path, inventory, allowMissingPhones = true)
                    [ for symbol in model.MissingSymbols -> inventory.Symbols[symbol] ]

                Expect.equal (missing false) [ "K" ] "without <UNK>"
                Expect.equal (missing true) [] "with <UNK>")
        }

        test "a line of any length costs no more than the file" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "line.arpa")
                File.WriteAllText(path, "\\data\\\nngram 1=1\n\n\\1-grams:\n" + String.replicate 4_000_000 "a ")
                let before = GC.GetAllocatedBytesForCurrentThread()

                expectRefusal<FormatException, _> "line 5: the line is longer than 65536 characters" (fun () ->
                    LanguageModels.Read(path, inventory))

                Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 2_000_000L "bytes allocated")
        }
    ]
