/// Values recorded by tests/golden/make_golden.py, and comparison with them.
module Hybrid.Tests.Golden

open System
open System.IO
open System.Numerics
open Expecto
open Hybrid.Core

/// The recorded tensors of one case.
type Case(name: string, tensors: Map<string, StoredTensor>) =
    member _.Name = name

    member _.Has(key: string) = tensors.ContainsKey key

    /// The names with the prefix "kind/", without the prefix.
    member _.Names(kind: string) = [
        for key in tensors.Keys do
            if key.StartsWith(kind + "/", StringComparison.Ordinal) then
                key[kind.Length + 1 ..]
    ]

    member _.Tensor(key: string) =
        tensors.TryFind key |> Option.defaultWith (fun () -> failtest $"case {name} has no tensor {key}")

    member c.Doubles key = c.Tensor(key).ToDoubles()

    member c.Ints key = c.Doubles key |> Array.map int

    /// Label sequences, recorded concatenated.
    member c.Labels =
        (0, c.Ints "label_lengths")
        ||> Array.mapFold (fun start length -> (c.Ints "labels")[start .. start + length - 1], start + length)
        |> fst

let private read file = SafeTensors.Read(Path.Combine(AppContext.BaseDirectory, "golden", $"%s{file}.safetensors"))

/// All cases of a file.
let cases file =
    (read file).Tensors
    |> Seq.groupBy (fun tensor -> tensor.Name[.. tensor.Name.IndexOf '/' - 1])
    |> Seq.map (fun (name, tensors) ->
        Case(name, Map [ for tensor in tensors -> tensor.Name[name.Length + 1 ..], tensor ]))
    |> List.ofSeq

/// An entry of a file's metadata.
let metadata file key = (read file).Metadata[key]

let case file name = cases file |> List.find (fun case -> case.Name = name)

/// The largest error: its index, and the error relative to the expected value, or to `floor` if that is larger.
let worst floor (expected: float[]) (actual: float[]) =
    let error i =
        if expected[i] = actual[i] then
            0.0
        else
            abs (expected[i] - actual[i]) / max floor (abs expected[i])

    // NaN is the largest error, not the smallest.
    let rank i = if Double.IsNaN(error i) then infinity else error i
    let index = Seq.maxBy rank (seq { 0 .. expected.Length - 1 })
    index, rank index

/// The largest magnitude, at least 1.
let private largest (expected: float[]) = Seq.fold (fun largest x -> max largest (abs x)) 1.0 expected

/// Fails, naming the worst element, if an error is above the tolerance, relative to the larger of the expected value
/// and `share` of the largest expected value; `note` receives the error.
let expectWithin share tolerance note name (expected: float[]) (actual: float[]) =
    Expect.equal actual.Length expected.Length $"%s{name}: number of elements"

    if expected.Length > 0 then
        let index, error = worst (share * largest expected) expected actual
        note error

        if not (error <= tolerance) then
            let values = $"expected %.17g{expected[index]}, actual %.17g{actual[index]}"
            failtest $"%s{name}[%d{index}]: {values}, relative error %.3g{error} > %g{tolerance}"

/// Errors of numbers below a thousandth of the largest, sums with cancellation, are relative to that thousandth.
let share = 1e-3

/// Fails, naming the worst element, if an error is above the tolerance.
let expectClose tolerance name expected actual = expectWithin share tolerance ignore name expected actual

/// A recorded case in the precision under test; `note` receives the errors.
type Recorded<'R
    when 'R: unmanaged
    and 'R: struct
    and 'R: (new: unit -> 'R)
    and 'R :> ValueType
    and 'R :> IBinaryFloatingPointIeee754<'R>>(case: Case, tolerance: float, ?note: float -> unit) =

    let reals (key: string) = case.Doubles key |> Array.map (fun x -> 'R.CreateTruncating x)

    /// A recorded tensor.
    member _.Data key = Memory(reals key)

    /// A [T, B, F] with lengths.
    member _.Batch(data, lengths) =
        let shape = [| for size in case.Tensor(data).Shape -> int size |]
        let keys = Array.init shape[1] uint64
        Batch<'R>(Memory(reals data), shape[0], shape[1], shape[2], Memory(case.Ints lengths), Memory keys)

    /// Sets parameters to the recorded values, which must have the same names and shapes.
    member _.Load(parameters: Parameter<'R> seq) =
        Expect.equal (Set [ for p in parameters -> p.Name ]) (Set(case.Names "value")) "names of parameters"

        for p in parameters do
            let key = $"value/{p.Name}"
            Expect.sequenceEqual (case.Tensor(key).Shape) (Seq.map int64 p.Shape) $"shape of {p.Name}"
            p.Set(ReadOnlySpan(reals key))

    member _.Expect(key, actual: Memory<'R>) =
        actual.ToArray()
        |> Array.map Double.CreateTruncating
        |> expectWithin share tolerance (defaultArg note ignore) $"{case.Name}: {key}" (case.Doubles key)

    /// Compares gradients of trainable parameters, and running statistics after the pass.
    member r.ExpectParameters(parameters: Parameter<'R> seq) =
        for p in parameters do
            if p.IsTrainable then
                r.Expect($"gradient/{p.Name}", Memory p.Gradient)
            else
                r.Expect($"after/{p.Name}", Memory(p.ToArray()))
