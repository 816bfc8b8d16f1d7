/// `hybrid info`
module Hybrid.Cli.Commands.Info

open Argu
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Dsl
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Runs `hybrid info`.
let run (arguments: ParseResults<InfoArguments>) =
    let json = arguments.Contains InfoArguments.Json

    match arguments.TryGetResult InfoArguments.Model, arguments.TryGetResult InfoArguments.Recipe with
    | Some file, None ->
        let model = SpeechModel.Load file

        printBlock (
            if json then
                model.Network.Spec.ToJson()
            else
                string (summary { Features = model.Features; Network = model.Network.Spec })
        )

        match model.LanguageModel with
        | null -> ()
        | _ when json -> ()
        | language ->
            let counts =
                [ for length in 1 .. language.Model.Order -> string (language.Model.Count length) ]
                |> String.concat ", "

            print $"n-grams by length: {counts}; weight {language.Weight}, insertion bonus {language.LengthBonus}"
    | None, Some name ->
        let recipe = findRecipe name

        printBlock (
            if json then
                recipe.ToJson()
            else
                string (summary { Features = recipe.Features; Network = recipe.Network })
        )
    | _ -> raise (UserException "give either --model FILE or --recipe NAME")

    Outcome.Done
