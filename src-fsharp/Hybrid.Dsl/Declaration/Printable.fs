namespace Hybrid.Dsl

open System
open System.Globalization
open System.Net
open System.Text

/// Text for a terminal, a page or a figure: characters that could act on it are written as escapes.
module internal Printable =
    /// Whether a character controls the display instead of showing something: control characters, bidirectional and
    /// other format characters, line and paragraph separators, and unpaired surrogates. The two joiners are part of
    /// ordinary words.
    let private isUnsafe (rune: Rune) =
        match Rune.GetUnicodeCategory rune with
        | UnicodeCategory.Control
        | UnicodeCategory.LineSeparator
        | UnicodeCategory.ParagraphSeparator -> true
        | UnicodeCategory.Format -> rune.Value <> 0x200C && rune.Value <> 0x200D
        | _ -> false

    let private escape (code: int) = if code < 0x100 then $"\\x{code:X2}" else $"U+{code:X4}"

    /// One line: unsafe characters, line breaks included, become `\xNN` or `U+XXXX`.
    let line (text: string) =
        // Nearly all text is printable ASCII and stays as it is.
        if MemoryExtensions.IndexOfAnyExceptInRange(text.AsSpan(), ' ', '~') < 0 then
            text
        else
            let result = StringBuilder(text.Length + 16)
            let mutable i = 0

            while i < text.Length do
                match Rune.TryGetRuneAt(text, i) with
                | true, rune ->
                    if isUnsafe rune then
                        result.Append(escape rune.Value) |> ignore
                    else
                        result.Append(text, i, rune.Utf16SequenceLength) |> ignore

                    i <- i + rune.Utf16SequenceLength
                | _ ->
                    result.Append(escape (int text[i])) |> ignore
                    i <- i + 1

            string result

    /// Several lines, each as by `line`; the line breaks of the text remain.
    let block (text: string) =
        text.Split '\n'
        |> Array.map (fun row ->
            if row.EndsWith '\r' then
                line (row.TrimEnd '\r') + "\r"
            else
                line row)
        |> String.concat "\n"

    /// One line for HTML and SVG: text of elements and of quoted attributes.
    let html (text: string) = nonNull (WebUtility.HtmlEncode(line text))

/// Tables of text.
module internal Table =
    /// A number with at most three decimals.
    let short (x: float) = x.ToString("0.###", CultureInfo.InvariantCulture)

    /// Rows of cells as aligned columns; the columns in `right` are aligned to the right. Each row is one line.
    let text (right: Set<int>) (rows: string list list) =
        let rows = rows |> List.map (List.map Printable.line)
        let widths = rows |> List.transpose |> List.map (List.map String.length >> List.max)

        let cell i (text: string) =
            if right.Contains i then
                text.PadLeft widths[i]
            else
                text.PadRight widths[i]

        rows
        |> List.map (fun row -> (row |> List.mapi cell |> String.concat "  ").TrimEnd())
        |> String.concat Environment.NewLine
