/// The cases: every cell, every layer, every loss, and whole networks.
module Hybrid.Tests.CaseList

open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Tests.Cases

/// Unequal lengths, not sorted, one of a single frame.
let private lengths = [ 7; 4; 1; 6 ]

let private layers name features specs = {
    Name = name
    Features = features
    Lengths = lengths
    Labels = []
    Subject = Layers specs
    Recorded = true
}

let private activations = [
    "ReLU", ActivationFunction.Relu
    "GELU", ActivationFunction.Gelu
    "SiLU", ActivationFunction.Silu
    "tanh", ActivationFunction.Tanh
    "sigmoid", ActivationFunction.Sigmoid
]

let private ofLayers = [
    layers "Linear" 3 [ LinearSpec 5 ]
    layers "Linear without bias" 3 [ LinearSpec(5, false) ]
    layers "Conv1d" 3 [ Conv1dSpec(5, 3) ]
    layers "Conv1d even kernel" 3 [ Conv1dSpec(2, 4) ]
    layers "Conv1d stride 2" 3 [ Conv1dSpec(5, 5, 2) ]
    layers "Conv1d stride 3 without padding" 3 [ Conv1dSpec(5, 1, 3, 0) ]
    layers "Conv1d wider than the input" 2 [ Conv1dSpec(3, 9) ]
    layers "Conv1d dilation 2" 3 [ Conv1dSpec(5, 3, Dilation = 2) ]
    layers "Conv1d stride 2, dilation 3" 3 [ Conv1dSpec(5, 3, 2, Dilation = 3) ]
    layers "Conv1d in 3 groups" 6 [ Conv1dSpec(9, 4, Groups = 3) ]
    layers "Conv1d in 2 groups, stride 2, dilation 2" 4 [ Conv1dSpec(6, 3, 2, 1, 2, 2) ]
    { layers "Conv1d of three taps and many channels" 48 [ Conv1dSpec(49, 3) ] with Recorded = false }
    layers "BatchNorm1d" 5 [ BatchNormSpec() ]
    layers "LayerNorm" 5 [ LayerNormSpec() ]
    layers "SqueezeExcite" 6 [ SqueezeExciteSpec 2 ]
    layers "Residual, same width" 4 [ Layers.residual (4, kernel = 3, squeezeExcite = 2) ]
    layers "Residual, another width" 3 [ Layers.residual (4, kernel = 3, squeezeExcite = 2) ]
    for name, activation in activations do
        layers name 5 [ ActivationSpec activation ]
    layers "Dropout" 6 [ DropoutSpec 0.4 ]
    layers "Dropout, locked" 6 [ DropoutSpec(0.4, true) ]
    layers "Masking" 6 [ SpecAugmentSpec(3, 2, 2) ]
    layers "Pyramid 2" 3 [ FrameStackingSpec 2 ]
    layers "Pyramid 3 behind a BiLSTM" 3 [ LstmSpec(2, true); FrameStackingSpec 3 ]
    { layers "LogSoftmax" 5 [] with Subject = LogProbabilities }
]

let private recurrent name spec = { layers name 3 [] with Subject = Sequence spec }

let private ofCells = [
    for kind in System.Enum.GetValues<CellKind>() do
        { layers $"{kind}Cell" 4 [] with Subject = Steps kind }

    for bidirectional in [ false; true ] do
        for count in 1..2 do
            let directions = if bidirectional then "both directions" else "one direction"
            recurrent $"Rnn {directions}, {count} layers" (RnnSpec(RecurrentSettings(4, bidirectional, count)))

            recurrent
                $"ReluRnn {directions}, {count} layers"
                (RnnSpec(RecurrentSettings(4, bidirectional, count), RnnNonlinearity.Relu))

            recurrent $"Gru {directions}, {count} layers" (GruSpec(RecurrentSettings(4, bidirectional, count)))
            recurrent $"Lstm {directions}, {count} layers" (LstmSpec(RecurrentSettings(4, bidirectional, count)))

    recurrent "Lstm with dropout" (LstmSpec(RecurrentSettings(4, true, 3, 0.4)))
    recurrent
        "Gru with locked dropout and layer normalisation"
        (GruSpec(RecurrentSettings(4, true, 2, 0.4, true, true)))
]

let private loss name features labels loss = {
    layers name features [] with
        Lengths = [ 7; 3; 2; 1 ]
        Labels = labels
        Subject = Trained([], loss)
}

/// Labels with a repeat, none, as many as frames, and one.
let private labels = [ [ 1; 1; 3 ]; []; [ 3; 1 ]; [ 4 ] ]

let private ofLosses = [
    loss "CrossEntropy" 5 [ [ 0; 4; 2; 2; 1; 3; 0 ]; [ 1; 1; 4 ]; [ 0; 3 ]; [ 2 ] ] CrossEntropy
    for reduction in System.Enum.GetValues<CtcReduction>() do
        for blank in [ 0; 2 ] do
            loss $"CTC {reduction}, blank {blank}" 5 labels (Alignments(CtcLoss(blank, reduction)))
            loss $"Viterbi {reduction}, blank {blank}" 5 labels (Alignments(ViterbiLoss(blank, reduction)))
]

let private network name features specs labels = {
    Name = name
    Features = features
    Lengths = [ 13; 9; 5 ]
    Labels = labels
    Subject = Trained(specs, Alignments(CtcLoss(0, CtcReduction.MeanPerLabel)))
    Recorded = true
}

let private tiny = List.ofSeq (Seq.append Recipes.tiny.Network.Encoder Recipes.tiny.Network.Decoder)

/// The same layers with few units.
let private narrow: LayerSpec list = [
    for spec in tiny do
        match spec with
        | :? Conv1dSpec as conv -> Conv1dSpec(7, conv.Kernel, conv.Stride)
        | :? LstmSpec as lstm -> LstmSpec(RecurrentSettings(4, lstm.Bidirectional, lstm.Layers))
        | :? LinearSpec -> LinearSpec 6
        | other -> other
]

let private ofNetworks = [
    network "Network as tiny, with fewer units" 5 narrow [ [ 1; 5; 5 ]; [ 2; 3 ]; [] ]
    network "Network of a residual block, a GRU and a pyramid" 3 [
        Layers.residual (4, kernel = 3, squeezeExcite = 2)
        GruSpec(3, true)
        FrameStackingSpec 2
        LayerNormSpec()
        ActivationSpec ActivationFunction.Silu
        LinearSpec 5
    ] [ [ 1; 4 ]; [ 2 ]; [] ]
    {
        network "Network tiny" Recipes.tiny.Network.Inputs tiny [ [ 7; 21; 21 ]; [ 40; 1 ]; [ 3 ] ] with
            Recorded = false
    }
]

/// All cases; names are unique.
let all = ofLayers @ ofCells @ ofLosses @ ofNetworks
