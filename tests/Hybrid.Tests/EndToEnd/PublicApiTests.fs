/// The public API is as committed, documented, and free of F# types in the C# assemblies.
module Hybrid.Tests.PublicApiTests

open System
open System.IO
open System.Reflection
open System.Runtime.CompilerServices
open System.Xml.Linq
open Expecto

/// The number of summaries per name in the documentation of an assembly; overloads share a name.
let private summaries (assembly: Assembly) =
    let documentation = XDocument.Load(nonNull (Path.ChangeExtension(assembly.Location, ".xml")))

    documentation.Descendants(XName.Get "member")
    |> Seq.filter (fun m ->
        m.Elements()
        |> Seq.exists (fun e -> e.Name.LocalName = "inheritdoc" || not (String.IsNullOrWhiteSpace e.Value)))
    |> Seq.map (fun m -> (nonNull (m.Attribute(XName.Get "name"))).Value)
    |> Seq.map (fun name -> (name.Split('(')[0]).Split("``")[0])
    |> Seq.countBy id
    |> Map.ofSeq

/// The name of a type as in the documentation file.
let private nameOf (kind: Type) = (nonNull kind.FullName).Replace('+', '.')

/// Builder members that only the compiler calls.
let private plumbing = Set [ "Yield"; "Zero"; "Combine"; "Delay"; "For"; "Run" ]

/// Types and members of an F# assembly that are not generated.
let private written (assembly: Assembly) = [
    let flags =
        BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly

    let isUnion (kind: Type) = Reflection.FSharpType.IsUnion kind
    // The fields of an exception are documented at its declaration.
    let isPlain (kind: Type) = not (isUnion kind || Reflection.FSharpType.IsExceptionRepresentation kind)

    for kind in assembly.GetExportedTypes() do
        if not (kind.IsDefined(typeof<CompilerGeneratedAttribute>, false)) && not (kind.Name.Contains '@') then
            // A union case is documented in the union.
            if isNull kind.DeclaringType || not (isUnion (nonNull kind.DeclaringType)) then
                yield $"T:{nameOf kind}"

                for m in kind.GetMembers flags do
                    match m with
                    | _ when m.IsDefined(typeof<CompilerGeneratedAttribute>, false) || m.Name.Contains '@' -> ()
                    // Members that only raise a compiler error document themselves.
                    | _ when m.IsDefined(typeof<CompilerMessageAttribute>, false) -> ()
                    | :? MethodInfo as m when
                        m.IsSpecialName
                        || m.GetBaseDefinition() <> m
                        || isUnion kind && m.Name.StartsWith "New"
                        || kind.Name.EndsWith "Builder" && plumbing.Contains m.Name
                        ->
                        ()
                    | :? MethodInfo as m -> yield $"M:{nameOf kind}.{m.Name}"
                    | :? PropertyInfo as p when isPlain kind -> yield $"P:{nameOf kind}.{p.Name}"
                    | _ -> ()
]

[<Tests>]
let tests =
    testList "public surface" [
        for assembly in PublicApi.assemblies do
            let name = assembly.GetName().Name

            test $"{name} is as in docs/api" {
                let now = PublicApi.lines assembly
                let then' = File.ReadAllLines(PublicApi.file assembly) |> List.ofArray

                let differences =
                    List.map (sprintf "new: %s") (List.except then' now)
                    @ List.map (sprintf "removed: %s") (List.except now then')

                let remedy =
                    "if the change is intended, run: dotnet run -c Release --project tests/Hybrid.Tests -- --update-api"

                Expect.isEmpty differences ("\n" + String.concat "\n" (remedy :: differences))
            }

        for assembly in [ typeof<Hybrid.Core.Workspace>.Assembly; typeof<Hybrid.Speech.Recognizer>.Assembly ] do
            test $"{assembly.GetName().Name} does not reference F#" {
                let references = [ for reference in assembly.GetReferencedAssemblies() -> string reference.Name ]

                Expect.isEmpty
                    (references |> List.filter (fun r -> r.StartsWith "FSharp" || r.StartsWith "Hybrid.Dsl"))
                    "references: no signature can name a type of F#"
            }

        for assembly in [ typeof<Hybrid.Dsl.Architecture>.Assembly; typeof<Hybrid.Cli.Arguments.Verb>.Assembly ] do
            test $"everything public in {assembly.GetName().Name} is documented" {
                let documented = summaries assembly

                let missing = [
                    for name, count in List.countBy id (written assembly) do
                        if (documented.TryFind name |> Option.defaultValue 0) < count then
                            name
                ]

                Expect.isEmpty missing ("\n" + String.concat "\n" missing)
            }
    ]
