// Printers for FSI. The package Hybrid.Dsl loads this file by itself; examples/Hybrid.fsx loads it after the libraries.
open Hybrid.Dsl

fsi.AddPrinter Printers.architecture
fsi.AddPrinter(fun (summary: Summary) -> string summary)
fsi.AddPrinter(fun (network: Hybrid.Core.Network<float32>) -> Printers.network network)
fsi.AddPrinter(fun (network: Hybrid.Core.Network<float>) -> Printers.network network)
fsi.AddPrinter(fun (batch: Hybrid.Core.Batch<float32>) -> Printers.batch batch)
fsi.AddPrinter(fun (batch: Hybrid.Core.Batch<float>) -> Printers.batch batch)
fsi.AddPrinter(fun (matrix: Hybrid.Core.MatrixView<float32>) -> Printers.matrix matrix)
fsi.AddPrinter(fun (matrix: Hybrid.Core.MatrixView<float>) -> Printers.matrix matrix)
fsi.AddPrinter(fun (parameter: Hybrid.Core.Parameter<float32>) -> Printers.parameter parameter)
fsi.AddPrinter(fun (parameter: Hybrid.Core.Parameter<float>) -> Printers.parameter parameter)
fsi.AddPrinter Printers.tensor
fsi.AddPrinter Printers.logProbs
fsi.AddPrinter Printers.result
fsi.AddPrinter Printers.hypothesis
fsi.AddPrinter Printers.recognition
fsi.AddPrinter Printers.alignment
fsi.AddPrinter Printers.evaluation
fsi.AddPrinter(fun (model: Hybrid.Speech.SpeechModel) -> string model)
fsi.AddPrinter(fun (corpus: Hybrid.Speech.Corpus) -> string corpus)
fsi.AddPrinter(fun (lexicon: Hybrid.Speech.Lexicon) -> string lexicon)
fsi.AddPrinter(fun (clip: Hybrid.Speech.AudioClip) -> string clip)
fsi.AddPrinter(fun (array: Hybrid.Core.NpyArray) -> string array)
