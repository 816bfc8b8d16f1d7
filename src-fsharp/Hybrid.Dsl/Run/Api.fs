namespace Hybrid.Dsl

open System
open System.Collections.Generic
open System.Text.Json
open System.Text.Json.Nodes
open Hybrid.Core
open Hybrid.Speech

/// What one does with architectures, schedules and sound.
[<AutoOpen>]
module Api =
    /// What a network consists of: for each layer the shape of its output for so many seconds of audio, parameters,
    /// multiply-adds per second of audio, and the subsampling up to it. Raises an ArgumentOutOfRangeException where it
    /// is not 1 s to a day.
    let summaryOf (seconds: int) (architecture: Architecture) = Summary.Of(architecture, seconds)

    /// `summaryOf` ten seconds of audio; `printfn $"{summary network}"` prints the table.
    let summary (architecture: Architecture) = summaryOf 10 architecture

    /// The figure of a network as SVG.
    let diagram (architecture: Architecture) : string = Diagram.svg architecture

    /// What tells a second architecture from a first, a sentence for each difference; empty where they are the same.
    let diff (before: Architecture) (after: Architecture) : string list = Difference.between before after

    /// An architecture as JSON: features and network.
    let toJson (architecture: Architecture) : string =
        let json = JsonObject()
        json["features"] <- JsonNode.Parse(architecture.Features.ToJson())
        json["network"] <- JsonNode.Parse(architecture.Network.ToJson())
        json.ToJsonString(JsonSerializerOptions(WriteIndented = true))

    /// Reads what `toJson` wrote. Raises a FormatException where the text is no architecture, a DeclarationException
    /// where the architecture has problems.
    let ofJson (json: string) : Architecture =
        let root =
            try
                JsonNode.Parse json
            with :? JsonException as error ->
                raise (FormatException($"not an architecture: {error.Message}", error))

        match root with
        | :? JsonObject as json when json.Count = 2 && json.ContainsKey "features" && json.ContainsKey "network" ->
            let text (name: string) =
                match json[name] with
                | null -> "null"
                | node -> node.ToJsonString()

            let preset, network = FeaturePreset.FromJson(text "features"), NetworkSpec.FromJson(text "network")

            let problems = [
                for problem in preset.Validate() do
                    { Line = 0; Message = $"features: {problem}" }
                for problem in network.Validate() do
                    { Line = 0; Message = $"{problem}" }
                if preset.Width <> network.Inputs then
                    {
                        Line = 0
                        Message =
                            $"the network takes {network.Inputs} features, there are {preset.Width}: give both the same"
                    }
            ]

            if problems.IsEmpty then
                { Features = preset; Network = network }
            else
                raise (DeclarationException("the network", "", problems, Shapes.table network))
        | _ -> raise (FormatException "not an architecture: \"features\" and \"network\" are what belongs into it")

    /// Writes a corpus of synthetic speech into a folder; sizes and seed make it the same again.
    let synthesize (folder: string) (utterances: int) (speakers: int) (seed: int) =
        SyntheticCorpus.Write(folder, utterances, speakers, uint64 seed)

    /// A synthetic voice says a text of built-in words, `SpokenUtterance.SampleRate` samples a second; voice and manner
    /// follow from the seed. Raises a FormatException that names the words it does not know.
    let speak (seed: int) (text: string) : SpokenUtterance =
        let struct (words, missing) = Pronouncer([ Lexicon.BuiltIn ]).Pronounce text

        if missing.Count > 0 then
            let missing = String.Join(", ", missing)
            raise (FormatException $"no built-in words: {missing}; WordList.All has those that are")

        let random = CounterRandom(uint64 seed)
        Synthesizer.Speak(words, SpeakerVoice.Random("somebody", random.Fork "voice"), random.Fork "speech")

    /// Trains a network on a corpus; words are looked up among the built-in ones.
    let train (architecture: Architecture) (schedule: TrainingSpec) (corpus: Corpus) : TrainingResult =
        trainWith (architecture, schedule, corpus)

    /// Holds the hand-derived gradients of a layer, of one's own too, against central differences, in training and in
    /// evaluation.
    let checkGradients (layer: LayerSpec) : GradientReport = GradientCheck.CheckLayer layer

    /// A dictionary of pronunciations, such as CMUdict: `WORD  PH PH` or `WORD,PH PH` in each line.
    let lexicon (path: string) : Lexicon = Lexicon.Read(path, PhoneInventory.Arpabet)

    /// Compares what a model recognises with the transcripts; words are looked up among the built-in ones.
    let evaluate (model: SpeechModel) (utterances: IReadOnlyList<Utterance>) : Evaluation =
        evaluateWith (model, utterances)

    /// The phones of a sound file.
    let recognize (model: SpeechModel) (path: string) : RecognitionResult =
        Recognizer(model).Recognize(AudioClip.Read path)

    /// Where the phones and words of a text are in a sound file; words are looked up among the built-in ones.
    let align (model: SpeechModel) (path: string) (text: string) : Alignment = alignWith (model, path, text)

    /// A model of which phones follow which, from transcripts; words are looked up among the built-in ones.
    let languageModel (order: int) (utterances: IReadOnlyList<Utterance>) : NGramModel =
        languageModelWith (order, utterances)

    /// The most probable readings of a sound file, the best first, found by a beam search, with a language model if one
    /// is given or the model has one.
    let recognizeBest
        (count: int)
        (model: SpeechModel)
        (languageModel: NGramModel option)
        (path: string)
        : IReadOnlyList<TimedHypothesis> =
        let language =
            languageModel
            |> Option.map WeightedLanguageModel
            |> Option.orElse (Option.ofObj model.LanguageModel)

        let options =
            match language with
            | Some language -> language.Search count
            | None -> PrefixBeamOptions(Width = max (PrefixBeamOptions().Width) count, Best = count)

        Recognizer(model, Beam = options).Recognize(AudioClip.Read path).Hypotheses
