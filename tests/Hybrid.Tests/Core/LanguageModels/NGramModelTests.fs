module Hybrid.Tests.NGramModelTests

open System
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Tests.Refusal

let private symbols = [| ""; "a"; "b"; "c" |]
let private read (text: string) = NGramModel.Read(new StringReader(text), symbols)
let private ln10 = log 10.0
let private close a b message = Expect.floatClose { absolute = 1e-9; relative = 1e-9 } a b message

/// A model small enough to score by hand.
let private small =
    "
\\data\\
ngram 1=5
ngram 2=4
ngram 3=1

\\1-grams:
-99\t<s>\t-0.3
-0.7\ta\t-0.2
-0.8\tb\t-0.4
-0.9\tc
-0.6\t</s>

\\2-grams:
-0.1\t<s> a\t-0.05
-0.5\ta b\t-0.15
-0.45\tb </s>
-0.3\tb a

\\3-grams:
-0.2\t<s> a b

\\end\\
"

let private random order =
    let random = CounterRandom(uint64 order).Stream()
    let sequence () = Array.init (random.Below 9) (fun _ -> 1 + random.Below 3)
    NGramModel.Estimate([ for _ in 1..100 -> sequence () ], 4, order), List.init 100 (fun _ -> sequence ())

/// The tensors of a model, one of them replaced.
let private forged (model: NGramModel) (tensor: StoredTensor) = [|
    for own in model.Save() -> if own.Name = tensor.Name then tensor else own
|]

let private bytes name (values: int list) =
    StoredTensor(
        name,
        TensorType.U8,
        [| int64 values.Length |],
        ReadOnlyMemory(values |> List.map byte |> Array.ofList)
    )

[<Tests>]
let tests =
    testList "n-gram model" [
        test "ARPA scores equal a table computed by hand, back-off included" {
            let model = read small

            let expected = [
                // <s> a: -0.1; <s> a b: -0.2; a b </s>: back off from "a b", then b </s>.
                [ 1; 2 ], -0.1 + -0.2 + (-0.15 + -0.45)
                // <s> backs off to c; c has no weight; </s> alone.
                [ 3 ], (-0.3 + -0.9) + -0.6
                // <s> a: -0.1; then a backs off twice to a: weight of "<s> a", of "a"; then </s> the same way over "a".
                [ 1; 1 ], -0.1 + (-0.05 + -0.2 + -0.7) + (-0.2 + -0.6)
                // <s> backs off to b; then b a; then "b a" is not a history: "a" backs off.
                [ 2; 1; 3 ], (-0.3 + -0.8) + -0.3 + (-0.2 + -0.9) + -0.6
                [], -0.3 + -0.6
            ]

            for labels, log10 in expected do
                close (model.LogProbability labels) (log10 * ln10) $"{labels}"
        }

        test "walking over states gives the probabilities of looking up n-grams" {
            let random = CounterRandom(3UL).Stream()
            let sequences = [ for _ in 1..200 -> Array.init (random.Below 8) (fun _ -> 1 + random.Below 3) ]

            for order in 1..5 do
                let model = NGramModel.Estimate(sequences, 4, order)

                // p(token | history) by the definition of back-off, from the written text.
                let table =
                    let writer = new StringWriter()
                    model.Write(writer, symbols)

                    [
                        for line in writer.ToString().Split '\n' do
                            let fields = line.Split '\t'

                            if fields.Length >= 2 then
                                fields[1],
                                (float fields[0] * ln10, (if fields.Length > 2 then float fields[2] * ln10 else 0.0))
                    ]
                    |> Map.ofList

                let rec lookup (history: string list) token =
                    match table.TryFind(String.Join(' ', history @ [ token ])) with
                    | Some(p, _) -> p
                    | None when history.IsEmpty -> -infinity
                    | None ->
                        let weight =
                            table.TryFind(String.Join(' ', history)) |> Option.map snd |> Option.defaultValue 0.0

                        weight + lookup history.Tail token

                for _ in 1..50 do
                    let labels = List.init (random.Below 10) (fun _ -> 1 + random.Below 3)
                    let tokens = "<s>" :: [ for l in labels -> symbols[l] ] @ [ "</s>" ]

                    let expected =
                        [
                            for i in 1 .. tokens.Length - 1 ->
                                let history = tokens[max 0 (i - order + 1) .. i - 1]
                                lookup history tokens[i]
                        ]
                        |> List.sum

                    Expect.floatClose
                        { absolute = 1e-5; relative = 1e-5 }
                        (model.LogProbability labels)
                        expected
                        $"order {order}, {labels}"
        }

        test "probabilities of an estimated model sum to one after every history" {
            let random = CounterRandom(4UL).Stream()

            let sequences = [
                for _ in 1..40 -> Array.init (random.Below 12) (fun _ -> 1 + int (sqrt (float (random.Below 25))))
            ]

            for order in 1..4 do
                let model = NGramModel.Estimate(sequences, 7, order)

                let rec walk state depth =
                    let next = [ for symbol in 1..6 -> model.Next(state, symbol).ToTuple() ]
                    let sum = exp (model.End state) + List.sumBy (fst >> exp) next
                    close sum 1.0 $"order {order}, state {state}"

                    if depth > 0 then
                        for _, following in next do
                            walk following (depth - 1)

                walk model.StartState 4
        }

        test "Kneser-Ney estimates equal a computation by hand" {
            // Sequences "a b" and "a c". Bigrams: <s> a 2, a b 1, a c 1, b </s> 1, c </s> 1: n1 = 4, n2 = 1, D = 4/6.
            // Left continuations: a 1, b 1, c 1, </s> 2: n1 = 3, n2 = 1, D = 3/5; total 5, left over 0.6 * 4 / 5 = 0.48
            // for 4 events.
            let model = NGramModel.Estimate([ [| 1; 2 |]; [| 1; 3 |] ], 4, 2)
            let unigram count = (count - 0.6) / 5.0 + 0.48 / 4.0
            let d = 4.0 / 6.0
            let a = (2.0 - d) / 2.0 + d * 1.0 / 2.0 * unigram 1.0
            let b = (1.0 - d) / 2.0 + d * 2.0 / 2.0 * unigram 1.0
            let last = (1.0 - d) / 1.0 + d * 1.0 / 1.0 * unigram 2.0
            close (model.LogProbability [ 1; 2 ]) (log a + log b + log last) "a b"
            // After <s> only a was seen: b backs off with weight d / 2.
            close (exp (model.Next(model.StartState, 2).ToTuple() |> fst)) (d / 2.0 * unigram 1.0) "<s> b"
        }

        test "a written model is read back unchanged" {
            let random = CounterRandom(5UL).Stream()

            let model =
                NGramModel.Estimate(
                    [ for _ in 1..100 -> Array.init (1 + random.Below 9) (fun _ -> 1 + random.Below 3) ],
                    4,
                    4
                )

            let writer = new StringWriter()
            model.Write(writer, symbols)
            let back = read (writer.ToString())
            Expect.equal [ for n in 1..4 -> back.Count n ] [ for n in 1..4 -> model.Count n ] "n-grams"

            for _ in 1..100 do
                let labels = List.init (random.Below 12) (fun _ -> 1 + random.Below 3)

                Expect.floatClose
                    { absolute = 1e-5; relative = 1e-6 }
                    (back.LogProbability labels)
                    (model.LogProbability labels)
                    $"{labels}"
        }

        test "tensors are sorted by length, history and token" {
            let tensors =
                (read small).Save() |> Seq.map (fun tensor -> tensor.Name, tensor.ToDoubles()) |> Map.ofSeq
            // a b c <s> </s>; a b, b a, b </s>, <s> a; <s> a b.
            Expect.equal tensors["tokens"] [| 1; 2; 3; 4; 5; 2; 1; 5; 1; 2 |] "tokens"
            // Of the empty n-gram, of the unigrams, of the bigrams.
            Expect.equal tensors["children"] [| 5; 1; 2; 0; 1; 0; 0; 0; 0; 1 |] "children"
            let natural values = [| for value in values -> value * ln10 |]

            for name, expected in
                [
                    "log_probabilities", natural [ -0.7; -0.8; -0.9; -infinity; -0.6; -0.5; -0.3; -0.45; -0.1; -0.2 ]
                    "backoffs", natural [ -0.2; -0.4; 0.0; -0.3; 0.0; -0.15; 0.0; 0.0; -0.05 ]
                ] do
                Expect.equal tensors[name] [| for value in expected -> float (float32 value) |] name
        }

        test "loaded tensors give the same scores, halves within their eleven bits" {
            for order in 1..6 do
                let model, sequences = random order

                let back change = NGramModel.Load([| for tensor in model.Save() -> change tensor |], 4)
                let singles = back id

                let halves =
                    back (fun tensor ->
                        if tensor.Type = TensorType.F32 then
                            tensor.ToHalves()
                        else
                            tensor)

                Expect.equal
                    [ for n in 0 .. order + 1 -> singles.Count n ]
                    [ for n in 0 .. order + 1 -> model.Count n ]
                    "n-grams"

                for labels in sequences do
                    let expected = model.LogProbability labels
                    // All terms are negative; each is rounded by at most half of its last bit.
                    let near bits = abs expected * 2.0 ** -bits + 1e-6
                    Expect.isTrue (abs (singles.LogProbability labels - expected) <= near 24.0) $"{order}, {labels}"
                    Expect.isTrue (abs (halves.LogProbability labels - expected) <= near 11.0) $"{order}, {labels}"
        }

        test "tokens beyond a byte are stored" {
            let model = NGramModel.Estimate([ [| 299; 1; 256 |] ], 300, 2)
            let types = [ for tensor in Seq.truncate 2 (model.Save()) -> tensor.Type ]
            Expect.equal types [ TensorType.I32; TensorType.I32 ] "tokens and children"
            let back = NGramModel.Load(model.Save(), 300)
            let score (model: NGramModel) = model.LogProbability [ 299; 1; 256 ]
            Expect.floatClose { absolute = 1e-6; relative = 1e-6 } (score back) (score model) "score"
        }

        test "invalid tensors are refused" {
            let model = read small
            let refused part tensors = expectRefusal<FormatException, _> part (fun () -> NGramModel.Load(tensors, 4))

            let singles name values =
                StoredTensor.FromSingles(name, ReadOnlySpan(Array.ofList values), [ values.Length ])

            refused "one is missing" (model.Save() |> Seq.take 3 |> Array.ofSeq)
            refused "tokens of the n-grams is a duplicate" [| yield! model.Save(); Seq.head (model.Save()) |]
            refused "x is not a tensor of an n-gram model" [| singles "x" [ 1f ] |]
            refused "must be U8 or I32" (forged model (singles "tokens" [ 1f ]))
            refused "has 9 numbers, must have 10" (forged model (singles "log_probabilities" (List.replicate 9 -1f)))

            refused
                "has 0.5 at 3, must be at most 0"
                (forged model (singles "log_probabilities" (List.init 10 (fun i -> if i = 3 then 0.5f else -1f))))

            refused "has NaN at 0" (forged model (singles "log_probabilities" (List.replicate 10 nanf)))

            refused
                "has 231 at 8, must be at most 230"
                (forged model (singles "backoffs" (List.init 9 (fun i -> if i = 8 then 231f else 0f))))

            for part, children in
                [
                    "children of the n-grams is empty", []
                    "10 n-grams are fewer than the children of their histories", [ 5; 1; 2; 0; 1; 0; 0; 0; 0; 2 ]
                    "10 n-grams are more than the children of their histories", [ 5; 1; 2; 0; 1; 0; 0; 0; 0; 0 ]
                    // The last bigram continues itself.
                    "these are not all n-grams of 1 to at most 15 tokens", [ 0; 5; 1; 2; 0; 1; 0; 0; 0; 1 ]
                ] do
                let tensors = forged model (bytes "children" children)
                let count = max 0 (children.Length - 1)

                refused part [|
                    for t in tensors ->
                        if t.Name = "backoffs" then
                            singles t.Name (List.replicate count 0f)
                        else
                            t
                |]

            for tokens in
                [
                    [ 1; 2; 3; 4; 7; 2; 1; 5; 1; 2 ]
                    [ 1; 3; 2; 4; 5; 2; 1; 5; 1; 2 ]
                    [ 1; 2; 2; 4; 5; 2; 1; 5; 1; 2 ]
                ] do
                refused "is not one of 0..6, or not above" (forged model (bytes "tokens" tokens))

            expectRefusal<FormatException, _> "is not one of 0..3" (fun () -> NGramModel.Load(model.Save(), 1))
        }

        test "a model of frequent sequences prefers them" {
            let random = CounterRandom(6UL).Stream()
            let sequences = [ for _ in 1..300 -> if random.Uniform() < 0.9 then [| 1; 2; 3 |] else [| 3; 1 |] ]
            let model = NGramModel.Estimate(sequences, 4, 3)

            Expect.isGreaterThan
                (model.LogProbability [ 1; 2; 3 ])
                (model.LogProbability [ 1; 3; 2 ] + 3.0)
                "preference"
        }

        test "a back-off weight of -inf makes unlisted continuations of a history impossible" {
            for weight in [ "-inf"; "-Inf"; "-99"; "-Infinity"; "-120" ] do
                let model = read (small.Replace("-0.8\tb\t-0.4", $"-0.8\tb\t{weight}"))
                // "b a" and "b </s>" are listed; c after b backs off.
                close (model.LogProbability [ 2; 1 ]) ((-0.3 - 0.8 - 0.3 - 0.2 - 0.6) * ln10) $"{weight}: listed"
                Expect.equal (model.LogProbability [ 2; 3 ]) -infinity $"{weight}: not listed"
                let writer = new StringWriter()
                model.Write(writer, symbols)
                Expect.equal ((read (writer.ToString())).LogProbability [ 2; 3 ]) -infinity $"{weight}: written as text"
                let back = NGramModel.Load([| for t in model.Save() -> t |], 4)
                Expect.equal (back.LogProbability [ 2; 3 ]) -infinity $"{weight}: stored as tensors"
        }

        test "symbols that no n-gram names are scored as the unknown label" {
            // c is not listed; the unknown label is, in all lengths.
            let text name =
                $"\\data\\\nngram 1=5\nngram 2=3\n\n\\1-grams:\n-99\t<s>\t-0.3\n-0.7\ta\t-0.2\n-0.8\tb\t-0.4\n"
                + $"-1.5\t{name}\t-0.1\n-0.6\t</s>\n\n"
                + $"\\2-grams:\n-0.4\ta {name}\n-0.25\t{name} b\n-0.5\ta b\n\n\\end\\\n"

            for name in [ "<unk>"; "<UNK>" ] do
                let model = read (text name)
                Expect.isEmpty model.MissingSymbols name

                for labels, log10 in
                    [
                        [ 3 ], (-0.3 - 1.5) + (-0.1 - 0.6)
                        [ 1; 3 ], (-0.3 - 0.7) - 0.4 + (-0.1 - 0.6)
                        [ 3; 2 ], (-0.3 - 1.5) - 0.25 + (-0.4 - 0.6)
                        [ 3; 3 ], (-0.3 - 1.5) + (-0.1 - 1.5) + (-0.1 - 0.6)
                        [ 1; 2 ], (-0.3 - 0.7) - 0.5 + (-0.4 - 0.6)
                    ] do
                    close (model.LogProbability labels) (log10 * ln10) $"{name}, {labels}"

                    let writer = new StringWriter()
                    model.Write(writer, symbols)
                    close ((read (writer.ToString())).LogProbability labels) (log10 * ln10) $"{name}, {labels}, as text"
                    let back = NGramModel.Load(model.Save(), 4)

                    Expect.floatClose
                        { absolute = 1e-6; relative = 1e-6 }
                        (back.LogProbability labels)
                        (log10 * ln10)
                        $"{name}, {labels}, as tensors"
        }

        test "symbols without a probability are named" {
            let lacks name = small.Replace("ngram 1=5", "ngram 1=4").Replace($"\n-0.9\t{name}", "")
            Expect.isEmpty (read small).MissingSymbols "all are scored"
            Expect.equal (List.ofSeq (read (lacks "c")).MissingSymbols) [ 3 ] "c is not listed"
            Expect.equal (List.ofSeq (read (small.Replace("-0.9\tc", "-99\tc"))).MissingSymbols) [ 3 ] "c is impossible"

            let unlikely = small.Replace("ngram 1=5", "ngram 1=5").Replace("-0.9\tc", "-99\t<unk>")
            Expect.equal (List.ofSeq (read unlikely).MissingSymbols) [ 3 ] "the unknown label is impossible"
            // Impossible as a unigram, but not after a.
            let onlyAfter =
                small
                    .Replace("-0.9\tc", "-99\tc")
                    .Replace("-0.5\ta b", "-0.5\ta c")
                    .Replace("-0.2\t<s> a b", "-0.2\t<s> a c")

            Expect.isEmpty (read onlyAfter).MissingSymbols "possible after a history"
            Expect.equal (List.ofSeq (NGramModel.Load((read (lacks "c")).Save(), 4)).MissingSymbols) [ 3 ] "of tensors"
            Expect.isEmpty (NGramModel.Estimate([ [| 1 |] ], 4, 2)).MissingSymbols "an estimated model scores all"
            Expect.isEmpty (NGramModel.Estimate([ [| 1 |] ], 4, 2, 3)).MissingSymbols "another blank"
        }

        test "text truncated anywhere before \\end\\ is refused, and the message says that it is truncated" {
            let last = small.IndexOf "\\end\\" + "\\end\\".Length

            for length in 0 .. last - 1 do
                let message = messageOf<FormatException, _>(fun () -> read small[.. length - 1])

                if length > small.IndexOf "\\data\\" + 6 then
                    Expect.stringContains message "before \\end\\" $"{length} characters"
                    Expect.stringContains message "truncated" $"{length} characters"
        }

        test "lines may end with CR LF or CR" {
            for ending in [ "\r\n"; "\r" ] do
                let text = small.Replace("\n", ending)
                close ((read text).LogProbability [ 1; 2 ]) ((read small).LogProbability [ 1; 2 ]) "score"

                expectRefusal<FormatException, _> "line 11: unknown symbol" (fun () ->
                    read (text.Replace("-0.9\tc", "-0.9\tq")))
        }

        test "malformed text is refused with its line" {
            let refused parts (text: string) =
                let message = messageOf<FormatException, _>(fun () -> read text)

                for part: string in parts do
                    Expect.stringContains message part message

            refused [ "not an ARPA model" ] ""
            refused [ "not an ARPA model" ] "hello\nworld"
            refused [ "line 11"; "unknown symbol \"q\""; "a b c" ] (small.Replace("-0.9\tc", "-0.9\tq"))
            refused [ "line 10"; "must not be positive" ] (small.Replace("-0.8\tb", "0.8\tb"))
            refused [ "it is a duplicate" ] (small.Replace("-0.9\tc", "-0.9\tb"))
            refused [ "its history is not an n-gram" ] (small.Replace("-0.2\t<s> a b", "-0.2\tc c b"))
            refused [ "is not a number" ] (small.Replace("-0.8\tb", "x\tb"))
            refused [ "is not a number" ] (small.Replace("-0.8\tb", "inf\tb"))
            refused [ "is not a number" ] (small.Replace("-0.8\tb", "nan\tb"))
            refused [ "\\2-grams: is expected" ] (small.Replace("\\2-grams:", "\\4-grams:"))

            refused
                [ "line 9"; "back-off weight is 1e300, must be at most 99" ]
                (small.Replace("\ta\t-0.2", "\ta\t1e300"))

            refused [ "more n-grams than declared" ] (small.Replace("ngram 3=1", "ngram 3=0"))
            refused [ "ngram 3=" ] (small.Replace("ngram 3=1", "ngram 5=1"))
            refused [ "not a whole number" ] (small.Replace("ngram 3=1", "ngram 3=x"))
        }
    ]
