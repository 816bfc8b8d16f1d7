namespace Hybrid.Dsl

open System

/// What a training brought, to be looked at.
[<AutoOpen>]
module Results =
    type TrainingResult with

        /// The pass after which the model was best on the dev data.
        member result.Best =
            result.History
            |> Seq.minBy (fun report ->
                if Double.IsNaN report.DevPer then
                    infinity
                else
                    report.DevPer)

        /// Curves, a line for every pass, and the network: `Report.write "page.html" "Title" result.Report` makes a page of it.
        member result.Report = [
            Heading "Loss"
            Picture(Charts.loss result.History)
            Heading "Phone error rate"
            Picture(Charts.errorRate result.History)
            Heading "Every pass"
            Verbatim(Show.result result)
            Heading "Network"
            Verbatim(Show.architecture { Features = result.Model.Features; Network = result.Model.Network.Spec })
        ]
