/// Elements of SVG, with numbers in the invariant culture, and PNG images with a palette.
module Svg

open System
open System.Buffers.Binary
open System.Globalization
open System.IO
open System.IO.Compression
open System.Net
open System.Text

/// A coordinate.
let number (x: float) = x.ToString("0.##", CultureInfo.InvariantCulture)

let private element name (attributes: (string * string) list) content =
    let attributes =
        String.concat "" [ for key, value in attributes -> $" {key}=\"{WebUtility.HtmlEncode value}\"" ]

    match content with
    | "" -> $"<{name}{attributes}/>"
    | content -> $"<{name}{attributes}>{content}</{name}>"

/// A filled rectangle.
let rectangle fill (x, y, width, height) =
    let place = [ "x", number x; "y", number y; "width", number width; "height", number height ]
    element "rect" (place @ [ ("fill", fill) ]) ""

/// A straight line.
let line stroke (width: float) (x1, y1) (x2, y2) =
    let place = [ "x1", number x1; "y1", number y1; "x2", number x2; "y2", number y2 ]
    element "line" (place @ [ "stroke", stroke; "stroke-width", number width ]) ""

/// A line through points.
let polyline stroke (width: float) points =
    let points = String.concat " " [ for x, y in points -> $"{number x},{number y}" ]
    element "polyline" [ ("points", points); "fill", "none"; "stroke", stroke; "stroke-width", number width ] ""

/// A text; `anchor` is start, middle or end.
let text anchor (size: int) fill (x, y) (content: string) =
    let style = [ "text-anchor", anchor; "font-size", string size; "fill", fill ]
    element "text" ([ "x", number x; "y", number y ] @ style) (WebUtility.HtmlEncode content)

/// An image whose pixels are stretched over a rectangle.
let image (png: byte[]) (x, y, width, height) =
    let place = [ "x", number x; "y", number y; "width", number width; "height", number height ]
    let data = "data:image/png;base64," + Convert.ToBase64String png
    element "image" (place @ [ "preserveAspectRatio", "none"; "href", data ]) ""

/// A whole figure on a white background, with a description for screen readers.
let figure (width: int) (height: int) (description: string) (elements: string list) =
    let size = [ "width", string width; "height", string height; "viewBox", $"0 0 {width} {height}" ]
    let style = [ "font-family", "Helvetica, Arial, sans-serif"; "role", "img" ]

    element "title" [] (WebUtility.HtmlEncode description)
    :: rectangle "#ffffff" (0.0, 0.0, float width, float height)
    :: elements
    |> String.concat "\n"
    |> fun content -> "\n" + content + "\n"
    |> element "svg" ([ ("xmlns", "http://www.w3.org/2000/svg") ] @ size @ style)
    |> fun svg -> svg + "\n"

/// The colour map of Hybrid's charts, Viridis, at a value from 0 to 1.
let viridis =
    let stops = [|
        0x440154
        0x482878
        0x3E4989
        0x31688E
        0x26828E
        0x1F9E89
        0x35B779
        0x6ECE58
        0xB5DE2B
        0xFDE725
    |]

    fun (value: float) ->
        let place = Math.Clamp(value, 0.0, 1.0) * float (stops.Length - 1)
        let index = min (int place) (stops.Length - 2)
        let share = place - float index

        let channel shift =
            let at (stop: int) = float ((stop >>> shift) &&& 255)
            byte (Math.Round(at stops[index] * (1.0 - share) + at stops[index + 1] * share))

        struct (channel 16, channel 8, channel 0)

let private crc =
    let table = [|
        for n in 0u .. 255u ->
            Seq.fold (fun c _ -> if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1) n (seq { 1..8 })
    |]

    fun (bytes: byte[]) ->
        ~~~(Array.fold (fun c (b: byte) -> table[int ((c ^^^ uint32 b) &&& 255u)] ^^^ (c >>> 8)) 0xFFFFFFFFu bytes)

let private bigEndian (value: uint32) =
    let bytes: byte[] = Array.zeroCreate 4
    BinaryPrimitives.WriteUInt32BigEndian(bytes, value)
    bytes

/// A PNG file of 64 colours of a map; `value row column`, from 0 to 1, is at the top left for row 0 and column 0.
let png (colors: float -> struct (byte * byte * byte)) rows columns (value: int -> int -> float) =
    let levels = 64

    let chunk (name: string) (data: byte[]) =
        let body = Array.append (Encoding.ASCII.GetBytes name) data
        Array.concat [ bigEndian (uint32 data.Length); body; bigEndian (crc body) ]

    let header =
        // 8 bits a pixel, a palette, and the only compression, filter set and no interlacing.
        Array.concat [ bigEndian (uint32 columns); bigEndian (uint32 rows); [| 8uy; 3uy; 0uy; 0uy; 0uy |] ]

    let palette = [|
        for level in 0 .. levels - 1 do
            let struct (red, green, blue) = colors (float level / float (levels - 1))
            red
            green
            blue
    |]

    let pixels = new MemoryStream()

    using (new ZLibStream(pixels, CompressionLevel.SmallestSize, leaveOpen = true)) (fun compressed ->
        for row in 0 .. rows - 1 do
            // No filter.
            compressed.WriteByte 0uy

            for column in 0 .. columns - 1 do
                let level = Math.Round(Math.Clamp(value row column, 0.0, 1.0) * float (levels - 1))
                compressed.WriteByte(byte level))

    Array.concat [
        [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]
        chunk "IHDR" header
        chunk "PLTE" palette
        chunk "IDAT" (pixels.ToArray())
        chunk "IEND" [||]
    ]
