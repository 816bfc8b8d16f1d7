namespace Hybrid.Dsl

open System
open Hybrid.Core
open Hybrid.Speech

/// The words of an architecture: what stands in `encoder { ... }` and `decoder { ... }`. Each gives a layer as data.
[<AutoOpen; AbstractClass; Sealed>]
type Layers =
    /// A projection of every frame to a number of outputs.
    static member linear(outputs: int, ?bias: bool) : LayerSpec = LinearSpec(outputs, defaultArg bias true)

    /// A convolution over time; `kernel` frames are seen, `stride` frames lie from one output frame to the next, `padding`
    /// frames of zeros stand before and after, (kernel - 1) / 2 unless given.
    static member conv1d(channels: int, kernel: int, ?stride: int, ?padding: int) : LayerSpec =
        Conv1dSpec(channels, kernel, defaultArg stride 1, Option.toNullable padding)

    /// Batch normalisation; padded frames stay out of its statistics.
    static member batchNorm: LayerSpec = BatchNormSpec()

    /// max(x, 0)
    static member relu: LayerSpec = ActivationSpec ActivationFunction.Relu

    /// x Phi(x) with the standard normal distribution Phi
    static member gelu: LayerSpec = ActivationSpec ActivationFunction.Gelu

    /// In training, each element is zero with a probability.
    static member dropout(probability: float) : LayerSpec = DropoutSpec probability

    /// In training, random stretches of up to `time` frames and bands of up to `frequency` features are zero; one of each
    /// per utterance unless `timeCount` and `frequencyCount` say otherwise.
    static member mask(time: int, frequency: int, ?timeCount: int, ?frequencyCount: int) : LayerSpec =
        MaskingSpec(time, frequency, defaultArg timeCount 1, defaultArg frequencyCount 1)

    /// An LSTM forwards in time.
    static member lstm(hidden: int) : LayerSpec = LstmSpec(hidden, false)

    /// Two LSTMs side by side, one forwards and one backwards in time, with `hidden` units each.
    static member blstm(hidden: int) : LayerSpec = LstmSpec(hidden, true)

    /// Joins each `factor` neighbouring frames into one.
    static member pyramid(factor: int) : LayerSpec = PyramidSpec factor

    /// Kaldi's MFCC with a number of coefficients.
    static member mfcc(coefficients: int) : FeaturePreset = FeaturePreset.Mfcc coefficients

    /// Features that come with the corpus, a number of them in each frame, such as those of CMU 11-785 HW3P2.
    static member given(coefficients: int) : FeaturePreset = FeaturePreset.Given coefficients

    /// The symbols of the default inventory: 39 ARPAbet phones, silence and the blank.
    static member phones: int = PhoneInventory.Arpabet.Count
