module Hybrid.Tests.BeamSearchTests

open System
open System.IO
open System.Text.Json
open Expecto
open Hybrid.Core
open Hybrid.Tests.BruteForce
open Hybrid.Tests.TestSettings

let private prefixBeam width best = PrefixBeamSearchDecoder(PrefixBeamOptions(Width = width, Best = best))
let private labelsOf (h: Hypothesis) = List.ofArray h.Symbols
let private firstOf (hypotheses: Collections.Generic.IReadOnlyList<Hypothesis>) = labelsOf hypotheses[0]
let private close a b message = Expect.floatClose { absolute = 1e-9; relative = 1e-9 } a b message

/// Reference implementation of the teaching formulation, with lists and probabilities. Prunes before each further
/// frame; returns the merged extensions of the last frame in order of creation.
let private textbook width (rows: float[][]) =
    let add entries (key, p) =
        match List.tryFindIndex (fst >> (=) key) entries with
        | Some i -> List.mapi (fun j (k, q) -> if i = j then k, q + p else k, q) entries
        | None -> entries @ [ key, p ]

    let prune beam = beam |> List.sortBy (fun (_, p) -> -p) |> List.truncate width // a stable sort

    let extend beam (row: float[]) =
        [
            for (labels, _), p in beam -> (labels, true), p * row[0]
            for (labels: int list, endsInBlank), p in beam do
                for symbol in 1 .. row.Length - 1 ->
                    (if not endsInBlank && List.last labels = symbol then
                         labels, false
                     else
                         labels @ [ symbol ], false),
                    p * row[symbol]
        ]
        |> List.fold add []

    Array.fold (fun beam row -> extend (prune beam) row) [ ([], true), 1.0 ] rows
    |> List.map (fun ((labels, _), p) -> labels, p)
    |> List.fold add []
    |> List.sortBy (fun (_, p) -> -p)

/// A recorded case of the original's beam search: probabilities, beam width, best path and all merged scores.
let private conformance name =
    let folder = shared $"conformance/{name}"
    use document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))
    let case = document.RootElement
    let names = [| for symbol in case.GetProperty("symbols").EnumerateArray() -> symbol.GetString() |]
    let array = NpyArray.Read(Path.Combine(folder, "probs.npy"))
    let V, T = array.Shape[0], array.Shape[1]
    let values = array.ToDoubles()
    let rows = [| for t in 0 .. T - 1 -> [| for v in 0 .. V - 1 -> values[v * T + t] |] |]
    let spell (labels: int seq) = String.concat "" [ for label in labels -> string names[label - 1] ]

    let merged =
        Map [
            for score in case.GetProperty("merged_scores").EnumerateObject() -> score.Name, score.Value.GetDouble()
        ]

    rows, case.GetProperty("width").GetInt32(), string (case.GetProperty("best").GetString()), merged, spell

[<Tests>]
let teaching =
    testList "beam search, teaching formulation" [
        test "equals the reference implementation for every beam width" {
            for seed in 1UL .. 20UL do
                let posteriors = logProbs (randomRows seed 7 4)

                for width in [ 1; 2; 3; 5; 8; 1000 ] do
                    let expected = textbook width (rowsOf posteriors)
                    let actual = BeamSearchDecoder(width).Decode posteriors

                    Expect.equal [ for s in actual -> labelsOf s ] (List.map fst expected) $"seed {seed}, width {width}"

                    for s, (_, p) in Seq.zip actual expected do
                        close (exp s.Acoustic) p $"seed {seed}, width {width}"
        }

        test "prunes before each further frame and merges the whole last extension" {
            // Frame 1, width 1: "1" (0.5) is kept. Frame 2 extends it to "1" (blank 0.25 + symbol 0.1), "12" (0.15).
            let posteriors = logProbs [| [| 0.3; 0.5; 0.2 |]; [| 0.5; 0.2; 0.3 |] |]
            let found = BeamSearchDecoder(1).Decode posteriors
            Expect.equal [ for s in found -> labelsOf s ] [ [ 1 ]; [ 1; 2 ] ] "labels"

            for s, p in Seq.zip found [ 0.35; 0.15 ] do
                Expect.floatClose { absolute = 1e-7; relative = 0.0 } (exp s.Acoustic) p "probability"
        }

        for name in [ "beam_1"; "beam_2"; "beam_3" ] do
            test $"conformance case {name}: best path and all merged scores of the original" {
                let rows, width, best, expected, spell = conformance name
                let found = BeamSearchDecoder(width).Decode(logProbs rows)
                Expect.equal (spell found[0].Symbols) best "best path"
                Expect.equal (Set [ for s in found -> spell s.Symbols ]) (Set expected.Keys) "label sequences"

                for s in found do
                    let p = expected[spell s.Symbols]
                    Expect.floatClose { absolute = 0.0; relative = 1e-4 } (exp s.Acoustic) p (spell s.Symbols)
            }

        test "logarithms give the same result for long inputs" {
            let posteriors = logProbs (randomRows 3UL 90 4)
            let expected = textbook 6 (rowsOf posteriors)
            let actual = BeamSearchDecoder(6).Decode posteriors
            Expect.equal [ for s in actual -> labelsOf s ] (List.map fst expected) "labels"

            for s, (_, p) in Seq.zip actual expected do
                Expect.floatClose { absolute = 1e-6; relative = 1e-9 } s.Acoustic (log p) "scores"
        }

        test "with unlimited beam width the scores equal those of brute force" {
            let posteriors = logProbs (randomRows 4UL 6 3)
            let all = enumerate (rowsOf posteriors)
            let actual = BeamSearchDecoder(100000).Decode posteriors
            Expect.equal actual.Count all.Count "every sequence"

            for s in actual do
                close (exp s.Acoustic) all[labelsOf s] $"{s}"
        }

        test "hypotheses have the times of their best alignments, and none has probability 0" {
            let posteriors = logProbs (randomRows 5UL 12 4)

            for h in BeamSearchDecoder(8).Decode posteriors do
                let expected = CtcAligner().Align(posteriors, h.Symbols)
                Expect.sequenceEqual h.Labels expected.Labels "times"
                Expect.isGreaterThanOrEqual h.Total (expected.LogProbability - 1e-9) "all alignments"

            let never = logProbs [| [| 0.5; 0.5; 0.0 |]; [| 0.0; 1.0; 0.0 |] |]
            Expect.equal [ for h in BeamSearchDecoder(100).Decode never -> labelsOf h ] [ [ 1 ] ] "possible ones only"
        }

        test "no frames and one frame" {
            let nothing = LogProbs.FromLogits(ReadOnlySpan.Empty, 0, 3)

            Expect.equal
                [ for s in BeamSearchDecoder(3).Decode nothing -> labelsOf s, s.Acoustic ]
                [ [], 0.0 ]
                "no frames"

            let one = logProbs [| [| 0.2; 0.5; 0.3 |] |]

            Expect.equal
                [ for s in BeamSearchDecoder(2).Decode one -> labelsOf s ]
                [ [ 1 ]; [ 2 ]; [] ]
                "one frame: the last extension is not pruned"
        }
    ]

let private unlimited = 100000

[<Tests>]
let prefix =
    testList "prefix beam search" [
        test "with unlimited width equals brute force, and all probabilities sum to one" {
            for seed in 1UL .. 10UL do
                for symbols in 2..4 do
                    let posteriors = logProbs (randomRows seed 6 symbols)
                    let all = enumerate (rowsOf posteriors)
                    let found = (prefixBeam unlimited unlimited).Decode posteriors
                    Expect.equal found.Count all.Count "every sequence once"

                    for h in found do
                        close (exp h.Acoustic) all[labelsOf h] $"{h}"

                    Expect.floatClose
                        { absolute = 1e-6; relative = 0.0 }
                        (Seq.sumBy (fun (h: Hypothesis) -> exp h.Acoustic) found)
                        1.0
                        "sum"

                    Expect.equal (firstOf found) (all |> Map.toList |> List.maxBy snd |> fst) "the best is first"
        }

        test "the best hypothesis is at least as probable as the greedy one" {
            for seed in 1UL .. 1000UL do
                let posteriors = logProbs (randomRows seed 5 3)
                let all = enumerate (rowsOf posteriors)
                let greedy = labelsOf (GreedyDecoder().Decode posteriors)
                let best = firstOf ((prefixBeam unlimited 1).Decode posteriors)
                Expect.isGreaterThanOrEqual all[best] (all[greedy] - 1e-12) $"seed {seed}"
        }

        test "with width 1 it keeps the most probable prefix of every frame" {
            // Frame 1 keeps "1" rather than "" (0.6 > 0.4); then "1" unchanged (0.6) ranks above its extension "12"
            // (0.24).
            let posteriors = logProbs [| [| 0.4; 0.6; 1e-9 |]; [| 0.3; 0.3; 0.4 |] |]
            Expect.equal (firstOf ((prefixBeam 1 1).Decode posteriors)) [ 1 ] "labels"
        }

        test "n-best lists are sorted, distinct, and their scores add up" {
            let model = NGramModel.Estimate([ [| 1; 2; 3 |]; [| 1; 2; 1 |]; [| 3; 2 |] ], 5, 3)

            for seed in 1UL .. 20UL do
                let posteriors = logProbs (randomRows seed 20 5)

                let options =
                    PrefixBeamOptions(
                        Width = 30,
                        Best = 10,
                        LanguageModel = model,
                        LanguageModelWeight = 0.7,
                        LengthBonus = 0.4
                    )

                let found = PrefixBeamSearchDecoder(options).Decode posteriors
                Expect.equal found.Count 10 "the requested number"
                Expect.equal (List.distinct [ for h in found -> labelsOf h ]).Length 10 "distinct"
                Expect.equal [ for h in found -> h.Total ] (List.sortDescending [ for h in found -> h.Total ]) "sorted"

                for h in found do
                    close h.Total (h.Acoustic + h.LanguageModel + h.LengthBonus) "total"
                    Expect.isLessThanOrEqual h.Acoustic 0.0 "a log probability"
                    close h.LengthBonus (0.4 * float h.Labels.Count) "bonus"
                    close h.LanguageModel (0.7 * model.LogProbability h.Symbols) "language model"

                    for a, b in Seq.pairwise h.Labels do
                        Expect.isTrue (a.End <= b.Start && a.Start < a.End) "spans in order"
        }

        test "with a language model and unlimited width equals brute force" {
            let model = NGramModel.Estimate([ [| 1; 2; 3; 3 |]; [| 1; 2; 1 |]; [| 3; 2 |]; [||] ], 4, 2)

            for seed in 1UL .. 10UL do
                let posteriors = logProbs (randomRows seed 5 4)

                let score labels p =
                    log p + 1.3 * model.LogProbability(List.toSeq labels) - 0.2 * float (List.length labels)

                let expected =
                    enumerate (rowsOf posteriors)
                    |> Map.toList
                    |> List.map (fun (labels, p) -> labels, score labels p)
                    |> List.sortByDescending snd

                let options =
                    PrefixBeamOptions(
                        Width = unlimited,
                        Best = 50,
                        LanguageModel = model,
                        LanguageModelWeight = 1.3,
                        LengthBonus = -0.2
                    )

                let found = PrefixBeamSearchDecoder(options).Decode posteriors

                Expect.equal
                    [ for h in found -> labelsOf h ]
                    (expected |> List.truncate 50 |> List.map fst)
                    $"seed {seed}"

                for h, (_, s) in Seq.zip found expected do
                    close h.Total s "total"
        }

        test "weight 0 means no language model" {
            let model = NGramModel.Estimate([ [| 1; 2 |] ], 5, 2)
            let posteriors = logProbs (randomRows 5UL 30 5)

            let withModel =
                PrefixBeamSearchDecoder(
                    PrefixBeamOptions(Width = 8, Best = 8, LanguageModel = model, LanguageModelWeight = 0.0)
                )
                    .Decode
                    posteriors

            Expect.equal
                [ for h in withModel -> labelsOf h, h.Total ]
                [ for h in (prefixBeam 8 8).Decode posteriors -> labelsOf h, h.Total ]
                "hypotheses"
        }

        test "labels that are impossible under the language model are not found, unless its weight is 0" {
            let text = "\\data\\\nngram 1=3\n\n\\1-grams:\n-99\t<s>\n-0.3\ta\n-0.3\t</s>\n\n\\end\\\n"
            let model = NGramModel.Read(new StringReader(text), [| ""; "a"; "b" |])
            let posteriors = LogProbs.FromProbabilities(ReadOnlySpan [| 0.1f; 0.2f; 0.7f; 0.1f; 0.2f; 0.7f |], 2, 3)

            let search weight =
                PrefixBeamSearchDecoder(
                    PrefixBeamOptions(Best = 9, LanguageModel = model, LanguageModelWeight = weight)
                )
                    .Decode
                    posteriors

            Expect.equal (set [ for h in search 1.0 -> labelsOf h ]) (set [ []; [ 1 ] ]) "only a, or nothing"
            Expect.equal (firstOf (search 0.0)) [ 2 ] "without the model"
            // Only b is possible in the audio, and b is impossible under the model.
            let certain = LogProbs.FromProbabilities(ReadOnlySpan [| 0f; 0f; 1f |], 1, 3)

            Expect.isEmpty
                (PrefixBeamSearchDecoder(PrefixBeamOptions(LanguageModel = model)).Decode certain)
                "no hypothesis"
        }

        test "streaming gives the offline result for any cut of the frames, with many streams at once" {
            let model = NGramModel.Estimate([ [| 1; 2; 3; 3 |]; [| 4; 2; 1 |] ], 6, 3)

            let decoder =
                PrefixBeamSearchDecoder(
                    PrefixBeamOptions(Width = 6, Best = 3, LanguageModel = model, LengthBonus = 0.5)
                )

            let inputs = [| for seed in 1UL .. 1000UL -> logProbs (randomRows seed 12 6) |]

            let cut (p: LogProbs) first count =
                LogProbs.FromLogProbabilities(p.Data.Span.Slice(first * p.V, count * p.V), count, p.V)

            let describe (hypotheses: Hypothesis seq) = [
                for h in hypotheses -> labelsOf h, h.Acoustic, h.LanguageModel, List.ofSeq h.Labels
            ]

            let expected = [| for p in inputs -> describe (decoder.Decode p) |]

            for size in [ 1; 5; 12 ] do
                let streams = [| for _ in inputs -> decoder.Start() |]

                for first in 0..size..11 do
                    for i in 0 .. inputs.Length - 1 do
                        streams[i].Append(cut inputs[i] first (min size (12 - first)))

                for i in 0 .. inputs.Length - 1 do
                    Expect.equal (describe (streams[i].Finish())) expected[i] $"input {i} in pieces of {size}"
        }

        test "symbols are pruned by rank and by probability mass" {
            let rows = randomRows 7UL 6 5

            let top2 =
                rows
                |> Array.map (fun row ->
                    let least = (Array.sortDescending row)[1] in
                    row |> Array.map (fun p -> if p >= least then p else 0.0))
            // The kept probabilities are not renormalised.
            let all =
                paths top2
                |> List.groupBy (fst >> collapse)
                |> List.map (fun (l, g) -> l, List.sumBy snd g)
                |> List.filter (fun (_, p) -> p > 0.0)
                |> Map.ofList

            let found =
                PrefixBeamSearchDecoder(PrefixBeamOptions(Width = unlimited, Best = unlimited, TopSymbols = 2))
                    .Decode(logProbs rows)

            Expect.equal found.Count all.Count "sequences"

            for h in found do
                Expect.floatClose { absolute = 1e-9; relative = 1e-6 } (exp h.Acoustic) all[labelsOf h] $"{h}"

            let mass =
                PrefixBeamSearchDecoder(PrefixBeamOptions(Width = 50, ProbabilityMass = 0.999999)).Decode(logProbs rows)

            Expect.equal
                (firstOf mass)
                (firstOf ((prefixBeam 50 1).Decode(logProbs rows)))
                "nearly all of the mass changes nothing here"
        }

        test "long streams prune their tree and keep their result" {
            let posteriors = logProbs (randomRows 9UL 6000 8)
            let narrow = (prefixBeam 4 1).Decode posteriors
            Expect.isGreaterThan narrow[0].Labels.Count 1000 "many labels"
            // The acoustic score of a prefix cannot exceed that of all its alignments.
            let exact = -CtcLattice.Of(posteriors, narrow[0].Symbols).LogLikelihood
            Expect.isGreaterThanOrEqual (-narrow[0].Acoustic) (exact - 1e-6) "acoustic score"
        }

        test "invalid settings and inputs are refused in one sentence" {
            let refused part (action: unit -> unit) =
                let error = Expect.throwsC action id
                Expect.stringContains error.Message part error.Message

            let decode (options: PrefixBeamOptions) =
                PrefixBeamSearchDecoder(options).Decode(logProbs (randomRows 1UL 3 4)) |> ignore

            refused "beam width is 2147483647, must be 1 to 1048576" (fun () ->
                decode (PrefixBeamOptions(Width = Int32.MaxValue)))

            refused "length bonus is 1E+30" (fun () -> decode (PrefixBeamOptions(LengthBonus = 1e30)))
            refused "beam width is 0" (fun () -> decode (PrefixBeamOptions(Width = 0)))
            refused "number of hypotheses is -1" (fun () -> decode (PrefixBeamOptions(Best = -1)))
            refused "probability mass is 2" (fun () -> decode (PrefixBeamOptions(ProbabilityMass = 2.0)))

            refused "weight of the language model is NaN" (fun () ->
                decode (PrefixBeamOptions(LanguageModelWeight = nan)))

            refused "blank 7 is not one of 4 symbols" (fun () -> decode (PrefixBeamOptions(Blank = 7)))
            let model = NGramModel.Estimate([ [| 1 |] ], 9, 1)
            refused "has 9 symbols, the frames have 4" (fun () -> decode (PrefixBeamOptions(LanguageModel = model)))
            let stream = (prefixBeam 2 1).Start()
            stream.Append(logProbs (randomRows 1UL 3 4))
            refused "these frames have 5 symbols" (fun () -> stream.Append(logProbs (randomRows 1UL 3 5)))
        }

        for frames in [ 400; 800 ] do
            for width in [ 2; 5; 16; 32; 100 ] do
                test $"equals the exact reference decoder, T {frames}, width {width}" {
                    let input = Hybrid.Tests.ReferencePosteriors.read (shared $"anchors/D_decode/inputs_T{frames}.npy")

                    let expected =
                        File.ReadAllLines(
                            shared $"anchors/D_decode/expected/expected_ctcdecode_exact_T{frames}_beam{width}.csv"
                        )
                        |> Array.skip 1

                    let decoder = prefixBeam width 1

                    for line in expected do
                        let fields = line.Split ','
                        let best = (decoder.Decode input[int fields[0]])[0]

                        Expect.equal
                            (best.Symbols |> Seq.map string |> String.concat " ")
                            fields[2]
                            $"utterance {fields[0]}"
                }
    ]
