/// What every verb shares: where text goes, progress bars, files named on the command line, Ctrl+C.
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

/// A problem of the caller's: one sentence, exit code 1.
exception UserException of message: string

/// Refuses an option that must be positive and is not.
let positive name (value: float) =
    if not (value > 0.0) then
        raise (UserException $"--{name} is {value}, must be positive")

/// An option that must be a share of one.
let share name (value: float) =
    if value >= 0.0 && value <= 1.0 then
        value
    else
        raise (UserException $"--{name} is {value}, must be from 0 to 1")

/// How a verb ended; the number is the exit code.
type Outcome =
    | Done = 0
    | Failed = 1
    | PartlyFailed = 2

/// Lines for people go to standard error, so that results on standard output can be piped.
let say (line: string) = Console.Error.WriteLine line

/// Whether standard error is a terminal on which a bar can be drawn.
let private isTerminal = not Console.IsErrorRedirected

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

/// Runs work that reports a fraction and a line about itself: a bar on a terminal, a line now and then elsewhere.
let withProgress (title: string) (work: IProgress<struct (float * string)> -> 'result) : 'result =
    if isTerminal then
        let columns: ProgressColumn[] = [|
            TaskDescriptionColumn(Alignment = Justify.Left)
            ProgressBarColumn()
            PercentageColumn()
            RemainingTimeColumn()
        |]

        errorConsole.Value
            .Progress()
            .AutoClear(true)
            .Columns(columns)
            .Start(fun context ->
                let task = context.AddTask(Markup.Escape title, maxValue = 1.0)

                work
                    {
                        new IProgress<struct (float * string)> with
                            member _.Report(struct (fraction, line)) =
                                task.Value <- fraction
                                task.Description <- Markup.Escape $"{title} {line}"
                    })
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

/// For work that reports a fraction alone.
let fractionOf (progress: IProgress<struct (float * string)>) = {
    new IProgress<float> with
        member _.Report fraction = progress.Report(struct (fraction, ""))
}

/// The recipe of a name, or of a JSON file.
let findRecipe (nameOrFile: string) =
    match Recipes.all |> List.tryFind (fun recipe -> recipe.Name = nameOrFile) with
    | Some recipe -> recipe
    | None when File.Exists nameOrFile ->
        try
            Recipe.FromJson(File.ReadAllText nameOrFile)
        with :? FormatException as error ->
            raise (UserException $"{nameOrFile}: {error.Message}")
    | None ->
        let names = Recipes.all |> List.map _.Name |> String.concat ", "
        raise (UserException $"there is no recipe and no file named {nameOrFile}; recipes are {names}")

/// The lexicons of files, in order.
let readLexicons (files: string list) = [| for file in files -> Lexicon.Read(file, PhoneInventory.Arpabet) |]

/// The utterances of a corpus, or of one split.
let ofSplit (corpus: Corpus) (split: string option) =
    match split with
    | None -> corpus.Utterances
    | Some split when corpus.Split(split).Count > 0 -> corpus.Split split
    | Some split ->
        let known = String.concat ", " corpus.Splits
        raise (UserException $"the corpus has no split {split}; it has {known}")

/// What the command line says of a search for phones; where it says nothing, the model decides.
type Search = {
    /// No search: the best symbol of every frame.
    Greedy: bool
    /// Prefixes that survive a frame.
    Beam: int option
    /// Readings to give.
    Nbest: int option
    /// The file of a language model.
    Lm: string option
    /// What the language model's log probability is multiplied by.
    LmWeight: float option
    /// In nats, for every phone.
    LengthBonus: float option
    /// The confidence below which there is no speech, from 0 to 1; that of the model where None.
    MinConfidence: float option
} with

    /// All as the model has it.
    static member None = {
        Greedy = false
        Beam = None
        Nbest = None
        Lm = None
        LmWeight = None
        LengthBonus = None
        MinConfidence = None
    }

/// The n-grams of a file, else those that the model has of its own.
let weighted (model: SpeechModel) (file: string option) (weight: float option) (bonus: float option) =
    match file, Option.ofObj model.LanguageModel with
    | Some path, _ ->
        WeightedLanguageModel(LanguageModels.Read(path, model.Inventory), defaultArg weight 1.0, defaultArg bonus 0.0)
        |> Some
    | None, Some own ->
        Some(WeightedLanguageModel(own.Model, defaultArg weight own.Weight, defaultArg bonus own.LengthBonus))
    | None, None when weight.IsSome -> raise (UserException "--lm-weight is of no use without --lm FILE")
    | None, None -> None

/// The recogniser of a model file, or of the shipped model where none is named, with the search that is asked for.
let loadRecognizer (file: string option) (search: Search) =
    let model =
        match file with
        | Some file -> SpeechModel.Load file
        | None -> SpeechModel.Default

    let least =
        search.MinConfidence
        |> Option.map (share "min-confidence")
        |> Option.defaultValue model.MinConfidence

    match { search with MinConfidence = None } with
    | asked when asked = Search.None -> Recognizer(model, MinConfidence = least)
    | asked when asked = { Search.None with Greedy = true } -> Recognizer(model, Beam = null, MinConfidence = least)
    | { Greedy = true } ->
        raise (UserException "--greedy is no search: leave --beam, --nbest, --lm, --lm-weight and --length-bonus away")
    | { Beam = Some width; Nbest = Some best } when best > width ->
        raise (UserException $"--nbest is {best}, must not be more than --beam, {width}")
    | asked ->
        let best = defaultArg asked.Nbest 1

        let options =
            match weighted model asked.Lm asked.LmWeight asked.LengthBonus with
            | Some language -> language.Search(best, Option.toNullable asked.Beam)
            | None ->
                PrefixBeamOptions(
                    Width = defaultArg asked.Beam (max (PrefixBeamOptions().Width) best),
                    Best = best,
                    LengthBonus = defaultArg asked.LengthBonus 0.0
                )

        Recognizer(model, Beam = options, MinConfidence = least)

/// Says what could not be used: the first few by name, the rest by number.
let reportSkipped (what: string) (skipped: SkippedUtterance seq) =
    let all = List.ofSeq skipped

    if not all.IsEmpty then
        say $"{what}: {all.Length} left out"

        for left in List.truncate 10 all do
            say $"  {left}"

        if all.Length > 10 then
            say $"  and {all.Length - 10} more"

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

/// Figures of an evaluation in one line.
let describeFolded (fold: string) (evaluation: Evaluation) =
    $"PER {evaluation.Per:F2} %% of {evaluation.ReferenceLabels} phones ({evaluation.Substitutions} substitutions, {evaluation.Deletions} deletions, {evaluation.Insertions} insertions), "
    + $"average distance {evaluation.AverageDistance:F2} over {evaluation.Utterances.Count} utterances, loss {evaluation.Loss:F3} per phone, {fold}"

/// The same without a table of folds.
let describe = describeFolded "no fold"

/// A reference above its hypothesis, matching phones in columns; a gap is dots.
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

            let width = max reference.Length hypothesis.Length
            reference.PadRight width, hypothesis.PadRight width
    ]

    let line cells = String.concat " " cells
    $"ref  {line (List.map fst cells)}\nhyp  {line (List.map snd cells)}"
