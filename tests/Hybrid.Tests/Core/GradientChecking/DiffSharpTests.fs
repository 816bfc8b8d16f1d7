/// Every cell, layer and loss compared with values recorded from DiffSharp's reverse mode by tests/Hybrid.Oracles.
module Hybrid.Tests.DiffSharpTests

open Expecto
open Hybrid.Tests.Cases

let private tensors (recorded: Golden.Case) kinds : Tensors =
    Map [
        for kind in kinds do
            for name in recorded.Names kind do
                let stored = recorded.Tensor $"{kind}/{name}"
                $"{kind}/{name}", { Shape = [ for size in stored.Shape -> int size ]; Data = stored.ToDoubles() }
    ]

[<Tests>]
let tests =
    testList "DiffSharp's values" [
        let recorded = Map [ for case in Golden.cases "diffsharp" -> case.Name, case ]
        let cases = CaseList.all |> List.filter _.Recorded

        test "every case is recorded" {
            let names = cases |> List.map _.Name |> Set.ofList
            Expect.equal (Set recorded.Keys) names "cases; to record them again, see tests/Hybrid.Oracles/README.md"
        }

        for case in cases do
            match recorded.TryFind case.Name with
            | Some recorded ->
                test case.Name {
                    let results = HybridRun<float>(case, tensors recorded [ "input"; "mask"; "cotangent" ]).Results
                    let expected = tensors recorded [ "output"; "gradient" ]
                    Expect.equal (List.ofSeq results.Keys) (List.ofSeq expected.Keys) "names of results"

                    for KeyValue(name, tensor) in expected do
                        let note = GradientErrorTable.note GradientErrorTable.DiffSharp case.Name

                        Golden.expectWithin
                            Golden.share
                            1e-10
                            note
                            $"{case.Name}: {name}"
                            tensor.Data
                            results[name].Data
                }
            | None -> ()
    ]
