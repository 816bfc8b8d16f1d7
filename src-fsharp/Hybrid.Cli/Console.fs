/// Shared by all verbs: printing, failures and hints, progress bars, recipes and recognisers named on the command line,
/// Ctrl+C.
module Hybrid.Cli.Console

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open System.Threading
open Spectre.Console
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech

/// Wrong usage or unusable data: one sentence, exit code 1.
exception UserException of message: string

/// An option among the paths of a verb, which the verb does not have.
exception UnknownOptionException of option: string

/// A failure for which the command line has a remedy: the message of the failure, then the hint.
exception HintedException of failure: exn * hint: string

/// Raises a UserException unless the value of an option is positive.
let positive name (value: float) =
    if not (value > 0.0) then
        raise (UserException $"--{name} is {value}, must be positive")

/// The value of an option that must be from 0 to 1.
let share name (value: float) =
    if value >= 0.0 && value <= 1.0 then
        value
    else
        raise (UserException $"--{name} is {value}, must be from 0 to 1")

/// The value of --channel, if it is given: the index of a channel.
let channelOf (value: int option) : Nullable<int> =
    match value with
    | Some channel when channel < 0 -> raise (UserException $"--channel is {channel}, must be at least 0")
    | channel -> Option.toNullable channel

/// The outcome of a verb; its number is the exit code.
type Outcome =
    | Done = 0
    | Failed = 1
    | PartlyFailed = 2

/// The terminal of a progress display while it is shown.
let mutable private display: IAnsiConsole option = None

/// Writes to standard error, above a progress display.
let private writeError (text: string) =
    match display with
    | Some console ->
        // A line takes the place of the empty one above the bar; a longer text would leave parts of the bar behind.
        let width = max 1 (console.Profile.Width - 1)

        for line in text.Split '\n' do
            for start in 0..width .. max 0 (line.Length - 1) do
                console.WriteLine(line.Substring(start, min width (line.Length - start)))
    | None -> Console.Error.WriteLine text

// Everything that the program prints goes through the next five functions. They escape control characters, so that ids,
// file names and other text from data cannot send sequences to the terminal or forge lines.

/// The longest line for people, in characters. Names from files have any length.
let private longestLine = 490

let private shortened (line: string) =
    if line.Length <= longestLine then
        line
    else
        let half = (longestLine - 5) / 2
        $"{line[.. half - 1]} ... {line[line.Length - half ..]}"

/// Writes one line for people to standard error, so that results on standard output can be piped. The middle of a very
/// long line is left out.
let say (line: string) = writeError (shortened (Printable.line line))

/// Writes a text of several lines to standard error.
let sayBlock (text: string) =
    let lines = (Printable.block text).Split '\n' |> Array.map shortened
    writeError (String.Join('\n', lines))

/// Writes one line for people to standard output; the middle of a very long line is left out.
let print (line: string) = Console.Out.WriteLine(shortened (Printable.line line))

/// Writes a text of several lines, such as a table or JSON, to standard output.
let printBlock (text: string) = Console.Out.WriteLine(Printable.block text)

/// Writes results to standard output as they are stored in files, without a line break at the end.
let printResult (content: string) = Console.Out.Write(Printable.block content)

/// Whether standard error is a terminal, where a progress bar can be drawn.
let isTerminal = not Console.IsErrorRedirected

let private errorConsole =
    lazy AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput(Console.Error)))

let private registrations = ResizeArray<PosixSignalRegistration>()

/// Cancelled by SIGINT (Ctrl+C), SIGTERM or SIGHUP; a second signal ends the process at once.
let interruption =
    lazy
        (let source = new CancellationTokenSource()

         let interrupt (context: PosixSignalContext) =
             if not source.IsCancellationRequested then
                 context.Cancel <- true
                 source.Cancel()

         // The registrations end with their objects, which the process keeps.
         for signal in [ PosixSignal.SIGINT; PosixSignal.SIGTERM; PosixSignal.SIGHUP ] do
             registrations.Add(PosixSignalRegistration.Create(signal, interrupt))

         source.Token)

/// The columns of the bar in a terminal of this width.
let private barWidth (columns: int) = Math.Clamp(columns / 4, 10, 40)

/// The text beside the bar, cut to the width of the terminal, so that the display stays one line. A narrow terminal
/// does not show the title.
let private besideBar (columns: int) (title: string) (line: string) =
    // The bar, the percentage, a space after each of both, and the last column, which would start a new line.
    let width = max 1 (columns - barWidth columns - 7)

    let text =
        Printable.line (
            if line = "" then title
            elif columns < 100 then line
            else $"{title} {line}"
        )

    if text.Length <= width then
        text
    else
        text[.. width - 2] + "…"

/// Runs work that reports a fraction and a status line: a bar on a terminal, a line every 15 s elsewhere. Lines that
/// the work says in between appear above the bar.
let withProgress (title: string) (work: IProgress<struct (float * string)> -> 'result) : 'result =
    if isTerminal then
        let console = errorConsole.Value
        let bar = ProgressBarColumn(Width = Nullable(barWidth console.Profile.Width))

        let columns: ProgressColumn[] = [| bar; PercentageColumn(); TaskDescriptionColumn(Alignment = Justify.Left) |]

        console
            .Progress()
            .AutoClear(true)
            .Columns(columns)
            .Start(fun context ->
                let task = context.AddTask(Markup.Escape(title), maxValue = 1.0)
                display <- Some console

                try
                    work
                        {
                            new IProgress<struct (float * string)> with
                                member _.Report(struct (fraction, line)) =
                                    let columns = console.Profile.Width
                                    bar.Width <- Nullable(barWidth columns)
                                    task.Value <- fraction

                                    task.Description <- Markup.Escape(besideBar columns title line)
                        }
                finally
                    display <- None)
    else
        let clock = Stopwatch.StartNew()
        let mutable next = TimeSpan.FromSeconds 15.0
        let gate = Lock()

        work
            {
                new IProgress<struct (float * string)> with
                    member _.Report(struct (fraction, line)) =
                        lock gate (fun () ->
                            if clock.Elapsed >= next then
                                next <- clock.Elapsed + TimeSpan.FromSeconds 15.0
                                say $"{title} {100.0 * fraction:F0} %% {line}")
            }

/// An adapter for work that reports only a fraction.
let fractionOf (progress: IProgress<struct (float * string)>) = {
    new IProgress<float> with
        member _.Report fraction = progress.Report(struct (fraction, ""))
}

/// The built-in recipe of this name, or that of a JSON file.
let findRecipe (nameOrFile: string) =
    match Recipes.all |> List.tryFind (fun recipe -> recipe.Name = nameOrFile) with
    | Some recipe -> recipe
    | None when Path.Exists nameOrFile -> Recipe.Load nameOrFile
    | None ->
        let names = Recipes.all |> List.map _.Name |> String.concat ", "
        raise (UserException $"there is no recipe and no file named {nameOrFile}; recipes: {names}")

/// The files that match a pattern such as `*.wav`, in ordinal order: a Windows shell does not expand it. Any other
/// path, or a file whose name has these characters, is returned as it is.
let private expandPattern (path: string) =
    let name = string (Path.GetFileName path)

    if path.StartsWith "--" && not (Path.Exists path) then
        raise (UnknownOptionException path)

    if name.IndexOfAny([| '*'; '?' |]) < 0 || Path.Exists path then
        [ path ]
    else
        let folder =
            match Path.GetDirectoryName path with
            | null
            | "" -> "."
            | folder -> folder

        let found =
            if Directory.Exists folder then
                [
                    for found in Directory.EnumerateFileSystemEntries(folder, name) ->
                        if path = name then
                            string (Path.GetFileName found)
                        else
                            found
                ]
                |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))
            else
                []

        if found.IsEmpty then
            raise (UserException $"no file matches {path}")

        found

/// The paths of the command line, patterns expanded.
let expandPatterns (paths: string list) = List.collect expandPattern paths

/// Names the lines of a dictionary that were left out, at most three of them.
let private reportSkippedLines (file: string) (lexicon: Lexicon) =
    for line in Seq.truncate 3 lexicon.SkippedLines do
        say $"{file}, {line}; the line is left out"

    if lexicon.SkippedLines.Count > 3 then
        say $"{file}: {lexicon.SkippedLines.Count - 3} more lines are left out"

/// Reads a pronouncing dictionary named with --lexicon.
let readLexicon (file: string) =
    if Directory.Exists file then
        raise (UserException $"--lexicon {file}: it is a folder, must be a pronouncing dictionary")
    elif not (Path.Exists file) then
        raise (UserException $"--lexicon {file}: there is no such file")
    else
        let lexicon = Lexicon.Read file
        reportSkippedLines file lexicon
        lexicon

/// Reads pronouncing dictionaries, in order.
let readLexicons (files: string list) = [| for file in expandPatterns files -> readLexicon file |]

/// The threads of --threads, by default one for each processor.
let teamOf (threads: int option) =
    match threads with
    | None -> ThreadTeam.Default
    | Some threads ->
        positive "threads" threads
        new ThreadTeam(threads)

/// A listener that calls a function.
let listener (report: 'report -> unit) = {
    new IProgress<'report> with
        member _.Report value = report value
}

/// The remedy for a cause, in the words of the command line.
let private hint (cause: Cause) =
    match cause with
    | Diverged ->
        "write the recipe to a file with `hybrid info --recipe NAME --json`, lower learningRate or clipGradients in "
        + "it, and pass it to --recipe; `hybrid check-data` finds damaged recordings"
    | TooShort -> "`hybrid check-data` lists the utterances that are too short for their phones"
    | NoLexicon -> "name a pronouncing dictionary with --lexicon FILE, such as CMUdict"
    | HasFeatures _ -> "the corpus has features, the model expects sound: use a model that was trained on this corpus"
    | HasSound _ -> "the model expects the features of its corpus; a model of the recipe small takes sound"
    | MissingPhones -> "--allow-missing-phones goes on without them; an n-gram <unk> in the ARPA file would score them"
    | NeedsChannel -> "--channel 0 reads the first channel"
    | NoValidationData -> "name other recordings for validation with --dev PATH"

/// Runs `work`; a failure with a known cause gets a hint.
let internal withHint (cause: exn -> Cause option) (work: unit -> 'result) : 'result =
    try
        work ()
    with
    | :? OperationCanceledException -> reraise ()
    | error ->
        match cause error with
        | Some cause -> raise (HintedException(error, hint cause))
        | None -> reraise ()

/// Prints the hint for a cause, such as that of skipped utterances, if there is one.
let internal sayHint (cause: Cause option) =
    match cause with
    | Some cause -> say $"hint: {hint cause}"
    | None -> ()

/// Prints why a verb failed: for a known cause, a hint; then the message of the failure as the last line.
let rec sayFailure (error: exn) =
    match error with
    | HintedException(failure, hint) ->
        say $"hint: {hint}"
        sayFailure failure
    | UserException message -> say $"hybrid: {message}"
    | :? DeclarationException
    | :? InvalidSpecException -> sayBlock $"hybrid: {error.Message}"
    | _ ->
        sayHint (Causes.ofException error)
        say $"hybrid: {error.Message}"

/// The utterances of a corpus, or of one split.
let ofSplit (corpus: Corpus) (split: string option) =
    match split with
    | None -> corpus.Utterances
    | Some split when corpus.Split(split).Count > 0 -> corpus.Split split
    | Some split ->
        let known = String.concat ", " corpus.Splits
        raise (UserException $"the corpus has no split {split}; it has {known}")

/// The decoding options of the command line; the model decides what is left out.
type Search = {
    /// Greedy decoding: the best symbol of each frame.
    Greedy: bool
    /// The beam width.
    Beam: int option
    /// The number of hypotheses.
    Nbest: int option
    /// The file of an n-gram model.
    Lm: string option
    /// The factor of the language model's log probability.
    LmWeight: float option
    /// The insertion bonus per phone, in nats.
    LengthBonus: float option
    /// The confidence threshold of the voice activity detection, from 0 to 1.
    MinConfidence: float option
    /// Whether the n-gram model may lack phones.
    AllowMissingPhones: bool
} with

    /// The decoding of the model.
    static member None = {
        Greedy = false
        Beam = None
        Nbest = None
        Lm = None
        LmWeight = None
        LengthBonus = None
        MinConfidence = None
        AllowMissingPhones = false
    }

/// The n-gram model of a file, otherwise that of the model file, with its weight and insertion bonus.
let weighted (model: SpeechModel) (file: string option) (weight: float option) (bonus: float option) allowMissing =
    match file, Option.ofObj model.LanguageModel with
    | Some path, _ ->
        WeightedLanguageModel(
            LanguageModels.Read(path, model.Inventory, allowMissing || weight = Some 0.0),
            defaultArg weight 1.0,
            defaultArg bonus 0.0
        )
        |> Some
    | None, Some stored ->
        WeightedLanguageModel(stored.Model, defaultArg weight stored.Weight, defaultArg bonus stored.LengthBonus)
        |> Some
    | None, None when weight.IsSome -> raise (UserException "--lm-weight needs --lm FILE")
    | None, None -> None

/// Refuses a recogniser whose n-gram model lacks phones, or names these where they are allowed.
let requireAllPhones (recognizer: Recognizer) =
    recognizer.RequireAllPhones()

    if recognizer.MissingPhones.Count > 0 then
        let phones = String.Join(" ", recognizer.MissingPhones)
        say $"the n-gram model lacks phones, which are never recognised: {phones}"

    recognizer

/// The recogniser of a model file, by default of the shipped model, with the decoding and threads of the command line.
let loadRecognizer (file: string option) (search: Search) (team: ThreadTeam) =
    let model =
        match file with
        | Some file -> SpeechModel.Load file
        | None -> SpeechModel.Default

    let minConfidence =
        search.MinConfidence
        |> Option.map (share "min-confidence")
        |> Option.defaultValue model.MinConfidence

    let allowMissing = search.AllowMissingPhones

    match { search with MinConfidence = None; AllowMissingPhones = false } with
    | given when given = Search.None ->
        requireAllPhones (Recognizer(model, team, MinConfidence = minConfidence, AllowMissingPhones = allowMissing))
    | given when given = { Search.None with Greedy = true } ->
        Recognizer(model, team, Beam = null, MinConfidence = minConfidence)
    | { Greedy = true } ->
        raise (UserException "--greedy excludes --beam, --nbest, --lm, --lm-weight and --length-bonus: leave them out")
    | { Beam = Some width; Nbest = Some best } when best > width ->
        raise (UserException $"--nbest is {best}, must be at most --beam, {width}")
    | given ->
        let best = defaultArg given.Nbest 1

        let options =
            match weighted model given.Lm given.LmWeight given.LengthBonus allowMissing with
            | Some language -> language.Search(best, Option.toNullable given.Beam)
            | None ->
                PrefixBeamOptions(
                    Width = defaultArg given.Beam (max (PrefixBeamOptions().Width) best),
                    Best = best,
                    LengthBonus = defaultArg given.LengthBonus 0.0
                )

        Recognizer(model, team, Beam = options, MinConfidence = minConfidence, AllowMissingPhones = allowMissing)
        |> requireAllPhones

/// Lists skipped utterances: the first ten by name and reason, the rest by number.
let reportSkipped (what: string) (skipped: SkippedUtterance seq) =
    let all = List.ofSeq skipped

    if not all.IsEmpty then
        say $"{what}: {all.Length} left out"

        for left in List.truncate 10 all do
            say $"  {left}"

        if all.Length > 10 then
            say $"  and {all.Length - 10} more"

        sayHint (Causes.ofSkipped all)

/// Names the option that replaces files of others.
let private overwriteHint = "--overwrite replaces it"

/// Writes a result file by an action, unless the path has a file that Hybrid did not write.
let writeResult (overwrite: bool) (path: string) (write: unit -> unit) =
    try
        ResultFile.Write(path, Action write, overwrite)
    with :? ResultExistsException as error ->
        raise (UserException $"{error.Message} ({overwriteHint})")

/// Refuses a result file that could not be written, before its content is computed.
let requireReplaceable (overwrite: bool) (path: string) =
    if not overwrite then
        try
            ResultFile.RequireReplaceable path
        with :? ResultExistsException as error ->
            raise (UserException $"{error.Message} ({overwriteHint})")

/// Names the option that replaces files of others, where such files were kept.
let reportKept (folder: ResultFolder) =
    if folder.Kept.Count > 0 then
        say $"files kept: {folder.Kept.Count}; --overwrite replaces them"

/// The results of an evaluation in one line, for a named phone fold.
let describeFolded (fold: string) (evaluation: Evaluation) =
    $"PER {evaluation.Per:F2} %% of {evaluation.ReferenceLabels} phones ({evaluation.Substitutions} substitutions, "
    + $"{evaluation.Deletions} deletions, {evaluation.Insertions} insertions), "
    + $"average distance {evaluation.AverageDistance:F2} over {evaluation.Utterances.Count} utterances, "
    + $"loss {evaluation.Loss:F3} per phone, {fold}"

/// The results of an evaluation in one line, without a fold.
let describe = describeFolded "no fold"

/// The reference above the hypothesis, matching phones in columns; dots mark insertions and deletions.
let sideBySide (inventory: PhoneInventory) (result: UtteranceResult) =
    let cells = [
        for step in result.Alignment.Steps do
            let reference =
                if step.Reference < 0 then
                    "..."
                else
                    inventory.Symbols[result.Reference[step.Reference]]

            let hypothesis =
                if step.Hypothesis < 0 then
                    "..."
                else
                    inventory.Symbols[result.Hypothesis[step.Hypothesis]]

            let reference, hypothesis = Printable.line reference, Printable.line hypothesis
            let width = max reference.Length hypothesis.Length
            reference.PadRight width, hypothesis.PadRight width
    ]

    let line cells = String.concat " " cells
    $"ref  {line (List.map fst cells)}\nhyp  {line (List.map snd cells)}"
