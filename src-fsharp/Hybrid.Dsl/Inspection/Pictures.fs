namespace Hybrid.Dsl

open Plotly.NET
open Hybrid.Core
open Hybrid.Speech

/// What can be looked at, each as one chart from what a script has at hand: `show (posteriors model "a.wav")`.
[<AutoOpen>]
module Pictures =
    /// Opens a chart in the browser.
    let show (chart: GenericChart) = Chart.show chart

    /// Loss and error rate after every epoch of a training.
    let curves (result: TrainingResult) : GenericChart =
        [ Charts.loss result.History; Charts.errorRate result.History ]
        |> Chart.Grid(nRows = 2, nCols = 1)
        |> Chart.withSize (1100, 700)

    /// The probability of every symbol over time, for a sound file.
    let posteriors (model: SpeechModel) (path: string) : GenericChart =
        let clip = AudioClip.Read path
        Charts.posteriors model clip.DurationSeconds (Recognizer(model).LogProbs clip)

    /// A sound file's spectrogram with the recognised phones over it.
    let recognized (model: SpeechModel) (path: string) : GenericChart =
        let clip = AudioClip.Read path
        Charts.spectrogram clip (Recognizer(model).Recognize clip).Phones

    /// A sound file's spectrogram with the phones of its text over it, where the alignment finds them.
    let aligned (model: SpeechModel) (path: string) (text: string) : GenericChart =
        let phones = [|
            for phone in (align model path text).Phones ->
                Interval(phone.Label, phone.StartSeconds, phone.EndSeconds, phone.Confidence)
        |]

        Charts.spectrogram (AudioClip.Read path) phones

    /// What was taken for what: a row for each phone that was said, a column for each that was recognised.
    let confusions (model: SpeechModel) (evaluation: Evaluation) : GenericChart =
        Charts.confusionMatrix model.Inventory evaluation
