module Hybrid.Tests.FeatureCacheTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private extractor = FeatureExtractor(FeaturePreset())

/// Five recordings of different lengths, and the place of a cache.
let private withCorpus body =
    withFolder (fun folder ->
        let utterances = [|
            for i in 0..4 do
                let random = Random i
                let path = Path.Combine(folder, $"{i}.wav")
                AudioClip(Array.init (1600 * (i + 1)) (fun _ -> 0.2f * random.NextSingle()), 16000).WriteWav path
                Utterance($"{i}", path, "", "", null, [| "AA" |])
        |]

        body utterances (Path.Combine(folder, "cache")))

let private load utterances cache =
    let data =
        SpeechDataset.Load(utterances, extractor, PhoneInventory.Arpabet, Pronouncer [], cache = cache)

    Expect.isEmpty data.Skipped "all are used"
    data

let private featuresOf (data: SpeechDataset) i =
    let features = Array.zeroCreate<float32>(data.Frames i * data.Features)
    data.CopyFeatures(i, features)
    features

let private expectSame (expected: SpeechDataset) (data: SpeechDataset) =
    Expect.equal data.Count expected.Count "utterances"
    Expect.equal data.Hours expected.Hours "hours"

    for i in 0 .. data.Count - 1 do
        Expect.sequenceEqual (featuresOf data i) (featuresOf expected i) $"features of {i}"

/// Other sound in a file of the same length and age: who reads features from it has not used the cache.
let private spoil (path: string) =
    let stamp = File.GetLastWriteTimeUtc path
    let bytes = File.ReadAllBytes path
    Array.Reverse(bytes, 44, bytes.Length - 44)
    File.WriteAllBytes(path, bytes)
    File.SetLastWriteTimeUtc(path, stamp)

let private entries folder = Directory.GetFiles(folder, "*", SearchOption.AllDirectories)

[<Tests>]
let tests =
    testList "feature cache" [
        for name, budget in [ "in memory", 1L <<< 30; "on disk", 0L; "some in memory", 20_000L ] do
            test $"features are computed once; {name}" {
                withCorpus (fun utterances folder ->
                    let plain = load utterances null
                    let cache () = FeatureCache(folder, MemoryBytes = budget)
                    load utterances (cache ()) |> expectSame plain
                    Expect.equal (entries folder).Length 5 "entries"

                    for utterance in utterances do
                        spoil utterance.AudioPath

                    let again = cache ()
                    load utterances again |> expectSame plain
                    Expect.isNull again.Problem "problem")
            }

        test
            "speeds: features are those of the clip played faster, the draw follows from the generator, each speed is kept" {
            withCorpus (fun utterances folder ->
                let speeds = [| 0.9; 1.0; 1.1 |]

                let loadAt cache =
                    SpeechDataset.Load(
                        utterances,
                        extractor,
                        PhoneInventory.Arpabet,
                        Pronouncer [],
                        cache = cache,
                        speeds = speeds
                    )

                let expected = [|
                    for utterance in utterances ->
                        let clip = AudioClip.Read utterance.AudioPath
                        [| for speed in speeds -> extractor.Extract(clip.PerturbSpeed speed) |]
                |]

                let drawn (data: SpeechDataset) seed = data.Drawn(CounterRandom seed) :?> SpeechDataset

                let speedsOf (data: SpeechDataset) = [
                    for i in 0..4 -> expected[i] |> Array.findIndex ((=) (featuresOf data i))
                ]

                let plain = loadAt null
                Expect.equal plain.Speeds speeds "speeds"
                Expect.equal (speedsOf plain) [ 1; 1; 1; 1; 1 ] "as recorded where nothing is drawn"
                let draws = [ for seed in 1UL .. 20UL -> speedsOf (drawn plain seed) ]
                Expect.equal (List.concat draws |> List.distinct |> List.sort) [ 0; 1; 2 ] "each is drawn"
                Expect.isGreaterThan (List.distinct draws).Length 10 "differently for each generator"

                for budget in [ 0L; 1L <<< 30 ] do
                    let cached = loadAt (FeatureCache(folder, MemoryBytes = budget))
                    Expect.equal [ for seed in 1UL .. 20UL -> speedsOf (drawn cached seed) ] draws "from the cache"
                    Expect.equal (entries folder).Length 15 "entries")
        }

        test "a changed recording and another preset are computed anew" {
            withCorpus (fun utterances folder ->
                load utterances (FeatureCache folder) |> ignore<SpeechDataset>

                for utterance in utterances do
                    spoil utterance.AudioPath

                File.SetLastWriteTimeUtc(utterances[2].AudioPath, DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc))
                let plain, cached = load utterances null, load utterances (FeatureCache folder)

                for i in 0..4 do
                    Expect.equal
                        (featuresOf cached i = featuresOf plain i)
                        (i = 2)
                        $"only what changed is computed anew; {i}"


                for preset in [ FeaturePreset.Mfcc 13; FeaturePreset.Mfcc(13, deltas = 1); FeaturePreset.LogMel 28 ] do
                    let other = FeatureExtractor preset

                    let data =
                        SpeechDataset.Load(
                            utterances,
                            other,
                            PhoneInventory.Arpabet,
                            Pronouncer [],
                            cache = FeatureCache folder
                        )

                    Expect.equal data.Features preset.Width "features"
                    Expect.equal (featuresOf data 0).Length (preset.Width * plain.Frames 0) "their own entries")
        }

        test "torn, damaged and exchanged entries are recognised and replaced" {
            withCorpus (fun utterances folder ->
                let plain = load utterances null
                load utterances (FeatureCache folder) |> expectSame plain

                let changes: (byte[] -> byte[]) list = [
                    fun bytes -> bytes[.. bytes.Length - 2]
                    fun _ -> [||]
                    fun bytes -> Array.append bytes [| 0uy |]
                    fun bytes -> bytes |> Array.mapi (fun i b -> if i = bytes.Length - 7 then b ^^^ 1uy else b)
                    fun bytes -> bytes |> Array.mapi (fun i b -> if i = 10 then b ^^^ 1uy else b)
                    fun bytes -> Array.append bytes[..79] (Array.zeroCreate (bytes.Length - 80))
                    fun _ -> entries folder |> Array.head |> File.ReadAllBytes
                ]

                for number, change in List.indexed changes do
                    for budget in [ 0L; 1L <<< 30 ] do
                        let path = (entries folder)[4]
                        File.WriteAllBytes(path, change (File.ReadAllBytes path))
                        load utterances (FeatureCache(folder, MemoryBytes = budget)) |> expectSame plain
                        // What was put right is used again, although the recordings are other ones by now.
                        let stamps = [ for utterance in utterances -> File.ReadAllBytes utterance.AudioPath ]

                        for utterance in utterances do
                            spoil utterance.AudioPath

                        load utterances (FeatureCache folder) |> expectSame plain

                        for utterance in utterances do
                            spoil utterance.AudioPath

                        Expect.equal
                            [ for utterance in utterances -> File.ReadAllBytes utterance.AudioPath ]
                            stamps
                            $"change {number}")
        }

        test "a folder that cannot be written costs time only, and is said once" {
            withCorpus (fun utterances folder ->
                File.WriteAllText(folder, "in the way")
                let cache = FeatureCache(Path.Combine(folder, "below"), MemoryBytes = 0L)
                load utterances cache |> expectSame (load utterances null)
                Expect.stringContains (string cache.Problem) folder "problem"
                Expect.stringContains (string cache.Problem) "HYBRID_CACHE" "remedy")
        }

        test "entries that vanish are computed anew; recordings that change meanwhile are named" {
            withCorpus (fun utterances folder ->
                let plain = load utterances null
                let data = load utterances (FeatureCache(folder, MemoryBytes = 0L))
                Directory.Delete(folder, true)
                expectSame plain data
                Directory.Delete(folder, true)
                File.SetLastWriteTimeUtc(utterances[3].AudioPath, DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc))
                let error = Expect.throwsC (fun () -> featuresOf data 3 |> ignore) id
                Expect.isTrue (error :? IOException) $"{error}"
                Expect.stringContains error.Message $"{utterances[3].AudioPath} has changed" "message")
        }

        test "reading features from disk takes no memory of their size" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "long.wav")
                AudioClip(Array.init 1_600_000 (fun i -> 0.1f * sin (0.01f * float32 i)), 16000).WriteWav path

                let data =
                    load
                        [| Utterance("long", path, "", "", null, [| "AA" |]) |]
                        (FeatureCache(Path.Combine(folder, "cache"), MemoryBytes = 0L))

                let features = Array.zeroCreate<float32>(data.Frames 0 * data.Features)
                data.CopyFeatures(0, features)
                let before = GC.GetAllocatedBytesForCurrentThread()

                for _ in 1..10 do
                    data.CopyFeatures(0, features)

                let allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / 10L
                Expect.isGreaterThan (4 * features.Length) 1_000_000 "the features are large"
                Expect.isLessThan allocated 5_000L "bytes allocated")
        }

        test "threads that keep the same features do not disturb each other" {
            withCorpus (fun utterances folder ->
                let plain = load utterances null

                let same =
                    Array.replicate 20 utterances
                    |> Array.concat
                    |> Array.mapi (fun i u -> Utterance($"{i}", u.AudioPath, "", "", null, u.Phones))

                let cache = FeatureCache folder
                let data = load same cache
                Expect.isNull cache.Problem "problem"

                for i in 0 .. data.Count - 1 do
                    Expect.sequenceEqual (featuresOf data i) (featuresOf plain (i % 5)) $"{i}"

                Expect.equal (entries folder).Length 5 "entries, and nothing left beside them")
        }

        test "the default place follows from the environment" {
            let before = Environment.GetEnvironmentVariable FeatureCache.Variable

            try
                Environment.SetEnvironmentVariable(FeatureCache.Variable, Path.Combine("/tmp", "mine"))
                Expect.equal FeatureCache.Default.Folder (Path.Combine("/tmp", "mine", "features")) "named"
                Environment.SetEnvironmentVariable(FeatureCache.Variable, null)
                let folder = FeatureCache.Default.Folder
                Expect.isTrue (Path.IsPathRooted folder && folder.EndsWith(Path.Combine("hybrid", "features"))) folder
            finally
                Environment.SetEnvironmentVariable(FeatureCache.Variable, before)
        }
    ]
