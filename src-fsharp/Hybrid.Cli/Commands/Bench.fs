/// `hybrid bench`
module Hybrid.Cli.Commands.Bench

open System
open System.Globalization
open System.IO
open System.Reflection
open System.Runtime.InteropServices
open System.Text.Json
open Argu
open Hybrid.Core
open Hybrid.Benchmarks
open Hybrid.Speech
open Hybrid.Dsl
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Beam-search benchmarks on the reference data in `D_decode` below the folder of anchors, with the expected labels, or
/// on synthetic posteriors without a folder.
let private beams (anchors: string option) = [
    for frames in [ 400; 800 ] do
        let utterances, expected =
            match anchors with
            | None -> List.ofSeq (SpeechBenchmarks.Posteriors(4, frames)), (fun _ _ -> None)
            | Some folder ->
                let array = NpyArray.Read(Path.Combine(folder, "D_decode", $"inputs_T{frames}.npy"))
                let values, symbols = array.ToSingles(), array.Shape[2]
                let size = frames * symbols

                [
                    for u in 0 .. array.Shape[0] - 1 ->
                        LogProbs.FromLogProbabilities(ReadOnlySpan(values, u * size, size), frames, symbols)
                ],
                fun (width: int) (choice: string) ->
                    Path.Combine(
                        folder,
                        "D_decode",
                        "expected",
                        $"expected_ctcdecode_{choice}_T{frames}_beam{width}.csv"
                    )
                    |> File.ReadLines
                    |> Seq.skip 1
                    |> Seq.map (fun line ->
                        (line.Substring(line.LastIndexOf ',' + 1)).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    |> Seq.map (Array.map int)
                    |> Array.ofSeq
                    |> Some

        for width in [ 5; 16; 32; 100 ] do
            SpeechBenchmarks.BeamSearch(
                $"T{frames}_C41",
                utterances,
                width,
                0,
                (expected width "exact" |> Option.toObj)
            )

            SpeechBenchmarks.BeamSearch(
                $"T{frames}_C41",
                utterances,
                width,
                10,
                (expected width "top10" |> Option.toObj)
            )
]

let private all anchors = [
    yield! KernelBenchmarks.All
    yield! KernelBenchmarks.Growth
    yield! beams anchors
    SpeechBenchmarks.Features 3
    SpeechBenchmarks.Features 30
    SpeechBenchmarks.TrainingStep("base", Recipes.``base``.Network, 16, 800, 100)
    SpeechBenchmarks.TrainingStep("hw3p2", Recipes.hw3p2.Network, 8, 800, 100)
]

let private layers (team: ThreadTeam) =
    for recipe, utterances in [ Recipes.small, 16; Recipes.``base``, 16; Recipes.hw3p2, 8 ] do
        let times = SpeechBenchmarks.LayerTimes(recipe.Network, utterances, 800, 100, team)
        let total = times |> Seq.sumBy (fun struct (_, time) -> time)
        print $"{recipe.Name}: {total:F0} ms"

        for struct (layer, time) in times do
            print $"  {100.0 * time / total, 5:F1} %%  {time, 8:F1} ms  {layer}"

/// The file that `--record` appends to, relative to the working folder.
let historyPath = Path.Combine("benchmarks", "history.csv")

/// Its first line.
let historyHeader = "commit,date,machine,kernel,threads,ms,gflops,peak_share"

/// The commit that the program was built from, as the SDK writes it into the version: 0.2.0+COMMIT.
let private commit =
    lazy
        (let version = typeof<Benchmark>.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()

         match Option.ofObj version |> Option.map (fun v -> v.InformationalVersion.Split('+', 2)) with
         | Some [| _; commit |] -> commit.Substring(0, min 12 commit.Length)
         | _ -> "unknown")

/// The name of the processor, if the system reports it, and the number of logical processors.
let private machineName =
    lazy
        (let name =
            if File.Exists "/proc/cpuinfo" then
                File.ReadLines "/proc/cpuinfo"
                |> Seq.tryFind _.StartsWith("model name")
                |> Option.map (fun line -> line.Substring(line.IndexOf ':' + 1).Trim())
            else
                Environment.GetEnvironmentVariable "PROCESSOR_IDENTIFIER" |> Option.ofObj

         let name = defaultArg name (string RuntimeInformation.ProcessArchitecture)
         $"{name} x{Environment.ProcessorCount}")

/// A CSV field as RFC 4180 quotes it.
let private quoted (field: string) =
    if field.IndexOfAny [| ','; '"'; '\n'; '\r' |] >= 0 then
        "\"" + field.Replace("\"", "\"\"") + "\""
    else
        field

/// A line of the history; no speed if the number of operations is no measure of the cost.
let historyLine (commit: string) (date: DateOnly) (machine: string) (result: BenchmarkResult) =
    let number (format: string) (value: float) = value.ToString(format, CultureInfo.InvariantCulture)
    let speed format value = if result.Gflops > 0 then number format value else ""

    [
        commit
        date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
        machine
        $"{result.Group} {result.Case}"
        string result.Threads
        number "0.####" result.MedianMilliseconds
        speed "0.#" result.Gflops
        speed "0.###" result.PeakShare
    ]
    |> List.map quoted
    |> String.concat ","

/// Refuses a file that is not a history, before hours are measured for it.
let private checkHistory (path: string) =
    if File.Exists path then
        match File.ReadLines path |> Seq.tryHead with
        | Some header when header <> historyHeader ->
            raise (UserException $"{path} is another table: its first line must be {historyHeader}")
        | _ -> ()

/// Appends lines to a history; a new file begins with the header.
let private appendHistory (path: string) (lines: string list) =
    Path.GetDirectoryName path |> nonNull |> Directory.CreateDirectory |> ignore
    let isNew = not (File.Exists path) || FileInfo(path).Length = 0L
    let lines = if isNew then historyHeader :: lines else lines
    File.AppendAllText(path, String.concat "\n" (lines @ [ "" ]))

/// Runs `hybrid bench`.
let run (arguments: ParseResults<BenchArguments>) =
    let benchmarks = all (arguments.TryGetResult BenchArguments.Anchors)
    let groups = benchmarks |> List.map _.Group |> List.distinct
    // The group growth takes long and is only for docs/performance.md.
    let chosen = arguments.GetResult(BenchArguments.Groups, List.except [ "growth" ] groups)
    let json = arguments.Contains BenchArguments.Json
    let record = arguments.Contains BenchArguments.Record

    if record then
        checkHistory historyPath

    for name in List.except ("layers" :: groups) chosen do
        raise (UserException $"""there is no group {name}; groups: {String.concat ", " groups}, layers""")

    let threads =
        arguments.GetResult(BenchArguments.Threads, List.distinct [ 1; Environment.ProcessorCount ])

    let seconds = arguments.GetResult(BenchArguments.Seconds, 1.0)

    let results = [
        for count in threads do
            positive "threads" count
            use team = new ThreadTeam(count)
            let machine = Machine.Measure team

            if not json then
                print (
                    $"{count} threads: {machine.PeakGflops:F0} GFLOP/s of {machine.VectorBits}-bit multiply-adds, "
                    + $"memory {machine.BandwidthGigabytes:F0} GB/s"
                )

                if List.contains "layers" chosen then
                    layers team

            for benchmark in benchmarks do
                if
                    List.contains benchmark.Group chosen
                    && (count = threads.Head || benchmark.Group <> "beam-search" && benchmark.Group <> "features")
                then
                    let result = benchmark.Run(team, seconds, machine)

                    if not json then
                        let speed =
                            if result.Gflops > 0 then
                                $"{result.Gflops, 6:F0} GFLOP/s {100.0 * result.PeakShare, 3:F0} %% of peak"
                            else
                                ""

                        print (
                            $"{result.Group, -20} {result.Case, -38} {count} {result.MedianMilliseconds, 10:F3} ms "
                            + $"+{100.0 * result.Spread:F0} %% {result.BytesAllocated, 8} B, "
                            + $"holds {result.BytesHeld / 1048576L, 5} MiB {speed}"
                        )

                    result
    ]

    if json then
        let options = JsonSerializerOptions(PropertyNamingPolicy = JsonNamingPolicy.CamelCase)
        printBlock (JsonSerializer.Serialize(results, options))

    if record then
        let today = DateOnly.FromDateTime DateTime.UtcNow
        appendHistory historyPath (results |> List.map (historyLine commit.Value today machineName.Value))
        say $"{results.Length} results appended to {historyPath}"

    Outcome.Done
