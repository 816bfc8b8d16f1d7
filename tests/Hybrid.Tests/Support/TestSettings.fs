/// The two tiers of tests, and where things are.
module Hybrid.Tests.TestSettings

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp

/// Whether the long tier runs too: `--all` on the command line.
let mutable all = false

/// A test of the long tier.
let longTest name body = testCase name (fun () -> if all then body () else skiptest "only with --all")

/// A property of values that FsCheck draws, `count` of them: the same ones each time in the quick tier, ten times as many and
/// new ones in the long one. A failure names the seed.
let property name count (values: Arbitrary<'value>) (holds: 'value -> unit) =
    testCase name (fun () ->
        let config =
            let quiet = Config.QuickThrowOnFailure.WithQuietOnSuccess true

            if all then
                quiet.WithMaxTest(10 * count)
            else
                quiet.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(1UL, 1UL); Size = None })

        Check.One(config, Prop.forAll values holds))

/// The root of the repository.
let root =
    let rec up (folder: DirectoryInfo | null) =
        match folder with
        | null -> failwith "the tests do not lie in the repository"
        | folder when File.Exists(Path.Combine(folder.FullName, "Hybrid.sln")) -> folder.FullName
        | folder -> up folder.Parent

    up (DirectoryInfo AppContext.BaseDirectory)

/// Reference data that only developers have: a path below the shared folder, or the test is skipped.
let shared (path: string) =
    let folder =
        match Environment.GetEnvironmentVariable "HYBRID_SHARED" with
        | null
        | "" -> Path.Combine(root, "..", "shared")
        | folder -> folder

    let full = Path.Combine(folder, path)

    if File.Exists full || Directory.Exists full then
        full
    else
        skiptest $"{path} is not there: set HYBRID_SHARED"

/// Runs a body with a fresh folder that is deleted afterwards.
let withFolder (body: string -> 'result) =
    let folder = Directory.CreateTempSubdirectory("hybrid-test-").FullName

    try
        body folder
    finally
        Directory.Delete(folder, true)
