/// JSON Schema, as much of draft 2020-12 as the schema of the results uses; a keyword beyond that fails the test.
module Hybrid.Tests.Schema

open System.IO
open System.Text.Json
open Expecto
open Hybrid.Tests.TestSettings

let private schema =
    lazy (JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "docs", "results.schema.json"))).RootElement)

let private isType (value: JsonElement) name =
    match name, value.ValueKind with
    | "object", JsonValueKind.Object
    | "array", JsonValueKind.Array
    | "string", JsonValueKind.String
    | "null", JsonValueKind.Null
    | "number", JsonValueKind.Number -> true
    | "integer", JsonValueKind.Number -> value.GetDouble() = floor (value.GetDouble())
    | _ -> false

let private strings (element: JsonElement) =
    if element.ValueKind = JsonValueKind.String then
        [ string (element.GetString()) ]
    else
        [ for e in element.EnumerateArray() -> string (e.GetString()) ]

/// Violations of the schema by a value, each with its path.
let rec private problems (path: string) (rules: JsonElement) (value: JsonElement) : string list = [
    for rule in rules.EnumerateObject() do
        let expected = rule.Value

        match rule.Name with
        | "$schema"
        | "$id"
        | "$defs"
        | "title"
        | "description" -> ()
        | "$ref" ->
            yield!
                problems
                    path
                    (schema.Value
                        .GetProperty("$defs")
                        .GetProperty((string (expected.GetString())).Replace("#/$defs/", "")))
                    value
        | "anyOf" ->
            if not (expected.EnumerateArray() |> Seq.exists (fun rules -> (problems path rules value).IsEmpty)) then
                $"{path}: fits no alternative"
        | "type" ->
            if not (strings expected |> List.exists (isType value)) then
                $"{path}: {value.ValueKind} is not {expected}"
        | "enum" ->
            if
                not (
                    strings expected
                    |> List.exists (fun s -> value.ValueKind = JsonValueKind.String && value.GetString() = s)
                )
            then
                $"{path}: {value} is not among {expected}"
        | "required" ->
            if value.ValueKind = JsonValueKind.Object then
                for name in strings expected do
                    if not (fst (value.TryGetProperty name)) then
                        $"{path}: {name} is missing"
        | "properties" ->
            if value.ValueKind = JsonValueKind.Object then
                for p in expected.EnumerateObject() do
                    match value.TryGetProperty p.Name with
                    | true, own -> yield! problems $"{path}.{p.Name}" p.Value own
                    | _ -> ()
        | "additionalProperties" ->
            if value.ValueKind = JsonValueKind.Object && expected.ValueKind = JsonValueKind.False then
                for p in value.EnumerateObject() do
                    if not (fst (rules.GetProperty("properties").TryGetProperty p.Name)) then
                        $"{path}: {p.Name} is not in the schema"
        | "items" ->
            if value.ValueKind = JsonValueKind.Array then
                for i, item in Seq.indexed (value.EnumerateArray()) do
                    yield! problems $"{path}[{i}]" expected item
        | "minItems" ->
            if value.ValueKind = JsonValueKind.Array && value.GetArrayLength() < expected.GetInt32() then
                $"{path}: too few"
        | "minimum" ->
            if value.ValueKind = JsonValueKind.Number && value.GetDouble() < expected.GetDouble() then
                $"{path}: {value} is below {expected}"
        | "maximum" ->
            if value.ValueKind = JsonValueKind.Number && value.GetDouble() > expected.GetDouble() then
                $"{path}: {value} is above {expected}"
        | other -> failtest $"the schema uses {other}, which this check does not know"
]

/// Violations of one definition of the schema by a text.
let check definition (json: string) =
    problems
        "$"
        (schema.Value.GetProperty("$defs").GetProperty(definition: string))
        (JsonDocument.Parse(json).RootElement)

let expectValid definition json = Expect.isEmpty (check definition json) $"{definition}: {json}"
