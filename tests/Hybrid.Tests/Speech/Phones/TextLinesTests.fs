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

        test "UTF-8 and UTF-16 with a byte order mark are read; other bytes are refused with the file" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "text.txt")
                let write (bytes: byte[]) = File.WriteAllBytes(path, bytes)

                for encoding in
                    [ Text.UTF8Encoding false :> Text.Encoding; Text.UTF8Encoding true; Text.UnicodeEncoding() ] do
                    write (Array.append (encoding.GetPreamble()) (encoding.GetBytes "le café\nест"))
                    Expect.sequenceEqual (TextLines.Read path) [ "le café"; "ест" ] encoding.EncodingName

                // Windows-1252: a curly apostrophe is the byte 92.
                write [| byte 'w'; byte 'e'; 0x92uy; byte 'r'; byte 'e' |]

                expectRefusal<FormatException, _>
                    "text.txt, line 1 or one of the next has bytes that are not UTF-8: save the text as UTF-8"
                    (fun () -> TextLines.Read path |> Seq.toList)

                Expect.sequenceEqual (TextLines.Read(path, replaceInvalid = true)) [ "we\uFFFDre" ] "replaced")
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
