// How FSI prints what Hybrid's functions return; a script that references Hybrid.Dsl.dll loads this file behind it.
open Hybrid.Dsl

fsi.AddPrinter Printers.architecture
fsi.AddPrinter(fun (summary: Summary) -> string summary)
fsi.AddPrinter Printers.network
fsi.AddPrinter Printers.batch
fsi.AddPrinter Printers.parameter
fsi.AddPrinter Printers.tensor
fsi.AddPrinter Printers.logProbs
fsi.AddPrinter Printers.result
fsi.AddPrinter Printers.hypothesis
fsi.AddPrinter Printers.recognition
fsi.AddPrinter Printers.alignment
fsi.AddPrinter Printers.evaluation
