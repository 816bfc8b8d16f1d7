/// Work on many items: in order, on all threads, within a bound, and ended before the call returns.
module Hybrid.Tests.OrderedWorkTests

open System
open System.Threading
open Expecto
open Hybrid.Core

exception private Failure of item: int

/// Runs work for items 0, 1, ...; none of them large.
let private run (team: ThreadTeam) count (work: int -> CancellationToken -> 'result) =
    OrderedWork.Run(team, seq { 0 .. count - 1 }, work, (fun _ -> false), CancellationToken.None)

/// The greatest value that a counter had.
let private raiseTo (most: int byref) value =
    let mutable seen = Volatile.Read &most

    while value > seen do
        seen <- Interlocked.CompareExchange(&most, value, seen)

/// The number of concurrent callers, and its maximum.
type private Gauge() =
    let mutable now, most = 0, 0
    member _.Most = most
    member _.Now = Volatile.Read &now

    member _.During(work: unit -> 'result) =
        raiseTo &most (Interlocked.Increment &now)

        try
            work ()
        finally
            Interlocked.Decrement &now |> ignore

[<Tests>]
let tests =
    testList "ordered work" [
        test "results come in the order of the items, whichever ends first" {
            for threads in [ 1; 2; 8 ] do
                let delays = [| for i in 0..99 -> if i % 7 = 0 then 3 else 0 |]

                let results =
                    run (new ThreadTeam(threads)) 100 (fun i _ ->
                        Thread.Sleep delays[i]
                        i * i)
                    |> List.ofSeq

                Expect.equal results [ for i in 0..99 -> i * i ] $"{threads} threads"
        }

        test "as many items are in progress as there are threads, and no more" {
            let gauge = Gauge()
            use together = new Barrier(3)

            run (new ThreadTeam(3)) 30 (fun i _ ->
                gauge.During(fun () ->
                    // Each group of three can only pass together.
                    Expect.isTrue (together.SignalAndWait 20_000) $"item {i}"))
            |> Seq.iter ignore

            Expect.equal gauge.Most 3 "items at a time"
        }

        test "items are read ahead by a bounded number" {
            let mutable read, returned, ahead = 0, 0, 0

            let items =
                seq {
                    for i in 0..999 do
                        read <- i + 1
                        ahead <- max ahead (read - returned)
                        i
                }

            for _ in OrderedWork.Run(new ThreadTeam(2), items, (fun i _ -> i), (fun _ -> false)) do
                returned <- returned + 1

            Expect.equal (read, returned) (1000, 1000) "all"
            Expect.isLessThanOrEqual ahead 33 "items that were read and not returned"
        }

        test "large items run one at a time, beside small ones" {
            let all, large = Gauge(), Gauge()
            let isLarge i = i % 2 = 0

            let work i (_: CancellationToken) =
                all.During(fun () ->
                    if isLarge i then
                        large.During(fun () -> Thread.Sleep 2)
                    else
                        Thread.Sleep 2

                    i)

            let results = OrderedWork.Run(new ThreadTeam(3), seq { 0..39 }, work, isLarge) |> List.ofSeq
            Expect.equal results [ 0..39 ] "order"
            Expect.equal large.Most 1 "large ones"
            Expect.isGreaterThan all.Most 1 "together"
        }

        test "a failure is rethrown in its place, after the items in progress have ended" {
            let gauge = Gauge()
            let returned = ResizeArray<int>()

            let work i (_: CancellationToken) =
                gauge.During(fun () ->
                    Thread.Sleep 1

                    if i = 5 then
                        raise (Failure i)

                    i)

            Expect.throwsT<Failure> (fun () -> run (new ThreadTeam(4)) 1000 work |> Seq.iter returned.Add) "item 5"
            Expect.equal (List.ofSeq returned) [ 0..4 ] "those before it"
            Expect.equal gauge.Now 0 "none is in progress"
        }

        test "an enumeration that ends early waits for the items in progress and begins no others" {
            let mutable begun, ended = 0, 0

            let work i (token: CancellationToken) =
                Interlocked.Increment &begun |> ignore
                // Ends when the token is cancelled.
                if i > 0 then
                    token.WaitHandle.WaitOne 20_000 |> ignore

                Interlocked.Increment &ended |> ignore
                i

            Expect.equal (run (new ThreadTeam(2)) 1000 work |> Seq.head) 0 "the first"
            Expect.equal ended begun "none is in progress"
            Expect.isLessThan begun 5 "and none of the others was begun"
        }

        test "cancellation ends the enumeration" {
            for threads in [ 1; 3 ] do
                use stop = new CancellationTokenSource()
                let mutable returned = 0

                Expect.throwsT<OperationCanceledException>
                    (fun () ->
                        for _ in
                            OrderedWork.Run(
                                new ThreadTeam(threads),
                                seq { 0..999 },
                                (fun i _ -> i),
                                (fun _ -> false),
                                stop.Token
                            ) do
                            returned <- returned + 1

                            if returned = 10 then
                                stop.Cancel())
                    $"{threads} threads"

                Expect.isLessThan returned 100 "soon"
        }

        test "callers side by side run their loops alone; one that is alone shares them" {
            let team = new ThreadTeam(4)

            let threadsOfLoop () =
                let seen = Collections.Concurrent.ConcurrentDictionary<int, bool>()

                let body =
                    TeamWork(fun (_: inref<int>) _ ->
                        seen[Environment.CurrentManagedThreadId] <- true
                        Thread.Sleep 1)

                let state = 0
                team.For(40, &state, body)
                seen.Count

            team.EnterCaller()
            Expect.isGreaterThan (List.max [ for _ in 1..20 -> threadsOfLoop () ]) 1 "alone"
            team.EnterCaller()
            Expect.equal (List.max [ for _ in 1..20 -> threadsOfLoop () ]) 1 "side by side"
            team.ExitCaller()
            Expect.isGreaterThan (List.max [ for _ in 1..20 -> threadsOfLoop () ]) 1 "alone again"
            team.ExitCaller()
        }
    ]
