// A character language model: a GRU cell reads a text and predicts the next character. The cell is stepped explicitly,
// forward and backward, and finally generates text.
// Run it with: dotnet fsi examples/05-gru-character-predictor.fsx
#load "Hybrid.fsx"

open System
open Hybrid.Core

let random = CounterRandom(6UL).Stream()
let pick (words: string[]) = words[random.Below words.Length]

let sentence () =
    let someone () = pick [| "the cat"; "the dog"; "a bird"; "my fish" |]
    $"""{someone ()} {pick [| "sees"; "hears"; "likes" |]} {someone ()}. """

let sentences = [ for _ in 1..600 -> sentence () ]
let text = String.Join("", sentences)
let alphabet = text |> Seq.distinct |> Seq.sort |> Array.ofSeq
let symbols = text |> Seq.map (fun c -> Array.IndexOf(alphabet, c)) |> Array.ofSeq
let V, hidden = alphabet.Length, 48

// The text is split into `streams` that are read in parallel, `steps` characters at a time.
let streams, steps = 16, 25
let streamLength = symbols.Length / streams
let symbol stream t = symbols[stream * streamLength + t]

let cell = GruCell<float32>(V, hidden)
let projection = Linear<float32>(hidden, V)
let parameters = [| yield! cell.Parameters; yield! projection.Parameters |]
let optimizer = AdamWSpec().Build parameters
let workspace = Workspace()
let state (data: Memory<float32>) = CellState(MatrixView<float32>(data, streams, hidden))

/// One character of each stream, one-hot.
let frame (workspace: Workspace) (characters: int[]) =
    let x = workspace.RentZeroed<float32>(characters.Length * V)
    characters |> Array.iteri (fun row character -> x.Span[row * V + character] <- 1f)
    MatrixView(x, characters.Length, V)

/// Truncated backpropagation from position `start`, with the initial state in `carried`, which receives the final one.
/// Accumulates gradients; returns the loss and the share of wrong predictions.
let learn start (carried: Memory<float32>) =
    workspace.Reset()
    let pass = Pass(workspace, Training = true)
    let H = Batch<float32>(workspace.Rent<float32>(steps * streams * hidden), steps, streams, hidden)
    let after t = H.Data.Slice(t * streams * hidden, streams * hidden)

    // Forward: each step starts from the state of the previous one.
    let taken = Array.zeroCreate<CellStep<float32>> steps
    let mutable before = state carried

    for t in 0 .. steps - 1 do
        taken[t] <-
            cell.Forward(frame workspace [| for s in 0 .. streams - 1 -> symbol s (start + t) |], before, workspace)

        before <- taken[t].State
        before.H.Data.CopyTo(after t)

    (after (steps - 1)).CopyTo carried

    // The projection is applied to all steps at once.
    let logits = projection.Forward(H, pass)

    let next = [|
        for t in 1..steps do
            for s in 0 .. streams - 1 -> symbol s (start + t)
    |]

    let loss = SoftmaxCrossEntropy.Compute(logits.Matrix, ReadOnlySpan next, workspace)
    let dH = projection.Backward(logits.With(loss.Gradient.Data, V), pass)

    // Backward: the gradient of a state is the sum of those of its own prediction and of the next step.
    let mutable later = CellState<float32>()

    for t in steps - 1 .. -1 .. 0 do
        let dAfter = dH.Data.Slice(t * streams * hidden, streams * hidden)

        if t < steps - 1 then
            for i in 0 .. dAfter.Length - 1 do
                dAfter.Span[i] <- dAfter.Span[i] + later.H.Data.Span[i]

        later <- cell.Backward(taken[t], state dAfter, workspace).Before

    let guess row = let y = logits.Data.Slice(row * V, V).ToArray() in Array.IndexOf(y, Array.max y)
    let wrong = Seq.length (Seq.filter (fun row -> guess row <> next[row]) (seq { 0 .. next.Length - 1 }))
    loss.Loss, float wrong / float next.Length

let most = symbols |> Array.countBy id |> Array.map snd |> Array.max

let guessing = 100.0 - 100.0 * float most / float symbols.Length
printfn $"{alphabet.Length} characters; always predicting the most frequent one is wrong in {guessing:F1} %%"
// A sentence has three random choices, of 4, 3 and 4; everything else in it is certain.
let entropy = float sentences.Length * log (4.0 * 3.0 * 4.0) / log 2.0 / float text.Length
printfn $"the entropy of the text is {entropy:F2} bits per character"

let mutable error = 1.0

for epoch in 1..5 do
    let carried = Memory(Array.zeroCreate<float32>(streams * hidden))

    let results = [
        for start in 0..steps .. streamLength - steps - 1 do
            for p in parameters do
                p.ClearGradient()

            learn start carried
            optimizer.Step(1e-2, GradientNorm.ClippingScale(GradientNorm.Of parameters, 1.0), workspace.Team)
    ]

    error <- 100.0 * List.averageBy snd results
    printfn $"epoch {epoch}: {List.averageBy fst results / log 2.0:F2} bits per character, wrong in {error:F1} %%"

// Generation: each character is sampled from the predicted distribution and read next. A step is valid until its
// workspace is reset, so two workspaces alternate.
let workspaces = [| Workspace(); Workspace() |]

let rec write (before: CellState<float32>) character count (written: string) =
    if count = 0 then
        written
    else
        let workspace = workspaces[count % 2]
        workspace.Reset()
        let step = cell.Forward(frame workspace [| character |], before, workspace)

        let logits =
            projection.Forward(Batch<float32>(step.State.H.Data, 1, 1, hidden), Pass workspace).Data.ToArray()

        let weights = logits |> Array.map (fun v -> exp (float (v - Array.max logits)))
        let drawn = random.Uniform(0.0, Array.sum weights)
        let upTo = weights |> Array.scan (+) 0.0 |> Array.tail
        let next = max 0 (Array.FindIndex(upTo, fun sum -> drawn < sum))
        write step.State next (count - 1) (written + string alphabet[next])

printfn $"""generated: {write (CellState()) (Array.IndexOf(alphabet, '.')) 120 ""}"""
printfn $"characters predicted wrongly: {error:F1} %%"
