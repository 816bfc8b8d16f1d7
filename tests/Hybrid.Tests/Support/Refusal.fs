/// Expected exceptions and their messages.
module Hybrid.Tests.Refusal

open Expecto

/// The message of the exception that f throws; fails unless it is of this type.
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

/// Fails unless f throws an exception of this type whose message contains the text.
let expectRefusal<'Error, 'Result when 'Error :> exn> (text: string) (f: unit -> 'Result) =
    Expect.stringContains (messageOf<'Error, 'Result> f) text "message"
