namespace Hybrid.Dsl

open System
open System.Globalization
open Hybrid.Core
open Hybrid.Speech

/// A layer in numbers.
type SummaryRow = {
    /// Where it stands, such as `encoder.2`.
    Path: string
    /// The layer.
    Layer: LayerSpec
    /// Frames of its output for the summary's seconds of audio.
    Frames: int
    /// Features per frame of its output.
    Features: int
    /// Numbers that training moves.
    Parameters: int64
    /// Per second of audio.
    MultiplyAddsPerSecond: int64
    /// Frames of the features for one frame of its output.
    Subsampling: int
}

/// What a network consists of, layer by layer; its text is a table.
type Summary = {
    /// The features that the network takes.
    Preset: FeaturePreset
    /// Of audio, for which frames and multiply-adds are counted.
    Seconds: int
    /// The layers in order.
    Rows: SummaryRow list
} with

    /// The summary of a network for so many seconds of audio, at most a day of it; raises an ArgumentOutOfRangeException for others.
    static member Of(architecture: Architecture, seconds: int) =
        if seconds < 1 || seconds > 86_400 then
            raise (ArgumentOutOfRangeException(nameof seconds, $"seconds is {seconds}, must be in 1..86400"))

        let network = Network<float32>(architecture.Network)

        let rows, _ =
            ((architecture.Features.FrameCount(seconds * architecture.Features.SampleRate), 1),
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

    /// Numbers that training moves.
    member s.Parameters = s.Rows |> List.sumBy _.Parameters

    /// Per second of audio.
    member s.MultiplyAddsPerSecond = s.Rows |> List.sumBy _.MultiplyAddsPerSecond

    /// Frames of the features for one frame of the output.
    member s.Subsampling = s.Rows |> List.tryLast |> Option.map _.Subsampling |> Option.defaultValue 1

    override s.ToString() =
        let number (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)
        let frames = s.Preset.FrameCount(s.Seconds * s.Preset.SampleRate)

        [
            [
                "layer"
                "what"
                $"output for {s.Seconds} s"
                "subsampling"
                "parameters"
                "multiply-adds per second"
            ]
            [
                "features"
                (let differences =
                    match s.Preset.Deltas with
                    | 0 -> ""
                    | 1 -> " and differences"
                    | _ -> " and differences of two orders"

                 $"{s.Preset.Name}, {s.Preset.Coefficients} coefficients{differences}")
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
                    $"{row.Subsampling}"
                    number row.Parameters
                    number row.MultiplyAddsPerSecond
                ]
            [ "total"; ""; ""; $"{s.Subsampling}"; number s.Parameters; number s.MultiplyAddsPerSecond ]
        ]
        |> Table.text (Set [ 3; 4; 5 ])
