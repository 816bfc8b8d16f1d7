/// `hybrid evaluate`
module Hybrid.Cli.Commands.Evaluate

open Argu
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let run (arguments: ParseResults<EvaluateArguments>) =
    let model = SpeechModel.Load(arguments.GetResult EvaluateArguments.Model)
    let corpus = Corpus.Read(arguments.GetResult EvaluateArguments.Corpus)

    let utterances =
        match arguments.TryGetResult EvaluateArguments.Split with
        | None -> corpus.Utterances
        | Some split when corpus.Split(split).Count > 0 -> corpus.Split split
        | Some split ->
            let known = String.concat ", " corpus.Splits
            raise (UserException $"the corpus has no split {split}; it has {known}")

    let lexicons = readLexicons (arguments.GetResults EvaluateArguments.Lexicon |> List.concat)
    let recognizer = Recognizer model
    let struct (evaluation, unused) = recognizer.Evaluate(utterances, lexicons, interruption.Value)
    let leftOut = [| yield! corpus.LeftOut; yield! unused |]
    reportLeftOut "corpus" leftOut

    if evaluation.Utterances.Count = 0 then
        raise (UserException "nothing of the corpus can be evaluated")

    if arguments.Contains EvaluateArguments.Json then
        printfn "%s" (ResultJson.Evaluation(evaluation, model.Inventory, leftOut))
    else
        let results = evaluation.Utterances
        let shown = min (max 0 (arguments.GetResult(EvaluateArguments.Show, 0))) results.Count

        for i in 0 .. shown - 1 do
            let result = results[i * results.Count / shown]
            printfn "%s\n%s\n" result.Id (sideBySide model.Inventory result)

        printfn "%s" (describe evaluation)

        for struct (reference, hypothesis, count) in Seq.truncate 10 (evaluation.Confusions()) do
            printfn "  %s taken for %s: %d times" model.Inventory.Symbols[reference] model.Inventory.Symbols[hypothesis] count

    if leftOut.Length > 0 then Outcome.PartlyFailed else Outcome.Done
