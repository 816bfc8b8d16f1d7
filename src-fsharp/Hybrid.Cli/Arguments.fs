/// The command line as unions: one case per verb, one per option. The compiler demands a help text for each.
module Hybrid.Cli.Arguments

open Argu

type DemoArguments =
    | [<Unique>] Out of folder: string
    | [<Unique>] Seed of number: int

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Out _ -> "where to put speech, model and report (default: hybrid-demo)"
            | Seed _ -> "voices, sentences and starting weights follow from it (default: 1)"

/// How synthetic speech lies on disk.
type Layout =
    | Manifest
    | Hw3p2

type SynthArguments =
    | [<Mandatory; Unique>] Out of folder: string
    | [<Mandatory; Unique>] Utterances of count: int
    | [<Mandatory; Unique>] Speakers of count: int
    | [<Unique>] Seed of number: int
    | [<Unique>] Layout of Layout

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Out _ -> "folder for the corpus"
            | Utterances _ -> "how many recordings"
            | Speakers _ -> "how many voices; a tenth each go to the splits dev and test"
            | Seed _ -> "voices and sentences follow from it (default: 0)"
            | Layout _ -> "sound files with manifest.jsonl (default), or the features and phones of CMU 11-785 HW3P2"

type TrainArguments =
    | [<Mandatory; Unique>] Recipe of name_or_file: string
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Dev of path: string
    | Lexicon of files: string list
    | [<Unique>] Out of folder: string
    | [<Unique>] Epochs of count: int
    | [<Unique>] Minutes of count: float
    | [<Unique>] Threads of count: int
    | [<Unique>] Seed of number: int
    | [<Unique>] Resume
    | [<Unique>] Checkpoint_Seconds of seconds: float
    | [<Unique>] Overfit of utterances: int

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Recipe _ -> "tiny, small, base, or a JSON file as `hybrid info --recipe NAME --json` prints it"
            | Corpus _ -> "a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Dev _ -> "another corpus to choose the best model by (default: the corpus's split dev, else 5 % of its speakers)"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Out _ -> "folder for the best model, checkpoints and metrics.jsonl; needed unless --overfit is given"
            | Epochs _ -> "passes through the data (default: the recipe's)"
            | Minutes _ -> "stretch the schedule over this time instead"
            | Threads _ -> "how many threads share the work (default: all processors)"
            | Seed _ -> "starting weights, order and masks follow from it (default: the recipe's)"
            | Resume -> "continue from the folder's last checkpoint"
            | Checkpoint_Seconds _ -> "the longest time between two checkpoints (default: 60)"
            | Overfit _ -> "only see whether the network can learn so many utterances by heart"

type EvaluateArguments =
    | [<Mandatory; Unique>] Model of file: string
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Split of name: string
    | Lexicon of files: string list
    | [<Unique>] Show of count: int
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Corpus _ -> "a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Split _ -> "only this split of the corpus"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Show _ -> "print so many references above their hypotheses, spread over the corpus"
            | Json -> "print one JSON object"

type RecognizeArguments =
    | [<Mandatory; Unique>] Model of file: string
    | [<Unique>] Json
    | [<Unique>] Submission of file: string
    | [<MainCommand; ExactlyOnce; Last>] Paths of path: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Json -> "print a JSON array with times and confidences"
            | Submission _ -> "recognise corpora instead, such as the test part of CMU 11-785 HW3P2, and write its CSV: index,label"
            | Paths _ -> "sound files, or folders with them"

type InfoArguments =
    | [<Unique>] Model of file: string
    | [<Unique>] Recipe of name_or_file: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Recipe _ -> "tiny, small, base, or a JSON file"
            | Json -> "print the recipe or the network as JSON"

type BenchArguments =
    | Threads of counts: int list
    | [<Unique>] Seconds of time: float
    | [<Unique>] Anchors of folder: string
    | [<Unique>] Json
    | [<MainCommand; Unique; Last>] Groups of group: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Threads _ -> "numbers of threads to try (default: 1 and all processors)"
            | Seconds _ -> "about how long to time each case (default: 1)"
            | Anchors _ -> "reference data of beam searches, to decode these and compare the labels"
            | Json -> "print a JSON array"
            | Groups _ -> "what to time (default: all); layers shows how a training step divides among them"

[<HelpFlags("--help", "-h"); HelpDescription "show this text">]
type Verb =
    | [<CliPrefix(CliPrefix.None); SubCommand>] Demo of ParseResults<DemoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Synth of ParseResults<SynthArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Train of ParseResults<TrainArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Evaluate of ParseResults<EvaluateArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Recognize of ParseResults<RecognizeArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Info of ParseResults<InfoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Bench of ParseResults<BenchArguments>

    interface IArgParserTemplate with
        member v.Usage =
            match v with
            | Demo _ -> "make speech, train on it, recognise unseen speakers: hybrid demo"
            | Synth _ -> "make a corpus of synthetic speech: hybrid synth --out speech --utterances 300 --speakers 30"
            | Train _ -> "train a model: hybrid train --recipe small --corpus speech --out run --minutes 20"
            | Evaluate _ -> "measure a model: hybrid evaluate --model run/model.safetensors --corpus speech --split test"
            | Recognize _ -> "phones of sound files: hybrid recognize --model run/model.safetensors a.wav b.wav"
            | Info _ -> "layers, shapes and parameters: hybrid info --recipe base"
            | Bench _ -> "how fast this machine is: hybrid bench gemm ctc"
