// What every example loads: Hybrid as it was built by `dotnet build -c Release` in the folder above.
// Its own name, lest FSI take the file's for the namespace.
module Examples

#I "../src-fsharp/Hybrid.Dsl/bin/Release/net10.0"
#r "Hybrid.Core.dll"
#r "Hybrid.Speech.dll"
#r "Hybrid.Dsl.dll"
#r "Plotly.NET.dll"
#load "../src-fsharp/Hybrid.Dsl/Hybrid.Dsl.fsx"
