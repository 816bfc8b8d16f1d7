/// The display on a terminal: rows above one line, which never wraps.
module Hybrid.Tests.TerminalTests

open System
open System.ComponentModel
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

/// Runs tmux, which emulates terminals, with a server of its own; the test is skipped where it is not installed.
let private tmux (folder: string) (arguments: string list) =
    // The name of a socket, unique for each folder.
    let server = [ "-u"; "-L"; string (Path.GetFileName folder); "-f"; "/dev/null" ]

    try
        use running = nonNull (Diagnostics.Process.Start(prepare "tmux" folder (server @ arguments)))
        let output = running.StandardOutput.ReadToEnd()
        running.WaitForExit()
        output
    with :? Win32Exception ->
        skiptest "tmux is not installed"

let private ended = "the program has ended"

/// The screens of a terminal of this width, with the lines scrolled away, repeatedly until the program ends.
let private watch (folder: string) (columns: int) (arguments: string list) =
    let program = Path.Combine(AppContext.BaseDirectory, "hybrid.dll")

    let quoted =
        [ for argument in [ "dotnet"; program ] @ arguments -> $"'{argument}'" ] |> String.concat " "

    let command = $"{quoted}; echo {ended}; sleep 600"
    let session = $"of{columns}"

    tmux folder [ "new-session"; "-d"; "-s"; session; "-x"; string columns; "-y"; "40"; command ]
    |> ignore

    let clock = Stopwatch.StartNew()

    let rec follow (screens: string list list) =
        let screen = tmux folder [ "capture-pane"; "-p"; "-S"; "-"; "-t"; session ]
        let lines = [ for line in screen.TrimEnd().Split '\n' -> line.TrimEnd() ]

        if List.contains ended lines then
            // A screen that was seen only once may have been drawn in part.
            let steady = List.pairwise (List.rev screens) |> List.filter (fun (one, next) -> one = next)
            List.map fst steady @ [ lines ]
        elif clock.Elapsed > TimeSpan.FromMinutes 5.0 then
            failtest $"the program has not ended:\n{screen}"
        else
            Thread.Sleep 30
            follow (lines :: screens)

    try
        follow []
    finally
        tmux folder [ "kill-session"; "-t"; session ] |> ignore

let private row = Regex @"^ +(\d+) +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$"
let private bar = Regex @"^(━+) +\d+%(.*)$"
let private isBar (line: string) = bar.IsMatch line

let private status =
    Regex @"^( training)? epoch \d+ step \d+ loss [\d.]+( PER [\d.]+)? \d+:\d\d:\d\d left$"

let private arguments = [ "train"; "--recipe"; "tiny"; "--corpus"; "speech"; "--out"; "run"; "--epochs"; "20" ]

/// A folder with the corpus of the arguments.
let private withSpeech body =
    withFolder (fun folder ->
        let speech = Path.Combine(untrained.Value, "speech")
        Directory.CreateSymbolicLink(Path.Combine(folder, "speech"), speech) |> ignore
        body folder)

/// The lines of the same training without a terminal.
let private plain =
    lazy (withSpeech (fun folder -> (hybrid folder arguments |> expectSuccess).Errors.Split '\n'))

/// Fails unless a screen of `train` has whole lines only: the header, the rows of all epochs so far, and at the end the
/// bar, if any.
let private expectReadable (columns: int) (screen: string list) =
    let shown = String.concat "\n" screen
    let rows = screen |> List.filter (fun line -> row.IsMatch line)

    Expect.equal
        [ for line in rows -> int (row.Match line).Groups[1].Value ]
        [ 1 .. rows.Length ]
        $"{columns} columns, epochs in order, each once:\n{shown}"

    // A sentence may be longer than the terminal is wide.
    Expect.all
        (List.filter (not << isBar) screen)
        (fun line ->
            line = ended
            || row.IsMatch line
            || plain.Value |> Array.exists (fun sentence -> sentence.Contains line))
        $"{columns} columns, whole lines:\n{shown}"

    let bars = List.filter isBar screen
    Expect.isLessThanOrEqual bars.Length 1 $"{columns} columns, one bar:\n{shown}"

    for line in bars do
        Expect.equal line (List.last screen) $"{columns} columns, the bar is below everything:\n{shown}"
        Expect.isLessThan line.Length columns $"{columns} columns, a column is left for the cursor: {line}"

[<Tests>]
let tests =
    testList "terminal" [
        for columns in [ 80; 120; 140; 200 ] do
            let shows () =
                withSpeech (fun folder ->
                    let screens = watch folder columns arguments
                    List.iter (expectReadable columns) screens
                    let last = List.last screens
                    Expect.equal (last |> List.filter (fun line -> row.IsMatch line) |> List.length) 20 $"{last}"
                    Expect.isFalse (List.exists isBar last) "the bar is gone"

                    let bars = [
                        for screen in screens do
                            for line in screen do
                                let found = bar.Match line

                                if found.Success then
                                    found.Groups[1].Length, found.Groups[2].Value
                    ]

                    Expect.isNonEmpty bars "a bar is shown"
                    Expect.all bars (fun (length, _) -> length = min 40 (columns / 4)) $"length of the bar: {bars}"
                    Expect.exists bars (fun (_, text: string) -> status.IsMatch text) $"a whole status: {bars}")

            let name = $"train shows rows above one bar with {columns} columns"

            // Half a minute for each width.
            if columns = 80 then
                testCase name shows
            else
                longTest name shows

        test "recognize shows a bar, and above it what is wrong with a file" {
            withFolder (fun folder ->
                let speech = Path.Combine(folder, "speech")
                Directory.CreateDirectory speech |> ignore
                let sounds = Directory.GetFiles(Path.Combine(untrained.Value, "speech", "wav"), "*.wav")

                for copy in 1..20 do
                    for sound in sounds do
                        File.Copy(sound, Path.Combine(speech, $"{copy:D2}-{Path.GetFileName sound}"))

                File.WriteAllText(Path.Combine(speech, "00.wav"), "not a sound")
                let screens = watch folder 80 [ "recognize"; "speech"; "--out"; "results"; "--threads"; "1" ]
                let last = List.last screens
                Expect.isFalse (List.exists isBar last) $"the bar is gone: {last}"
                Expect.exists last (fun line -> line.StartsWith "speech/00.wav") $"the damaged file: {last}"

                Expect.exists
                    screens
                    (fun (screen: string list) ->
                        isBar (List.last screen) && (List.head screen).StartsWith "speech/00.wav")
                    $"the reason above the bar: {screens}"

                Expect.equal
                    (Directory.GetFiles(Path.Combine(folder, "results"), "*.txt").Length)
                    (20 * sounds.Length)
                    "results")
        }
    ]
    |> testSequenced
