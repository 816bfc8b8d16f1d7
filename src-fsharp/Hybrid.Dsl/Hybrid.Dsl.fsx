// How FSI prints what Hybrid's functions return; a script that references Hybrid.Dsl.dll loads this file behind it.
open Hybrid.Dsl

fsi.AddPrinter Show.architecture
fsi.AddPrinter(fun (summary: Summary) -> string summary)
fsi.AddPrinter Show.network
fsi.AddPrinter Show.batch
fsi.AddPrinter Show.parameter
fsi.AddPrinter Show.tensor
fsi.AddPrinter Show.logProbs
fsi.AddPrinter Show.result
fsi.AddPrinter Show.hypothesis
fsi.AddPrinter Show.recognition
fsi.AddPrinter Show.alignment
fsi.AddPrinter Show.evaluation
