/// Names from manifests, models and files that would act on a terminal: all verbs print them escaped.
module Hybrid.Tests.HostileNameTests

open System
open System.IO
open System.Text.Json
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

/// A sequence that changes the colour, a line break that forges a line, a C1 sequence, and a change of the text
/// direction.
let private sequence = "\u001b[31m\u009b2J\u202e"

let private escaped = "\\x1B[31m\\x9B2JU+202E"

let private id = $"a{sequence}\nhybrid: all is well"

/// Fails if the program printed a control character other than line breaks.
let private expectEscaped (finished: Finished) =
    for name, text in [ "output", finished.Output; "errors", finished.Errors ] do
        let found = text |> Seq.filter (fun c -> Char.IsControl c && c <> '\n' && c <> '\r' || c = '\u202e')
        Expect.isEmpty found $"{name} of {finished}"

    finished

/// Fails if the program printed a control character or a forged line.
let private expectPrintable (finished: Finished) =
    for name, text in [ "output", finished.Output; "errors", finished.Errors ] do
        Expect.isFalse (text.Split '\n' |> Array.exists _.StartsWith("hybrid: all is well")) $"{name} of {finished}"

    expectEscaped finished

/// A corpus of one recording with a hostile id, speaker, split and text, and one that cannot be read.
let private corpus folder =
    let spoken = Run.speak "HAND"
    let wav = Path.Combine(folder, "a.wav")
    AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav wav

    let line (id: string) (audio: string) (text: string) (split: string) =
        JsonSerializer.Serialize(dict [ "id", id; "audio", audio; "text", text; "speaker", sequence; "split", split ])

    File.WriteAllLines(
        Path.Combine(folder, "manifest.jsonl"),
        [
            line id "a.wav" "HAND" sequence
            line $"b{sequence}" $"b{sequence}.wav" "HAND" sequence
            line $"c{sequence}" "a.wav" $"X{sequence}" sequence
        ]
    )

let private onUnix body =
    if OperatingSystem.IsWindows() then
        skiptest "file names with control characters"
    else
        body ()

[<Tests>]
let tests =
    testList "hostile names" [
        test "ids, speakers, splits, words and file names are escaped by every verb" {
            onUnix (fun () ->
                withFolder (fun folder ->
                    corpus folder
                    let model = CSharpTests.model
                    let hybrid arguments = hybrid folder arguments |> expectPrintable

                    let checkData = hybrid [ "check-data"; "--corpus"; "."; "--recipe"; "tiny" ]
                    Expect.stringContains checkData.Output escaped $"{checkData}"

                    for more in [ [ "--show"; "3" ]; [ "--json" ] ] do
                        let evaluated = hybrid ([ "evaluate"; "--model"; model; "--corpus"; "." ] @ more)
                        Expect.stringContains evaluated.Errors "corpus: 2 left out" $"{evaluated}"

                    Process.hybrid folder [ "evaluate"; "--model"; model; "--corpus"; "."; "--error-analysis" ]
                    |> expectEscaped
                    |> ignore

                    hybrid [ "evaluate"; "--model"; model; "--corpus"; "."; "--split"; "none" ] |> ignore
                    hybrid [ "align"; "--model"; model; "--corpus"; "."; "--out"; "aligned" ] |> ignore
                    hybrid [ "lm"; "--corpus"; "."; "--out"; "phones.arpa" ] |> ignore
                    hybrid [ "recognize"; "--model"; model; "--submission"; "out.csv"; "." ] |> ignore

                    let file = $"d{sequence}.wav"
                    File.Copy(Path.Combine(folder, "a.wav"), Path.Combine(folder, file))

                    for format in [ "text"; "json"; "ctm"; "textgrid" ] do
                        let found = hybrid [ "recognize"; "--model"; model; "--format"; format; file ]
                        Expect.equal found.ExitCode 0 $"{found}"

                        if format = "text" then
                            // Results percent-encode, so that names read back equal.
                            Expect.stringContains found.Output "d%1B[31m%C2%9B2J%E2%80%AE.wav: " $"{found}"

                    hybrid [ "recognize"; "--model"; model; $"nowhere{sequence}.wav" ] |> ignore
                    hybrid [ "info"; "--model"; $"nowhere{sequence}" ] |> ignore
                    hybrid [ $"fly{sequence}" ] |> ignore))
        }

        test "phones of a model, ARPA files and folds are escaped" {
            withFolder (fun folder ->
                let phone = $"QQ{sequence}"

                let inventory = PhoneInventory [| phone; yield! Seq.skip 2 PhoneInventory.Arpabet.Symbols |]

                let path = Path.Combine(folder, "model.safetensors")
                SpeechModel.Create(Recipes.tiny.Network, Recipes.tiny.Features, inventory, 1UL).Save path
                corpus folder
                File.WriteAllText(Path.Combine(folder, "fold.txt"), $"AA {phone}\nAA {sequence} {sequence}\n")
                File.WriteAllText(Path.Combine(folder, "bad.arpa"), $"\\data\\\nngram 1={sequence}\n")
                let hybrid arguments = hybrid folder arguments |> expectPrintable
                let model = [ "--model"; "model.safetensors" ]
                let found = hybrid ([ "recognize"; "a.wav"; "--min-confidence"; "0" ] @ model)
                Expect.equal found.ExitCode 0 $"{found}"
                hybrid ([ "evaluate"; "--corpus"; "."; "--show"; "3" ] @ model) |> ignore
                hybrid ([ "evaluate"; "--corpus"; "."; "--fold"; "fold.txt" ] @ model) |> ignore
                hybrid ([ "recognize"; "a.wav"; "--lm"; "bad.arpa" ] @ model) |> ignore)
        }

        test "only Console.fs writes to the terminal" {
            let folder = Path.Combine(root, "src-fsharp", "Hybrid.Cli")

            for file in Directory.GetFiles(folder, "*.fs", SearchOption.AllDirectories) do
                if Path.GetFileName file <> "Console.fs" && not (file.Contains $"{Path.DirectorySeparatorChar}obj") then
                    let text = File.ReadAllText file

                    for call in [ "printf"; "eprintf"; "Console.Out"; "Console.Error"; "Console.Write" ] do
                        Expect.isFalse (text.Contains call) $"{file}: {call}"
        }
    ]
