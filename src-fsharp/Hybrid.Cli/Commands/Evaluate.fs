/// `hybrid evaluate`
module Hybrid.Cli.Commands.Evaluate

open Argu
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Runs `hybrid evaluate`.
let run (arguments: ParseResults<EvaluateArguments>) =
    if arguments.Contains EvaluateArguments.Json && arguments.Contains EvaluateArguments.Error_Analysis then
        raise (UserException "--error-analysis and --json exclude each other: give one of them")

    let channel = channelOf (arguments.TryGetResult EvaluateArguments.Channel)
    let corpus = Corpus.Read(arguments.GetResult EvaluateArguments.Corpus).WithChannel channel
    let utterances = ofSplit corpus (arguments.TryGetResult EvaluateArguments.Split)
    let fold = arguments.TryGetResult EvaluateArguments.Fold |> Option.map Fold.Find

    use team = teamOf (arguments.TryGetResult EvaluateArguments.Threads)

    let search = {
        Greedy = arguments.Contains EvaluateArguments.Greedy
        Beam = arguments.TryGetResult EvaluateArguments.Beam
        Nbest = None
        Lm = arguments.TryGetResult EvaluateArguments.Lm
        LmWeight = arguments.TryGetResult EvaluateArguments.Lm_Weight
        LengthBonus = arguments.TryGetResult EvaluateArguments.Length_Bonus
        MinConfidence = arguments.TryGetResult EvaluateArguments.Min_Confidence
        AllowMissingPhones = arguments.Contains EvaluateArguments.Allow_Missing_Phones
    }

    let recognizer = loadRecognizer (arguments.TryGetResult EvaluateArguments.Model) search team
    let model = recognizer.Model
    let lexicons = readLexicons (arguments.GetResults EvaluateArguments.Lexicon |> List.concat)

    let struct (evaluation, unused) =
        withProgress "evaluating" (fun progress ->
            recognizer.Evaluate(utterances, lexicons, interruption.Value, FeatureCache.Default, fractionOf progress))

    let skipped = [| yield! corpus.Skipped; yield! unused |]
    reportSkipped "corpus" skipped

    if skipped.Length > 0 then
        sayHint (Causes.ofData (Some model.Features) lexicons utterances)

    if evaluation.Utterances.Count = 0 then
        raise (UserException "no utterance of the corpus can be evaluated")

    if arguments.Contains EvaluateArguments.Json then
        printBlock (ResultJson.Evaluation(evaluation, model.Inventory, skipped, Option.toObj fold))
    else
        let results = evaluation.Utterances
        let shown = min (max 0 (arguments.GetResult(EvaluateArguments.Show, 0))) results.Count

        for i in 0 .. shown - 1 do
            let result = results[i * results.Count / shown]
            print result.Id
            printBlock (sideBySide model.Inventory result)
            print ""

        print (describe evaluation)

        for fold in Option.toList fold do
            print (describeFolded $"fold {fold.Name}" (fold.Apply(evaluation, model.Inventory)))

        for struct (reference, hypothesis, count) in Seq.truncate 10 (evaluation.Confusions()) do
            let reference, hypothesis = model.Inventory.Symbols[reference], model.Inventory.Symbols[hypothesis]
            print $"  {reference} recognised as {hypothesis}: {count} times"

        if arguments.Contains EvaluateArguments.Error_Analysis then
            print ""
            printResult (ErrorAnalysis.Markdown(evaluation, model.Inventory, utterances))

    if skipped.Length > 0 then
        Outcome.PartlyFailed
    else
        Outcome.Done
