/// Additions to Expecto's module of this name.
module Hybrid.Tests.Expect

open Expecto

/// Fails unless a number is below a bound. For numbers that may be NaN, which passes Expecto's `isLessThan`.
let isBelow (actual: float) bound message =
    if not (actual < bound) then
        failtest $"%s{message}. %g{actual} is not below %g{bound}."
