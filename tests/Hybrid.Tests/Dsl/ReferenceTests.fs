/// docs/dsl.md lists every word of the DSL and no other.
module Hybrid.Tests.ReferenceTests

open System.IO
open System.Reflection
open System.Text.RegularExpressions
open Expecto
open Hybrid.Dsl

/// The words of classes of static members, operations of builders, and modules.
let private words =
    let statics (kind: System.Type) = [
        for m in kind.GetMembers(BindingFlags.Public ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly) do
            match m with
            | :? MethodInfo as m when not m.IsSpecialName -> m.Name
            | :? PropertyInfo as p -> p.Name
            | _ -> ()
    ]

    let operations (kind: System.Type) = [
        for m in kind.GetMethods() do
            for operation in m.GetCustomAttributes<CustomOperationAttribute>() do
                operation.Name
    ]

    let modules = [ "ArchitectureBuilders"; "TrainingBuilders" ]
    let ofModule (name: string) = statics (typeof<Architecture>.Assembly.GetType($"Hybrid.Dsl.{name}", true) |> nonNull)

    statics typeof<Layers>
    @ statics typeof<FeatureWords>
    @ statics typeof<Schedules>
    @ List.collect statics [ typeof<Run>; typeof<Inspection>; typeof<Charts> ]
    @ operations typeof<TrainingBuilder>
    @ List.collect ofModule modules
    |> Set.ofList

[<Tests>]
let tests =
    testList "reference" [
        test "every word is in docs/dsl.md, and every word there exists" {
            // The first column of its tables.
            let documented =
                Set [
                    for line in File.ReadAllLines(Path.Combine(TestSettings.root, "docs", "dsl.md")) do
                        let row = Regex.Match(line, @"^\| `(\w+)")

                        if row.Success then
                            row.Groups[1].Value
                ]

            Expect.isEmpty (Set.difference words documented) "words that docs/dsl.md lacks"
            Expect.isEmpty (Set.difference documented words) "words that do not exist"
        }

        test "every named setting is in the row of its word" {
            let rows = File.ReadAllLines(Path.Combine(TestSettings.root, "docs", "dsl.md"))

            for kind in [ typeof<Layers>; typeof<Schedules>; typeof<Run>; typeof<Inspection>; typeof<Charts> ] do
                for m in kind.GetMethods(BindingFlags.Public ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly) do
                    if not m.IsSpecialName then
                        let row =
                            rows
                            |> Array.filter (fun line -> Regex.IsMatch(line, $@"^\| `{m.Name}\b"))
                            |> String.concat "\n"

                        for p in m.GetParameters() do
                            let name = nonNull p.Name

                            if name <> "_byName" then
                                Expect.isTrue (Regex.IsMatch(row, $@"\b{name}\b")) $"{m.Name}: {name}"
        }

        test "a builder has operations or blocks, never both" {
            for builder in typeof<Architecture>.Assembly.GetTypes() |> Array.filter _.Name.EndsWith("Builder") do
                let methods = builder.GetMethods()

                let operations =
                    methods
                    |> Array.exists (fun m -> m.GetCustomAttributes<CustomOperationAttribute>() |> Seq.isEmpty |> not)
                // For and similar members of the schedule builder only raise compiler errors.
                let loops =
                    methods
                    |> Array.exists (fun m ->
                        m.Name = "For" && isNull (m.GetCustomAttribute<CompilerMessageAttribute>()))

                Expect.isFalse (operations && loops) builder.Name
        }
    ]
