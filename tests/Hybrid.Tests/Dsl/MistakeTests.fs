/// Typical mistakes, each a script in the folder Mistakes with the message that its author sees in the file beside it.
module Hybrid.Tests.MistakeTests

open System
open System.IO
open Expecto
open Hybrid.Tests.Tier

let private folder = Path.Combine(root, "tests", "Hybrid.Tests", "Dsl", "Mistakes")

/// `HYBRID_RECORD_MISTAKES=1` writes the messages as they are now; they are read before they are committed.
let private recording = Environment.GetEnvironmentVariable "HYBRID_RECORD_MISTAKES" = "1"

[<Tests>]
let tests =
    testList "mistakes" [
        for script in Directory.GetFiles(folder, "*.fsx") |> Array.sort do
            test (nonNull (Path.GetFileNameWithoutExtension script)) {
                let message = (Scripts.mistakesOf script).TrimEnd() + "\n"
                let expected = script.Replace(".fsx", ".txt")

                if recording then
                    File.WriteAllText(expected, message)

                Expect.equal message (File.ReadAllText expected) "message"
            }
    ]
