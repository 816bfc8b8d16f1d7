/// Memory of a recogniser under concurrent calls: bounded while they run, released afterwards, without effect on
/// results.
module Hybrid.Tests.RecognizerMemoryTests

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private rent (pool: WorkspacePool) frames = pool.RentAsync(frames, 0L, CancellationToken.None)

/// Whether a request is granted; a continuation may take a moment.
let private isGranted (request: Task<WorkspacePool.Lease>) = request.Wait 2000

let private waits (request: Task<WorkspacePool.Lease>) = not (request.Wait 20)

/// A pass of this many bytes.
let private run (lease: WorkspacePool.Lease) (bytes: int) =
    lease.Workspace.Reset()
    lease.Workspace.Rent<byte> bytes |> ignore
    lease.Measure()

/// A pool that has measured 1000 bytes per frame.
let private measured maxWorking maxIdle =
    let pool = WorkspacePool(null, MaxWorkingBytes = maxWorking, MaxIdleBytes = maxIdle)
    use lease = pool.Rent(1000, 0L, CancellationToken.None)
    run lease 1_000_000
    pool

let private noise seconds (seed: uint64) =
    let random = CounterRandom(seed).Stream()
    AudioClip(Array.init (int (seconds * 16000.0)) (fun _ -> float32 (0.1 * random.Normal())), 16000)

let private json (recognizer: Recognizer) (clip: AudioClip) =
    ResultJson.Recognitions [| struct ("a", recognizer.Recognize clip) |]

/// The results of clips that are recognised at the same time, each on its own thread.
let private atOnce (recognizer: Recognizer) (clips: AudioClip list) =
    let results = Array.create clips.Length ""

    let threads = [ for i, clip in List.indexed clips -> Thread(fun () -> results[i] <- json recognizer clip) ]

    threads |> List.iter _.Start()
    threads |> List.iter _.Join()
    List.ofArray results

[<Tests>]
let pool =
    testList "workspace pool" [
        test "passes beyond the limit wait, in the order of their requests" {
            let pool = measured 3_000_000L 0L
            let first, second = rent pool 1000, rent pool 1500
            let third, fourth = rent pool 2000, rent pool 10
            Expect.isTrue (isGranted first && isGranted second) "2.5 MB"
            Expect.isTrue (waits third && waits fourth) "a small request does not overtake"
            first.Result.Dispose()
            Expect.isTrue (waits third) "1.5 + 2 MB"
            second.Result.Dispose()
            Expect.isTrue (third.Result.Bytes = 2_000_000L && isGranted fourth) "2 MB and the small one"
            Expect.equal pool.PeakWorkingBytes 2_500_000L "peak"
        }

        test "passes run one at a time until one is measured" {
            let pool = WorkspacePool(null, MaxWorkingBytes = 3_000_000L)
            let first, second = rent pool 10, rent pool 10
            Expect.isTrue (isGranted first && waits second) "not measured"
            run first.Result 10_000
            Expect.isTrue (isGranted second) "measured"
        }

        test "a pass larger than the limit runs when no other one does" {
            let pool = measured 3_000_000L 0L
            let small, large = rent pool 1, rent pool 10_000
            Expect.isTrue (waits large) "another one runs"
            small.Result.Dispose()
            Expect.equal large.Result.Bytes 10_000_000L "alone"
            Expect.isTrue (waits (rent pool 1)) "the next one waits"
        }

        test "other memory of a pass counts" {
            let pool = measured 3_000_000L 0L
            let first = pool.RentAsync(1, 2_500_000L, CancellationToken.None)
            Expect.isTrue (waits (rent pool 1000)) "2.5 + 1 MB"
            run first.Result 1000
            Expect.isLessThan (abs (first.Result.Bytes - 2_501_000L)) 100_000L "with the workspace"
        }

        test "workspaces are reused, and those beyond the limit released" {
            let pool = measured 10_000_000L 2_500_000L
            Expect.equal pool.IdleBytes 1_000_000L "kept"
            let leases = [ for _ in 1..4 -> (rent pool 1000).Result ]
            Expect.equal pool.IdleBytes 0L "in use"

            for lease in leases do
                run lease 1_000_000
                lease.Dispose()
                lease.Dispose()

            Expect.equal pool.IdleBytes 2_000_000L "two of four"
            let large = (rent pool 1000).Result
            run large 5_000_000
            large.Dispose()
            Expect.equal pool.IdleBytes 1_000_000L "a large one is not kept"
        }

        test "a cancelled wait gives its place to the next one" {
            let pool = measured 3_000_000L 0L
            let first = rent pool 3000
            use source = new CancellationTokenSource()
            let second = pool.RentAsync(3000, 0L, source.Token)
            let third = Task.Run(fun () -> pool.Rent(1000, 0L, source.Token) |> ignore)
            let fourth = rent pool 1000
            source.Cancel()

            for cancelled in [ second :> Task; third ] do
                let error = Expect.throwsC (fun () -> cancelled.GetAwaiter().GetResult()) id
                Expect.isTrue (error :? OperationCanceledException) $"{error}"

            first.Result.Dispose()
            Expect.isTrue (isGranted fourth) "the next one"
        }
    ]

let private fifty = "50 clips of 155 s at a time take less than 1.5 GB, and little is kept"
let private limit = 1_500_000_000L

[<Tests>]
let recognizer =
    testList "memory of a recogniser" [
        test "concurrent results equal serial ones, within the limits" {
            let clips = [ for i in 1..16 -> noise (float (1 + i % 8)) (uint64 i) ]
            let serial = Recognizer(SpeechModel.Default, ThreadTeam 1)
            let expected = clips |> List.map (json serial)

            for working, idle in [ 20_000_000L, 1_000_000L; 0L, 0L ] do
                let recognizer = Recognizer(SpeechModel.Default, MaxWorkingBytes = working, MaxIdleBytes = idle)

                Expect.equal (atOnce recognizer clips) expected $"{working} bytes"
                Expect.isLessThanOrEqual recognizer.Workspaces.IdleBytes idle "idle"
                // An estimate may be too low by a few per cent; one pass may be larger than a limit of 0.
                Expect.isLessThan
                    recognizer.Workspaces.PeakWorkingBytes
                    (max (working + working / 4L) 25_000_000L)
                    "working"
        }

        test "calls without a thread of their own give the same" {
            withFolder (fun folder ->
                let paths = [
                    for i in 1..8 ->
                        let path = IO.Path.Combine(folder, $"{i}.wav")
                        (noise (float i) (uint64 i)).WriteWav path
                        path
                ]

                let recognizer = Recognizer(SpeechModel.Default, MaxWorkingBytes = 10_000_000L)
                let calls = [| for path in paths -> recognizer.RecognizeAsync path |]
                let results = Task.WhenAll(calls).GetAwaiter().GetResult()

                for path, result in Seq.zip paths results do
                    Expect.equal
                        (ResultJson.Recognitions [| struct ("a", result) |])
                        (json recognizer (AudioClip.Read path))
                        path)
        }

        test "invalid limits and chunks are refused" {
            expectRefusal<ArgumentOutOfRangeException, _> "-1" (fun () ->
                Recognizer(SpeechModel.Default, MaxWorkingBytes = -1L))

            expectRefusal<ArgumentOutOfRangeException, _> "-1" (fun () ->
                Recognizer(SpeechModel.Default, MaxIdleBytes = -1L))

            expectRefusal<ArgumentException, _>
                "unchunked frames is 0, must be at least 1; a chunk has -5 frames, must have at least 1; \
                the context has -1"
                (fun () -> Recognizer(SpeechModel.Default, Chunking = ChunkingOptions(0, -5, -1)))
        }

        longTest fifty (fun () ->
            if GC.GetGCMemoryInfo().TotalAvailableMemoryBytes > limit then
                // In a process whose heap has this size, what is not needed any more is collected.
                let finished =
                    Process.tests [ "DOTNET_GCHeapHardLimit", $"0x{limit:X}" ] [ "--all"; "--filter-test-case"; fifty ]
                    |> CommandLine.expectSuccess

                Expect.stringContains finished.Output "1 passed, 0 failed, 0 skipped" (string finished)
            else
                let clips = [ for i in 1..50 -> noise 155.0 (uint64 i) ]
                let recognizer = Recognizer(SpeechModel.Default)
                let before = GC.GetTotalMemory true
                let results = atOnce recognizer clips
                Expect.isLessThan (GC.GetTotalMemory true - before) 100_000_000L "kept"
                Expect.isLessThan recognizer.Workspaces.PeakWorkingBytes 300_000_000L "counted"
                Expect.equal results[0] (json recognizer clips[0]) "the same as alone")
    ]
    |> testSequenced
