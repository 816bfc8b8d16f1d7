namespace Hybrid.Dsl

open Hybrid.Core
open Hybrid.Speech

/// The words of an architecture: what stands in `encoder { ... }` and `decoder { ... }`. Each gives a layer as data. Where two
/// numbers could be swapped, all but the first are given by their names.
[<AutoOpen; AbstractClass; Sealed>]
type Layers =
    /// A projection of every frame to a number of outputs.
    static member linear
        (outputs: int, ?_byName: ``setting with its name such as kernel = 7; inputs are never given``, ?bias: bool)
        : LayerSpec =
        LinearSpec(outputs, defaultArg bias true)

    /// A convolution over time; `kernel` frames are seen, 3 unless given, `stride` frames lie from one output frame to the next, `padding`
    /// frames of zeros stand before and after, (kernel - 1) * dilation / 2 unless given; `dilation` frames lie from one that is
    /// seen to the next; channels are cut into `groups` that do not see each other.
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

    /// A factor for each channel from the mean of the utterance, through a hidden layer with one unit for `reduction` channels.
    static member squeezeExcite(?reduction: int) : LayerSpec = SqueezeExciteSpec(?Reduction = reduction)

    /// Two convolutions of `width` channels with batch normalisation, ReLU between them and, if `squeezeExcite` gives a
    /// reduction, squeeze and excitation behind them; the input - through a convolution of one frame where it has another
    /// width - is added, and ReLU follows.
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

    /// Any layers that keep frames where they are, with the input added to their output.
    static member residual(body: Block) : LayerSpec =
        let (Block layers) = body
        ResidualSpec [| for placed in layers -> placed.Layer |]

    /// Batch normalisation; padded frames stay out of its statistics.
    static member batchNorm: LayerSpec = BatchNormSpec()

    /// Layer normalisation: each frame over its own features.
    static member layerNorm: LayerSpec = LayerNormSpec()

    /// max(x, 0)
    static member relu: LayerSpec = ActivationSpec ActivationFunction.Relu

    /// x Phi(x) with the standard normal distribution Phi
    static member gelu: LayerSpec = ActivationSpec ActivationFunction.Gelu

    /// x sigmoid(x)
    static member silu: LayerSpec = ActivationSpec ActivationFunction.Silu

    /// The hyperbolic tangent.
    static member tanh: LayerSpec = ActivationSpec ActivationFunction.Tanh

    /// 1 / (1 + e^-x)
    static member sigmoid: LayerSpec = ActivationSpec ActivationFunction.Sigmoid

    /// In training, each element is zero with a probability.
    static member dropout(probability: float) : LayerSpec = DropoutSpec probability

    /// Dropout with the same mask for all frames of an utterance.
    static member lockedDropout(probability: float) : LayerSpec = DropoutSpec(probability, true)

    /// In training, random stretches of up to `time` frames and bands of up to `frequency` features are zero; one of each
    /// per utterance unless `timeCount` and `frequencyCount` say otherwise.
    static member mask
        (
            ?_byName: ``setting with its name such as kernel = 7; inputs are never given``,
            ?time: int,
            ?frequency: int,
            ?timeCount: int,
            ?frequencyCount: int
        ) : SpecAugmentSpec =
        SpecAugmentSpec(defaultArg time 0, defaultArg frequency 0, defaultArg timeCount 1, defaultArg frequencyCount 1)

    // In all recurrent layers there may be `dropout` between several `layers`, `locked` if all frames of an utterance are to
    // share one mask, the output of every layer is normalised with `layerNorm = true`, and `bidirectional = true` makes `lstm`
    // a `blstm`.

    /// Simple recurrent units forwards in time, with tanh unless `nonlinearity` says otherwise.
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

    /// Simple recurrent units in both directions, `hidden` of them in each.
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

    /// Gated recurrent units forwards in time.
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

    /// Gated recurrent units in both directions, `hidden` of them in each.
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

    /// An LSTM forwards in time.
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

    /// Two LSTMs side by side, one forwards and one backwards in time, with `hidden` units each.
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

    /// A layer of one's own, under a name; files know it by this name alone, so scripts that load them call this before.
    static member custom(name: string, layer: ICustomLayer) : LayerSpec = CustomLayerSpec.Register(name, layer)

    /// Joins each `factor` neighbouring frames into one, before a recurrent layer or behind it.
    static member pyramid(factor: int) : LayerSpec = FrameStackingSpec factor

    /// Kaldi's MFCC with a number of coefficients, and with differences over time of the first order (`deltas = 1`) or the first two.
    static member mfcc(coefficients: int, ?deltas: int) : FeaturePreset =
        FeaturePreset.Mfcc(coefficients, defaultArg deltas 0)

    /// Kaldi's logarithms of the energies of a number of mel filters, and differences over time as those of `mfcc`.
    static member logMel(filters: int, ?deltas: int) : FeaturePreset =
        FeaturePreset.LogMel(filters, defaultArg deltas 0)

    /// The MFCC of torchaudio.transforms, with its defaults but for the number of coefficients.
    static member torchaudio(coefficients: int) : FeaturePreset = FeaturePreset.Torchaudio coefficients

    /// The MFCC of librosa.feature, with its defaults but for the number of coefficients.
    static member librosa(coefficients: int) : FeaturePreset = FeaturePreset.Librosa coefficients

    /// Features that come with the corpus, a number of them in each frame, such as those of CMU 11-785 HW3P2.
    static member precomputed(coefficients: int) : FeaturePreset = FeaturePreset.Precomputed coefficients

    /// The symbols of the default inventory: 39 ARPAbet phones, silence and the blank.
    static member phones: int = PhoneInventory.Arpabet.Count
