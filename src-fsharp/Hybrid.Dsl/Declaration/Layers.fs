namespace Hybrid.Dsl

open Hybrid.Core
open Hybrid.Speech

/// The layers and feature presets of an architecture, for use in `encoder { ... }`, `decoder { ... }` and `features
/// (...)`. Each word returns a specification. Settings are named, so that two numbers cannot be swapped.
[<AutoOpen; AbstractClass; Sealed>]
type Layers =
    /// A linear projection of each frame to `outputs` features.
    static member linear
        (outputs: int, ?_byName: ``setting with its name such as kernel = 7; inputs are never given``, ?bias: bool)
        : LayerSpec =
        LinearSpec(outputs, defaultArg bias true)

    /// A convolution over time with `kernel` taps (default 3), `stride` and `dilation` in frames (default 1), `padding`
    /// zero frames on each side (default (kernel - 1) * dilation / 2), and channels in `groups` independent groups
    /// (default 1).
    static member conv1d
        (
            channels: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?kernel: int,
            ?stride: int,
            ?padding: int,
            ?dilation: int,
            ?groups: int
        ) : LayerSpec =
        Conv1dSpec(
            channels,
            defaultArg kernel 3,
            ?Stride = stride,
            ?Padding = padding,
            ?Dilation = dilation,
            ?Groups = groups
        )

    /// Squeeze-and-excitation: scales each channel by a factor computed from the means over the utterance. The hidden
    /// layer has one unit per `reduction` channels (default 16).
    static member squeezeExcite(?reduction: int) : LayerSpec = SqueezeExciteSpec(?Reduction = reduction)

    /// A residual block: conv, batch norm, ReLU, conv, batch norm, each convolution with `width` channels, and
    /// squeeze-and-excitation if `squeezeExcite` gives its reduction. The input is added, through a convolution of
    /// kernel 1 if its width differs, and ReLU follows.
    static member residual
        (
            width: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?kernel: int,
            ?squeezeExcite: int
        ) : LayerSpec =
        let convolution = [ Layers.conv1d (width, ?kernel = kernel); Layers.batchNorm ]
        let excitation = [ for reduction in Option.toList squeezeExcite -> Layers.squeezeExcite reduction ]
        ResidualSpec(List.toArray (convolution @ [ Layers.relu ] @ convolution @ excitation), ActivationFunction.Relu)

    /// A residual block around any layers that keep the number of frames: the input is added to their output.
    static member residual(body: Block) : LayerSpec =
        let (Block layers) = body
        ResidualSpec [| for placed in layers -> placed.Layer |]

    /// Batch normalisation; padding frames are excluded from the statistics.
    static member batchNorm: LayerSpec = BatchNormSpec()

    /// Layer normalisation of each frame over its features.
    static member layerNorm: LayerSpec = LayerNormSpec()

    /// The activation max(x, 0).
    static member relu: LayerSpec = ActivationSpec ActivationFunction.Relu

    /// The activation x Phi(x), where Phi is the standard normal distribution function.
    static member gelu: LayerSpec = ActivationSpec ActivationFunction.Gelu

    /// The activation x sigmoid(x).
    static member silu: LayerSpec = ActivationSpec ActivationFunction.Silu

    /// The activation 1 / (1 + exp(-x)).
    static member sigmoid: LayerSpec = ActivationSpec ActivationFunction.Sigmoid

    /// Dropout: in training, each element is zero with the given probability.
    static member dropout(probability: float) : LayerSpec = DropoutSpec probability

    /// Dropout with one mask for all frames of an utterance.
    static member lockedDropout(probability: float) : LayerSpec = DropoutSpec(probability, true)

    /// SpecAugment: in training, `timeCount` random spans of at most `time` frames and `frequencyCount` random bands of
    /// at most `frequency` features are zero in each utterance (counts default to 1). All spans together cover at most
    /// `share` of its frames (default 0.4).
    static member mask
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?time: int,
            ?frequency: int,
            ?timeCount: int,
            ?frequencyCount: int,
            ?share: float
        ) : SpecAugmentSpec =
        let masks =
            SpecAugmentSpec(
                defaultArg time 0,
                defaultArg frequency 0,
                defaultArg timeCount 1,
                defaultArg frequencyCount 1
            )

        match share with
        | Some share -> SpecAugmentSpec(masks.Time, masks.Frequency, masks.TimeCount, masks.FrequencyCount, share)
        | None -> masks

    // Common settings of the recurrent layers: `layers` stacked layers with `dropout` between them, one dropout mask
    // for all frames with `locked = true`, layer normalisation of each layer's output with `layerNorm = true`. F#
    // cannot share a list of optional arguments between members, so each word repeats the names; the specification is
    // built in one place per cell.

    /// A simple (Elman) RNN, forward in time; `nonlinearity` is tanh by default.
    static member rnn
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool,
            ?nonlinearity: RnnNonlinearity,
            ?bidirectional: bool
        ) : LayerSpec =
        RnnSpec(
            RecurrentSettings(
                hidden,
                ?Bidirectional = bidirectional,
                ?Layers = layers,
                ?Dropout = dropout,
                ?Locked = locked,
                ?LayerNorm = layerNorm
            ),
            ?Nonlinearity = nonlinearity
        )

    /// A bidirectional simple RNN with `hidden` units per direction.
    static member brnn
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool,
            ?nonlinearity: RnnNonlinearity
        ) : LayerSpec =
        Layers.rnn (
            hidden,
            ?layers = layers,
            ?dropout = dropout,
            ?locked = locked,
            ?layerNorm = layerNorm,
            ?nonlinearity = nonlinearity,
            bidirectional = true
        )

    /// A GRU, forward in time.
    static member gru
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool,
            ?bidirectional: bool
        ) : LayerSpec =
        GruSpec(
            RecurrentSettings(
                hidden,
                ?Bidirectional = bidirectional,
                ?Layers = layers,
                ?Dropout = dropout,
                ?Locked = locked,
                ?LayerNorm = layerNorm
            )
        )

    /// A bidirectional GRU with `hidden` units per direction.
    static member bgru
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool
        ) : LayerSpec =
        Layers.gru (
            hidden,
            ?layers = layers,
            ?dropout = dropout,
            ?locked = locked,
            ?layerNorm = layerNorm,
            bidirectional = true
        )

    /// An LSTM, forward in time.
    static member lstm
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool,
            ?bidirectional: bool
        ) : LayerSpec =
        LstmSpec(
            RecurrentSettings(
                hidden,
                ?Bidirectional = bidirectional,
                ?Layers = layers,
                ?Dropout = dropout,
                ?Locked = locked,
                ?LayerNorm = layerNorm
            )
        )

    /// A bidirectional LSTM with `hidden` units per direction.
    static member blstm
        (
            hidden: int,
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?layers: int,
            ?dropout: float,
            ?locked: bool,
            ?layerNorm: bool
        ) : LayerSpec =
        Layers.lstm (
            hidden,
            ?layers = layers,
            ?dropout = dropout,
            ?locked = locked,
            ?layerNorm = layerNorm,
            bidirectional = true
        )

    /// A custom layer, registered under a name. Model files store only the name: register the layer before loading one.
    static member custom(name: string, layer: ICustomLayer) : LayerSpec = CustomLayerSpec.Register(name, layer)

    /// Frame stacking (a pyramidal step): concatenates each `factor` consecutive frames into one.
    static member pyramid(factor: int) : LayerSpec = FrameStackingSpec factor

    /// Frame splitting, the inverse of `pyramid`: each frame becomes `factor` consecutive ones.
    static member upsample(factor: int) : LayerSpec = FrameUnstackingSpec factor

    /// Kaldi's MFCC; `deltas = 1` appends first-order differences over time, `deltas = 2` also second-order ones.
    static member mfcc(coefficients: int, ?deltas: int) : FeaturePreset =
        FeaturePreset.Mfcc(coefficients, defaultArg deltas 0)

    /// Kaldi's log mel filter-bank energies; `deltas` as for `mfcc`.
    static member logMel(filters: int, ?deltas: int) : FeaturePreset =
        FeaturePreset.LogMel(filters, defaultArg deltas 0)

    /// The MFCC of torchaudio.transforms with its default settings and the given number of coefficients.
    static member torchaudio(coefficients: int) : FeaturePreset = FeaturePreset.Torchaudio coefficients

    /// The MFCC of librosa.feature with its default settings and the given number of coefficients.
    static member librosa(coefficients: int) : FeaturePreset = FeaturePreset.Librosa coefficients

    /// Precomputed features stored in the corpus, `coefficients` per frame, such as those of CMU 11-785 HW3P2.
    static member precomputed(coefficients: int) : FeaturePreset = FeaturePreset.Precomputed coefficients

    /// The number of symbols of the default inventory: 39 ARPAbet phones, silence and the blank, 41.
    static member phones: int = PhoneInventory.Arpabet.Count
