// Which phones are in a recording? A model that was trained on synthetic speech listens to a voice that it has never heard.
// Run it with: dotnet fsi examples/01-recognise.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

// How it came to be is told in README.md beside it. With a model of your own: SpeechModel.Load "run/model.safetensors".
let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))

let text = "HAPPY CHILD ALWAYS ASK TEACHER"
let spoken = speak 2026 text
let file = Path.GetTempFileName()
AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav file

let recognition = recognize model file
File.Delete file

printfn $"{text}, {recognition.DurationSeconds:F2} seconds"

for phone in recognition.Phones do
    printfn $"  {phone.StartSeconds:F2} to {phone.EndSeconds:F2}  {phone.Label, -3} {100.0 * phone.Confidence, 3:F0} %%"

let said = spoken.Phones
let heard = [ for phone in recognition.Phones -> phone.Label ]
printfn $"""said   {String.concat " " said}"""
printfn $"""heard  {String.concat " " heard}"""

let labels phones = model.Inventory.Labels phones
let errors = EditDistance.Align(labels said, labels heard).Distance
printfn $"phones recognised wrongly: {100.0 * float errors / float said.Count:F1} %%"
