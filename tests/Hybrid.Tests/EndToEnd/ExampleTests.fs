/// Every example runs and learns.
module Hybrid.Tests.ExampleTests

open System
open System.Globalization
open System.IO
open System.Text.RegularExpressions
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.Process

/// The words before the final percentage of an example, and the bound of the percentage. Guessing gives an error of 75
/// % of the vowels and 77 % of the characters; 10 % of the characters are unpredictable.
let private vowels, private characters =
    ("error on unseen vowels", 10.0), ("characters predicted wrongly", 15.0)

/// The numbered scripts.
let private scripts = [
    "01-recognise.fsx", ("phones recognised wrongly", 15.0)
    "02-align.fsx", ("boundaries more than 50 ms off", 25.0)
    "03-declare-and-train.fsx", ("PER on unseen speakers", 60.0)
    "04-rnn-classifier.fsx", vowels
    "05-gru-character-predictor.fsx", characters
    "06-ctc-by-hand.fsx", ("difference between the three", 1e-6)
    "07-viterbi-then-all-alignments.fsx", ("PER after both phases", 40.0)
    "08-custom-layer.fsx", ("gradients off", 1e-6)
    "09-beam-search.fsx", ("beam of 8 and language model", 5.0)
]

let private programs = [ "rnn-classifier", vowels; "gru-character-predictor", characters ]

let private expectLearned (words: string, limit) (finished: Finished) =
    Expect.equal finished.ExitCode 0 (string finished)
    let found = Regex.Match(finished.Output, Regex.Escape words + @": ([\d.]+) %")
    Expect.isTrue found.Success $"\"{words}\" is not in\n{finished}"
    Expect.isBelow (Double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture)) limit (string finished)

[<Tests>]
let tests =
    testList "examples" [
        for script, learned in scripts do
            test $"{script} runs and learns" {
                dotnet root [ "fsi"; Path.Combine("examples", script) ] |> expectLearned learned
            }

        for name, learned in programs do
            test $"{name} in C# runs and learns" {
                dotnet root [ Path.Combine(AppContext.BaseDirectory, "Examples.CSharp.dll"); name ]
                |> expectLearned learned
            }

        test "10-console runs: without arguments, and with a model and files" {
            let program = Path.Combine(AppContext.BaseDirectory, "Examples.Console.dll")
            dotnet root [ program ] |> expectLearned ("phones recognised wrongly", 15.0)

            withFolder (fun folder ->
                let path, _ = CSharpTests.speak folder
                let finished = dotnet folder [ program; CSharpTests.model; path; path ]
                Expect.equal finished.ExitCode 0 (string finished)

                let recognizer = Hybrid.Speech.Recognizer.Load CSharpTests.model
                let line = $"{path}: {recognizer.Recognize(Hybrid.Speech.AudioClip.Read path)}"

                Expect.equal
                    (finished.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries))
                    [| line; line |]
                    "a line for each")
        }

        test "every script is run by a test" {
            let known = scripts |> List.map fst |> Set.ofList

            let there =
                Directory.GetFiles(Path.Combine(root, "examples"), "??-*.fsx")
                |> Seq.map Path.GetFileName
                |> Set.ofSeq

            Expect.equal there known "scripts"
        }
    ]
