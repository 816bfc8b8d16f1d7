/// Compares the numbers of docs/ctc.md with computed ones.
module Hybrid.Tests.CtcPageTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Hybrid.Core
open Hybrid.Tests.TestSettings

let private page = lazy (File.ReadAllText(Path.Combine(root, "docs", "ctc.md")))

/// The rows of a table without its header, cells trimmed.
let private table name = [
    let after = page.Value.Split $"<!-- table: {name} -->"

    if after.Length <> 2 then
        failtest $"the page has {after.Length - 1} tables named {name}"

    for line in after[1].TrimStart().Split '\n' |> Seq.takeWhile _.StartsWith('|') |> Seq.skip 2 do
        [ for cell in line.Trim().Trim('|').Split '|' -> cell.Trim() ]
]

/// The numbers of each row, without its first cell.
let private numbers name = [| for row in table name -> [| for cell in row.Tail -> float cell |] |]

let private symbols = [| '-'; 'a'; 'b' |]

let private labels (text: string) =
    if text = "()" then
        [||]
    else
        [| for c in text -> Array.IndexOf(symbols, c) |]

/// Compares to the digits of the page.
let private close (actual: float) (expected: float) what =
    if not (abs (actual - expected) <= 6e-5) then
        failtest $"{what}: the page says {expected}, computed is {actual}"

let private probabilities = lazy (numbers "probabilities")

let private frames count =
    LogProbs.FromProbabilities(
        ReadOnlySpan [|
            for row in Array.take count probabilities.Value do
                for p in row -> float32 p
        |],
        count,
        3
    )

let private target = labels "ab"
let private exact text = exp (CtcLattice.Of(frames 4, labels text).LogLikelihood)

let private expectTable name (value: int -> int -> float) =
    numbers name
    |> Array.iteri (fun i row ->
        row
        |> Array.iteri (fun j expected -> close (value i j) expected $"{name}, row {i + 1}, column {j + 1}"))

let private expectStated (pattern: string) (value: float) =
    // Lines of the page may be wrapped anywhere.
    match Regex.Match(page.Value, pattern.Replace(" ", @"\s+"), RegexOptions.Singleline) with
    | m when m.Success -> close value (float m.Groups[1].Value) pattern
    | _ -> failtest $"the page does not say {pattern}"

[<Tests>]
let tests =
    testList "the page on CTC" [
        test "sequences, and the greedy one" {
            let rows = table "sequences"

            for row in rows do
                close (exact row[0]) (float row[1]) row[0]
            // They are the most probable ones, in order.
            let all =
                BruteForce.enumerate probabilities.Value
                |> Map.toList
                |> List.sortByDescending snd
                |> List.truncate rows.Length

            Expect.equal [ for row in rows -> List.ofArray (labels row[0]) ] (List.map fst all) "order"
            let greedy = GreedyDecoder().Decode(frames 4)
            Expect.equal greedy.Symbols (labels "a") "greedy"
            expectStated @"`a---` with (\d+\.\d+)" (exp greedy.Acoustic)
        }

        test "alpha, beta, gamma, loss, divergence and gradient" {
            let lattice = CtcLattice.Of(frames 4, target)
            expectTable "alpha" (fun s t -> exp (lattice.LogAlpha(t, s)))
            expectTable "beta" (fun s t -> exp (lattice.LogBeta(t, s)))
            expectTable "gamma" (fun s t -> lattice.Gamma(t, s))

            let logits =
                Batch<float>(
                    Memory [|
                        for row in probabilities.Value do
                            for p in row -> log p
                    |],
                    4,
                    1,
                    3
                )

            let compute (loss: SequenceLoss) = loss.Compute(logits, [| target |], Workspace(ThreadTeam 1))
            let result = compute (CtcLoss())
            expectTable "gradient" (fun t v -> result.Gradient.Row(t, 0)[v])
            let alignment = CtcAligner().Align(frames 4, target)

            let scalars = [
                exact "ab"
                result.Loss
                lattice.ExpectedDivergence
                alignment.LogProbability
                (compute (ViterbiLoss())).Loss
            ]

            for row, value in List.zip (table "scalars") scalars do
                close value (float row[1]) row[0]

            let path = [
                for t in 0..3 ->
                    match Seq.tryFind (fun (l: LabelSpan) -> l.Start <= t && t < l.End) alignment.Labels with
                    | Some l -> string symbols[l.Symbol]
                    | None -> "-"
            ]

            Expect.equal path [ for row in table "viterbi" -> row[1] ] "the best alignment"
            expectStated @"(\d+\.\d+) for `a` and \d+\.\d+ for `b`" alignment.Labels[0].Confidence
            expectStated @"\d+\.\d+ for `a` and (\d+\.\d+) for `b`" alignment.Labels[1].Confidence
        }

        test "beam search as it is taught, frame by frame" {
            let rows = table "teaching"

            let entries (cell: string) = [
                for entry in cell.Split(',', StringSplitOptions.RemoveEmptyEntries) ->
                    let fields = entry.Trim().Split ' ' in fields[0], float fields[2]
            ]

            for row in rows do
                let kept, pruned = entries row[1], entries row[2]

                if row = List.last rows then
                    Expect.isEmpty pruned "the extensions of the last frame are not pruned"
                else
                    Expect.equal kept.Length 3 $"frame {row[0]}: the beam width"

                for _, p in pruned do
                    Expect.isLessThan p (kept |> List.map snd |> List.min) $"frame {row[0]}: pruned entries"

                // On a prefix of the frames, the decoder returns all entries of the last of them, merged.
                let merged =
                    kept @ pruned
                    |> List.groupBy fst
                    |> List.map (fun (l, e) -> l, List.sumBy snd e)
                    |> List.sortByDescending snd

                let found = BeamSearchDecoder(3).Decode(frames (int row[0]))

                Expect.equal [ for f in found -> f.Symbols ] [ for l, _ in merged -> labels l ] $"frame {row[0]}"

                for f, (l, p) in Seq.zip found merged do
                    // A sum of rounded numbers.
                    Expect.floatClose { absolute = 1.2e-4; relative = 0.0 } (exp f.Acoustic) p $"frame {row[0]}, {l}"

            let last = BeamSearchDecoder(3).Decode(frames 4)
            expectStated @"`ab` (\d+\.\d+), `a` \d+\.\d+, and so on" (exp last[0].Acoustic)
            expectStated @"`ab` \d+\.\d+, `a` (\d+\.\d+), and so on" (exp last[1].Acoustic)
        }

        test "the prefix beam, frame by frame" {
            let decoder = PrefixBeamSearchDecoder(PrefixBeamOptions(Width = 2, Best = 2))

            for row in table "prefix" do
                let found = decoder.Decode(frames (int row[0]))
                let entries = [ for entry in row[1].Split ',' -> entry.Trim().Split ' ' ]
                Expect.equal [ for h in found -> h.Symbols ] [ for e in entries -> labels e[0] ] $"frame {row[0]}"

                for h, e in Seq.zip found entries do
                    Expect.floatClose
                        { absolute = 1.2e-4; relative = 0.0 }
                        (exp h.Acoustic)
                        (float e[1] + float e[2])
                        $"frame {row[0]}, {e[0]}"

            expectStated @"ln (\d+\.\d+) for `ab`" (let found = decoder.Decode(frames 4) in exp found[0].Acoustic)
            let unlimited = PrefixBeamSearchDecoder(PrefixBeamOptions(Width = 1000, Best = 1)).Decode(frames 4)
            expectStated @"exactly ln (\d+\.\d+)" (exp unlimited[0].Acoustic)
        }
    ]
