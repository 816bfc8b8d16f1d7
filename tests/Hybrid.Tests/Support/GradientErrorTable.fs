/// The largest relative errors of gradient checks, by layer and oracle: the table of docs/gradients.md.
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

/// The rows of the table, and the first words of the cases and tests of each.
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
    "SpecAugment", [ "masking"; "specaugment" ]
    "FrameStacking", [ "pyramid"; "framestacking" ]
    "RnnCell, tanh", [ "rnncell" ]
    "RnnCell, ReLU", [ "relurnncell" ]
    "GruCell", [ "grucell" ]
    "LstmCell", [ "lstmcell" ]
    "RecurrentStack, RNN tanh", [ "rnn" ]
    "RecurrentStack, RNN ReLU", [ "relurnn" ]
    "RecurrentStack, GRU", [ "gru"; "bigru" ]
    "RecurrentStack, LSTM", [ "lstm"; "blstm"; "bilstm" ]
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
    | None -> failwith $"the table of gradient errors has no row for {name}"

let private errors = ConcurrentDictionary<string * Oracle, float>()
let private versions = ConcurrentDictionary<string, unit>()

let private noteRow row (oracle: Oracle) (error: float) =
    // NaN is the largest error.
    let larger a b = if Double.IsNaN b || b > a then b else a
    errors.AddOrUpdate((row, oracle), error, (fun _ before -> larger before error)) |> ignore

/// Records an error by an oracle; the first word of the name is that of a layer, a cell or a loss.
let note oracle name error = noteRow (rowOf name) oracle error

/// Records the version of an oracle.
let noteVersion text = versions[text] <- ()

/// All records as lines, for another process.
let lines () = [
    for version in versions.Keys do
        $"version\t{version}"

    for KeyValue((row, oracle), error) in errors do
        $"error\t{row}\t{oracle}\t" + error.ToString("R", CultureInfo.InvariantCulture)
]

/// Adds the records of another process.
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

/// The page docs/gradients.md from all records.
let page () = [
    "# Gradients by independent oracles"
    ""
    "The largest relative error found by each oracle in any output or gradient (inputs, parameters, initial states)"
    "of each layer, cell and loss. This page is written by"
    ""
    "```"
    "dotnet run -c Release --project tests/Hybrid.Tests -- --gradients docs/gradients.md"
    "```"
    ""
    "(without a file name, it is printed only). A dash: the oracle has no reference values, or did not run."
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
    "Errors are relative to the reference value, but to no less than a thousandth of the largest value in its tensor,"
    "or of one. In float they are relative to the largest value itself; for central differences, to the larger of"
    "both values and one. Hybrid computes in double, except in the last column. Limits: 1e-7 for central differences,"
    "1e-10 in double, 1e-4 in float."
    ""
    "- Central differences: steps of 1e-5 max(1, |value|) on every input, parameter and initial state"
    "  (src-csharp/Hybrid.Core/GradientChecking/GradientCheck.cs)."
    "- PyTorch, recorded: float64 values from tests/golden/make_golden.py."
    "- DiffSharp: reverse mode on definitions written frame by frame (tests/Hybrid.Oracles/DiffSharpOracle.fs). Its"
    "  values are also recorded in tests/golden/diffsharp.safetensors, which every test run compares."
    "- TorchSharp: PyTorch's own modules, packed sequences and ctc_loss (tests/Hybrid.Oracles/TorchSharpOracle.fs)."
    ""
    "Versions:"
    ""
    for version in Seq.sort versions.Keys do
        $"- {version}"

    $"- .NET {Environment.Version}; {processor ()}"
]
