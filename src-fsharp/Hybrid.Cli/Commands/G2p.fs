/// `hybrid g2p`
module Hybrid.Cli.Commands.G2p

open System
open Argu
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let private load (file: string option) =
    match file with
    | Some file -> GraphemeToPhoneme.Load file
    | None -> GraphemeToPhoneme.English

let private pronounce (arguments: ParseResults<G2pPronounceArguments>) =
    let lexicons = [| for file in arguments.GetResults G2pPronounceArguments.Lexicon -> readLexicon file |]
    let pronouncer = Pronouncer(lexicons, load (arguments.TryGetResult G2pPronounceArguments.Model))
    let mutable outcome = Outcome.Done

    for text in arguments.GetResult G2pPronounceArguments.Words do
        let struct (words, missing) = pronouncer.Pronounce text

        for word in words do
            let phones = String.Join(' ', word.Phones)
            print $"{word.Spelling}: {phones}"

        for word in missing do
            say $"no pronunciation of {word}"
            outcome <- Outcome.PartlyFailed

    outcome

let private evaluate (arguments: ParseResults<G2pEvaluateArguments>) =
    let lexicon = readLexicon (arguments.GetResult G2pEvaluateArguments.Lexicon)
    let letters = load (arguments.TryGetResult G2pEvaluateArguments.Model)
    let training = GraphemeToPhonemeTraining(lexicon, letters.Inventory, letters.Network)
    let errors = GraphemeToPhonemeTraining.Evaluate(letters, lexicon, training.TestWords)
    print $"held-out words: {errors}"
    Outcome.Done

let private train (arguments: ParseResults<G2pTrainArguments>) =
    let path = arguments.GetResult G2pTrainArguments.Out
    let overwrite = arguments.Contains G2pTrainArguments.Overwrite
    requireReplaceable overwrite path
    use team = teamOf (arguments.TryGetResult G2pTrainArguments.Threads)

    let recipe =
        Recipes.g2p.With(
            seed = (arguments.TryGetResult G2pTrainArguments.Seed |> Option.map uint64 |> Option.toNullable),
            epochs = (arguments.TryGetResult G2pTrainArguments.Epochs |> Option.toNullable)
        )

    let lexicon = readLexicon (arguments.GetResult G2pTrainArguments.Lexicon)
    let training = GraphemeToPhonemeTraining(lexicon, PhoneInventory.Arpabet, recipe.Network)
    say $"{training.Count} pronunciations to train on, {training.TestWords.Count} words held out by their stem"

    let letters =
        withProgress "training" (fun progress ->
            let step (p: TrainingProgress) =
                progress.Report(struct (p.Fraction, $"epoch {p.Epoch}, loss {p.Step.Loss:F3}"))

            let epoch (report: EpochReport) =
                say $"epoch {report.Epoch}: loss {report.TrainLoss:F3}, validation PER {report.DevPer:F2} %%"

            training.Run(recipe.Training, listener step, listener epoch, team, interruption.Value))

    let errors = GraphemeToPhonemeTraining.Evaluate(letters, lexicon, training.TestWords)
    let whole = training.WithLexicon(letters, interruption.Value)
    writeResult overwrite path (fun () -> whole.Save path)
    print $"held-out words: {errors}"
    say $"{whole.Words.Count} words are stored, because the network errs or they begin with an apostrophe: {path}"
    Outcome.Done

/// Runs `hybrid g2p`.
let run (arguments: ParseResults<G2pArguments>) =
    match arguments.GetSubCommand() with
    | Pronounce arguments -> pronounce arguments
    | G2pArguments.Train arguments -> train arguments
    | G2pArguments.Evaluate arguments -> evaluate arguments
