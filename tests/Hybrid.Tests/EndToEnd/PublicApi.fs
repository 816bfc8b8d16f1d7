/// The public API of an assembly as text, one line per type and member, so that changes are deliberate.
module Hybrid.Tests.PublicApi

open System
open System.IO
open System.Reflection
open System.Runtime.CompilerServices

/// The assemblies with a public API.
let assemblies = [
    typeof<Hybrid.Core.Workspace>.Assembly
    typeof<Hybrid.Speech.Recognizer>.Assembly
    typeof<Hybrid.Dsl.Architecture>.Assembly
]

let private everything =
    BindingFlags.Public
    ||| BindingFlags.NonPublic
    ||| BindingFlags.Instance
    ||| BindingFlags.Static
    ||| BindingFlags.DeclaredOnly

let private isGenerated (m: MemberInfo) =
    m.IsDefined(typeof<CompilerGeneratedAttribute>, false) || m.Name.Contains '<' || m.Name.Contains '@'

let private isVisible (m: MethodBase | null) =
    match m with
    | null -> false
    | m -> m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly

/// A type in C# notation, without namespaces.
let rec private name (kind: Type) : string =
    let simple =
        match kind with
        | kind when kind = typeof<Void> -> "void"
        | kind when kind = typeof<bool> -> "bool"
        | kind when kind = typeof<byte> -> "byte"
        | kind when kind = typeof<int> -> "int"
        | kind when kind = typeof<int64> -> "long"
        | kind when kind = typeof<uint64> -> "ulong"
        | kind when kind = typeof<float> -> "double"
        | kind when kind = typeof<float32> -> "float"
        | kind when kind = typeof<string> -> "string"
        | kind when kind = typeof<obj> -> "object"
        | kind -> kind.Name.Split('`')[0]

    match kind.GetElementType() with
    | null when kind.IsGenericType ->
        let arguments = kind.GetGenericArguments() |> Seq.map name |> String.concat ", "
        $"{simple}<{arguments}>"
    | null -> simple
    | element when kind.IsArray -> name element + "[" + String(',', kind.GetArrayRank() - 1) + "]"
    | element when kind.IsByRef -> "ref " + name element
    | element -> name element + "*"

/// A type with its namespace and outer types.
let rec private path (kind: Type) =
    match kind.DeclaringType with
    | null -> $"{kind.Namespace}.{name kind}"
    | outer -> $"{path outer}.{name kind}"

let private constant (value: obj | null) =
    match value with
    | null -> "null"
    | :? string as text -> $"\"{text}\""
    | :? bool as truth -> if truth then "true" else "false"
    | value -> String.Format(Globalization.CultureInfo.InvariantCulture, "{0}", value)

let private parameters (m: MethodBase) =
    let one (p: ParameterInfo) =
        let standard =
            if p.HasDefaultValue then
                $" = {constant p.RawDefaultValue}"
            else
                ""

        $"{name p.ParameterType} {p.Name}{standard}"

    m.GetParameters() |> Seq.map one |> String.concat ", "

let private modifiers (m: MethodBase) =
    (if m.IsFamily || m.IsFamilyOrAssembly then
         "protected "
     else
         "")
    + (if m.IsStatic && not m.IsConstructor then "static " else "")
    + (if m.IsAbstract && not (nonNull m.DeclaringType).IsInterface then
           "abstract "
       else
           "")

let private describe (owner: Type) (m: MemberInfo) : string option =
    match m with
    | _ when isGenerated m && not (m :? PropertyInfo) -> None
    | :? ConstructorInfo as m when isVisible m -> Some $"{modifiers m}.ctor({parameters m})"
    | :? MethodInfo as m when isVisible m && (not m.IsSpecialName || m.Name.StartsWith "op_") ->
        let generic =
            if m.IsGenericMethod then
                "<" + (m.GetGenericArguments() |> Seq.map name |> String.concat ", ") + ">"
            else
                ""

        Some $"{modifiers m}{name m.ReturnType} {m.Name}{generic}({parameters m})"
    | :? PropertyInfo as p when isVisible p.GetMethod || isVisible p.SetMethod ->
        let accessors = [
            if isVisible p.GetMethod then
                "get;"
            match p.SetMethod with
            | null -> ()
            | setter when isVisible setter ->
                let isInit =
                    setter.ReturnParameter.GetRequiredCustomModifiers() |> Array.contains typeof<IsExternalInit>

                if isInit then "init;" else "set;"
            | _ -> ()
        ]

        let index =
            match p.GetIndexParameters() with
            | [||] -> ""
            | ps -> "[" + (ps |> Seq.map (fun p -> $"{name p.ParameterType} {p.Name}") |> String.concat ", ") + "]"

        let place =
            if isNull p.GetMethod then
                ""
            else
                modifiers (nonNull p.GetMethod)

        let body = String.concat " " accessors
        Some $"{place}{name p.PropertyType} {p.Name}{index} {{ {body} }}"
    | :? FieldInfo as f when (f.IsPublic || f.IsFamily) && not f.IsSpecialName ->
        let kind =
            if f.IsLiteral then "const "
            elif f.IsStatic then "static "
            else ""

        let value =
            if f.IsLiteral then
                $" = {constant (f.GetRawConstantValue())}"
            else
                ""

        Some $"{kind}{name f.FieldType} {f.Name}{value}"
    | :? EventInfo as e -> Some $"event {e.Name}"
    | _ -> None
    |> Option.map (fun text -> $"{path owner}: {text}")

let private kindOf (kind: Type) =
    if kind.IsInterface then "interface"
    elif kind.IsEnum then "enum"
    elif kind.IsValueType then "struct"
    elif typeof<Delegate>.IsAssignableFrom kind then "delegate"
    elif kind.IsAbstract && kind.IsSealed then "static class"
    elif kind.IsAbstract then "abstract class"
    elif kind.IsSealed then "sealed class"
    else "class"

/// All public types and members.
let lines (assembly: Assembly) = [
    for kind in assembly.GetExportedTypes() |> Seq.sortWith (fun a b -> String.CompareOrdinal(path a, path b)) do
        if not (isGenerated kind) then
            let above =
                match kind.BaseType with
                | null -> ""
                | above when above = typeof<obj> || above = typeof<ValueType> || above = typeof<Enum> -> ""
                | above -> $" : {name above}"

            yield $"{path kind}: {kindOf kind}{above}"

            yield!
                kind.GetMembers everything
                |> Seq.choose (describe kind)
                |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b))
]

/// The committed file of an assembly.
let file (assembly: Assembly) = Path.Combine(TestSettings.root, "docs", "api", $"{assembly.GetName().Name}.txt")

/// Overwrites the committed files.
let update () =
    for assembly in assemblies do
        let path = file assembly
        Directory.CreateDirectory(nonNull (Path.GetDirectoryName path)) |> ignore
        File.WriteAllText(path, String.concat "\n" (lines assembly) + "\n")
