/// `hybrid demo`: synthesis, training, recognition and a report, end to end.
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

/// The longest utterance of the test split whose phones are readable on a small screen.
let private mostPhones = 18

/// Writes the page: learning curves, one utterance of an unseen speaker, errors and the network.
let private report
    path
    (run: TrainingRun)
    (recognizer: Recognizer)
    (evaluation: Evaluation)
    (corpus: Corpus)
    (command: string)
    (date: DateOnly)
    =
    let model = recognizer.Model

    let shown =
        evaluation.Utterances
        |> Seq.maxBy (fun u ->
            if u.Reference.Length <= mostPhones then
                u.Reference.Length
            else
                0)

    let utterance = corpus.Utterances |> Seq.find (fun u -> u.Id = shown.Id)
    let text = string utterance.Text
    let clip = AudioClip.Read utterance.AudioPath
    let logProbs = recognizer.LogProbs clip
    let alignment = Aligner(recognizer).AlignText(utterance.Id, clip, text)
    let architecture = { Features = model.Features; Network = model.Network.Spec }

    let parts = [
        Paragraph(
            "The speech on this page is synthetic. The page shows that all parts work together; its error rates do not "
            + "apply to recordings of people."
        )
        Paragraph(describe evaluation)
        Heading "Training"
        Beside [ Picture(loss run.History); Picture(errorRate run.History) ]
        Heading $"An utterance of an unseen speaker: {text}"
        Sound utterance.AudioPath
        Verbatim(sideBySide model.Inventory shown)
        Picture(spectrogram (clip, (recognizer.Recognize clip).Hypotheses[0].Phones, alignment.Words))
        Caption "Spectrogram with the recognised phones, and the words by forced alignment of the text."
        Picture(posteriors (model, clip.DurationSeconds, logProbs))
        Caption "Posterior probability of each symbol. CTC outputs the blank in most frames."
        Heading "CTC lattice"
        Paragraph(
            "CTC sums over all alignments of the transcript with the frames: paths through its phones with an optional "
            + "blank before, between and after them. Alpha is the log probability of all paths up to a state, beta of "
            + "all paths from it to the end, both relative to the largest value of their frame. Gamma is the posterior "
            + "probability of the state given the whole transcript. Training raises the total probability of these "
            + "paths."
        )
        yield! lattice (model, clip.DurationSeconds, CtcLattice.Of(logProbs, shown.Reference)) |> List.map Picture
        Heading "Errors"
        Picture(substitutions (model, evaluation))
        Caption "The most frequent substitutions: the phone spoken, as the phone recognised."
        Picture(confusions (model, evaluation))
        Caption(
            "Confusion matrix without its diagonal, in percent of the times a phone was spoken. Lines separate kinds "
            + "of phones. The column none has deletions, the row none insertions in percent of all phones spoken."
        )
        Heading "Network"
        NetworkDiagram architecture
        Verbatim(string (summary architecture))
    ]

    Report.write (path, "Hybrid demo: synthetic speech", parts, command, date)

/// Runs `hybrid demo`.
let run (arguments: ParseResults<DemoArguments>) =
    let clock, date = Stopwatch.StartNew(), DateOnly.FromDateTime DateTime.Now
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
        print ""
        print $"{result.Id}: {text}"
        printBlock (sideBySide model.Inventory result)

    let command = $"hybrid demo --out {folder} --seed {seed}"
    writeResult overwrite page (fun () -> report page training recognizer evaluation corpus command date)
    print ""
    print $"unseen synthetic speakers: {describe evaluation}"
    print $"model   {TrainingFolder(folder).Model}"
    print $"report  {page}"
    print $"""time    {clock.Elapsed.ToString @"m\:ss"}"""
    Outcome.Done
