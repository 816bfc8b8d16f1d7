/// `hybrid check-data`
module Hybrid.Cli.Commands.CheckData

open System
open Argu
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let private named (splits: string seq) =
    splits |> Seq.map (fun split -> if split = "" then "without split" else split) |> String.concat ", "

let private outlier (one: Outlier) =
    match one.Kind with
    | OutlierKind.Length -> $"{one.Id}: {one.Value:F2} s, the median is {one.Median:F2} s"
    | _ when Double.IsNegativeInfinity one.Value -> $"{one.Id}: silent"
    | _ -> $"{one.Id}: level {one.Value:F1} dB, the median is {one.Median:F1} dB"

/// A title with the number of findings, and one line per finding; also printed if there are none.
let private section (title: string) (describe: 'finding -> string) (findings: 'finding seq) =
    print ""
    print $"{title}: {Seq.length findings}"

    for finding in findings do
        print $"  {describe finding}"

/// Whether there is an utterance to train or validate on.
let private isUsable (check: CorpusValidation) = check.Splits |> Seq.exists (fun split -> split.Usable > 0)

let private printAll (recipe: Hybrid.Speech.Recipe) (check: CorpusValidation) =
    for split in check.Splits do
        let usable =
            if split.IsToBeRecognized then
                "to be recognised, without transcripts"
            else
                $"{split.Usable} usable"

        print (
            $"{named [ split.Name ]}: {split.Utterances} utterances of {split.Speakers} speakers, "
            + $"{split.Hours:F2} hours, {usable}"
        )

    check.Unusable |> section "files or transcripts that cannot be used" string
    check.UnknownWords |> section "words without pronunciation" string

    check.Infeasible
    |> section $"utterances too short for their phones, after the subsampling of recipe {recipe.Name}" string

    check.Duplicates
    |> section "duplicate recordings" (fun same -> String.Join(", ", same.Ids) + $" ({named same.Splits})")

    check.Outliers |> section $"outliers ({CorpusValidation.OutlierRule})" outlier

    check.SharedSpeakers
    |> section "speakers in several splits" (fun shared -> $"{shared.Speaker}: {named shared.Splits}")

    print ""

    print (
        if check.Skipped > 0 then $"{check.Skipped} left out"
        elif isUsable check then "nothing is left out"
        else "no utterance has a transcript to train or validate on"
    )

/// Runs `hybrid check-data`.
let run (arguments: ParseResults<CheckDataArguments>) =
    let recipe = findRecipe (arguments.GetResult(CheckDataArguments.Recipe, "small"))
    let channel = channelOf (arguments.TryGetResult CheckDataArguments.Channel)
    let read (path: string) = Corpus.Read(path).WithChannel channel
    let corpus = read (arguments.GetResult CheckDataArguments.Corpus)
    let dev = arguments.TryGetResult CheckDataArguments.Dev |> Option.map read |> Option.toObj
    let lexicons = readLexicons (arguments.GetResults CheckDataArguments.Lexicon |> List.concat)

    let check =
        withProgress "checking" (fun progress ->
            recipe.ValidateCorpus(corpus, dev, lexicons, fractionOf progress, interruption.Value))

    if arguments.Contains CheckDataArguments.Json then
        printBlock (ResultJson.Check check)
    else
        printAll recipe check

    if check.UnknownWords.Count > 0 then
        sayHint (Causes.ofData None lexicons corpus.Utterances)

    sayHint (Causes.ofSkipped check.Unusable)

    if check.Skipped > 0 || not (isUsable check) then
        Outcome.PartlyFailed
    else
        Outcome.Done
