/// The largest relative errors that gradient checks have seen, by layer and oracle: what docs/gradients.md tabulates.
module Hybrid.Tests.GradientErrorTable

open System
open System.Collections.Concurrent
open System.Globalization
open System.IO

/// The independent sources of gradients.
type Oracle =
    | CentralDifferences
    | PyTorch
    | DiffSharp
    | TorchSharpDouble
    | TorchSharpFloat

let private oracles = [
    CentralDifferences, "central differences"
    PyTorch, "PyTorch, recorded"
    DiffSharp, "DiffSharp"
    TorchSharpDouble, "TorchSharp, double"
    TorchSharpFloat, "TorchSharp, float"
]

/// The rows of the table, and the first words of cases and tests that belong into each.
let private rows = [
    "Linear", [ "linear" ]
    "Conv1d", [ "conv1d" ]
    "BatchNorm1d", [ "batchnorm1d"; "batchnorm" ]
    "LayerNorm", [ "layernorm" ]
    "SqueezeExcite", [ "squeezeexcite" ]
    "Residual", [ "residual" ]
    "ReLU", [ "relu" ]
    "GELU", [ "gelu" ]
    "SiLU", [ "silu" ]
    "tanh", [ "tanh" ]
    "sigmoid", [ "sigmoid" ]
    "Dropout", [ "dropout" ]
    "Masking", [ "masking" ]
    "Pyramid", [ "pyramid" ]
    "RnnCell, tanh", [ "rnncell" ]
    "RnnCell, ReLU", [ "relurnncell" ]
    "GruCell", [ "grucell" ]
    "LstmCell", [ "lstmcell" ]
    "Recurrent, RNN tanh", [ "rnn" ]
    "Recurrent, RNN ReLU", [ "relurnn" ]
    "Recurrent, GRU", [ "gru"; "bigru" ]
    "Recurrent, LSTM", [ "lstm"; "blstm"; "bilstm" ]
    "LogSoftmax", [ "logsoftmax" ]
    "SoftmaxCrossEntropy", [ "crossentropy" ]
    "CtcLoss", [ "ctc" ]
    "ViterbiLoss", [ "viterbi" ]
    "whole networks", [ "network" ]
]

let private rowOf (name: string) =
    let word = name.ToLowerInvariant().Split(' ', ',')[0]

    match rows |> List.tryFind (fun (_, words) -> List.contains word words) with
    | Some(row, _) -> row
    | None -> failwith $"the table of gradients has no row for {name}"

let private errors = ConcurrentDictionary<string * Oracle, float>()
let private versions = ConcurrentDictionary<string, unit>()

let private noteRow row (oracle: Oracle) (error: float) =
    // NaN is the largest error.
    let larger a b = if Double.IsNaN b || b > a then b else a
    errors.AddOrUpdate((row, oracle), error, (fun _ before -> larger before error)) |> ignore

/// Notes an error that an oracle has seen; the first word of the name is that of a layer, a cell or a loss.
let note oracle name error = noteRow (rowOf name) oracle error

/// Notes which version of something ran.
let noteVersion text = versions[text] <- ()

/// All notes as lines, for another process.
let lines () = [
    for version in versions.Keys do
        $"version\t{version}"

    for KeyValue((row, oracle), error) in errors do
        $"error\t{row}\t{oracle}\t" + error.ToString("R", CultureInfo.InvariantCulture)
]

/// Takes in the notes of another process.
let read (lines: string seq) =
    for line in lines do
        match line.Split '\t' with
        | [| "version"; text |] -> noteVersion text
        | [| "error"; row; oracle; error |] ->
            let oracle = oracles |> List.map fst |> List.find (fun known -> string known = oracle)
            noteRow row oracle (Double.Parse(error, CultureInfo.InvariantCulture))
        | _ -> ()

let private processor () =
    let info = "/proc/cpuinfo"

    let models =
        if File.Exists info then
            [
                for line in File.ReadLines info do
                    if line.StartsWith "model name" then
                        line[line.IndexOf ':' + 2 ..]
            ]
        else
            []

    List.tryHead models
    |> Option.defaultValue (string Runtime.InteropServices.RuntimeInformation.ProcessArchitecture)

/// The page docs/gradients.md from all notes.
let page () = [
    "# Gradients by independent oracles"
    ""
    "The largest relative error that each oracle has seen in any output or gradient (inputs, parameters, initial states) of each layer, cell and loss."
    "This page is written by"
    ""
    "```"
    "dotnet run -c Release --project tests/Hybrid.Tests -- --gradients docs/gradients.md"
    "```"
    ""
    "(without a file name, it is printed only). A dash: this oracle has nothing to compare with, or did not run."
    ""
    "| | " + String.concat " | " (List.map snd oracles) + " |"
    "| --- |" + String.replicate oracles.Length " ---: |"

    for row, _ in rows do
        let cells = [
            for oracle, _ in oracles ->
                match errors.TryGetValue((row, oracle)) with
                | true, error -> error.ToString("0.0e+00", CultureInfo.InvariantCulture)
                | _ -> "-"
        ]

        $"| {row} | " + String.concat " | " cells + " |"

    ""
    "Errors are relative to the reference value, or, where that is smaller, to a thousandth of the largest value in its tensor (at least of one); in"
    "float, to the largest value itself; for central differences, to the larger of both values and one. Hybrid computes in double everywhere except in"
    "the last column. Limits: 1e-7 for central differences, 1e-10 in double, 1e-4 in float."
    ""
    "- Central differences: steps of 1e-5, times the value where that is above one, on every input, parameter and initial state (src-csharp/Hybrid.Core/GradientChecking/GradientCheck.cs)."
    "- PyTorch, recorded: float64 values from tests/golden/make_golden.py."
    "- DiffSharp: reverse mode on definitions written frame by frame (tests/Hybrid.Oracles/DiffSharpOracle.fs); its values are also recorded in"
    "  tests/golden/diffsharp.safetensors, which every test run checks."
    "- TorchSharp: PyTorch's own modules, packed sequences and ctc_loss (tests/Hybrid.Oracles/TorchSharpOracle.fs)."
    ""
    "Ran with: "
    + String.concat "; " (Seq.sort versions.Keys)
    + $"; .NET {Environment.Version}; {processor ()}."
]
