using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Hybrid.Core;

/// <summary>
/// What stands before the elements in a <c>.npy</c> file: a magic number, a version, and a Python dictionary as text (NumPy
/// enhancement proposal 1; numpy.lib.format).
/// </summary>
/// <param name="Type">The type of the elements.</param>
/// <param name="IsBigEndian">Whether the highest byte of each number stands first.</param>
/// <param name="IsColumnMajor">Whether the first axis varies fastest: Fortran order.</param>
/// <param name="Shape">The sizes of the axes, outermost first.</param>
internal sealed partial record NpyHeader(NpyType Type, bool IsBigEndian, bool IsColumnMajor, int[] Shape)
{
    private const int Alignment = 64;

    // NumPy leaves so many digits of room for the axis along which an array may grow within its file.
    private const int GrowthDigits = 21;

    // NumPy's own limit since version 2. Longer headers than the largest belong to records, which are not read anyway.
    private const int MostAxes = 64,
        LargestText = 1 << 16;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Elements of the array.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Reads a header; the stream then stands at the elements.</summary>
    /// <param name="stream">Stands at the header.</param>
    /// <param name="length">Bytes that follow in the stream, header and elements: nothing is taken to be larger.</param>
    /// <exception cref="FormatException">No header, or that of an array that Hybrid does not read or that does not fit.</exception>
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
                $"the header at byte {begin} claims {size} bytes; the file has {length}, and headers up to {LargestText} bytes are read"
            );
        var text = new byte[size];
        stream.ReadExactly(text);
        var header = Parse(major == 3 ? Encoding.UTF8.GetString(text) : Encoding.Latin1.GetString(text));
        var available = length - begin - size;
        if (header.Count * (Int128)header.Type.Size > Math.Min(available, Array.MaxLength))
            throw new FormatException(
                $"shape ({string.Join(", ", header.Shape)}) of {header.Type} does not fit the {available} bytes behind the header; the file is torn or damaged"
            );
        return header;
    }

    /// <summary>Writes a header as <c>numpy.save</c> does, of version 1: no shape of these types needs more.</summary>
    public void Write(Stream stream)
    {
        var text = new StringBuilder(
            $"{{'descr': '{Type}', 'fortran_order': {(IsColumnMajor ? "True" : "False")}, 'shape': ({string.Join(", ", Shape)}{(Shape.Length == 1 ? "," : "")}), }}"
        );
        if (Shape.Length > 0)
            text.Append(
                ' ',
                GrowthDigits - Shape[IsColumnMajor ? ^1 : 0].ToString(CultureInfo.InvariantCulture).Length
            );
        var prefix = Magic.Length + 4;
        // With the line feed to a multiple of the alignment; NumPy adds a whole one where nothing is missing.
        text.Append(' ', Alignment - (prefix + text.Length + 1) % Alignment).Append('\n');
        stream.Write(Magic);
        stream.Write([1, 0, (byte)text.Length, (byte)(text.Length >> 8)]);
        stream.Write(Encoding.Latin1.GetBytes(text.ToString()));
    }

    private static NpyHeader Parse(string text)
    {
        var (description, order, axes) = (
            DescriptionPattern.Match(text),
            OrderPattern.Match(text),
            ShapePattern.Match(text)
        );
        if (!description.Success || !order.Success || !axes.Success)
            throw new FormatException(
                $"the header is {Quoted.Text(text)}; an array of one element type has 'descr': '<f4' or the like, 'fortran_order' and 'shape' (records are not read)"
            );
        var type = TypePattern.Match(description.Groups[1].Value);
        if (description.Groups[1].Value.TrimStart('|').StartsWith('O'))
            throw new FormatException(
                "the array holds Python objects, and pickled objects are never loaded; convert it in Python, for instance with numpy.save(path, numpy.array(list, dtype=str))"
            );
        if (!type.Success || NpyType.Find(type.Groups[2].Value[0], type.Groups[3].Value) is not { } found)
            throw new FormatException(
                $"element type {Quoted.Text(description.Groups[1].Value)} is not read; known are b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, and text U and S"
            );
        return new NpyHeader(
            found,
            type.Groups[1].Value == ">",
            order.Groups[1].Value == "True",
            Axes(axes.Groups[1].Value)
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
                    $"the shape {Quoted.Text(text)} has the axis {Quoted.Text(part)}; an axis is a number up to {Array.MaxLength}"
                )
        );
        // The product of all axes must not overflow where it counts; an empty array has a zero among them.
        Int128 product = 1;
        foreach (var size in axes.Contains(0) ? [0] : axes)
            if ((product *= size) > Array.MaxLength)
                throw new FormatException(
                    $"shape {Quoted.Text(text)} has more elements than Hybrid holds at once, {Array.MaxLength}"
                );
        return axes;
    }

    // A quotation mark ends every attempt, so that matching takes time proportional to the header, whatever stands there.
    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")]
    private static partial Regex DescriptionPattern { get; }

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)""")]
    private static partial Regex OrderPattern { get; }

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([0-9L,\s]*)\)""")]
    private static partial Regex ShapePattern { get; }

    [GeneratedRegex("^([<>|=]?)([biufUS])([0-9]{1,9})$")]
    private static partial Regex TypePattern { get; }
}
