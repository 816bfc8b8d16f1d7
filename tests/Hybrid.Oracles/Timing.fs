/// Times PyTorch's layers through TorchSharp, for the cases of group B of tests/Benchmarks/compare.py.
module Hybrid.Oracles.Timing

open System
open System.Diagnostics
open TorchSharp

type private T = torch.Tensor

/// The smallest of three medians, in milliseconds.
let private milliseconds (work: unit -> unit) =
    let median () =
        let clock = Stopwatch.StartNew()

        let times = [
            while clock.Elapsed.TotalSeconds < 0.5 do
                let start = Stopwatch.GetTimestamp()
                work ()
                Stopwatch.GetElapsedTime(start).TotalMilliseconds
        ]

        (List.sort times)[times.Length / 2]

    work ()
    List.min [ for _ in 1..3 -> median () ]

let private normal (shape: int64 list) = torch.randn (List.toArray shape)

/// A forward and a backward pass with all gradients, that of `input` too if it requires one.
let private training (modules: torch.nn.Module list) (forward: T -> T) (input: T) (gradient: T) () =
    use _ = torch.NewDisposeScope()

    for m in modules do
        m.zero_grad ()

    if input.requires_grad then
        input.grad <- null

    (forward input).backward([| gradient |])

let private inference (forward: T -> T) (input: T) () =
    use _ = torch.NewDisposeScope()
    use _ = torch.no_grad ()
    forward input |> ignore

let private recurrent cell inputs hidden : torch.nn.Module * (T -> T) =
    match cell with
    | "lstm" ->
        let m = torch.nn.LSTM(inputs, hidden, bidirectional = true)

        m,
        fun x ->
            let struct (y, _, _) = m.call x
            y
    | _ ->
        let m = torch.nn.GRU(inputs, hidden, bidirectional = true)

        m,
        fun x ->
            let struct (y, _) = m.call x
            y

let private cases = [
    for cell, B, T, I in [ "lstm", 16L, 800L, 256L; "lstm", 32L, 400L, 512L; "gru", 16L, 800L, 256L ] do
        $"{cell}_bi_B{B}_T{T}_I{I}_H256_train",
        fun () ->
            let m, forward = recurrent cell I 256L
            training [ m ] forward (normal([ T; B; I ]).requires_grad_ true) (normal [ T; B; 512L ])
    for cell in [ "lstm"; "gru" ] do
        $"{cell}_bi_B1_T800_I256_H256_infer",
        fun () -> inference (snd (recurrent cell 256L 256L)) (normal [ 800L; 1L; 256L ])
    for inputs, outputs, kernel in [ 28L, 64L, 7L; 64L, 128L, 3L; 256L, 512L, 3L ] do
        $"conv1d_bn_{inputs}_{outputs}_k{kernel}_B16_T800_train",
        fun () ->
            let convolution = torch.nn.Conv1d(inputs, outputs, kernel, padding = kernel / 2L)
            let norm = torch.nn.BatchNorm1d outputs
            // The first layer of a network does not need the gradient of its input.
            let input = normal([ 16L; inputs; 800L ]).requires_grad_(inputs <> 28L)
            training [ convolution; norm ] (convolution.call >> norm.call) input (normal [ 16L; outputs; 800L ])
]

/// Lines of the form `B,case,threads,implementation,milliseconds`.
let run threads =
    torch.set_num_threads threads

    for name, prepare in cases do
        let time = milliseconds (prepare ())
        Console.WriteLine(FormattableString.Invariant $"B,{name},{threads},torch{torch.__version__},{time:F4}")
