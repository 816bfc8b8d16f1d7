/// Receivers of progress.
module Hybrid.Tests.Progress

open System

/// Calls a function with every report.
let call (report: 'report -> unit) = {
    new IProgress<'report> with
        member _.Report value = report value
}
