/// Lines of text files against those of TextReader, and files that are not text.
module Hybrid.Tests.TextLinesTests

open System
open System.IO
open Expecto
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

/// The lines of TextReader.ReadLine.
let private readLines (text: string) =
    use reader = new StringReader(text)
    List.unfold (fun () -> reader.ReadLine() |> Option.ofObj |> Option.map (fun line -> line, ())) ()

[<Tests>]
let tests =
    testList "text lines" [
        test "equal those of TextReader" {
            let random = Random 1

            for i in 0..2000 do
                // Lengths around those of the block, 4096 characters.
                let length = if i % 10 = 0 then 4090 + random.Next 12 else random.Next 30
                let text = String(Array.init length (fun _ -> "ab\r\n"[random.Next(if i % 3 = 0 then 4 else 3)]))

                let text =
                    if i % 20 = 0 then
                        String('x', length) + "\r\n" + text
                    else
                        text

                use reader = new StringReader(text)
                Expect.sequenceEqual (TextLines.Read reader) (readLines text) $"text {i}"
        }

        test "a line that is too long is refused with file and line, before the rest is read" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "sparse.txt")

                use file = File.Create path
                file.Write("HELLO HH AH\n"B, 0, 12)
                file.SetLength(1L <<< 40)
                file.Dispose()
                let before = GC.GetAllocatedBytesForCurrentThread()

                for read in
                    [
                        (fun () -> Lexicon.Read(path, PhoneInventory.Arpabet) |> ignore)
                        (fun () -> Seq.length (TextLines.Read path) |> ignore)
                    ] do
                    expectRefusal<FormatException, _> $"{path}, line 2 has more than 16777216 characters" read

                Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 500_000_000L "bytes allocated"
                use shorter = File.OpenWrite path
                shorter.SetLength(1L <<< 26)
                shorter.Dispose()
                expectRefusal<FormatException, _> "sparse.txt: line 2 has more than" (fun () -> Fold.Find path))
        }

        test "a folder is named" {
            withFolder (fun folder ->
                for read in
                    [
                        (fun () -> Lexicon.Read(folder, PhoneInventory.Arpabet) |> ignore)
                        (fun () -> Seq.length (TextLines.Read folder) |> ignore)
                    ] do
                    expectRefusal<IOException, _> $"{folder} is a folder; give a file" read)
        }
    ]
