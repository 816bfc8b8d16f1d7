/// `hybrid demo`: the main job end to end on synthetic speech.
module Hybrid.Cli.Commands.Demo

open System
open System.Diagnostics
open System.IO
open Argu
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Dsl
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

let private speakers, private utterances = 60, 900

/// The page: curves, an utterance that no training has seen, confusions.
let private report path (run: TrainingRun) (recognizer: Recognizer) (evaluation: Evaluation) (corpus: Corpus) =
    let model = recognizer.Model

    let shown =
        evaluation.Utterances
        |> Seq.maxBy (fun u -> if u.Reference.Length <= 25 then u.Reference.Length else 0)

    let utterance = corpus.Utterances |> Seq.find (fun u -> u.Id = shown.Id)
    let clip = AudioClip.Read utterance.AudioPath
    let logProbs = recognizer.LogProbs clip

    Report.write path "Hybrid demo: synthetic speech" [
        Paragraph
            "The speech on this page comes from Hybrid's own synthesiser. It shows that everything works; it says nothing about recordings of people."
        Paragraph(describe evaluation)
        Heading "Loss"
        Picture(Charts.loss run.History)
        Heading "Phone error rate"
        Picture(Charts.errorRate run.History)
        Heading $"An utterance of an unseen speaker: {utterance.Text}"
        Verbatim(sideBySide model.Inventory shown)
        Paragraph "Spectrogram with the recognised phones:"
        Picture(Charts.spectrogram clip (recognizer.Recognize clip).Phones)
        Paragraph "Probability of each symbol:"
        Picture(Charts.posteriors model clip.DurationSeconds logProbs)
        Heading "All its alignments at once"
        Paragraph
            "CTC does not know which frame says what. It walks through the phones of the transcript with a blank before, between and after them, in every possible way at once. Alpha: what has led to a state so far, relative to the likeliest state of its frame. Beta: what can still come. Gamma, their product: how probable it is to be there, given the whole transcript; training raises these probabilities."
        yield!
            Charts.lattice model clip.DurationSeconds (CtcLattice.Of(logProbs, shown.Reference))
            |> List.map Picture
        Heading "Most frequent confusions"
        Picture(Charts.confusions model.Inventory evaluation)
        Heading "What was taken for what, in percent of what was said"
        Picture(Charts.confusionMatrix model.Inventory evaluation)
        Heading "Network"
        Verbatim(string (summary { Features = model.Features; Network = model.Network.Spec }))
    ]

/// Does what `hybrid demo` is asked for and tells how it ended.
let run (arguments: ParseResults<DemoArguments>) =
    let clock = Stopwatch.StartNew()
    let folder = arguments.GetResult(DemoArguments.Out, "hybrid-demo")
    let seed = arguments.GetResult(DemoArguments.Seed, 1)
    let overwrite = arguments.Contains DemoArguments.Overwrite
    let page = Path.Combine(folder, "report.html")
    requireReplaceable overwrite page

    let corpus =
        Synth.make overwrite (Path.Combine(folder, "speech")) utterances speakers seed SyntheticLayout.Manifest

    let recipe = Recipes.tiny.With(seed = Nullable(uint64 seed))
    let training, model = Train.train recipe corpus folder
    let recognizer = Recognizer model
    let struct (evaluation, _) = recognizer.Evaluate(corpus.Split "test", cancellation = interruption.Value)

    for result in Seq.truncate 5 evaluation.Utterances do
        let text = (corpus.Utterances |> Seq.find (fun u -> u.Id = result.Id)).Text
        printfn "\n%s: %s\n%s" result.Id text (sideBySide model.Inventory result)

    writeResult overwrite page (fun () -> report page training recognizer evaluation corpus)
    printfn "\nunseen synthetic speakers: %s" (describe evaluation)
    printfn "model   %s" (TrainingFolder(folder).Model)
    printfn "report  %s" page
    printfn "time    %s" (clock.Elapsed.ToString @"m\:ss")
    Outcome.Done
