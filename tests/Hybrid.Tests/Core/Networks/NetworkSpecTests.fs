/// Networks as data: what is refused, and what a file holds.
module Hybrid.Tests.NetworkSpecTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests

let private problems inputs (layer: LayerSpec) = List.ofSeq (layer.Problems inputs)

let private dropout = DropoutSpec 0.1

/// Layers behind six features, each with the one clause that it deserves.
let private faults: (LayerSpec * string) list = [
    LinearSpec 0, "number of outputs is 0, must be at least 1"
    Conv1dSpec(0, 3), "number of channels is 0, must be at least 1"
    Conv1dSpec(4, 0), "kernel is 0, must be at least 1"
    Conv1dSpec(4, 3, 0), "stride is 0, must be at least 1"
    Conv1dSpec(4, 3, Padding = -1), "padding is -1, must be at least 0"
    Conv1dSpec(4, 3, Padding = 3), "padding is 3, must be at most 2"
    Conv1dSpec(4, 3, Dilation = 400000), "dilation is 400000, must be at most 2048"
    LinearSpec Int32.MaxValue, "number of outputs is 2147483647, must be at most 65536"
    LstmSpec(RecurrentSettings(4, Layers = 101)), "number of layers is 101, must be at most 100"
    FrameStackingSpec 200000, "factor is 200000, must be at most 10922"
    Conv1dSpec(4, 3, Dilation = 0), "dilation is 0, must be at least 1"
    Conv1dSpec(4, 3, Groups = 0), "groups is 0, must be at least 1"
    Conv1dSpec(4, 3, Groups = 4), "groups is 4, must divide the 6 features of the input"
    Conv1dSpec(4, 3, Groups = 3), "groups is 3, must divide the 4 channels of the output"
    SqueezeExciteSpec 0, "reduction is 0, must be in 1..6, the number of channels"
    SqueezeExciteSpec 7, "reduction is 7, must be in 1..6, the number of channels"
    ActivationSpec(enum 99), "activation function 99 does not exist"
    DropoutSpec 1.0, "probability is 1, must be in [0, 1)"
    DropoutSpec(nan, true), "probability is NaN, must be in [0, 1)"
    SpecAugmentSpec(-1, 0), "time is -1, must be at least 0"
    SpecAugmentSpec(0, 7), "frequency is 7, there are only 6 features"
    SpecAugmentSpec(5, 3, Share = 1.5), "share is 1.5, must be in [0, 1]"
    FrameStackingSpec 1, "factor is 1, must be at least 2"
    LstmSpec 0, "number of hidden units is 0, must be at least 1"
    GruSpec(RecurrentSettings(4, Layers = 0)), "number of layers is 0, must be at least 1"
    GruSpec(RecurrentSettings(4, true, 2, 1.5)), "dropout is 1.5, must be in [0, 1)"
    LstmSpec(RecurrentSettings(4, Dropout = 0.2)),
    "there is dropout between layers, but only one layer: add a dropout layer instead"
    LstmSpec(RecurrentSettings(4, Layers = 2, Locked = true)),
    "the dropout is locked, but its probability is 0: give a probability"
    RnnSpec(4, Nonlinearity = enum 9), "nonlinearity 9 does not exist"
    ResidualSpec([| dropout |], enum<ActivationFunction> 99), "activation function 99 does not exist"
    ResidualSpec [| dropout; Conv1dSpec(4, 0) |], "body.1: conv1d 4, kernel 0: kernel is 0, must be at least 1"
    ResidualSpec [| FrameStackingSpec 2 |],
    "body.0: pyramid 2 moves or joins frames, must have stride 1 and keep the number of frames"
    ResidualSpec [| Conv1dSpec(4, 4) |],
    "body.0: conv1d 4, kernel 4 moves or joins frames, must have stride 1 and keep the number of frames"
    ResidualSpec [| ResidualSpec [| Conv1dSpec(6, 3); LinearSpec 0 |] |],
    "body.0: residual (conv1d 6, kernel 3; linear 0): body.1: linear 0: number of outputs is 0, must be at least 1"
]

/// One of every kind, with settings that differ from what holds where nothing is said.
let private layers: LayerSpec list = [
    LinearSpec(6, false)
    Conv1dSpec(6, 3, 2, 0, 2, 3)
    SqueezeExciteSpec 2
    ResidualSpec([| Conv1dSpec(8, 3); LayerNormSpec(); ResidualSpec [| dropout |] |], ActivationFunction.Silu)
    BatchNormSpec()
    LayerNormSpec()
    ActivationSpec ActivationFunction.Tanh
    DropoutSpec(0.25, true)
    SpecAugmentSpec(5, 3, 2, 2, 0.25)
    RnnSpec(4, true, Nonlinearity = RnnNonlinearity.Relu)
    GruSpec(RecurrentSettings(4, true, 2, 0.5, true, true))
    LstmSpec(RecurrentSettings(4, LayerNorm = true))
    FrameStackingSpec 3
]

let private spec = NetworkSpec(7, 5, List.toArray layers, [| LinearSpec 5 |])

[<Tests>]
let tests =
    testList "networks as data" [
        for layer, clause in faults do
            test $"{layer.Describe()}: {clause}" { Expect.equal (problems 6 layer) [ clause ] "problems" }

        test "everything that is wrong is reported, below the path of its layer" {
            let faulty =
                NetworkSpec(
                    6,
                    5,
                    [| LinearSpec 0; ResidualSpec [| LinearSpec 0; FrameStackingSpec 1 |] |],
                    [| LinearSpec 5 |]
                )

            let found = [ for problem in faulty.Validate() -> problem.Path, problem.Message.Split(": ")[1] ]

            Expect.equal
                found
                [
                    "encoder.0", "number of outputs is 0, must be at least 1"
                    "encoder.1", "body.0"
                    "encoder.1", "body.1"
                ]
                "places"
        }

        test "recurrent layers have their settings beside each other in JSON" {
            let recurrent =
                NetworkSpec(
                    7,
                    5,
                    [|
                        RnnSpec(4, true, RnnNonlinearity.Relu)
                        GruSpec(RecurrentSettings(4, true, 2, 0.5, true, true))
                    |],
                    [| LinearSpec 5 |]
                )

            let json =
                String.Join(" ", recurrent.ToJson().Split([| '\r'; '\n'; ' ' |], StringSplitOptions.RemoveEmptyEntries))

            // As all versions wrote it.
            for layer in
                [
                    """{ "layer": "rnn", "nonlinearity": "Relu", "hidden": 4, "bidirectional": true, "layers": 1, """
                    + "\"dropout\": 0, \"locked\": false, \"layerNorm\": false }"
                    """{ "layer": "gru", "hidden": 4, "bidirectional": true, "layers": 2, """
                    + "\"dropout\": 0.5, \"locked\": true, \"layerNorm\": true }"
                ] do
                Expect.stringContains json layer "JSON"
        }

        test "a network survives its JSON" {
            Expect.isEmpty (spec.Validate()) "problems"
            let back = NetworkSpec.FromJson(spec.ToJson())
            Expect.equal (back.ToJson()) (spec.ToJson()) "JSON"
            let describe (spec: NetworkSpec) = [ for struct (path, layer) in spec.Layers -> path, layer.Describe() ]
            Expect.equal (describe back) (describe spec) "layers"
            let parameters (spec: NetworkSpec) = [ for p in Network<float>(spec).Parameters -> string p ]
            Expect.equal (parameters back) (parameters spec) "parameters"
        }

        test "JSON holds every layer once; other content of earlier versions is ignored" {
            Expect.isFalse (spec.ToJson().Contains "{}") (spec.ToJson())
            let earlier = spec.ToJson().TrimEnd().TrimEnd('}') + ",\"layers\": [{}, {}]}"
            Expect.equal (NetworkSpec.FromJson(earlier).ToJson()) (spec.ToJson()) "network"
        }

        test "a network of more layers than any has is refused before they are built" {
            let many =
                NetworkSpec(
                    6,
                    5,
                    [| for _ in 1..11 -> LstmSpec(RecurrentSettings(4, Layers = 100)) :> LayerSpec |],
                    [| LinearSpec 5 |]
                )

            Expect.equal
                [ for problem in many.Validate() -> string problem ]
                [ "the network has 1101 layers, must have at most 1000" ]
                "problems"

            let nested =
                NetworkSpec(6, 5, [| ResidualSpec [| for _ in 1..1000 -> dropout :> LayerSpec |] |], [| LinearSpec 5 |])

            Expect.equal
                [ for problem in nested.Validate() -> string problem ]
                [ "the network has 1002 layers, must have at most 1000" ]
                "problems"
        }

        test "settings that are not given have their defaults" {
            let json =
                """{"inputs": 3, "symbols": 5,
                    "encoder": [{"layer": "lstm", "hidden": 4, "bidirectional": true},
                        {"layer": "dropout", "probability": 0.5}],
                    "decoder": [{"layer": "linear", "outputs": 5}]}"""

            Expect.equal
                (NetworkSpec.FromJson(json).Encoder |> List.ofSeq)
                [ LstmSpec(4, true); DropoutSpec 0.5 ]
                "layers"
        }

        for what, encoder in
            [
                "an empty place", "[null]"
                "an empty place in a residual block", """[{"layer": "residual", "body": [null]}]"""
                "a recurrent layer without hidden units", """[{"layer": "gru", "layers": 2}]"""
                "a residual block without body", """[{"layer": "residual", "body": null}]"""
                "a name that breaks the line", "[{\"layer\": \"linear\\n\"}]"
                "an unknown layer", """[{"layer": "attention"}]"""
                "an unknown setting", """[{"layer": "gru", "hidden": 4, "colour": 1}]"""
            ] do
            test $"JSON with {what} is a FormatException" {
                let json = $"""{{"inputs": 3, "symbols": 5, "encoder": {encoder}, "decoder": []}}"""
                Refusal.messageOf<FormatException, _>(fun () -> NetworkSpec.FromJson json) |> ignore
            }
    ]

let private small = NetworkSpec(3, 4, [| LstmSpec 2 |], [| LinearSpec 4 |])

/// The tensors of a small network, some renamed, some without their last row.
let private stored change = [
    for tensor in Network<float>(small, 5UL).Save() do
        yield! change tensor
]

let private rename (name: string) (tensor: StoredTensor) = StoredTensor(name, tensor.Type, tensor.Shape, tensor.Bytes)

let private complaint tensors renamed =
    Refusal.messageOf<FormatException, _>(fun () ->
        Network<float>(small, (tensors: StoredTensor list), dict renamed |> Collections.Generic.Dictionary))

[<Tests>]
let loading =
    testList "loading weights" [
        test "all missing, unexpected and misshapen tensors are in one message" {
            let tensors =
                stored (fun tensor ->
                    match tensor.Name with
                    | "encoder.0.bias_ih_l0" -> []
                    | "decoder.0.bias" -> [ rename "decoder.0.offset" tensor ]
                    | "decoder.0.weight" -> [ StoredTensor(tensor.Name, tensor.Type, [| 2L; 4L |], tensor.Bytes) ]
                    | _ -> [ tensor ])

            let message = complaint tensors []

            for part in
                [
                    "missing encoder.0.bias_ih_l0 [8]"
                    "missing decoder.0.bias [4]"
                    "decoder.0.weight [4, 2] has shape [2, 4] in the file"
                    "unexpected decoder.0.offset"
                ] do
                Expect.stringContains message part "message"
        }

        test "a map renames tensors on their way" {
            let old (name: string) = name.Replace("encoder.0.", "lstm.")
            let tensors = stored (fun tensor -> [ rename (old tensor.Name) tensor ])

            let names =
                dict [
                    for p in Network<float>(small).Parameters do
                        if old p.Name <> p.Name then
                            old p.Name, p.Name
                ]

            let network = Network<float>(small, tensors, Collections.Generic.Dictionary names)

            for p, q in Seq.zip network.Parameters (Network<float>(small, 5UL).Parameters) do
                Expect.equal (p.ToArray()) (q.ToArray()) p.Name
        }

        test "a map that names a tensor that is not there, or gives two the same name, is refused" {
            let all = stored List.singleton

            let message =
                complaint all [ "lstm.weight", "encoder.0.weight_ih_l0"; "decoder.0.bias", "encoder.0.bias_hh_l0" ]

            Expect.stringContains message "there is no tensor lstm.weight to rename" "message"

            Expect.stringContains
                message
                "encoder.0.bias_hh_l0 and decoder.0.bias are both for encoder.0.bias_hh_l0"
                "message"

            Expect.stringContains message "missing decoder.0.bias [4]" "message"
        }

        test "of very many tensors that do not fit the first ones are listed" {
            let many = NetworkSpec(3, 4, [| for _ in 1..50 -> LinearSpec 4 :> LayerSpec |], [| LinearSpec 4 |])

            let message =
                Refusal.messageOf<FormatException, _>(fun () -> Network<float>(many, Seq.empty<StoredTensor>))

            Expect.stringEnds message "; and 92 more" "message"
            Expect.isLessThan message.Length 500 "length"
        }

        test "weights that do not fit leave a network as it is" {
            let network = Network<float>(small, 1UL)
            let before = [ for p in network.Parameters -> p.ToArray() ]

            Refusal.messageOf<FormatException, _>(fun () -> network.Load(List.tail (stored List.singleton)))
            |> ignore

            Expect.equal [ for p in network.Parameters -> p.ToArray() ] before "values"
        }
    ]
