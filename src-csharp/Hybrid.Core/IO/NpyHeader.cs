using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Hybrid.Core;

/// <summary>
/// The header of a <c>.npy</c> file: magic number, version, and a Python dictionary as text (NumPy enhancement proposal
/// 1; numpy.lib.format).
/// </summary>
/// <param name="Type">The element type.</param>
/// <param name="IsBigEndian">Whether numbers are stored big-endian.</param>
/// <param name="IsColumnMajor">Whether the first axis varies fastest (Fortran order).</param>
/// <param name="Shape">The sizes of the axes, outermost first.</param>
internal sealed partial record NpyHeader(NpyType Type, bool IsBigEndian, bool IsColumnMajor, int[] Shape)
{
    private const string TypeKey = "descr",
        OrderKey = "fortran_order",
        ShapeKey = "shape";
    private const int Alignment = 64;

    // NumPy pads the axis along which an array may grow within its file to this many digits.
    private const int GrowthDigits = 21;

    // NumPy's own limit since version 2. Only headers of record types, which are not read, are longer than LargestText.
    private const int MostAxes = 64,
        LargestText = 1 << 16;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Reads a header and leaves the stream at the first element.</summary>
    /// <param name="stream">At the first byte of the header.</param>
    /// <param name="length">
    /// Remaining bytes of the stream, header and elements; bounds every size in the header.
    /// </param>
    /// <exception cref="FormatException">
    /// Not a header, an array that Hybrid does not read, or more elements than fit into <paramref name="length"/>.
    /// </exception>
    public static NpyHeader Read(Stream stream, long length)
    {
        const int prefixOfVersion1 = 10,
            prefixOfLater = 12;
        if (length < prefixOfVersion1)
            throw new FormatException($"not a .npy file: it has {length} bytes");
        Span<byte> prefix = stackalloc byte[prefixOfLater];
        stream.ReadExactly(prefix[..prefixOfVersion1]);
        if (!prefix.StartsWith(Magic))
            throw new FormatException("not a .npy file: it does not begin with \\x93NUMPY");
        var (major, minor) = (prefix[6], prefix[7]);
        if (major is < 1 or > 3 || minor != 0)
            throw new FormatException($".npy version {major}.{minor} is not known, only 1.0, 2.0 and 3.0");
        var begin = major == 1 ? prefixOfVersion1 : prefixOfLater;
        if (length < begin)
            throw new FormatException($"the file ends within its header, at byte {length}");
        stream.ReadExactly(prefix[prefixOfVersion1..begin]);
        var size =
            major == 1
                ? BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..])
                : BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        if (size > Math.Min(LargestText, length - begin))
            throw new FormatException(
                $"the header at byte {begin} claims {size} bytes; the file has {length}, "
                    + $"and headers up to {LargestText} bytes are read"
            );
        var text = new byte[size];
        stream.ReadExactly(text);
        var header = Parse(major == 3 ? Encoding.UTF8.GetString(text) : Encoding.Latin1.GetString(text));
        var available = length - begin - size;
        if (header.Count * (Int128)header.Type.Size > Math.Min(available, Array.MaxLength))
            throw new FormatException(
                $"shape ({Quoted.List(header.Shape)}) of {header.Type} does not fit the {available} bytes after the "
                    + "header; the file is truncated or damaged"
            );
        return header;
    }

    /// <summary>
    /// Writes the header as <c>numpy.save</c> does, in version 1: no shape of these types needs a later one.
    /// </summary>
    public void Write(Stream stream)
    {
        var text = new StringBuilder(
            $"{{'{TypeKey}': '{Type}', '{OrderKey}': {(IsColumnMajor ? "True" : "False")}, "
                + $"'{ShapeKey}': ({string.Join(", ", Shape)}{(Shape.Length == 1 ? "," : "")}), }}"
        );
        if (Shape.Length > 0)
            text.Append(
                ' ',
                GrowthDigits - Shape[IsColumnMajor ? ^1 : 0].ToString(CultureInfo.InvariantCulture).Length
            );
        var prefix = Magic.Length + 4;
        // Padded, with the line feed, to a multiple of the alignment; NumPy adds a whole one where none is needed.
        text.Append(' ', Alignment - (prefix + text.Length + 1) % Alignment).Append('\n');
        stream.Write(Magic);
        stream.Write([1, 0, (byte)text.Length, (byte)(text.Length >> 8)]);
        stream.Write(Encoding.Latin1.GetBytes(text.ToString()));
    }

    private static NpyHeader Parse(string text)
    {
        var fields = Fields(text);
        if (
            fields is not { Count: 3 }
            || !fields.TryGetValue(TypeKey, out var type)
            || !fields.TryGetValue(OrderKey, out var order)
            || !fields.TryGetValue(ShapeKey, out var shape)
            || type[0] is not ('\'' or '"')
            || order is not ("True" or "False")
            || shape[0] != '('
        )
            throw new FormatException(
                $"the header is {Quoted.Text(text)}; an array of one element type has '{TypeKey}': '<f4' or the like, "
                    + $"'{OrderKey}' and '{ShapeKey}' (records are not read)"
            );
        var (element, isBigEndian) = ElementType(type[1..^1]);
        return new NpyHeader(element, isBigEndian, order == "True", Axes(shape[1..^1]));
    }

    /// <summary>The entries of a Python dictionary of texts, truth values and tuples; null if it is none.</summary>
    /// <exception cref="FormatException">A key occurs twice.</exception>
    private static Dictionary<string, string>? Fields(string text)
    {
        var dictionary = text.Trim();
        if (!dictionary.StartsWith('{'))
            return null;
        var fields = new Dictionary<string, string>();
        var next = 1;
        for (Match entry; (entry = EntryPattern.Match(dictionary, next)).Success; next += entry.Length)
            if (!fields.TryAdd(entry.Groups[2].Value, entry.Groups[3].Value))
                throw new FormatException($"the header has the key {Quoted.Text(entry.Groups[2].Value)} twice");
        return dictionary[next..].TrimStart() == "}" ? fields : null;
    }

    private static (NpyType Type, bool IsBigEndian) ElementType(string description)
    {
        if (description.TrimStart('|').StartsWith('O'))
            throw new FormatException(
                "the array holds Python objects, and pickled objects are never loaded; convert it in Python, for "
                    + "instance with numpy.save(path, numpy.array(list, dtype=str))"
            );
        var type = TypePattern.Match(description);
        return type.Success && NpyType.Find(type.Groups[2].Value[0], type.Groups[3].Value) is { } found
            ? (found, type.Groups[1].Value == ">")
            : throw new FormatException(
                $"element type {Quoted.Text(description)} is not read; known are b1, i1, i2, i4, i8, u1, u2, u4, u8, "
                    + "f2, f4, f8, and text U and S"
            );
    }

    private static int[] Axes(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length > MostAxes)
            throw new FormatException($"the shape has {parts.Length} axes, up to {MostAxes} are read");
        // Python 2 wrote long integers with an L.
        var axes = Array.ConvertAll(parts, part =>
            int.TryParse(part.TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            && size <= Array.MaxLength
                ? size
                : throw new FormatException(
                    $"the shape {Quoted.Text(text)} has the axis {Quoted.Text(part)}; an axis is a number up to "
                        + $"{Array.MaxLength}"
                )
        );
        // The product of the axes must not overflow; one of the axes of an empty array is zero.
        Int128 product = 1;
        foreach (var size in axes.Contains(0) ? [0] : axes)
            if ((product *= size) > Array.MaxLength)
                throw new FormatException(
                    $"shape {Quoted.Text(text)} has more elements than an array holds, {Array.MaxLength}"
                );
        return axes;
    }

    // No two parts of the pattern can match the same character, so matching takes time linear in the header's length.
    [GeneratedRegex("""\G\s*(['"])(\w+)\1\s*:\s*((['"])[^'"]*\4|True|False|\([0-9L,\s]*\))\s*(?:,|(?=\}))""")]
    private static partial Regex EntryPattern { get; }

    [GeneratedRegex("^([<>|=]?)([biufUS])([0-9]{1,9})$")]
    private static partial Regex TypePattern { get; }
}
