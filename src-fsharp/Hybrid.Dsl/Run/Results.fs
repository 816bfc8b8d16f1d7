namespace Hybrid.Dsl

/// The outcome of a training as a report.
[<AutoOpen>]
module Results =
    type TrainingResult with

        /// Curves, a table of all epochs and the network: `Report.write ("page.html", "Title", result.Report)`.
        member result.Report =
            let architecture = { Features = result.Model.Features; Network = result.Model.Network.Spec }

            [
                Beside [ Picture(Charts.loss result.History); Picture(Charts.errorRate result.History) ]
                Heading "Epochs"
                Verbatim(Printers.result result)
                Heading "Network"
                NetworkDiagram architecture
                Verbatim(Printers.architecture architecture)
            ]
