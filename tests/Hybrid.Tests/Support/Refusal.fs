/// What is said of input that is refused.
module Hybrid.Tests.Refusal

open Expecto

/// The message of the exception of this type that f ends with.
let messageOf<'Error, 'Result when 'Error :> exn> (f: unit -> 'Result) =
    let error =
        try
            let result = f ()
            failtest $"no {typeof<'Error>.Name}, but {result}"
        with
        | :? AssertException -> reraise ()
        | error -> error

    match box error with
    | :? 'Error -> error.Message
    | _ -> failtest $"{error.GetType()} instead of a {typeof<'Error>.Name}: {error.Message}"

/// Fails unless f ends with an exception of this type whose message contains the text.
let expectRefusal<'Error, 'Result when 'Error :> exn> (text: string) (f: unit -> 'Result) =
    Expect.stringContains (messageOf<'Error, 'Result> f) text "message"
