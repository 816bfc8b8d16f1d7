/// The sum over all CTC alignments by the definition, for any number type.
module Hybrid.Oracles.Alignments

/// The sum over all alignments of labels with frames of the product of `probability frame symbol`; `plus` adds, `times`
/// multiplies. By the states of Graves et al. (2006): labels with a blank before, between and after them.
let sum (plus: 'T -> 'T -> 'T) (times: 'T -> 'T -> 'T) (probability: int -> int -> 'T) blank (labels: int list) frames =
    let symbols = [|
        for label in labels do
            yield! [ blank; label ]
        blank
    |]

    let add a b =
        match a, b with
        | Some a, Some b -> Some(plus a b)
        | one, None
        | None, one -> one

    let ways (before: 'T option[]) s =
        let skips = s >= 2 && symbols[s] <> blank && symbols[s] <> symbols[s - 2]

        [
            for back in 0 .. (if skips then 2 else 1) do
                if s >= back then
                    before[s - back]
        ]
        |> List.reduce add

    let start = [| for s in 0 .. symbols.Length - 1 -> if s <= 1 then Some(probability 0 symbols[s]) else None |]

    let next before t = [|
        for s in 0 .. symbols.Length - 1 -> ways before s |> Option.map (times (probability t symbols[s]))
    |]

    let last = List.fold next start [ 1 .. frames - 1 ]
    Array.toList last |> List.rev |> List.truncate 2 |> List.reduce add |> Option.get
