// Recognise the phones of a recording: a model trained on synthetic speech, and a voice that was not in its training
// data.
// Run it with: dotnet fsi examples/01-recognise.fsx
#load "Hybrid.fsx"

open System.IO
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

// README.md describes how this model was trained. Another model: SpeechModel.Load "run/model.safetensors".
let model = SpeechModel.Load(Path.Combine(__SOURCE_DIRECTORY__, "tiny.safetensors"))

let text = "HAPPY CHILD ALWAYS ASK TEACHER"
let spoken = speak (text, seed = 2026)
let file = Path.GetTempFileName()
AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav file

let recognition = recognize (model, file)
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
