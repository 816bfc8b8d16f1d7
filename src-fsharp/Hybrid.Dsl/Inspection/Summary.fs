namespace Hybrid.Dsl

open System
open System.Globalization
open Hybrid.Core
open Hybrid.Speech

/// A layer of a summary.
type SummaryRow = {
    /// The path of the layer, such as `encoder.2`.
    Path: string
    /// The layer.
    Layer: LayerSpec
    /// Output frames for the summary's length of audio.
    Frames: int
    /// Output features per frame.
    Features: int
    /// Trainable parameters.
    Parameters: int64
    /// Multiply-adds per second of audio.
    MultiplyAddsPerSecond: int64
    /// Feature frames per output frame.
    Subsampling: float
}

/// Shapes and costs of a network, layer by layer; ToString gives a table.
type Summary = {
    /// The input features.
    Preset: FeaturePreset
    /// The length of the audio, in seconds.
    Seconds: int
    /// The layers in order.
    Rows: SummaryRow list
} with

    /// The summary of a network for 1 to 86400 seconds of audio; other lengths raise an ArgumentOutOfRangeException.
    static member Of(architecture: Architecture, seconds: int) =
        if seconds < 1 || seconds > 86_400 then
            raise (ArgumentOutOfRangeException(nameof seconds, $"seconds is {seconds}, must be in 1..86400"))

        let network = Network<float32>(architecture.Network)

        let rows, _ =
            ((architecture.Features.FrameCount(seconds * architecture.Features.SampleRate), 1.0),
             Seq.zip network.Spec.Layers network.Layers)
            ||> Seq.mapFold (fun (frames, subsampling) (struct (path, spec), layer) ->
                let stride = layer.FrameMapping.Stride

                let row = {
                    Path = path
                    Layer = spec
                    Frames = layer.OutputLength frames
                    Features = layer.OutputFeatures
                    Parameters = layer.Parameters |> Seq.filter _.IsTrainable |> Seq.sumBy (fun p -> int64 p.Length)
                    MultiplyAddsPerSecond = layer.MultiplyAdds frames / int64 seconds
                    Subsampling = subsampling * stride
                }

                row, (row.Frames, row.Subsampling))

        { Preset = architecture.Features; Seconds = seconds; Rows = List.ofSeq rows }

    /// Trainable parameters.
    member s.Parameters = s.Rows |> List.sumBy _.Parameters

    /// Multiply-adds per second of audio.
    member s.MultiplyAddsPerSecond = s.Rows |> List.sumBy _.MultiplyAddsPerSecond

    /// Feature frames per output frame.
    member s.Subsampling = s.Rows |> List.tryLast |> Option.map _.Subsampling |> Option.defaultValue 1.0

    override s.ToString() =
        let number (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)
        let frames = s.Preset.FrameCount(s.Seconds * s.Preset.SampleRate)

        [
            [
                "path"
                "layer"
                $"output for {s.Seconds} s"
                "subsampling"
                "parameters"
                "multiply-adds per second"
            ]
            [
                "features"
                (let deltas =
                    match s.Preset.Deltas with
                    | 0 -> ""
                    | 1 -> " and deltas"
                    | _ -> ", deltas and delta-deltas"

                 $"{s.Preset.Name}, {s.Preset.Coefficients} coefficients{deltas}")
                $"[{frames}, {s.Preset.Width}]"
                "1"
                ""
                ""
            ]
            for row in s.Rows do
                [
                    row.Path
                    Shapes.describe row.Layer
                    $"[{row.Frames}, {row.Features}]"
                    Table.short row.Subsampling
                    number row.Parameters
                    number row.MultiplyAddsPerSecond
                ]
            [ "total"; ""; ""; Table.short s.Subsampling; number s.Parameters; number s.MultiplyAddsPerSecond ]
        ]
        |> Table.text (Set [ 3; 4; 5 ])
