/// A corpus with one problem of each kind, and the findings.
module Hybrid.Tests.CorpusValidationTests

open System
open System.IO
open System.Text.Json
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

/// Frames of 10 ms, halved.
let private recipe =
    let network = NetworkSpec(28, 41, [| Conv1dSpec(4, 3, 2) |], [| LinearSpec 41 |])
    Recipe("halves", FeaturePreset(), network, TrainingSpec(1UL, 1, BatchSize(8, 8000), AdamWSpec(), ConstantRate()))

/// Noise that depends on the seed.
let private noise (seed: int) seconds level =
    let random = Random seed
    AudioClip(Array.init (int (16000.0 * seconds)) (fun _ -> float32 level * (2f * random.NextSingle() - 1f)), 16000)

type private Line = { Id: string; Clip: AudioClip; Speaker: string; Split: string; Transcript: string }

let private usual i = {
    Id = $"u{i}"
    Clip = noise i (1.0 + 0.01 * float i) 0.1
    Speaker = $"s{i % 5}"
    Split = "train"
    Transcript = "\"text\":\"hand lamp\""
}

let private write (folder: string) (lines: Line list) =
    Directory.CreateDirectory folder |> ignore

    for line in lines do
        line.Clip.WriteWav(Path.Combine(folder, $"{line.Id}.wav"))

    let json (line: Line) =
        $"{{\"id\":\"{line.Id}\",\"audio\":\"{line.Id}.wav\",\
        \"speaker\":\"{line.Speaker}\",\"split\":\"{line.Split}\",{line.Transcript}}}"

    File.WriteAllLines(Path.Combine(folder, "manifest.jsonl"), List.map json lines)

let private lexicons folder =
    let path = Path.Combine(folder, "lexicon.txt")
    File.WriteAllText(path, "HAND HH AE N D\nLAMP L AE M P\n")
    [| Lexicon.Read(path, PhoneInventory.Arpabet) |]

/// Whether a clip is an outlier among many of nearly equal length and level.
let private isFar clip =
    withFolder (fun folder ->
        write folder ({ usual 10 with Clip = clip } :: [ for i in 1..9 -> usual i ])
        let check = recipe.ValidateCorpus(Corpus.Read folder, lexicons = lexicons folder)
        not (Seq.isEmpty check.Outliers))

let private check (folder: string) = recipe.ValidateCorpus(Corpus.Read folder, lexicons = lexicons folder)

let private faulty = [
    for i in 1..20 do
        usual i
    { usual 21 with Split = "dev"; Speaker = "d" }
    { usual 22 with Id = "strange"; Transcript = "\"phones\":\"HH QQ\"" }
    { usual 23 with Id = "broken" }
    { usual 24 with Id = "gone" }
    { usual 25 with Id = "words"; Transcript = "\"text\":\"hanb lamps Hanb\"" }
    { usual 26 with Id = "word"; Transcript = "\"text\":\"hanb zzzzzz\"" }
    // 0.8 s have 78 frames, 39 after the stride; 20 times the same phone needs 39, 21 times needs 41.
    {
        usual 27 with
            Id = "fits"
            Clip = noise 27 0.8 0.1
            Transcript = "\"phones\":\"" + String.replicate 20 "AA " + "\""
    }
    {
        usual 28 with
            Id = "tight"
            Clip = noise 28 0.8 0.1
            Transcript = "\"phones\":\"" + String.replicate 21 "AA " + "\""
    }
    { usual 1 with Id = "again"; Split = "dev"; Speaker = "d" }
    { usual 30 with Id = "long"; Clip = noise 30 20.0 0.1 }
    { usual 31 with Id = "short"; Clip = noise 31 0.12 0.1 }
    { usual 32 with Id = "silent"; Clip = noise 32 1.0 0.0 }
    { usual 33 with Id = "loud"; Clip = noise 33 1.0 0.9 }
    { usual 34 with Split = "dev"; Speaker = "s3" }
]

let private found (check: CorpusValidation) = [
    [ for left in check.Unusable -> left.Id ]
    [ for word in check.UnknownWords -> string word ]
    [ for one in check.Infeasible -> string one ]
    [ for same in check.Duplicates -> String.Join('+', same.Ids) + " " + String.Join('+', same.Splits) ]
    [ for one in check.Outliers -> $"{one.Id} {one.Kind}" ]
    [ for shared in check.SharedSpeakers -> shared.Speaker + " " + String.Join('+', shared.Splits) ]
]

[<Tests>]
let tests =
    testList "corpus validation" [
        test "every problem is found, and nothing else" {
            withFolder (fun folder ->
                write folder faulty
                File.WriteAllText(Path.Combine(folder, "broken.wav"), "no sound")
                File.Delete(Path.Combine(folder, "gone.wav"))
                let check = check folder

                Expect.equal
                    (found check)
                    [
                        [ "strange"; "broken"; "gone" ]
                        [
                            "HANB (x3, first in words): the nearest known word is HAND"
                            "LAMPS (x1, first in words): the nearest known word is LAMP"
                            "ZZZZZZ (x1, first in word): no known word is similar"
                        ]
                        [
                            "tight: needs 41 frames, has 39 (21 phones + 20 repeats)"
                            "short: needs 8 frames, has 5 (8 phones + 0 repeats)"
                        ]
                        [ "u1+again train+dev" ]
                        [ "long Length"; "short Length"; "silent Level"; "loud Level" ]
                        [ "s3 train+dev" ]
                    ]
                    "findings"

                Expect.equal
                    check.Skipped
                    7
                    "skipped: three unusable ones, two for their words, two that are too short"

                let reasons = Map [ for left in check.Unusable -> left.Id, left.Reason ]
                Expect.stringContains reasons["strange"] "unknown phone QQ" "reason"
                Expect.stringContains reasons["broken"] "broken.wav: the file begins with \"no sound\"" "reason"
                Expect.stringContains reasons["gone"] "gone.wav" "reason"

                let seconds = Map [ for split in check.Splits -> split.Name, split.Hours * 3600.0 ]

                let lengths split =
                    faulty
                    |> List.sumBy (fun line ->
                        if line.Split = split && line.Id <> "broken" && line.Id <> "gone" then
                            line.Clip.DurationSeconds
                        else
                            0.0)

                for split in [ "train"; "dev" ] do
                    Expect.floatClose Accuracy.high seconds[split] (lengths split) $"seconds of {split}"

                Expect.equal
                    [ for split in check.Splits -> split.Name, split.Utterances, split.Usable, split.Speakers ]
                    [ "train", 31, 24, 5; "dev", 3, 3, 2 ]
                    "splits")
        }

        test "small differences are not outliers, even if the others are equal" {
            for what, clip, far in
                [
                    "7 times as long", noise 1 7.4 0.1, false
                    "9 times as long", noise 1 9.5 0.1, true
                    "7 times as short", noise 1 0.15 0.1, false
                    "9 times as short", noise 1 0.115 0.1, true
                    "14 dB louder", noise 1 1.0 0.5, false
                    "16 dB louder", noise 1 1.0 0.63, true
                    "14 dB softer", noise 1 1.0 0.02, false
                    "16 dB softer", noise 1 1.0 0.0158, true
                ] do
                Expect.equal (isFar clip) far what
        }

        test "a corpus without problems has no findings" {
            withFolder (fun folder ->
                write folder (List.init 12 usual)
                let check = check folder
                Expect.equal (found check) (List.replicate 6 []) "findings"
                Expect.equal check.Skipped 0 "skipped")
        }

        test "training skips the utterances of the findings" {
            withFolder (fun folder ->
                write folder faulty
                File.WriteAllText(Path.Combine(folder, "broken.wav"), "no sound")
                let run = TrainingRun.Prepare(recipe, Corpus.Read folder, lexicons = lexicons folder)

                let skipped = [
                    for data in [ run.Train; run.Dev ] -> data.Skipped.Count + Seq.length (run.Infeasible data)
                ]

                Expect.equal (List.sum skipped) (check folder).Skipped "skipped")
        }

        test "utterances without split and transcript are for training, unless there is a split train" {
            withFolder (fun folder ->
                let place name = Path.Combine(folder, name)
                let sound name = CorpusTests.sound folder name

                for name in [ "a"; "b" ] do
                    sound $"{name}.wav"

                let check = recipe.ValidateCorpus(Corpus.Read folder)

                Expect.equal
                    [ for split in check.Splits -> split.Usable, split.IsToBeRecognized ]
                    [ 0, false ]
                    "splits"

                check.Unusable |> CorpusTests.expectSkipped [ "a: it has no transcript"; "b: it has no transcript" ]
                Expect.equal check.Skipped 2 "skipped"
                sound "train/c.wav"
                File.WriteAllText(place "train/c.lab", "AA")
                let check = recipe.ValidateCorpus(Corpus.Read folder)

                Expect.equal
                    [ for split in check.Splits -> split.Name, split.Usable, split.IsToBeRecognized ]
                    [ "", 0, true; "train", 1, false ]
                    "splits"

                Expect.equal check.Skipped 0 "skipped")
        }

        test "a separate validation corpus is a split" {
            withFolder (fun folder ->
                let place name = Path.Combine(folder, name)
                write (place "a") [ for i in 1..5 -> usual i ]
                write (place "b") [ usual 3; { usual 6 with Transcript = "\"text\":\"lamb\""; Speaker = "d" } ]

                let check = recipe.ValidateCorpus(Corpus.Read(place "a"), Corpus.Read(place "b"), lexicons folder)

                Expect.equal
                    [ for split in check.Splits -> split.Name, split.Usable ]
                    [ "train", 5; "dev corpus", 1 ]
                    "splits"

                Expect.equal
                    (found check)
                    [
                        []
                        [ "LAMB (x1, first in u6): the nearest known word is LAMP" ]
                        []
                        [ "u3+u3 train+dev corpus" ]
                        []
                        [ "s3 train+dev corpus" ]
                    ]
                    "findings")
        }

        test "the same audio as WAV and as FLAC is a duplicate; a duplicate id and audio without words are skipped" {
            withFolder (fun folder ->
                let place name =
                    let path = Path.Combine(folder, name)
                    Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
                    path

                let samples = Array.init 8000 (fun i -> int64 (1000 * (i % 7)))
                let flac = FlacEncoder.plain 16000 16 FlacEncoder.Independent FlacEncoder.Verbatim 4000 [| samples |]
                File.WriteAllBytes(place "train-a/103/1/103-1-0000.flac", FlacEncoder.encode flac)

                AudioClip(samples |> Array.map (fun x -> float32 x / 32768f), 16000)
                    .WriteWav(place "train-a/103/1/103-1-0001.wav")

                (noise 1 0.5 0.1).WriteWav(place "train-a/103/1/103-1-0002.wav")
                File.WriteAllText(place "train-a/103/1/103-1.trans.txt", "103-1-0000 HAND\n103-1-0001 HAND\n")
                (noise 2 0.5 0.1).WriteWav(place "train-b/103/1/103-1-0001.wav")
                File.WriteAllText(place "train-b/103/1/103-1.trans.txt", "103-1-0001 HAND\n")
                let check = check folder

                Expect.equal
                    [ for same in check.Duplicates -> List.ofSeq same.Ids ]
                    [ [ "103-1-0000"; "103-1-0001" ] ]
                    "duplicates"

                check.Unusable
                |> CorpusTests.expectSkipped [
                    "103-1-0001: the id is a duplicate"
                    "103-1-0002: it has no transcript"
                ]

                Expect.equal check.Skipped 2 "skipped")
        }

        test "precomputed features are checked; a part to be recognised needs no transcripts" {
            withFolder (fun folder ->
                let corpus = SyntheticCorpus.Write(folder, 12, 4, layout = SyntheticLayout.Hw3p2)
                let check = recipe.ValidateCorpus(corpus)
                Expect.equal check.Skipped 0 $"{found check}"

                Expect.equal
                    [ for split in check.Splits -> split.Name, split.Utterances, split.Usable, split.IsToBeRecognized ]
                    [ "dev", 3, 3, false; "test", 3, 0, true; "train", 6, 6, false ]
                    "splits"

                // Ten times the subsampling leaves too few frames.
                let narrow =
                    Recipe(
                        "tenths",
                        recipe.Features,
                        NetworkSpec(28, 41, [| Conv1dSpec(4, 3, 30) |], [| LinearSpec 41 |]),
                        recipe.Training
                    )

                Expect.equal (narrow.ValidateCorpus(corpus).Infeasible.Count) 9 "infeasible"

                // Utterances to be recognised have to be readable too.
                let broken = Seq.head (corpus.Split "test")
                File.WriteAllText(broken.FeaturesPath, "broken")
                let check = recipe.ValidateCorpus(corpus)
                check.Unusable |> CorpusTests.expectSkipped [ $"{broken.Id}: {broken.FeaturesPath}: " ]
                Expect.equal check.Skipped 1 "skipped")
        }

        test "as JSON" {
            withFolder (fun folder ->
                write folder faulty
                use json = JsonDocument.Parse(ResultJson.Check(check folder))
                let count (name: string) = json.RootElement.GetProperty(name).GetArrayLength()

                Expect.equal
                    [
                        for name in
                            [
                                "splits"
                                "unusable"
                                "unknownWords"
                                "infeasible"
                                "duplicates"
                                "outliers"
                                "sharedSpeakers"
                            ] -> count name
                    ]
                    [ 2; 1; 3; 2; 1; 4; 1 ]
                    "counts"

                Expect.equal (json.RootElement.GetProperty("leftOut").GetInt32()) 5 "skipped"
                let silent = json.RootElement.GetProperty("outliers")[2]
                Expect.equal (silent.GetProperty("valueDecibels").ValueKind) JsonValueKind.Null "JSON has no infinity")
        }
    ]

[<Tests>]
let streaming =
    testSequenced
    <| testList "corpus validation, memory" [
        test "audio is not held in memory" {
            withFolder (fun folder ->
                // 100 times the same 640 kB of samples.
                (noise 1 10.0 0.1).WriteWav(Path.Combine(folder, "u.wav"))

                File.WriteAllLines(
                    Path.Combine(folder, "manifest.jsonl"),
                    [ for i in 1..100 -> $"{{\"id\":\"{i}\",\"audio\":\"u.wav\",\"text\":\"hand\"}}" ]
                )

                let mutable held = 0L

                let progress = {
                    new IProgress<float> with
                        member _.Report fraction =
                            if fraction = 0.9 then
                                held <- GC.GetTotalMemory true
                }

                let corpus, lexicons = Corpus.Read folder, lexicons folder
                let before = GC.GetTotalMemory true
                let check = recipe.ValidateCorpus(corpus, lexicons = lexicons, progress = progress)
                Expect.equal check.Duplicates[0].Ids.Count 100 "all are read"
                Expect.isGreaterThan held 0L "measured"
                Expect.isLessThan (held - before) 20_000_000L "bytes held after 90 of 64 MB")
        }
    ]
