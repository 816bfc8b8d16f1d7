/// The packages, restored from a folder into projects outside this repository.
module Hybrid.Tests.PackageTests

open System
open System.IO
open Expecto
open Hybrid.Tests.TestSettings
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process

let private outputOf finished = (expectSuccess finished).Output

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
    """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Hybrid.Speech" Version="0.1.0" />
  </ItemGroup>
</Project>
"""

[<Tests>]
let tests =
    testList "packages" [
        longTest "libraries, DSL and tool are restored from a folder and run" (fun () ->
            withFolder (fun folder ->
                let packages = Path.Combine(folder, "packages")

                dotnetWithin limit [] root [ "pack"; "Hybrid.sln"; "-c"; "Release"; "-o"; packages; "-m:1" ]
                |> expectSuccess
                |> ignore

                let names = [ for file in Directory.GetFiles packages -> Path.GetFileName file ] |> List.sort

                Expect.equal
                    names
                    [
                        "Hybrid.Core.0.1.0.nupkg"
                        "Hybrid.Dsl.0.1.0.nupkg"
                        "Hybrid.Speech.0.1.0.nupkg"
                        "hybrid.0.1.0.nupkg"
                    ]
                    "packages"

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
                    "#r \"nuget: Hybrid.Dsl, 0.1.0\""
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
                    "0.1.0"
                ]
                |> expectSuccess
                |> ignore

                let tool = Directory.GetFiles(tools, "hybrid.dll", SearchOption.AllDirectories) |> Array.exactlyOne

                let output =
                    dotnet folder [ tool; "recognize"; "--model"; CSharpTests.model; "recording.wav" ] |> outputOf

                Expect.equal (output.Trim()) $"recording.wav: {expected}" "tool"))
    ]
