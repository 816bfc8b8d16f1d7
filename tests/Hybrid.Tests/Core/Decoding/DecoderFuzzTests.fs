/// Fuzz tests of decoders, aligners and losses on invalid shapes, settings and numbers, and of ARPA models.
module Hybrid.Tests.DecoderFuzzTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open Hybrid.Core
open Hybrid.Tests
open Hybrid.Tests.Fuzz

/// Extreme and invalid numbers, and a few ordinary ones.
let private numbers = [|
    nanf
    infinityf
    -infinityf
    0f
    -0f
    1f
    0.5f
    -0.6931472f
    1e-45f
    -1e-45f
    3.4e38f
    -3.4e38f
    1e4f
    -1e4f
    88.8f
    -104f
|]

/// Reads settings from bytes; zeros after the last.
type private Settings(bytes: byte[]) =
    let mutable at = 0

    member _.Byte() =
        at <- at + 1
        if at <= bytes.Length then int bytes[at - 1] else 0

    /// Mostly within the range, sometimes far outside.
    member s.Integer(first, last) =
        match s.Byte() with
        | 0 -> Int32.MinValue
        | 1 -> -1
        | 2 -> 0
        | 3 -> Int32.MaxValue
        | byte -> first + byte % (last - first + 1)

    member s.Number() =
        match s.Byte() with
        | byte when byte < 12 -> numbers[s.Byte() % numbers.Length]
        | byte -> float32 byte / 32f - 4f

let private logProbs (s: Settings) =
    let frames, symbols = s.Integer(0, 6), s.Integer(1, 4)
    // Sometimes the array has another size than the shape.
    let count =
        if s.Byte() < 8 then
            s.Byte()
        else
            max 0 (min 100 frames * min 100 symbols)

    match s.Byte() with
    | byte when byte < 16 ->
        LogProbs.FromProbabilities(ReadOnlySpan(Array.init count (fun _ -> s.Number())), frames, symbols)
    | byte when byte < 32 ->
        LogProbs.FromLogProbabilities(ReadOnlySpan(Array.init count (fun _ -> s.Number())), frames, symbols)
    | byte when byte % 2 = 0 ->
        // One symbol per frame is certain: probabilities of 0 that pass the checks.
        let certain = Array.init (max 1 (min 100 frames)) (fun _ -> s.Byte() % max 1 symbols)

        LogProbs.FromProbabilities(
            ReadOnlySpan(
                Array.init count (fun i ->
                    if i % max 1 symbols = certain[i / max 1 symbols % certain.Length] then
                        1f
                    else
                        0f)
            ),
            frames,
            symbols
        )
    | _ -> LogProbs.FromLogits(ReadOnlySpan(Array.init count (fun _ -> s.Number())), frames, symbols)

let private model (s: Settings) =
    let sequences = [ for _ in 1 .. s.Byte() % 4 -> Array.init (s.Byte() % 4) (fun _ -> s.Integer(1, 3)) ]
    NGramModel.Estimate(sequences, s.Integer(1, 4), s.Integer(1, 3))

let private check (posteriors: LogProbs) blank (h: Hypothesis) =
    if not (h.Acoustic <= 0.0) then
        failtest $"acoustic score {h.Acoustic}"

    if Double.IsNaN h.Total then
        failtest "total score is NaN"

    for span in h.Labels do
        if span.Symbol < 0 || span.Symbol >= posteriors.V || span.Symbol = blank then
            failtest $"symbol {span.Symbol}"

        if not (span.Confidence >= 0.0 && span.Confidence <= 1.0) then
            failtest $"confidence {span.Confidence}"

    let boundaries =
        [
            0
            for span in h.Labels do
                span.Start
                span.End
        ]
        @ [ posteriors.T ]

    if List.sort boundaries <> boundaries then
        failtest $"spans {boundaries} of {posteriors.T} frames"

let private decode (bytes: byte[]) =
    let s = Settings bytes
    let posteriors, blank = logProbs s, s.Integer(0, 3)

    match s.Byte() % 6 with
    | 0 -> check posteriors blank (GreedyDecoder(blank).Decode posteriors)
    | 1 ->
        let found = BeamSearchDecoder(s.Integer(1, 20), blank).Decode posteriors

        for f in found do
            if not (f.Acoustic <= 0.0) then
                failtest $"{f}"
    | 2 ->
        let labels = Array.init (s.Byte() % 6) (fun _ -> s.Integer(0, 3))
        let alignment = CtcAligner(blank).Align(posteriors, labels, "it")
        check posteriors blank (Hypothesis(alignment.Labels, alignment.LogProbability))

        if alignment.LogProbability > -infinity && alignment.Labels.Count <> labels.Length then
            failtest $"{alignment.Labels.Count} of {labels.Length} labels"

        if not (CtcLattice.Of(posteriors, labels, blank).LogLikelihood >= alignment.LogProbability - 1e-6) then
            failtest "one alignment is more probable than all"
    | 3 ->
        let labels = Array.init (s.Byte() % 6) (fun _ -> s.Integer(0, 3))

        let logits =
            Batch<float32>(
                Memory(Array.init (posteriors.T * posteriors.V) (fun _ -> s.Number())),
                posteriors.T,
                1,
                posteriors.V
            )

        let loss: SequenceLoss =
            if s.Byte() % 2 = 0 then
                CtcLoss blank
            else
                ViterbiLoss blank

        let result = loss.Compute(logits, [| labels |], Workspace(ThreadTeam 1))

        if result.Loss < -1e-6 then
            failtest $"loss {result.Loss}"

        if Double.IsFinite result.Loss then
            for g in result.Gradient.Data.ToArray() do
                if not (abs g <= 1.00001f) then
                    failtest $"gradient {g}"
    | _ ->
        let options =
            PrefixBeamOptions(
                Width = s.Integer(1, 20),
                Best = s.Integer(1, 20),
                TopSymbols = s.Integer(0, 4),
                ProbabilityMass = (if s.Byte() < 200 then 1.0 else float (s.Number())),
                LanguageModel = (if s.Byte() < 128 then null else model s),
                LanguageModelWeight = (if s.Byte() < 200 then 0.7 else float (s.Number())),
                LengthBonus = (if s.Byte() < 200 then 0.3 else float (s.Number())),
                Blank = blank
            )

        let found = PrefixBeamSearchDecoder(options).Decode posteriors

        for h in found do
            check posteriors blank h

        for a, b in Seq.pairwise found do
            if a.Total < b.Total then
                failtest $"{a.Total} is before {b.Total}"

let private decoders = {
    Name = "decoders"
    Read = decode
    Refuses = fun error -> error :? ArgumentException || error :? InfeasibleTargetException
    // Beams of few symbols and frames; widths that would take more are refused.
    Allowed = fun _ -> 10_000_000L
}

/// Settings in range, so that most cases are decoded rather than refused.
let private valid (random: Random) = Array.init 160 (fun _ -> byte (4 + random.Next 252))

let private names = [| ""; "a"; "b"; "\u0283" |]

let private arpa =
    let writer = new StringWriter()
    NGramModel.Estimate([ [| 1; 2; 3 |]; [| 1; 1; 2 |]; [| 3; 2 |]; [||] ], 4, 3).Write(writer, names)
    Encoding.UTF8.GetBytes(writer.ToString())

/// Reads a model and scores random sequences.
let private walk (bytes: byte[]) =
    let model = NGramModel.Read(new StreamReader(new MemoryStream(bytes)), names)
    let random = CounterRandom(1UL).Stream()

    for _ in 1..5 do
        let labels = List.init (random.Below 6) (fun _ -> 1 + random.Below 3)

        if Double.IsNaN(model.LogProbability labels) then
            failtest $"{labels}: NaN"

let private models = {
    Name = "ARPA"
    Read = walk
    Refuses = fun error -> error :? FormatException
    // An n-gram of a few characters becomes a node and an entry of a dictionary.
    Allowed = fun length -> 200L * int64 length + 1_000_000L
}

/// ARPA text that is damaged before or after it is compressed.
let private compressed (folder: string) =
    let path = Path.Combine(folder, "phones.arpa.gz")
    let inventory = Hybrid.Speech.PhoneInventory names[1..]

    let gzip (bytes: byte[]) =
        use packed = new MemoryStream()

        using (new GZipStream(packed, CompressionLevel.Fastest, true)) (fun stream ->
            stream.Write(bytes, 0, bytes.Length))

        packed.ToArray()

    let whole = gzip arpa

    let reader = {
        models with
            Name = "compressed ARPA"
            Read =
                fun bytes ->
                    File.WriteAllBytes(path, bytes)
                    Hybrid.Speech.LanguageModels.Read(path, inventory) |> ignore<NGramModel>
            // Buffers of the file, of the decompression and of the text.
            Allowed = fun length -> 1000L * int64 length + 2_000_000L
    }

    run reader 0.1 (fun random ->
        match random.Next 3 with
        | 0 -> mutate random whole
        | 1 -> gzip (mutate random arpa)
        | _ -> extremeField random [ 0, 2; 2, 1; 3, 1; 4, 4; whole.Length - 8, 4; whole.Length - 4, 4 ] whole)

[<Tests>]
let tests =
    testList "invalid posteriors, settings and models are decoded or refused" [
        test "random bytes" { run decoders 0.3 (fun random -> Array.init 160 (fun _ -> byte (random.Next 256))) }
        test "settings in range" { run decoders 0.3 valid }
        test "ARPA" { run models 0.4 (fun random -> mutate random arpa) }
        test "ARPA by its grammar" {
            run { models with Name = "ARPA by its grammar" } 0.4 (grammar [ Encoding.UTF8.GetString arpa ])
        }
        test "compressed ARPA" { TestSettings.withFolder compressed }
        test "spliced ARPA" { run models 0.1 (fun random -> splice random arpa (mutate random arpa)) }
    ]
