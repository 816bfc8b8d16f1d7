/// Loops of a team of threads: every index once, wherever the loop is started.
module Hybrid.Tests.ThreadTeamTests

open System
open System.Collections
open System.Runtime.CompilerServices
open System.Threading
open Expecto
open Hybrid.Core

let private teams = [ 1; 2; 8 ]

let private run (team: ThreadTeam) count state (work: TeamWork<int>) = team.For(count, &state, work)

/// A loop whose body is a closure: the state, which is there to spare closures, goes unused.
let private loop team count (body: int -> unit) = run team count 0 (TeamWork(fun _ i -> body i))

/// Runs a loop that counts how often each index is visited.
let private visits team count =
    let seen = Array.zeroCreate<int> count
    loop team count (fun i -> Interlocked.Increment(&seen[i]) |> ignore<int>)
    seen

let private expectOnce seen name = Expect.all seen ((=) 1) $"%s{name}: visits of each index"

exception private Failure of index: int

/// The threads that take part in loops of a team, without the calling one.
let private threadsOf (team: ThreadTeam) =
    let found = Concurrent.ConcurrentDictionary<Thread, bool>()

    for _ in 1..200 do
        if found.Count < team.Threads then
            loop team (8 * team.Threads) (fun _ ->
                found[Thread.CurrentThread] <- true
                Thread.Sleep 1)

    [
        for thread in found.Keys do
            if thread <> Thread.CurrentThread then
                thread
    ]

/// The threads of a team to which nothing refers afterwards.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private threadsOfCollected () = threadsOf (new ThreadTeam(4))

let private expectEnded (threads: Thread list) name =
    for thread in threads do
        Expect.isTrue (thread.Join(TimeSpan.FromSeconds 20.0)) $"%s{name}: {thread.Name} has ended"

[<Tests>]
let threadTeam =
    testList "ThreadTeam" [
        test "every index is visited once, for any number of threads and indices" {
            for threads in teams do
                let team = ThreadTeam threads
                Expect.equal team.Threads threads "threads"

                for count in [ 0; 1; 2; 7; 8; 9; 1000 ] do
                    for round in 1..5 do
                        expectOnce (visits team count) $"{threads} threads, {count} indices, round {round}"
        }
        test "indices that take different times are all done when the loop returns" {
            for threads in teams do
                let finished = Array.zeroCreate<bool> 40

                loop (ThreadTeam threads) 40 (fun i ->
                    Thread.SpinWait(i * 7919 % 50_000)
                    finished[i] <- true)

                Expect.all finished id $"{threads} threads"
        }
        test "every index gets the caller's state" {
            for threads in teams do
                let seen = Array.zeroCreate<int> 100
                run (ThreadTeam threads) 100 17 (TeamWork(fun state i -> seen[i] <- state))
                Expect.all seen ((=) 17) $"{threads} threads"
        }
        test "a loop inside a loop visits every pair once" {
            for threads in teams do
                let team = ThreadTeam threads
                let seen = Array.zeroCreate<int>(20 * 30)

                loop team 20 (fun i -> loop team 30 (fun j -> Interlocked.Increment(&seen[i * 30 + j]) |> ignore<int>))

                expectOnce seen $"{threads} threads"
        }
        test "several callers share a team" {
            for threads in teams do
                let team = ThreadTeam threads
                let problems = Array.zeroCreate<int> 4

                let call caller () =
                    for _ in 1..50 do
                        if visits team 25 |> Array.exists ((<>) 1) then
                            problems[caller] <- problems[caller] + 1

                let callers = [ for caller in 0..3 -> Thread(call caller) ]

                for caller in callers do
                    caller.Start()

                for caller in callers do
                    caller.Join()

                Expect.all problems ((=) 0) $"{threads} threads: loops of each caller that missed an index"
        }
        test "an exception arrives unchanged for any number of threads, and the team remains usable" {
            for threads in teams do
                let team = ThreadTeam threads

                for round in 1..5 do
                    Expect.throwsC
                        (fun () ->
                            loop team 50 (fun i ->
                                if i = 13 then
                                    raise (Failure i)))
                        (fun error -> Expect.equal error (Failure 13) $"{threads} threads, round {round}")

                    expectOnce (visits team 100) $"{threads} threads, after failure {round}"
        }
        test "an exception inside an inner loop arrives outside" {
            for threads in teams do
                let team = ThreadTeam threads

                Expect.throwsT<Failure>
                    (fun () ->
                        loop team 4 (fun i ->
                            loop team 4 (fun j ->
                                if i = 2 && j = 3 then
                                    raise (Failure j))))
                    $"{threads} threads"
        }
        test "threads end when the team is disposed of, once or twice" {
            for threads in teams do
                let team = new ThreadTeam(threads)
                let workers = threadsOf team
                team.Dispose()
                team.Dispose()
                expectEnded workers $"{threads} threads"
        }
        test "threads end when nothing refers to the team" {
            let workers = threadsOfCollected ()
            Expect.isNonEmpty workers "threads besides the calling one"

            for _ in 1..20 do
                if workers |> List.exists _.IsAlive then
                    GC.Collect()
                    GC.WaitForPendingFinalizers()
                    Thread.Sleep 50

            expectEnded workers "a collected team"
        }
        test "a team that was disposed of runs no loop" {
            for threads in teams do
                let team = new ThreadTeam(threads)
                team.Dispose()

                for count in [ 0; 1; 20 ] do
                    Expect.throwsT<ObjectDisposedException>
                        (fun () -> loop team count ignore)
                        $"{threads} threads, {count} indices"
        }
        test "a loop that disposes of its team is completed" {
            for threads in teams do
                let team = new ThreadTeam(threads)
                let seen = Array.zeroCreate<int> 200

                loop team 200 (fun i ->
                    if i % 50 = 0 then
                        team.Dispose()

                    Interlocked.Increment(&seen[i]) |> ignore<int>)

                expectOnce seen $"{threads} threads"
        }
        test "the default team is shared: disposing of it has no effect" {
            ThreadTeam.Default.Dispose()
            expectOnce (visits ThreadTeam.Default 100) "after Dispose"
        }
        test "a team has at least one thread and at most 1024" {
            for threads in [ -1; 0; 1025 ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> ThreadTeam threads |> ignore<ThreadTeam>)
                    $"{threads} threads"
        }
    ]

// Alone, because what all threads of the process allocate is counted.
[<Tests>]
let allocation =
    testSequenced
    <| test "ThreadTeam: a loop allocates nothing" {
        for threads in teams do
            let team = ThreadTeam threads
            let seen = Array.zeroCreate<int> 64
            let work = TeamWork(fun state i -> seen[i] <- seen[i] + state)

            let allocated () =
                let before = GC.GetTotalAllocatedBytes true

                for _ in 1..20 do
                    run team 64 1 work

                GC.GetTotalAllocatedBytes true - before

            allocated () |> ignore<int64>
            // Something else in the process may allocate in one round, not in all.
            Expect.equal (List.min [ for _ in 1..5 -> allocated () ]) 0L $"{threads} threads: bytes in 20 loops"
    }
