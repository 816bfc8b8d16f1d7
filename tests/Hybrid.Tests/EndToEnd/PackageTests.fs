/// The packages, restored from a folder into projects outside this repository.
module Hybrid.Tests.PackageTests

open System
open System.IO
open System.IO.Compression
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open System.Text
open System.Xml.Linq
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

let private outputOf finished = (expectSuccess finished).Output

/// The version of all packages.
let private version =
    XDocument.Load(Path.Combine(root, "Directory.Build.props")).Descendants "Version"
    |> Seq.exactlyOne
    |> _.Value

/// Environment variables for NuGet: packages of this machine as a fallback, and a separate folder for new ones, because
/// an earlier build of the same version must not be used.
let private variables folder =
    let home = Environment.GetFolderPath Environment.SpecialFolder.UserProfile

    let known =
        match Environment.GetEnvironmentVariable "NUGET_PACKAGES" with
        | null
        | "" -> Path.Combine(home, ".nuget", "packages")
        | path -> path

    [ "NUGET_PACKAGES", Path.Combine(folder, "cache"); "NUGET_FALLBACK_PACKAGES", known ]

let private limit = TimeSpan.FromMinutes 10.0

let private project =
    $"""<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Hybrid.Speech" Version="{version}" />
  </ItemGroup>
</Project>
"""

/// Fails unless a package has README, licence and, where the sources are a git clone, the commit it was built from.
let private describesItself (package: string) =
    use archive = ZipFile.OpenRead package
    let entry (ending: string) = archive.Entries |> Seq.find _.FullName.EndsWith(ending)
    let nuspec = XDocument.Load(entry(".nuspec").Open())
    let element name = nuspec.Descendants() |> Seq.tryFind (fun e -> e.Name.LocalName = name)

    let text (name: string) =
        use reader = new StreamReader(entry(name).Open())
        reader.ReadToEnd()

    let readme = text "README.md"
    Expect.isGreaterThan readme.Length 100 $"README of {package}"

    for link in Markdown.linksIn readme do
        Expect.isTrue (link.StartsWith("https://", StringComparison.Ordinal)) $"{package}: {link} is not absolute"

    // Packages with the model name its data.
    if not (package.Contains "Hybrid.Core") then
        Expect.stringContains (text "NOTICES.md") "LibriSpeech" $"notices of {package}"

    Expect.isSome (element "tags") $"tags of {package}"
    Expect.equal (element "license" |> Option.map _.Value) (Some "MIT") $"licence of {package}"

    if Path.Exists(Path.Combine(root, ".git")) then
        let commit = element "repository" |> Option.bind (fun e -> Option.ofObj (e.Attribute "commit"))
        Expect.equal (commit |> Option.map _.Value.Length) (Some 40) $"commit of {package}"

        // SourceLink writes the URL of the clone's remote.
        if File.ReadAllText(Path.Combine(root, ".git", "config")).Contains "[remote" then
            let url = element "repository" |> Option.bind (fun e -> Option.ofObj (e.Attribute "url"))
            Expect.isSome url $"URL of {package}"

/// Adds the library to a new project from the folder alone, with an empty package cache and without network, and runs
/// it.
let private withEmptyCache (folder: string) (packages: string) =
    let app = Path.Combine(folder, "empty-cache")
    Directory.CreateDirectory app |> ignore

    File.WriteAllText(
        Path.Combine(app, "app.csproj"),
        "<Project Sdk=\"Microsoft.NET.Sdk\"><PropertyGroup><OutputType>Exe</OutputType>"
        + "<TargetFramework>net10.0</TargetFramework><UseAppHost>false</UseAppHost>"
        + "<TreatWarningsAsErrors>true</TreatWarningsAsErrors></PropertyGroup></Project>"
    )

    File.WriteAllText(
        Path.Combine(app, "Program.cs"),
        "System.Console.WriteLine(Hybrid.Speech.SpeechModel.Default.Inventory.Count);"
    )

    // No other source is known: a package that the folder lacks would be missing.
    File.WriteAllText(
        Path.Combine(app, "nuget.config"),
        "<configuration><packageSources><clear /></packageSources></configuration>"
    )

    let variables = [ "NUGET_PACKAGES", Path.Combine(app, "cache"); "NUGET_FALLBACK_PACKAGES", "" ]
    let run arguments = dotnetWithin limit variables app arguments |> outputOf

    run [ "add"; "package"; "Hybrid.Speech"; "--version"; version; "--source"; packages ] |> ignore
    Expect.equal ((run [ "run"; "--no-restore" ]).Trim()) "41" "the model of the package"

/// Paths of sources that an assembly names: its symbol file as the compiler wrote it, and the documents of the symbols.
let private sourcePaths (assembly: string) = [
    use reader = new PEReader(File.OpenRead assembly)

    for entry in reader.ReadDebugDirectory() do
        if entry.Type = DebugDirectoryEntryType.CodeView then
            reader.ReadCodeViewDebugDirectoryData(entry).Path

    use symbols =
        MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(assembly.Replace(".dll", ".pdb")))

    let symbols = symbols.GetMetadataReader()

    for document in symbols.Documents do
        symbols.GetString(symbols.GetDocument(document).Name)
]

[<Tests>]
let tests =
    testList "packages" [
        // The F# compiler writes real paths into quoted expressions, of which the verbs of hybrid.dll have many: it is
        // not searched byte by byte.
        for name in [ "Hybrid.Core"; "Hybrid.Speech"; "Hybrid.Dsl"; "hybrid" ] do
            let hasQuotations = (name = "hybrid")

            test $"{name} and its symbols do not depend on the builder's path" {
                if AppContext.BaseDirectory.Contains "Debug" then
                    skiptest "a debugger needs the paths"

                let assembly = Path.Combine(AppContext.BaseDirectory, $"{name}.dll")
                let paths = sourcePaths assembly
                Expect.isGreaterThan paths.Length 2 "symbol file and sources"
                Expect.all paths (fun path -> path.StartsWith("/_", StringComparison.Ordinal)) $"{name}: mapped paths"

                if not hasQuotations then
                    let found = File.ReadAllBytes(assembly).AsSpan().IndexOf(ReadOnlySpan(Encoding.UTF8.GetBytes root))
                    Expect.equal found -1 $"the path {root} in {assembly}"
            }

        longTest "libraries, DSL and tool are restored from a folder and run" (fun () ->
            withFolder (fun folder ->
                let packages = Path.Combine(folder, "packages")

                dotnetWithin limit [] root [ "pack"; "Hybrid.sln"; "-c"; "Release"; "-o"; packages; "-m:1" ]
                |> expectSuccess
                |> ignore

                let libraries = [ "Hybrid.Core"; "Hybrid.Dsl"; "Hybrid.Speech"; "hybrid" ]

                let files = Set [ for file in Directory.GetFiles packages -> string (Path.GetFileName file) ]

                let own =
                    Set [
                        for name in libraries do
                            for kind in [ "nupkg"; "snupkg" ] -> $"{name}.{version}.{kind}"
                    ]

                Expect.isEmpty (Set.difference own files) "packages and symbols"
                let others = Set.difference files own
                Expect.isTrue (others |> Set.exists _.StartsWith("system.numerics.tensors.")) $"the closure: {others}"
                Expect.isFalse (others |> Set.exists _.StartsWith("argu.")) "a tool contains its own"
                withEmptyCache folder packages

                for name in libraries do
                    describesItself (Path.Combine(packages, $"{name}.{version}.nupkg"))

                let wav, _ = CSharpTests.speak folder
                File.Copy(wav, Path.Combine(folder, "recording.wav"))
                let variables = variables folder

                let expected =
                    Hybrid.Speech.Recognizer.Load(CSharpTests.model).Recognize(Hybrid.Speech.AudioClip.Read wav)

                // An empty C# project with the program of the README.
                let app = Path.Combine(folder, "app")
                Directory.CreateDirectory app |> ignore
                File.WriteAllText(Path.Combine(app, "app.csproj"), project)

                File.Copy(
                    Path.Combine(root, "tests", "Interop.Readme", "Program.cs"),
                    Path.Combine(app, "Program.cs")
                )

                File.WriteAllText(
                    Path.Combine(app, "nuget.config"),
                    $"<configuration><packageSources><add key=\"here\" value=\"{packages}\" />"
                    + "</packageSources></configuration>"
                )

                let output = dotnetWithin limit variables folder [ "run"; "--project"; app ] |> outputOf
                let byDefault = Hybrid.Speech.Recognizer.Default.Recognize(Hybrid.Speech.AudioClip.Read wav)
                Expect.equal (output.Trim().Split('\n').Length) byDefault.Phones.Count "a line for each phone"

                // FSI with the package by its name.
                let script = [
                    $"#i @\"nuget: {packages}\""
                    $"#r \"nuget: Hybrid.Dsl, {version}\""
                    "open Hybrid.Dsl"
                    "open Hybrid.Speech"
                    $"printfn \"%%O\" (recognize (SpeechModel.Load @\"{CSharpTests.model}\", @\"{wav}\"))"
                ]

                File.WriteAllLines(Path.Combine(folder, "script.fsx"), script)
                let output = dotnetWithin limit variables folder [ "fsi"; "script.fsx" ] |> outputOf
                Expect.stringContains output (string expected) "FSI"

                // The package loads the printers.
                let lines =
                    List.map (fun line -> line + ";;") (List.take 3 script)
                    @ [
                        "summary ({ Features = Recipes.tiny.Features; Network = Recipes.tiny.Network }, seconds = 3);;"
                        "#quit;;"
                    ]

                let output =
                    dotnetReading (String.concat "\n" lines + "\n") limit variables folder [ "fsi"; "--nologo" ]
                    |> outputOf

                Expect.stringContains output "layer" "header"
                Expect.stringContains output "output for 3 s" "a table, not a record"

                // The tool.
                let tools = Path.Combine(folder, "tools")

                dotnetWithin limit variables folder [
                    "tool"
                    "install"
                    "hybrid"
                    "--tool-path"
                    tools
                    "--add-source"
                    packages
                    "--version"
                    version
                ]
                |> expectSuccess
                |> ignore

                let tool = Directory.GetFiles(tools, "hybrid.dll", SearchOption.AllDirectories) |> Array.exactlyOne

                let output =
                    dotnet folder [ tool; "recognize"; "--model"; CSharpTests.model; "recording.wav" ] |> outputOf

                Expect.equal (output.Trim()) $"recording.wav: {expected}" "tool"))
    ]
