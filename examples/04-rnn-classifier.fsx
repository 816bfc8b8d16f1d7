// An RNN classifier of vowels: its last state gives the class. All steps are explicit: forward, loss, backward through
// time to the initial states, and the optimiser step.
// Run it with: dotnet fsi examples/04-rnn-classifier.fsx
#load "Hybrid.fsx"

open System
open Hybrid.Core

// Four vowels as a ridge of energy over eight bands: it stays low or high, rises, or falls. No single frame
// distinguishes all of them, so the network needs memory.
let names = [| "AA"; "IY"; "AY"; "YA" |]
let ridge = [| 2.0, 2.0; 5.0, 5.0; 2.0, 5.0; 5.0, 2.0 |]
let bands, hidden, layers, batchSize = 8, 24, 2, 32

/// A batch of random utterances, 8 to 20 frames each, with their labels.
let speak (random: RandomStream) =
    let lengths = Array.init batchSize (fun _ -> 8 + random.Below 13)
    let labels = Array.init batchSize (fun _ -> random.Below names.Length)
    let frames = Array.max lengths

    let x =
        Batch<float32>(Array.zeroCreate<float32>(frames * batchSize * bands), frames, batchSize, bands, lengths)

    for b in 0 .. batchSize - 1 do
        let first, last = ridge[labels[b]]

        for t in 0 .. lengths[b] - 1 do
            let center = first + (last - first) * float t / float (lengths[b] - 1)

            for band in 0 .. bands - 1 do
                x.Row(t, b)[band] <- float32 (exp (-0.5 * (float band - center) ** 2.0) + 0.5 * random.Normal())

    x, labels

let rnn = RecurrentStack<float32>(CellKind.Rnn, bands, RecurrentSettings(hidden, Layers = layers))
let classifier = Linear<float32>(hidden, names.Length)

// The initial states are trained, one per layer.
let start = Parameter<float32>.Constant("start", 0.0, layers, hidden)
let parameters = [| yield! rnn.Parameters; yield! classifier.Parameters; start |]
let optimizer = AdamWSpec().Build parameters
let workspace = Workspace()

/// The outputs of the upper layer for each frame, and the logits of the vowels from its last state.
let forward (x: Batch<float32>) (pass: Pass) =
    let initial = workspace.Rent<float32>(layers * x.B * hidden)

    for row in 0 .. layers * x.B - 1 do // the lower layer first
        start.Value.Slice(row / x.B * hidden, hidden).CopyTo(initial.Span.Slice(row * hidden))

    let result = rnn.Forward(x, CellState(MatrixView(initial, layers * x.B, hidden)), pass)
    let last = result.State.H.SliceRows((layers - 1) * x.B, x.B)
    result.Sequence, classifier.Forward(Batch<float32>(last, 1, x.B), pass)

/// The loss of a batch; gradients of all parameters are accumulated.
let forwardAndBackward (x: Batch<float32>) (labels: int[]) =
    workspace.Reset()
    let pass = Pass(workspace, Training = true)
    let outputs, logits = forward x pass
    let loss = SoftmaxCrossEntropy.Compute(logits.Matrix, ReadOnlySpan labels, workspace)
    let dLast = classifier.Backward(logits.With(loss.Gradient.Data, names.Length), pass)

    // The loss depends only on the last state of the upper layer; all other output gradients are zero.
    let dOutputs = outputs.With(workspace.RentZeroed<float32> outputs.Data.Length, hidden)
    let dFinal = workspace.RentZeroed<float32>(layers * x.B * hidden)
    dLast.Data.CopyTo(dFinal.Slice((layers - 1) * x.B * hidden))
    let gradient = rnn.Backward(dOutputs, CellState(MatrixView(dFinal, layers * x.B, hidden)), pass)

    // All utterances share the initial states, so their gradients are summed.
    let dInitial = gradient.State.H.Data.Span

    for i in 0 .. dInitial.Length - 1 do
        let place = i / (x.B * hidden) * hidden + i % hidden
        start.Gradient[place] <- start.Gradient[place] + dInitial[i]

    loss.Loss

let clear () =
    for p in parameters do
        p.ClearGradient()

// Gradient check: the slope of the loss along the gradient of the initial states must equal the norm of that gradient.
let random = CounterRandom(4UL).Stream()
let x, labels = speak random
clear ()
forwardAndBackward x labels |> ignore
let direction = Array.copy start.Gradient
let length = sqrt (Array.sumBy (fun g -> float g * float g) direction)

let moved distance =
    start.Set(direction |> Array.map (fun g -> float32 (distance * float g / length)))
    forwardAndBackward x labels

let slope = (moved 0.1 - moved -0.1) / 0.2
printfn $"slope of the loss at the initial states: {length:F5} by gradients, {slope:F5} by central differences"

moved 0.0 |> ignore

for step in 1..150 do
    let x, labels = speak random
    clear ()
    let loss = forwardAndBackward x labels
    let norm = GradientNorm.Of parameters
    optimizer.Step(5e-3, GradientNorm.ClippingScale(norm, 1.0), workspace.Team)

    if step = 1 || step % 25 = 0 then
        printfn $"step {step}: loss {loss:F3}, norm of the gradient {norm:F3}"

/// Softmax of a row.
let probabilities (logits: float32[]) =
    let e = logits |> Array.map (fun v -> exp (v - Array.max logits))
    e |> Array.map (fun v -> v / Array.sum e)

// The posteriors over time: the classifier applied to the output of each frame. It was trained only on the last frame.
workspace.Reset()
let unseen, truth = speak (CounterRandom(5UL).Stream())
let pass = Pass workspace
let outputs, logits = forward unseen pass
let predicted = [| for b in 0 .. batchSize - 1 -> logits.Row(0, b).ToArray() |]
let posteriors = classifier.Forward(outputs, pass)
let b = Array.IndexOf(truth, 2)
printfn $"an {names[truth[b]]}, frame by frame:"

for t in 0..2 .. unseen.Lengths.Span[b] - 1 do
    let shares =
        probabilities (posteriors.Row(t, b).ToArray())
        |> Array.mapi (fun v p -> $"{names[v]} {100f * p, 3:F0} %%")

    printfn $"""  {t, 2}: {String.Join(", ", shares)}"""

let wrong =
    Seq.zip predicted truth
    |> Seq.filter (fun (guess, label) -> Array.IndexOf(guess, Array.max guess) <> label)
    |> Seq.length

printfn $"error on unseen vowels: {100.0 * float wrong / float batchSize:F1} %% (guessing: 75 %%)"
