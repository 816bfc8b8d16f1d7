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
                    let model = LanguageModels.Read(path, inventory)
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
