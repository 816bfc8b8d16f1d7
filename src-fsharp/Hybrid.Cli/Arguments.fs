/// The command line as unions: one case per verb, one per option. The compiler demands a help text for each.
module Hybrid.Cli.Arguments

open Argu

let private overwriteHelp = "also replace files that Hybrid did not write, or that were changed since"

/// What `hybrid demo` takes.
type DemoArguments =
    | [<Unique>] Out of folder: string
    | [<Unique>] Seed of number: int
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Out _ -> "where to put speech, model and report (default: hybrid-demo)"
            | Seed _ -> "voices, sentences and starting weights follow from it (default: 1)"
            | Overwrite -> overwriteHelp

/// How synthetic speech lies on disk.
type Layout =
    | Manifest
    | Hw3p2

/// What `hybrid synth` takes.
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
            | Utterances _ -> "how many recordings"
            | Speakers _ -> "how many voices; a tenth each go to the splits dev and test"
            | Seed _ -> "voices and sentences follow from it (default: 0)"
            | Layout _ -> "sound files with manifest.jsonl (default), or the features and phones of CMU 11-785 HW3P2"
            | Overwrite -> overwriteHelp

/// What `hybrid check-data` takes.
type CheckDataArguments =
    | [<Mandatory; Unique>] Corpus of path: string
    | [<Unique>] Dev of path: string
    | Lexicon of files: string list
    | [<Unique>] Recipe of name_or_file: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Corpus _ ->
                "a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Dev _ -> "another corpus, to choose the best model by"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Recipe _ ->
                "what is to be trained, which decides how many frames an utterance has: a name or a JSON file (default: small)"
            | Json -> "print one JSON object"

/// What `hybrid train` takes.
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
            | Recipe _ -> "tiny, small, base, hw3p2, or a JSON file as `hybrid info --recipe NAME --json` prints it"
            | Corpus _ ->
                "a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Dev _ ->
                "another corpus to choose the best model by (default: the corpus's split dev, else 5 % of its speakers)"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Out _ -> "folder for the best model, checkpoints and metrics.jsonl; needed unless --overfit is given"
            | Epochs _ -> "passes through the data (default: the recipe's)"
            | Minutes _ -> "stretch the schedule over this time instead"
            | Threads _ -> "how many threads share the work (default: all processors)"
            | Seed _ -> "starting weights, order and masks follow from it (default: the recipe's)"
            | Resume -> "continue from the folder's last checkpoint"
            | Checkpoint_Seconds _ -> "the longest time between two checkpoints (default: the recipe's, a minute)"
            | Overfit _ -> "only see whether the network can learn so many utterances by heart"

let private greedyHelp =
    "take the best symbol of every frame, as is done anyway where the model file has no n-grams"

let private beamHelp =
    "search for the phones, keeping so many beginnings (default: 16 where the model file has n-grams or another option needs a search)"

let private lmHelp =
    "an n-gram model of phones, ARPA text, as `hybrid lm` makes it (default: that of the model file, if any)"

let private lmWeightHelp =
    "by what the n-gram model's logarithms are multiplied (default: what the model file says of its own, 1 for another); 0 goes without"

let private lengthBonusHelp =
    "what each phone adds, against the n-gram model's liking for few (default: what the model file says of its own, 0 for another)"

let private leastConfidenceHelp =
    "how sure the network must be, from 0 to 1, on average over the phones around, for there to be speech; the others are left out (default: as the model says; 0 keeps all)"

let private modelHelp = "a model file (default: the model that comes with Hybrid)"

/// What `hybrid evaluate` takes.
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
    | [<Unique>] Show of count: int
    | [<Unique>] Breakdown
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Corpus _ ->
                "a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Split _ -> "only this split of the corpus"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Greedy -> greedyHelp
            | Beam _ -> beamHelp
            | Lm _ -> lmHelp
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Min_Confidence _ -> leastConfidenceHelp
            | Fold _ ->
                "give the figures behind this fold too: arpabet-39 (no silence), timit-39, or a file with lines of a phone and what it becomes"
            | Show _ -> "print so many references above their hypotheses, spread over the corpus"
            | Breakdown ->
                "print where the model errs, as Markdown tables: by phone, kind of phone, speaker, length, corpus; best and worst utterances"
            | Json -> "print one JSON object"

/// How results of recognition are written.
type RecognizeFormat =
    | Text
    | Json
    | Ctm
    | Textgrid

/// What `hybrid recognize` takes.
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
    | [<Unique>] Overwrite
    | [<MainCommand; ExactlyOnce>] Paths of path: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Greedy -> greedyHelp
            | Beam _ -> beamHelp
            | Nbest _ -> "so many readings of each file, the best first, with their scores (default: 1)"
            | Lm _ -> lmHelp
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Min_Confidence _ -> leastConfidenceHelp
            | Format _ ->
                "text (default), or with times and confidences: a JSON array, CTM of the best readings, or TextGrid with a tier for each reading"
            | Json -> "the same as --format json"
            | Out _ ->
                "write a file for each sound file into this folder; without it everything goes to standard output, one TextGrid at most"
            | Submission _ ->
                "recognise corpora instead, such as the test part of CMU 11-785 HW3P2, and write its CSV: index,label"
            | Overwrite -> overwriteHelp
            | Paths _ -> "sound files, or folders with them"

/// How alignments are written.
type AlignFormat =
    | Textgrid
    | Textgrid_Short
    | Ctm
    | Json

/// What `hybrid align` takes.
type AlignArguments =
    | [<Unique>] Model of file: string
    | [<Mandatory; Unique>] Out of folder: string
    | [<Unique>] Format of AlignFormat
    | [<Unique>] Text of words: string
    | [<Unique>] Corpus of path: string
    | [<Unique>] Split of name: string
    | Lexicon of files: string list
    | [<Unique>] Overwrite
    | [<MainCommand>] Paths of path: string list

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> modelHelp
            | Out _ -> "folder for the results, one by the name of each recording"
            | Format _ -> "textgrid (default), textgrid-short, ctm (phones; words in a file of their own), or json"
            | Text _ -> "what is said in the one sound file given"
            | Corpus _ ->
                "align a corpus: a manifest, or a folder: with manifest.jsonl, of LibriSpeech, of CMU 11-785 HW3P2, or of sound files with transcripts"
            | Split _ -> "only this split of the corpus"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Overwrite -> overwriteHelp
            | Paths _ ->
                "sound files, each with its words beside it in .txt, or words or phones in .lab; or folders of them; before --lexicon, which takes all that follows"

/// What `hybrid lm` takes.
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
            | Corpus _ -> "transcripts: a corpus as for evaluate; its sound is not looked at"
            | Split _ -> "only this split of the corpus"
            | Lexicon _ -> "pronouncing dictionaries, tried in order (default: the built-in words)"
            | Order _ -> "the longest n-grams, 1 to 8 (default: 3)"
            | Out _ -> "file for the model, ARPA text"
            | Overwrite -> overwriteHelp

/// What `hybrid export` takes.
type ExportArguments =
    | [<Mandatory; Unique>] Model of file: string
    | [<Unique>] Half
    | [<Unique>] Min_Confidence of share: float
    | [<Unique>] Lm of file: string
    | [<Unique>] Lm_Weight of number: float
    | [<Unique>] Length_Bonus of nats: float
    | [<Mandatory; Unique>] Out of file: string
    | [<Unique>] Overwrite

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Half -> "store the weights in half precision: half the size"
            | Min_Confidence _ -> "write into it below which confidence recognition hears no speech, from 0 to 1"
            | Lm _ ->
                "put this n-gram model of phones into the file, ARPA text, for a search wherever nothing else is asked for"
            | Lm_Weight _ -> lmWeightHelp
            | Length_Bonus _ -> lengthBonusHelp
            | Out _ -> "file for the exported model"
            | Overwrite -> overwriteHelp

/// What `hybrid info` takes.
type InfoArguments =
    | [<Unique>] Model of file: string
    | [<Unique>] Recipe of name_or_file: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member a.Usage =
            match a with
            | Model _ -> "a model file"
            | Recipe _ -> "tiny, small, base, hw3p2, or a JSON file"
            | Json -> "print the recipe or the network as JSON"

/// What `hybrid bench` takes.
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
            | Threads _ -> "numbers of threads to try (default: 1 and all processors)"
            | Seconds _ -> "about how long to time each case (default: 1)"
            | Anchors _ -> "reference data of beam searches, to decode these and compare the labels"
            | Json -> "print a JSON array"
            | Record -> "append the results to benchmarks/history.csv, with commit, date and machine"
            | Groups _ ->
                "what to time (default: all but growth); layers shows how a training step divides among them, a wrong name lists the groups"

/// What the program can be asked for.
[<HelpFlags("--help", "-h"); HelpDescription "show this text">]
type Verb =
    | [<CliPrefix(CliPrefix.None); SubCommand>] Demo of ParseResults<DemoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Synth of ParseResults<SynthArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Check_Data of ParseResults<CheckDataArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Train of ParseResults<TrainArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Evaluate of ParseResults<EvaluateArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Recognize of ParseResults<RecognizeArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Align of ParseResults<AlignArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Lm of ParseResults<LmArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Export of ParseResults<ExportArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Info of ParseResults<InfoArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Bench of ParseResults<BenchArguments>

    interface IArgParserTemplate with
        member v.Usage =
            match v with
            | Demo _ -> "make speech, train on it, recognise unseen speakers: hybrid demo"
            | Synth _ -> "make a corpus of synthetic speech: hybrid synth --out speech --utterances 300 --speakers 30"
            | Check_Data _ ->
                "find everything in a corpus that would hurt a training: hybrid check-data --corpus speech"
            | Train _ -> "train a model: hybrid train --recipe small --corpus speech --out run --minutes 20"
            | Evaluate _ ->
                "measure a model: hybrid evaluate --model run/model.safetensors --corpus speech --split test"
            | Recognize _ -> "phones of sound files: hybrid recognize a.wav b.wav"
            | Align _ -> "where phones and words are: hybrid align --out aligned a.wav --text \"hello world\""
            | Lm _ -> "a model of which phones follow which: hybrid lm --corpus speech --split train --out phones.arpa"
            | Export _ ->
                "write a model for use elsewhere: hybrid export --model run/model.safetensors --half --out small.safetensors"
            | Info _ -> "layers, shapes and parameters: hybrid info --recipe base"
            | Bench _ -> "how fast this machine is: hybrid bench gemm ctc"
