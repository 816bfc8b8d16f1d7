/// The command line as unions: one case per verb and per option. The compiler requires a help text for each.
module Hybrid.Cli.Arguments

open Argu

// Help texts that several verbs share.

let private overwriteHelp = "also replace files that Hybrid did not write, or that were changed since"

let private corpusHelp =
    "a manifest, or a folder: with manifest.jsonl, in LibriSpeech layout, in CMU 11-785 HW3P2 layout, "
    + "or with sound files and transcripts"

let private splitHelp = "use only this split of the corpus"
let private lexiconHelp = "pronouncing dictionaries, tried in order (default: the built-in words)"
let private threadsHelp = "number of threads (default: all processors)"
let private modelHelp = "a model file (default: the shipped model)"

let private recipeHelp =
    "tiny, small, base, hw3p2, or a JSON file from `hybrid info --recipe NAME --json`"

let private jsonHelp = "print one JSON object"

let private greedyHelp = "decode greedily, without beam search (default for models without n-grams)"

let private beamHelp =
    "beam width (default: 16 if the model file has n-grams or another option needs a beam search)"

let private lmHelp =
    "n-gram model of phones, ARPA format, as from `hybrid lm` (default: the one in the model file, if any)"

let private lmWeightHelp =
    "weight of the n-gram model's log probability; 0 disables it (default: that in the model file, 1 for --lm)"

let private lengthBonusHelp =
    "insertion bonus per phone, in nats (default: that in the model file, 0 for --lm)"

let private minConfidenceHelp =
    "drop phones where the mean confidence around them is below this, 0 to 1 (default: that in the model file; "
    + "0 keeps all)"

let private allowMissingPhonesHelp =
    "go on although the n-gram model lacks phones, which are then never recognised"

let private channelHelp =
    "read this channel of the sound files, from 0 (default: the mean of all; a manifest may name another one)"

/// The options of `hybrid demo`.
type DemoArguments =
    | [<Unique>] Out of folder: string
    | [<Unique>] Seed of number: int
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Out _ -> "folder for speech, model and report (default: hybrid-demo)"
            | Seed _ -> "seed of voices, sentences and initial weights (default: 1)"
            | Overwrite -> overwriteHelp

/// The layout of a synthetic corpus.
type Layout =
    | Manifest
    | Hw3p2

/// The options of `hybrid synth`.
type SynthArguments =
    | [<Mandatory; Unique>] Out of folder: string
    | [<Mandatory; Unique>] Utterances of count: int
    | [<Mandatory; Unique>] Speakers of count: int
    | [<Unique>] Seed of number: int
    | [<Unique>] Layout of Layout
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Out _ -> "folder for the corpus"
            | Utterances _ -> "number of recordings"
            | Speakers _ -> "number of voices, at least 3; a tenth each go to the splits dev and test"
            | Seed _ -> "seed of voices and sentences (default: 0)"
            | Layout _ ->
                "manifest: sound files with manifest.jsonl (default); hw3p2: features and phones as in CMU 11-785 HW3P2"
            | Overwrite -> overwriteHelp

/// The options of `hybrid check-data`.
type CheckDataArguments =
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Dev of path: string
    | Lexicon of files: string list
    | [<Unique>] Recipe of name_or_file: string
    | [<Unique>] Json
    | [<Unique>] Channel of index: int

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Corpus _ -> corpusHelp
            | Dev _ -> "a separate validation corpus"
            | Lexicon _ -> lexiconHelp
            | Recipe _ ->
                "the recipe to train, which determines frames per utterance: a name or a JSON file (default: small)"
            | Json -> jsonHelp
            | Channel _ -> channelHelp

/// The options of `hybrid train`.
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
    | [<Unique>] Init of model: string
    | [<Unique>] Resume
    | [<Unique>] Checkpoint_Seconds of seconds: float
    | [<Unique>] Overfit of utterances: int
    | [<Unique>] Channel of index: int

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Recipe _ -> recipeHelp
            | Corpus _ -> corpusHelp
            | Dev _ -> "a separate validation corpus (default: the split dev, or 5 % of the speakers)"
            | Lexicon _ -> lexiconHelp
            | Out _ -> "folder for the best model, checkpoints and metrics.jsonl; required unless --overfit is given"
            | Epochs _ -> "number of epochs (default: that of the recipe)"
            | Minutes _ -> "train for this time instead; the schedule is stretched over it"
            | Threads _ -> threadsHelp
            | Seed _ -> "seed of initial weights, order and masks (default: that of the recipe)"
            | Init _ -> "model file whose weights are the initial ones where they fit; what is taken is listed"
            | Resume -> "continue from the last checkpoint in the folder; --epochs may be more than before"
            | Checkpoint_Seconds _ -> "longest time between two checkpoints (default: that of the recipe, 60)"
            | Overfit _ -> "sanity check only: train and evaluate on this many utterances, without regularisation"
            | Channel _ -> channelHelp

/// The options of `hybrid evaluate`.
type EvaluateArguments =
    | [<Unique>] Model of file: string
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Split of name: string
    | Lexicon of files: string list
    | [<Unique>] Greedy
    | [<Unique>] Beam of width: int
    | [<Unique>] Lm of file: string
    | [<Unique>] Lm_Weight of number: float
    | [<Unique>] Length_Bonus of nats: float
    | [<Unique>] Min_Confidence of share: float
    | [<Unique>] Fold of name_or_file: string
    | [<Unique>] Threads of count: int
    | [<Unique>] Show of count: int
    | [<Unique>] Error_Analysis
    | [<Unique>] Json
    | [<Unique>] Allow_Missing_Phones
    | [<Unique>] Channel of index: int

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Corpus _ -> corpusHelp
            | Split _ -> splitHelp
            | Lexicon _ -> lexiconHelp
            | Greedy -> greedyHelp
            | Beam _ -> beamHelp
            | Lm _ -> lmHelp
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Min_Confidence _ -> minConfidenceHelp
            | Fold _ ->
                "also report results after a phone fold: arpabet-39 (no silence), timit-39, or a file with a phone and "
                + "its replacement per line"
            | Threads _ -> threadsHelp
            | Show _ -> "print this many references above their hypotheses, spread evenly over the corpus"
            | Error_Analysis ->
                "print errors by phone, kind of phone, speaker, length and corpus, and the best and worst utterances, "
                + "as Markdown tables"
            | Json -> jsonHelp
            | Allow_Missing_Phones -> allowMissingPhonesHelp
            | Channel _ -> channelHelp

/// The output formats of `hybrid recognize`.
type RecognizeFormat =
    | Text
    | Json
    | Ctm
    | Textgrid

/// The options of `hybrid recognize`.
type RecognizeArguments =
    | [<Unique>] Model of file: string
    | [<Unique>] Greedy
    | [<Unique>] Beam of width: int
    | [<Unique>] Nbest of count: int
    | [<Unique>] Lm of file: string
    | [<Unique>] Lm_Weight of number: float
    | [<Unique>] Length_Bonus of nats: float
    | [<Unique>] Min_Confidence of share: float
    | [<Unique>] Format of RecognizeFormat
    | [<Unique>] Json
    | [<Unique>] Out of folder: string
    | [<Unique>] Submission of file: string
    | [<Unique>] Threads of count: int
    | [<Unique>] Overwrite
    | [<Unique>] Allow_Missing_Phones
    | [<Unique>] Channel of index: int
    | [<MainCommand; ExactlyOnce>] Paths of path: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Greedy -> greedyHelp
            | Beam _ -> beamHelp
            | Nbest _ -> "number of hypotheses per file, best first, with their scores (default: 1)"
            | Lm _ -> lmHelp
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Min_Confidence _ -> minConfidenceHelp
            | Format _ ->
                "text (default); with times and confidences: json (an array), ctm (the best hypothesis) or textgrid "
                + "(a tier per hypothesis)"
            | Json -> "the same as --format json"
            | Out _ -> "folder for one result file per sound file (default: standard output, at most one TextGrid)"
            | Submission _ ->
                "recognise corpora, such as the test part of CMU 11-785 HW3P2, and write this CSV: index,label"
            | Threads _ -> threadsHelp
            | Overwrite -> overwriteHelp
            | Allow_Missing_Phones -> allowMissingPhonesHelp
            | Channel _ -> channelHelp
            | Paths _ -> "sound files or folders of sound files"

/// The output formats of `hybrid align`.
type AlignFormat =
    | Textgrid
    | Textgrid_Short
    | Ctm
    | Json

/// The options of `hybrid align`.
type AlignArguments =
    | [<Unique>] Model of file: string
    | [<Mandatory; Unique>] Out of folder: string
    | [<Unique>] Format of AlignFormat
    | [<Unique>] Text of words: string
    | [<Unique>] Corpus of path: string
    | [<Unique>] Split of name: string
    | Lexicon of files: string list
    | [<Unique>] Threads of count: int
    | [<Unique>] Overwrite
    | [<Unique>] Channel of index: int
    | [<MainCommand>] Paths of path: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Out _ -> "folder for the results, named after the recordings"
            | Format _ -> "textgrid (default), textgrid-short, ctm (phones, and words in a second file) or json"
            | Text _ -> "the words spoken in the one sound file given"
            | Corpus _ -> $"align a corpus instead: {corpusHelp}"
            | Split _ -> splitHelp
            | Lexicon _ -> "pronouncing dictionaries, tried in order, before CMUdict and letters to phones"
            | Threads _ -> threadsHelp
            | Overwrite -> overwriteHelp
            | Channel _ -> channelHelp
            | Paths _ ->
                "sound files, or folders of them, each with its words in a .txt, or words or phones in a .lab, of the "
                + "same name"

/// The options of `hybrid lm`.
type LmArguments =
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Split of name: string
    | Lexicon of files: string list
    | [<Unique>] Order of length: int
    | [<Mandatory; Unique>] Out of file: string
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Corpus _ -> "a corpus of transcripts, as for evaluate; its sound is not read"
            | Split _ -> splitHelp
            | Lexicon _ -> lexiconHelp
            | Order _ -> "length of the longest n-grams, 1 to 8 (default: 3)"
            | Out _ -> "file for the model, ARPA format"
            | Overwrite -> overwriteHelp

/// The options of `hybrid g2p train`.
type G2pTrainArguments =
    | [<Mandatory; Unique>] Lexicon of file: string
    | [<Mandatory; Unique>] Out of file: string
    | [<Unique>] Epochs of count: int
    | [<Unique>] Seed of number: int
    | [<Unique>] Threads of count: int
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Lexicon _ -> "a pronouncing dictionary such as CMUdict"
            | Out _ -> "file for the result"
            | Epochs _ -> "number of epochs (default: 18)"
            | Seed _ -> "seed of initial weights, order and dropout (default: 1)"
            | Threads _ -> threadsHelp
            | Overwrite -> overwriteHelp

/// The options of `hybrid g2p evaluate`.
type G2pEvaluateArguments =
    | [<Mandatory; Unique>] Lexicon of file: string
    | [<Unique>] Model of file: string

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Lexicon _ -> "the dictionary to compare with; only words held out from its training count"
            | Model _ -> "a file of `hybrid g2p train` (default: the shipped one, English)"

/// The options of `hybrid g2p pronounce`.
type G2pPronounceArguments =
    | [<Unique>] Model of file: string
    | Lexicon of file: string
    | [<MainCommand; ExactlyOnce; Last>] Words of word: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a file of `hybrid g2p train` (default: the shipped one, English)"
            | Lexicon _ -> "a dictionary that precedes it; may be given several times"
            | Words _ -> "words or texts; numbers and abbreviations are spelled out"

/// The verbs of `hybrid g2p`.
[<HelpFlags("--help", "-h")>]
type G2pArguments =
    | [<CliPrefix(CliPrefix.None); SubCommand>] Pronounce of ParseResults<G2pPronounceArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Train of ParseResults<G2pTrainArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Evaluate of ParseResults<G2pEvaluateArguments>

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Pronounce _ -> "print the phones of words: hybrid g2p pronounce hello blorbing"
            | Train _ -> "train on a dictionary: hybrid g2p train --lexicon cmudict.txt --out g2p.safetensors"
            | Evaluate _ -> "measure errors on held-out words: hybrid g2p evaluate --lexicon cmudict.txt"

/// The options of `hybrid export`.
type ExportArguments =
    | [<Mandatory; Unique>] Model of file: string
    | [<Unique>] Half
    | [<Unique>] Min_Confidence of share: float
    | [<Unique>] Lm of file: string
    | [<Unique>] Lm_Weight of number: float
    | [<Unique>] Length_Bonus of nats: float
    | [<Mandatory; Unique>] Out of file: string
    | [<Unique>] Overwrite
    | [<Unique>] Allow_Missing_Phones

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Half -> "store the weights in half precision, half the size"
            | Min_Confidence _ -> "store this confidence threshold, 0 to 1, below which recognition drops phones"
            | Lm _ -> "store this n-gram model of phones, ARPA format, as the default for beam search"
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Out _ -> "file for the exported model"
            | Overwrite -> overwriteHelp
            | Allow_Missing_Phones -> allowMissingPhonesHelp

/// The options of `hybrid info`.
type InfoArguments =
    | [<Unique>] Model of file: string
    | [<Unique>] Recipe of name_or_file: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Recipe _ -> recipeHelp
            | Json -> "print the recipe or the network as JSON"

/// The options of `hybrid bench`.
type BenchArguments =
    | Threads of counts: int list
    | [<Unique>] Seconds of time: float
    | [<Unique>] Anchors of folder: string
    | [<Unique>] Json
    | [<Unique>] Record
    | [<MainCommand>] Groups of group: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Threads _ -> "numbers of threads to measure (default: 1 and all processors)"
            | Seconds _ -> "approximate time per case (default: 1)"
            | Anchors _ -> "folder of beam-search reference data to decode and compare"
            | Json -> "print a JSON array"
            | Record -> "append the results to benchmarks/history.csv, with commit, date and machine"
            | Groups _ ->
                "groups to measure (default: all but growth); layers shows the share of each layer in a training step; "
                + "an unknown name lists the groups"

/// The verbs of the program.
[<HelpFlags("--help", "-h"); HelpDescription "show this text">]
type Verb =
    | [<Unique>] Version
    | [<CliPrefix(CliPrefix.None); SubCommand>] Demo of ParseResults<DemoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Synth of ParseResults<SynthArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Check_Data of ParseResults<CheckDataArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Train of ParseResults<TrainArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Evaluate of ParseResults<EvaluateArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Recognize of ParseResults<RecognizeArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Align of ParseResults<AlignArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Lm of ParseResults<LmArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] G2p of ParseResults<G2pArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Export of ParseResults<ExportArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Info of ParseResults<InfoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Bench of ParseResults<BenchArguments>

    interface IArgParserTemplate with
        member v.Usage =
            match v with
            | Version -> "print the version"
            | Demo _ -> "synthesise speech, train on it, recognise unseen speakers: hybrid demo"
            | Synth _ -> "write a corpus of synthetic speech: hybrid synth --out speech --utterances 300 --speakers 30"
            | Check_Data _ -> "find problems in a corpus before training: hybrid check-data --corpus speech"
            | Train _ -> "train a model: hybrid train --recipe small --corpus speech --out run --minutes 20"
            | Evaluate _ ->
                "measure the phone error rate: hybrid evaluate --model run/model.safetensors --corpus speech "
                + "--split test"
            | Recognize _ -> "recognise the phones of sound files: hybrid recognize a.wav b.wav"
            | Align _ -> "find the times of phones and words: hybrid align --out aligned a.wav --text \"hello world\""
            | Lm _ -> "estimate an n-gram model of phones: hybrid lm --corpus speech --split train --out phones.arpa"
            | G2p _ -> "pronounce words from their spelling: hybrid g2p pronounce hello blorbing"
            | Export _ ->
                "convert a model file: hybrid export --model run/model.safetensors --half --out small.safetensors"
            | Info _ -> "print layers, shapes and parameters: hybrid info --recipe base"
            | Bench _ -> "measure the speed of this machine: hybrid bench gemm ctc"
