// Printers for FSI. The package Hybrid.Dsl loads this file by itself; examples/Hybrid.fsx loads it after the libraries.
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
