/// Fuzz tests: readers on damaged and forged files, in bounded memory, with bounded messages.
module Hybrid.Tests.Fuzz

open System
open System.IO
open System.Text
open System.Text.RegularExpressions
open Expecto
open Hybrid.Tests

let private setting (name: string) otherwise =
    match Int32.TryParse(Environment.GetEnvironmentVariable name) with
    | true, value -> value
    | _ -> otherwise

/// Number of files of a share of 1; the shares of all tests add up to more than 10.
let private cases () = setting "HYBRID_FUZZ_CASES" (if TestSettings.all then 100_000 else 2_000)

/// The first seed: fixed in the quick tier, so that every change is tested on the same files; random in the long one.
let private seed =
    setting
        "HYBRID_FUZZ_SEED"
        (if TestSettings.all then
             Random.Shared.Next 1_000_000_000
         else
             1)

/// Bytes that are often special, alone and as length fields of four and eight bytes.
let private extremes = [|
    for value in [ 0uy; 1uy; 0x7Fuy; 0x80uy; 0xFEuy; 0xFFuy ] -> [| value |]
    for value in [ 0u; 1u; 0x7FFFFFFFu; 0x80000000u; 0xFFFFFFFFu ] -> BitConverter.GetBytes value
    for value in [ 0UL; 0x7FFFFFFFFFFFFFFFUL; 0x8000000000000000UL; 0xFFFFFFFFFFFFFFFFUL ] ->
        BitConverter.GetBytes value
|]

/// Terminal escape sequences, line breaks, marks of text direction, invalid UTF-8, and text of special meaning.
let private hostileTexts = [|
    "\u001b[2J"
    "\r\n"
    "\a\b"
    "\u202E"
    "\u2028"
    "\u0000"
    "</script><script>"
    ";;"
    "\""
    "\\"
    "-inf"
    "1e999"
|]

let private hostile =
    hostileTexts
    |> Array.map Encoding.UTF8.GetBytes
    |> Array.append [| [| 0xC3uy |]; [| 0xEDuy; 0xA0uy; 0x80uy |] |]

/// Openings of nested structures, up to far deeper than any reader should follow.
let private nesting (random: Random) = Array.create (1 <<< random.Next 14) (Array.item (random.Next 4) "[{(<"B)

/// Changes a file at one to eight offsets: flipped bits, extreme values and length fields, filled, copied, dropped or
/// repeated ranges, hostile text, deep nesting, and truncation.
let mutate (random: Random) (bytes: byte[]) =
    let mutable bytes = Array.copy bytes

    for _ in 1 .. 1 <<< random.Next 4 do
        if bytes.Length > 0 then
            let at =
                if random.Next 3 > 0 then
                    random.Next bytes.Length
                else
                    random.Next(min bytes.Length 100)

            let range = min (random.Next 40) (bytes.Length - at)
            let pick (all: byte[][]) = all[random.Next all.Length]

            match random.Next 10 with
            | 0
            | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
            | 2 ->
                let value = pick extremes
                Array.blit value 0 bytes at (min value.Length (bytes.Length - at))
            | 3 -> Array.fill bytes at range (if random.Next 2 = 0 then 0uy else 0xFFuy)
            | 4 -> Array.blit bytes (random.Next(bytes.Length - range + 1)) bytes at range
            | 5 -> bytes <- Array.append bytes[.. at - 1] bytes[at + range ..]
            | 6 -> bytes <- Array.insertManyAt at bytes[at .. at + range - 1] bytes
            | 7 -> bytes <- Array.insertManyAt at (pick hostile) bytes
            | 8 ->
                if random.Next 8 = 0 then
                    bytes <- Array.insertManyAt at (nesting random) bytes
            | _ ->
                if random.Next 4 = 0 then
                    bytes <- bytes[.. at - 1]

    bytes

/// The beginning of one file and the end of another.
let splice (random: Random) (first: byte[]) (second: byte[]) =
    Array.append first[.. random.Next(first.Length + 1) - 1] second[random.Next(second.Length + 1) ..]

/// Numbers at the extremes of their types, what is no number, and other values.
let private numbers = [|
    "0"
    "-1"
    "1"
    "-0.0"
    "0.5"
    "1e-300"
    "1e308"
    "1e999"
    "-1e999"
    "NaN"
    "Infinity"
    "255"
    "65536"
    "1048577"
    "2147483647"
    "2147483648"
    "4294967295"
    "9223372036854775807"
    "18446744073709551616"
    String('9', 400)
    "0x10"
    "\u0663"
    "null"
    "true"
    "\"\""
    "[]"
    "{}"
    "\"\\u001b[2J\\ud800\""
|]

let private tokenPattern =
    Regex(@"\d+(\.\d+)?([eE][-+]?\d+)?|\w+|\s+|.", RegexOptions.Singleline ||| RegexOptions.Compiled)

let private isNumber (token: string) = Char.IsAsciiDigit token[0]

let private closing (token: string) =
    match token with
    | "[" -> "]"
    | "{" -> "}"
    | "(" -> ")"
    | _ -> ""

/// The number of tokens of the bracketed group that begins at an index; 0 if it is not closed.
let private groupLength (tokens: ResizeArray<string>) at =
    let mutable depth, i = 0, at
    let opening, closing = tokens[at], closing tokens[at]

    while i < tokens.Count && (i = at || depth > 0) do
        if tokens[i] = opening then
            depth <- depth + 1
        elif tokens[i] = closing then
            depth <- depth - 1

        i <- i + 1

    if depth = 0 then i - at else 0

/// Encloses the first bracketed group at or after an index in further brackets, up to thousands.
let private nest (random: Random) (tokens: ResizeArray<string>) from =
    let at = tokens.FindIndex(from, (fun token -> closing token <> ""))

    if at >= 0 then
        let length = groupLength tokens at

        if length > 0 then
            let depth = 1 <<< random.Next 14
            // An object in an object needs a name.
            let opening = if tokens[at] = "{" then "{\"a\":" else tokens[at]
            let close = closing tokens[at]
            tokens.Insert(at + length, String.replicate depth close)
            tokens.Insert(at, String.replicate depth opening)

/// Changes texts of one format by its tokens, so that most results stay close to the grammar: numbers at their
/// extremes, tokens that are dropped, repeated, exchanged, or taken from another text, nested groups, lines that are
/// repeated or dropped, and hostile text.
let grammar (texts: string list) : Random -> byte[] =
    let all = [| for text in texts -> [| for found in tokenPattern.Matches text -> found.Value |] |]

    fun random ->
        let pick (items: 'item[]) = items[random.Next items.Length]
        let tokens = ResizeArray(pick all)

        for _ in 1 .. 1 <<< random.Next 4 do
            if tokens.Count > 0 then
                let at = random.Next tokens.Count
                let range = min (1 + random.Next 8) (tokens.Count - at)

                match random.Next 10 with
                | 0 -> tokens.RemoveRange(at, range)
                | 1 -> tokens.InsertRange(random.Next(tokens.Count + 1), tokens.GetRange(at, range))
                | 2 ->
                    let other = random.Next tokens.Count
                    let token = tokens[at]
                    tokens[at] <- tokens[other]
                    tokens[other] <- token
                | 3
                | 4
                | 5 ->
                    let number = tokens.FindIndex(at, isNumber)

                    if number >= 0 then
                        tokens[number] <- pick numbers
                | 6 -> tokens[at] <- pick (pick all)
                | 7 -> tokens.Insert(at, pick hostileTexts)
                | 8 ->
                    if random.Next 8 = 0 then
                        nest random tokens at
                | _ ->
                    let line = tokens.FindIndex(at, (fun token -> token.Contains '\n'))

                    if line >= 0 then
                        let next = tokens.FindIndex(line + 1, (fun token -> token.Contains '\n'))
                        let length = (if next < 0 then tokens.Count else next) - line

                        if random.Next 2 = 0 then
                            tokens.RemoveRange(line, length)
                        else
                            tokens.InsertRange(line, tokens.GetRange(line, length))

        Encoding.UTF8.GetBytes(String.Concat tokens)

/// Writes an extreme value, or one near its own, into a length field.
/// <param name="fields">Offset and width in bytes of each field.</param>
let extremeField (random: Random) (fields: (int * int) list) (bytes: byte[]) =
    let fields =
        fields |> List.filter (fun (offset, width) -> offset >= 0 && offset + width <= bytes.Length)

    if fields.IsEmpty then
        bytes
    else
        let bytes = Array.copy bytes
        let offset, width = fields[random.Next fields.Length]
        let field = Span(bytes, offset, width)

        match random.Next 7 with
        | 0 -> field.Clear()
        | 1 -> field.Fill 0xFFuy
        | 2 ->
            field.Fill 0xFFuy
            field[width - 1] <- 0x7Fuy
        | 3 ->
            field.Clear()
            field[width - 1] <- 0x80uy
        | 4 ->
            field.Fill 0xFFuy
            field[0] <- 0xFEuy
        | 5 -> field[random.Next width] <- byte (random.Next 256)
        | _ ->
            let at = random.Next width
            field[at] <- field[at] + (if random.Next 2 = 0 then 1uy else 255uy)

        bytes

/// The offsets at which a pattern begins.
let offsetsOf (pattern: byte[]) (bytes: byte[]) = [
    for i in 0 .. bytes.Length - pattern.Length do
        if Span(bytes, i, pattern.Length).SequenceEqual(ReadOnlySpan pattern) then
            i
]

/// A reader under test, the exceptions with which it may refuse a file, and the bytes that it may allocate for a file
/// of some length.
type Reader = { Name: string; Read: byte[] -> unit; Refuses: exn -> bool; Allowed: int -> int64 }

/// Whether the file was read. Anything but a refusal in one bounded line is a failure.
let private wasRead reader (bytes: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()

    let wasRead =
        try
            reader.Read bytes
            true
        with error when reader.Refuses error ->
            let message = error.Message

            if message = "" || message.Length >= 500 || Seq.exists Char.IsControl message then
                failtest $"message of {message.Length} characters: %A{message}"

            false

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before

    if allocated > reader.Allowed bytes.Length then
        failtest $"{allocated} bytes were allocated for {bytes.Length}"

    wasRead

/// Runs a reader on a share of all cases; a failure names the seed and the file that reproduce it.
let run reader share (make: Random -> byte[]) =
    let count = max 1 (int (share * float (cases ())))
    let mutable read = 0

    for i in 0 .. count - 1 do
        let bytes = make (Random(seed + i))

        try
            if wasRead reader bytes then
                read <- read + 1
        with error ->
            let path = Path.Combine(Path.GetTempPath(), $"hybrid-fuzz-{seed + i}")
            File.WriteAllBytes(path, bytes)
            failtest $"case {i} (HYBRID_FUZZ_SEED={seed + i} HYBRID_FUZZ_CASES=1; the file is {path}): {error}"

    printfn $"fuzz of {reader.Name}: {count} files from seed {seed}, {read} were read and the others refused"
