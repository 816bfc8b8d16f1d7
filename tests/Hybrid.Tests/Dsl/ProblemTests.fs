/// Typical problems: a script per problem in the folder Problems, and its expected message in a text file beside it.
module Hybrid.Tests.ProblemTests

open System
open System.IO
open Expecto
open Hybrid.Tests.TestSettings

let private folder = Path.Combine(root, "tests", "Hybrid.Tests", "Dsl", "Problems")

/// `HYBRID_RECORD_PROBLEMS=1` overwrites the expected messages; review them before a commit.
let private recording = Environment.GetEnvironmentVariable "HYBRID_RECORD_PROBLEMS" = "1"

[<Tests>]
let tests =
    testList "problems" [
        for script in Directory.GetFiles(folder, "*.fsx") |> Array.sort do
            test (nonNull (Path.GetFileNameWithoutExtension script)) {
                let message = (Scripts.problemsOf script).TrimEnd() + "\n"
                let expected = script.Replace(".fsx", ".txt")

                if recording then
                    File.WriteAllText(expected, message)

                Expect.equal message (File.ReadAllText expected) "message"
            }
    ]
