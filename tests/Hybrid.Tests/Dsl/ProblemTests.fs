/// Typical problems, each a script in the folder Problems with the message that its author sees in the file beside it.
module Hybrid.Tests.ProblemTests

open System
open System.IO
open Expecto
open Hybrid.Tests.TestSettings

let private folder = Path.Combine(root, "tests", "Hybrid.Tests", "Dsl", "Problems")

/// `HYBRID_RECORD_MISTAKES=1` writes the messages as they are now; they are read before they are committed.
let private recording = Environment.GetEnvironmentVariable "HYBRID_RECORD_MISTAKES" = "1"

[<Tests>]
let tests =
    testList "problems" [
        for script in Directory.GetFiles(folder, "*.fsx") |> Array.sort do
            test (nonNull (Path.GetFileNameWithoutExtension script)) {
                let message = (Scripts.mistakesOf script).TrimEnd() + "\n"
                let expected = script.Replace(".fsx", ".txt")

                if recording then
                    File.WriteAllText(expected, message)

                Expect.equal message (File.ReadAllText expected) "message"
            }
    ]
