/// `hybrid synth`
module Hybrid.Cli.Commands.Synth

open System
open System.IO
open Argu
open Hybrid.Speech
open Hybrid.Cli.Arguments
open Hybrid.Cli.Console

/// Refuses a folder whose recordings are not known to be those of an earlier `hybrid synth`.
let private requireOwn (folder: string) (layout: SyntheticLayout) =
    let places =
        match layout with
        | SyntheticLayout.Manifest when File.Exists(Path.Combine(folder, Corpus.ManifestName)) -> []
        | SyntheticLayout.Manifest -> [ "wav" ]
        | _ -> [ "train-clean-100"; "dev-clean"; "test-clean" ]

    for place in places do
        let path = Path.Combine(folder, place)

        if Directory.Exists path && not (Seq.isEmpty (Directory.EnumerateFileSystemEntries path)) then
            raise (
                UserException(
                    $"{path} has files that Hybrid may not have written: choose another folder "
                    + "(--overwrite replaces those of the same names)"
                )
            )

/// Writes a corpus and says its size.
let make (overwrite: bool) (folder: string) utterances speakers (seed: int) (layout: SyntheticLayout) =
    if not overwrite then
        requireOwn folder layout

    // Whether an existing manifest is that of Hybrid.
    writeResult overwrite (Path.Combine(folder, Corpus.ManifestName)) (fun () ->
        withProgress "synthesising" (fun progress ->
            SyntheticCorpus.Write(
                folder,
                utterances,
                speakers,
                uint64 seed,
                fractionOf progress,
                interruption.Value,
                layout
            )
            |> ignore<Corpus>))

    let corpus = Corpus.Read folder

    let splits =
        corpus.Splits |> Seq.map (fun split -> $"{split} {corpus.Split(split).Count}") |> String.concat ", "

    say $"{corpus.Utterances.Count} utterances of {speakers} synthetic speakers in {folder} ({splits})"
    corpus

/// Runs `hybrid synth`.
let run (arguments: ParseResults<SynthArguments>) =
    let speakers, utterances =
        arguments.GetResult SynthArguments.Speakers, arguments.GetResult SynthArguments.Utterances

    if speakers < SyntheticCorpus.FewestSpeakers then
        raise (
            UserException(
                $"--speakers is {speakers}, must be at least {SyntheticCorpus.FewestSpeakers}: "
                + "one each for train, dev and test"
            )
        )

    if utterances < speakers then
        raise (UserException $"--utterances is {utterances}, must be at least the number of speakers, {speakers}")

    let layout =
        match arguments.GetResult(SynthArguments.Layout, Manifest) with
        | Manifest -> SyntheticLayout.Manifest
        | Hw3p2 -> SyntheticLayout.Hw3p2

    make
        (arguments.Contains SynthArguments.Overwrite)
        (arguments.GetResult SynthArguments.Out)
        utterances
        speakers
        (arguments.GetResult(SynthArguments.Seed, 0))
        layout
    |> ignore<Corpus>

    Outcome.Done
