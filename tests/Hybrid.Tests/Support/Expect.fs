/// What Expecto's module of this name lacks.
module Hybrid.Tests.Expect

open Expecto

/// Fails unless a number is below a bound. Expecto's `isLessThan` lets NaN pass: use this for whatever may be NaN.
let isBelow (actual: float) bound message =
    if not (actual < bound) then
        failtest $"%s{message}. %g{actual} is not below %g{bound}."
