/// The two tiers of tests, and paths of test data.
module Hybrid.Tests.TestSettings

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp

/// Whether the long tier runs too, by `--all` on the command line.
let mutable all = false

/// A test of the long tier.
let longTest name body = testCase name (fun () -> if all then body () else skiptest "only with --all")

/// A property of `count` values drawn by FsCheck: the same values each time in the quick tier, ten times as many new
/// ones in the long tier. A failure names the seed.
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
        | null -> failwith "the tests are not inside the repository"
        | folder when File.Exists(Path.Combine(folder.FullName, "Hybrid.sln")) -> folder.FullName
        | folder -> up folder.Parent

    up (DirectoryInfo AppContext.BaseDirectory)

/// The path of reference data in the shared folder; the test is skipped if it is missing.
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
        skiptest $"{path} is missing: set HYBRID_SHARED"

/// Runs a body with a new temporary folder, which is deleted afterwards.
let withFolder (body: string -> 'result) =
    let folder = Directory.CreateTempSubdirectory("hybrid-test-").FullName

    try
        body folder
    finally
        Directory.Delete(folder, true)
