using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Hybrid.Core;

/// <summary>The kind of the elements of a NumPy array.</summary>
public enum NpyKind
{
    /// <summary>Truth values: 0 or 1 in a byte.</summary>
    Boolean,

    /// <summary>Signed integers.</summary>
    Integer,

    /// <summary>Unsigned integers.</summary>
    Unsigned,

    /// <summary>IEEE 754 floating-point numbers.</summary>
    Float,

    /// <summary>Unicode strings of a fixed largest number of code points.</summary>
    Text,

    /// <summary>Byte strings of a fixed largest length.</summary>
    Bytes,
}

/// <summary>The element type of a NumPy array.</summary>
/// <param name="Kind">The kind of the elements.</param>
/// <param name="Size">Bytes of one element.</param>
public readonly record struct NpyType(NpyKind Kind, int Size)
{
    private const string Letters = "biufUS";
    private const int BytesPerCodePoint = 4;

    /// <summary>NumPy's name of the type, in the byte order of memory and of written files: <c>&lt;f4</c>.</summary>
    public override string ToString() =>
        $"{(Unit > 1 ? '<' : '|')}{Letters[(int)Kind]}{(Kind == NpyKind.Text ? Size / BytesPerCodePoint : Size)}";

    /// <summary>Bytes of the unit that a change of the byte order reverses.</summary>
    internal int Unit =>
        Kind switch
        {
            NpyKind.Text => BytesPerCodePoint,
            NpyKind.Bytes => 1,
            _ => Size,
        };

    /// <summary>The type of a letter and a size in NumPy's notation; null if Hybrid does not read it.</summary>
    internal static NpyType? Find(char letter, string digits)
    {
        var (kind, size) = (
            (NpyKind)Letters.IndexOf(letter),
            long.Parse(digits, System.Globalization.CultureInfo.InvariantCulture)
        );
        var known = kind switch
        {
            NpyKind.Boolean => size == 1,
            NpyKind.Integer or NpyKind.Unsigned => size is 1 or 2 or 4 or 8,
            NpyKind.Float => size is 2 or 4 or 8,
            NpyKind.Text => size > 0 && (size *= BytesPerCodePoint) <= Array.MaxLength,
            _ => size > 0 && size <= Array.MaxLength,
        };
        return known ? new NpyType(kind, (int)size) : null;
    }
}

/// <summary>
/// An array as NumPy stores it in <c>.npy</c> files (NumPy enhancement proposal 1). Numbers of up to eight bytes and
/// both kinds of text are read, in either byte order, row-major or column-major. Pickled Python objects are never read.
/// </summary>
public sealed class NpyArray
{
    private const int MostShown = 8;

    private readonly int[] shape;

    private NpyArray(NpyType type, int[] shape, byte[] bytes)
    {
        (Type, this.shape, Bytes) = (type, shape, bytes);
        if (shape.Aggregate(1L, (product, size) => product * size) * type.Size != bytes.Length)
            throw new ArgumentException(
                $"shape ({Quoted.List(shape)}) does not fit {bytes.Length / type.Size} elements",
                nameof(shape)
            );
    }

    /// <summary>The element type.</summary>
    public NpyType Type { get; }

    /// <summary>The sizes of the axes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape => shape;

    /// <summary>The elements, row-major; numbers and code points little-endian.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Number of elements.</summary>
    public int Count => Bytes.Length / Type.Size;

    /// <summary>Type, shape and the first elements.</summary>
    public override string ToString()
    {
        var (count, size) = (Math.Min(MostShown, Count), Type.Size);
        var head = new NpyArray(Type, [count], Bytes[..(count * size)].ToArray());
        var first = Type.Kind is NpyKind.Text or NpyKind.Bytes
            ? head.ToStrings().Select(Quoted.Text)
            : head.ToDoubles().Select(x => x.ToString("G6", CultureInfo.InvariantCulture));
        return $"{Type} [{string.Join(", ", shape)}] {string.Join(", ", first)}{(Count > count ? ", ..." : "")}";
    }

    /// <summary>Creates an array of half-precision numbers from a copy of the values.</summary>
    /// <param name="values">The elements, row-major.</param>
    /// <param name="shape">The sizes of the axes, outermost first.</param>
    /// <exception cref="ArgumentException">The shape does not fit the number of values.</exception>
    public static NpyArray FromHalves(ReadOnlySpan<Half> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>Creates an array of single-precision numbers from a copy of the values.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromSingles(ReadOnlySpan<float> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>Creates an array of double-precision numbers from a copy of the values.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromDoubles(ReadOnlySpan<double> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>Creates an array of 32-bit integers from a copy of the values.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromInt32s(ReadOnlySpan<int> values, params int[] shape) =>
        From(NpyKind.Integer, values, shape);

    /// <summary>Creates an array of 64-bit integers from a copy of the values.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromInt64s(ReadOnlySpan<long> values, params int[] shape) =>
        From(NpyKind.Integer, values, shape);

    /// <summary>
    /// Creates an array of strings, as wide as the longest; trailing zero characters are lost, as in NumPy.
    /// </summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromStrings(ReadOnlySpan<string> values, params int[] shape)
    {
        var encoded = new byte[values.Length][];
        for (var i = 0; i < values.Length; i++)
            encoded[i] = Encoding.UTF32.GetBytes(values[i]);
        var type = new NpyType(NpyKind.Text, encoded.Select(text => text.Length).Append(sizeof(int)).Max());
        var bytes = new byte[values.Length * type.Size];
        for (var i = 0; i < encoded.Length; i++)
            encoded[i].CopyTo(bytes, i * type.Size);
        return new NpyArray(type, shape, bytes);
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">
    /// Truncated, not a .npy file, or of a type that Hybrid does not read; the message names file and remedy.
    /// </exception>
    /// <exception cref="IOException">The file is missing, a folder, or cannot be read.</exception>
    public static NpyArray Read(string path) => InputFile.Read(path, stream => Read(stream, stream.Length));

    /// <summary>Reads an array from the current position of a stream.</summary>
    /// <param name="stream">Need not be seekable.</param>
    /// <param name="length">Remaining bytes of the stream; bounds the memory that is allocated.</param>
    /// <exception cref="FormatException">
    /// Truncated, not a .npy file, or of a type that Hybrid does not read.
    /// </exception>
    /// <exception cref="IOException">The stream ends before its length.</exception>
    public static NpyArray Read(Stream stream, long length)
    {
        var header = NpyHeader.Read(stream, length);
        var bytes = new byte[header.Count * header.Type.Size];
        stream.ReadExactly(bytes);
        if (header.IsBigEndian)
            for (var i = 0; i < bytes.Length; i += header.Type.Unit)
                bytes.AsSpan(i, header.Type.Unit).Reverse();
        return new NpyArray(
            header.Type,
            header.Shape,
            header.IsColumnMajor ? RowMajor(bytes, header.Shape, header.Type.Size) : bytes
        );
    }

    /// <summary>Writes a file as a whole or not at all, with the bytes that <c>numpy.save</c> writes.</summary>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void Write(string path) => AtomicFile.Write(path, Write);

    /// <summary>Writes to a stream, as <c>numpy.save</c> does.</summary>
    public void Write(Stream stream)
    {
        new NpyHeader(Type, IsBigEndian: false, IsColumnMajor: false, shape).Write(stream);
        stream.Write(Bytes.Span);
    }

    /// <summary>The elements as floats, row-major; doubles and large integers are rounded. NaN is kept.</summary>
    /// <exception cref="FormatException">The elements are text.</exception>
    public float[] ToSingles() => Numbers<float>();

    /// <summary>The elements as doubles, row-major; integers beyond 2^53 are rounded. NaN is kept.</summary>
    /// <exception cref="FormatException">The elements are text.</exception>
    public double[] ToDoubles() => Numbers<double>();

    /// <summary>The elements as integers, row-major.</summary>
    /// <exception cref="FormatException">
    /// The elements are text or floating-point numbers, or one is larger than <see cref="long.MaxValue"/>.
    /// </exception>
    public long[] ToInt64s()
    {
        if (Type.Kind == NpyKind.Float)
            throw new FormatException($"the array holds {Type} where integers are expected");
        try
        {
            return Numbers<long>();
        }
        catch (OverflowException)
        {
            throw new FormatException($"the array of {Type} holds a number beyond {long.MaxValue}");
        }
    }

    /// <summary>
    /// The elements as strings, row-major, without trailing zero characters; bytes are decoded as Latin-1.
    /// </summary>
    /// <exception cref="FormatException">The elements are numbers or invalid Unicode.</exception>
    public string[] ToStrings()
    {
        if (Type.Kind is not (NpyKind.Text or NpyKind.Bytes))
            throw new FormatException($"the array holds {Type} where text is expected");
        var result = new string[Count];
        for (var i = 0; i < result.Length; i++)
        {
            var bytes = Bytes.Span.Slice(i * Type.Size, Type.Size);
            result[i] =
                Type.Kind == NpyKind.Bytes
                    ? Encoding.Latin1.GetString(bytes.TrimEnd((byte)0))
                    : Decode(MemoryMarshal.Cast<byte, int>(bytes).TrimEnd(0), i);
        }
        return result;
    }

    private static string Decode(ReadOnlySpan<int> codePoints, int index)
    {
        var text = new StringBuilder(codePoints.Length);
        foreach (var value in codePoints)
            text.Append(
                Rune.IsValid(value)
                    ? new Rune(value).ToString()
                    : throw new FormatException(
                        $"text {index} of the array holds {value}, which is not a Unicode character"
                    )
            );
        return text.ToString();
    }

    private static NpyArray From<TElement>(NpyKind kind, ReadOnlySpan<TElement> values, int[] shape)
        where TElement : unmanaged =>
        new(new NpyType(kind, Unsafe.SizeOf<TElement>()), shape, MemoryMarshal.AsBytes(values).ToArray());

    private TResult[] Numbers<TResult>()
        where TResult : INumberBase<TResult> =>
        (Type.Kind, Type.Size) switch
        {
            (NpyKind.Boolean, _) => Array.ConvertAll(Bytes.ToArray(), value => value == 0 ? TResult.Zero : TResult.One),
            (NpyKind.Integer, 1) => Convert<sbyte, TResult>(),
            (NpyKind.Integer, 2) => Convert<short, TResult>(),
            (NpyKind.Integer, 4) => Convert<int, TResult>(),
            (NpyKind.Integer, 8) => Convert<long, TResult>(),
            (NpyKind.Unsigned, 1) => Convert<byte, TResult>(),
            (NpyKind.Unsigned, 2) => Convert<ushort, TResult>(),
            (NpyKind.Unsigned, 4) => Convert<uint, TResult>(),
            (NpyKind.Unsigned, 8) => Convert<ulong, TResult>(),
            (NpyKind.Float, 2) => Convert<Half, TResult>(),
            (NpyKind.Float, 4) => Convert<float, TResult>(),
            (NpyKind.Float, 8) => Convert<double, TResult>(),
            _ => throw new FormatException($"the array holds {Type} where numbers are expected"),
        };

    private TResult[] Convert<TElement, TResult>()
        where TElement : unmanaged, INumberBase<TElement>
        where TResult : INumberBase<TResult>
    {
        var values = MemoryMarshal.Cast<byte, TElement>(Bytes.Span);
        var result = new TResult[values.Length];
        for (var i = 0; i < result.Length; i++)
            result[i] = TResult.CreateChecked(values[i]);
        return result;
    }

    /// <summary>
    /// Reorders a column-major array: walks its elements in row-major order and tracks their byte offset.
    /// </summary>
    private static byte[] RowMajor(byte[] columns, int[] shape, int size)
    {
        var rows = new byte[columns.Length];
        var strides = new int[shape.Length];
        for (int axis = 0, stride = size; axis < shape.Length; stride *= shape[axis++])
            strides[axis] = stride;
        var index = new int[shape.Length];
        var from = 0;
        for (var to = 0; to < rows.Length; to += size)
        {
            columns.AsSpan(from, size).CopyTo(rows.AsSpan(to));
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                from += strides[axis];
                if (++index[axis] < shape[axis])
                    break;
                from -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
        return rows;
    }
}
