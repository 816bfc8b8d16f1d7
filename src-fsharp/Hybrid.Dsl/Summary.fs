namespace Hybrid.Dsl

open System
open System.Globalization
open System.Numerics
open Hybrid.Core
open Hybrid.Speech

/// What a network consists of, as a table.
module Summary =
    let private thousands (number: int64) = number.ToString("N0", CultureInfo.InvariantCulture)

    /// Layers with the shape of their output for ten seconds of audio, parameters and multiply-adds per second of audio.
    let text (features: FeaturePreset) (network: Network<float32>) =
        let seconds = 10
        let frames = features.FrameCount(seconds * features.SampleRate)

        let rows, _ =
            ((frames, network.Spec.Inputs), Seq.zip network.Spec.Layers network.Layers)
            ||> Seq.mapFold (fun (frames, _) (struct (path, spec), layer) ->
                let output = layer.OutputLength frames, layer.OutputFeatures
                let parameters = layer.Parameters |> Seq.filter _.IsTrainable |> Seq.sumBy (fun p -> int64 p.Length)
                [ path; spec.Describe(); $"[{fst output}, {snd output}]"; thousands parameters; thousands (layer.MultiplyAdds frames / int64 seconds) ], output)

        let header = [ "layer"; "what"; $"output for {seconds} s"; "parameters"; "multiply-adds per second" ]
        let input = [ "features"; $"{features.Name}, {features.Coefficients} coefficients"; $"[{frames}, {network.Spec.Inputs}]"; ""; "" ]
        let total = [ "total"; $"subsampling {network.Centers.ToTuple() |> fst}"; ""; thousands network.ParameterCount; thousands (network.MultiplyAdds frames / int64 seconds) ]
        let table = header :: input :: List.ofSeq rows @ [ total ]
        let widths = table |> List.transpose |> List.map (fun column -> column |> List.map String.length |> List.max)

        table
        |> List.map (fun row ->
            List.zip row widths
            |> List.mapi (fun i (cell, width) -> if i < 3 then cell.PadRight width else cell.PadLeft width)
            |> String.concat "  "
            |> fun line -> line.TrimEnd())
        |> String.concat Environment.NewLine
