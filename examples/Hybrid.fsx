// Loaded by every example: Hybrid as built by `dotnet build -c Release` in the folder above.
// The module needs a name of its own, because the default, the name of this file, is a namespace of the libraries.
module Examples

#I "../src-fsharp/Hybrid.Dsl/bin/Release/net10.0"
#r "Hybrid.Core.dll"
#r "Hybrid.Speech.dll"
#r "Hybrid.Dsl.dll"
#r "Plotly.NET.dll"
#load "../src-fsharp/Hybrid.Dsl/Hybrid.Dsl.fsx"
