module Hybrid.Tests.FeatureCacheTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.TestSettings

let private extractor = FeatureExtractor(FeaturePreset())

/// Five recordings of different lengths, and the folder of a cache.
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

/// Replaces the audio of a file by other audio of the same length and time.
let private replace (path: string) =
    let stamp = File.GetLastWriteTimeUtc path
    let bytes = File.ReadAllBytes path
    Array.Reverse(bytes, 44, bytes.Length - 44)
    File.WriteAllBytes(path, bytes)
    File.SetLastWriteTimeUtc(path, stamp)

let private entries folder = Directory.GetFiles(folder, "*", SearchOption.AllDirectories)

let private old = DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc)

/// Makes all entries old: those that are computed again become new.
let private age folder =
    for path in entries folder do
        File.SetLastWriteTimeUtc(path, old)

let private newEntries folder = [
    for path in entries folder do
        if File.GetLastWriteTimeUtc path <> old then
            path
]

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

                    age folder
                    let again = cache ()
                    load utterances again |> expectSame plain
                    Expect.isNull again.Problem "problem"
                    Expect.isEmpty (newEntries folder) "nothing is computed again")
            }

        test "speeds: features of the clip at that speed; the generator draws the speed; each speed is cached" {
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
                Expect.equal (speedsOf plain) [ 1; 1; 1; 1; 1 ] "recorded speed without a draw"
                let draws = [ for seed in 1UL .. 20UL -> speedsOf (drawn plain seed) ]
                Expect.equal (List.concat draws |> List.distinct |> List.sort) [ 0; 1; 2 ] "each is drawn"
                Expect.isGreaterThan (List.distinct draws).Length 10 "differently for each generator"

                for budget in [ 0L; 1L <<< 30 ] do
                    let cached = loadAt (FeatureCache(folder, MemoryBytes = budget))
                    Expect.equal [ for seed in 1UL .. 20UL -> speedsOf (drawn cached seed) ] draws "from the cache"
                    Expect.equal (entries folder).Length 15 "entries")
        }

        test "replaced audio of the same length and time, and another preset, are computed again" {
            withCorpus (fun utterances folder ->
                let before = load utterances (FeatureCache folder)
                age folder
                replace utterances[2].AudioPath
                let plain = load utterances null

                Expect.notEqual (featuresOf before 2) (featuresOf plain 2) "other audio"
                load utterances (FeatureCache folder) |> expectSame plain
                Expect.equal (newEntries folder).Length 1 "only the replaced one"

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
                    Expect.equal (featuresOf data 0).Length (preset.Width * plain.Frames 0) "separate entries")
        }

        test "contents that differ in a byte have different hashes, at any length" {
            withFolder (fun folder ->
                let random = Random 1
                let path = Path.Combine(folder, "content")
                let seen = Collections.Generic.HashSet<string>()
                let mutable count = 0

                for length in [ 1; 7; 8; 9; 31; 32; 33; 1000; 65535; 65536; 65537; 200_000 ] do
                    let bytes = Array.zeroCreate<byte> length
                    random.NextBytes bytes

                    let add (content: byte[]) =
                        File.WriteAllBytes(path, content)
                        count <- count + 1
                        Expect.isTrue (seen.Add(FeatureCache.ContentHash path)) $"{length} bytes"

                    add bytes
                    add (Array.append bytes [| 0uy |])

                    for change in 1..50 do
                        let at = random.Next length
                        add (bytes |> Array.mapi (fun i b -> if i = at then b ^^^ byte change else b))

                Expect.isGreaterThan count 500 "contents")
        }

        test "moved and copied files, and other times, keep their entries" {
            withCorpus (fun utterances folder ->
                let plain = load utterances (FeatureCache folder)
                age folder

                let moved =
                    utterances
                    |> Array.map (fun u ->
                        let path = u.AudioPath + ".moved.wav"
                        File.Copy(u.AudioPath, path)
                        File.SetLastWriteTimeUtc(path, old)
                        Utterance(u.Id, path, "", "", null, u.Phones))

                load moved (FeatureCache folder) |> expectSame plain
                Expect.isEmpty (newEntries folder) "nothing is computed again")
        }

        test "every flipped bit of a header is detected before and when features are read" {
            withCorpus (fun utterances folder ->
                let plain = load utterances[..0] null
                load utterances[..0] (FeatureCache folder) |> expectSame plain
                let path = Array.exactlyOne (entries folder)
                let intact = File.ReadAllBytes path
                let key, cache = string (Path.GetFileName path), FeatureCache folder
                let width = plain.Features
                let features = Array.zeroCreate<float32>(plain.Frames 0 * width)
                Expect.isTrue (cache.Find(key, width).HasValue && cache.TryRead(key, width, features)) "intact"
                // Key, seconds, frames, width and two checksums.
                let header = 64 + 8 + 4 + 4 + 4 + 4
                Expect.equal intact.Length (header + 4 * features.Length) "length"

                for bit in 0 .. 8 * header - 1 do
                    let bytes = Array.copy intact
                    bytes[bit / 8] <- bytes[bit / 8] ^^^ (1uy <<< (bit % 8))
                    File.WriteAllBytes(path, bytes)
                    Expect.isFalse (cache.Find(key, width).HasValue) $"bit {bit}: found"
                    Expect.isFalse (cache.TryRead(key, width, features)) $"bit {bit}: read")
        }

        test "truncated, damaged and exchanged entries are detected and replaced" {
            withCorpus (fun utterances folder ->
                let plain = load utterances null
                load utterances (FeatureCache folder) |> expectSame plain

                let changes: (byte[] -> byte[]) list = [
                    fun bytes -> bytes[.. bytes.Length - 2]
                    fun _ -> [||]
                    fun bytes -> Array.append bytes [| 0uy |]
                    fun bytes -> bytes |> Array.mapi (fun i b -> if i = bytes.Length - 7 then b ^^^ 1uy else b)
                    fun bytes -> bytes |> Array.mapi (fun i b -> if i = 10 then b ^^^ 1uy else b)
                    fun bytes -> Array.append bytes[..87] (Array.zeroCreate (bytes.Length - 88))
                    fun _ -> entries folder |> Array.head |> File.ReadAllBytes
                ]

                for number, change in List.indexed changes do
                    for budget in [ 0L; 1L <<< 30 ] do
                        let path = (entries folder)[4]
                        File.WriteAllBytes(path, change (File.ReadAllBytes path))
                        age folder
                        load utterances (FeatureCache(folder, MemoryBytes = budget)) |> expectSame plain
                        Expect.equal (newEntries folder) [ path ] $"change {number}: replaced"
                        age folder
                        load utterances (FeatureCache folder) |> expectSame plain
                        Expect.isEmpty (newEntries folder) $"change {number}: used again")
        }

        test "a folder that is not writable is reported, and features are computed each time" {
            withCorpus (fun utterances folder ->
                File.WriteAllText(folder, "in the way")
                let cache = FeatureCache(Path.Combine(folder, "below"), MemoryBytes = 0L)
                load utterances cache |> expectSame (load utterances null)
                Expect.stringContains (string cache.Problem) folder "problem"
                Expect.stringContains (string cache.Problem) "HYBRID_CACHE" "remedy")
        }

        test "deleted entries are computed again; recordings that change meanwhile are named" {
            withCorpus (fun utterances folder ->
                let plain = load utterances null
                let data = load utterances (FeatureCache(folder, MemoryBytes = 0L))
                Directory.Delete(folder, true)
                expectSame plain data
                Directory.Delete(folder, true)
                replace utterances[3].AudioPath
                let error = Expect.throwsC (fun () -> featuresOf data 3 |> ignore) id
                Expect.isTrue (error :? IOException) $"{error}"
                Expect.stringContains error.Message $"{utterances[3].AudioPath} has changed" "message")
        }

        test "reading features from disk does not allocate memory of their size" {
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

        test "threads may store the same features at the same time" {
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

                Expect.equal (entries folder).Length 5 "entries, and no temporary files")
        }

        test "the default folder depends on the environment" {
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
