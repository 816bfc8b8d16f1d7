namespace Hybrid.Dsl

/// What a training brought, to be looked at.
[<AutoOpen>]
module Results =
    type TrainingResult with

        /// Curves, a line for every pass, and the network: `Report.write "page.html" "Title" result.Report` makes a page of it.
        member result.Report = [
            Heading "Loss"
            Picture(Charts.loss result.History)
            Heading "Phone error rate"
            Picture(Charts.errorRate result.History)
            Heading "Every pass"
            Verbatim(Printers.result result)
            Heading "Network"
            Verbatim(Printers.architecture { Features = result.Model.Features; Network = result.Model.Network.Spec })
        ]
