using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Hybrid.Core;

/// <summary>What the elements of a NumPy array are.</summary>
public enum NpyKind
{
    /// <summary>False and true: 0 and 1 in a byte.</summary>
    Boolean,

    /// <summary>Whole numbers with a sign.</summary>
    Integer,

    /// <summary>Whole numbers from 0.</summary>
    Unsigned,

    /// <summary>IEEE floating-point numbers.</summary>
    Float,

    /// <summary>Unicode text of up to a fixed number of code points.</summary>
    Text,

    /// <summary>Text of up to a fixed number of bytes.</summary>
    Bytes,
}

/// <summary>The type of the elements of a NumPy array.</summary>
/// <param name="Kind">What they are.</param>
/// <param name="Size">Bytes of each.</param>
public readonly record struct NpyType(NpyKind Kind, int Size)
{
    private const string Letters = "biufUS";
    private const int BytesPerCodePoint = 4;

    /// <summary>NumPy's name, with the byte order in which Hybrid holds and writes numbers: <c>&lt;f4</c>.</summary>
    public override string ToString() =>
        $"{(Unit > 1 ? '<' : '|')}{Letters[(int)Kind]}{(Kind == NpyKind.Text ? Size / BytesPerCodePoint : Size)}";

    /// <summary>Bytes that belong together when the byte order changes.</summary>
    internal int Unit =>
        Kind switch
        {
            NpyKind.Text => BytesPerCodePoint,
            NpyKind.Bytes => 1,
            _ => Size,
        };

    /// <summary>The type of NumPy's letter and size; null where Hybrid does not read it.</summary>
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
/// An array as NumPy stores it in <c>.npy</c> files (NumPy enhancement proposal 1). All numbers of up to eight bytes and both
/// kinds of text are read, in either byte order, row-major or column-major; pickled Python objects never are.
/// </summary>
public sealed class NpyArray
{
    private readonly int[] shape;

    private NpyArray(NpyType type, int[] shape, byte[] bytes)
    {
        (Type, this.shape, Bytes) = (type, shape, bytes);
        if (shape.Aggregate(1L, (product, size) => product * size) * type.Size != bytes.Length)
            throw new ArgumentException(
                $"shape ({string.Join(", ", shape)}) does not fit {bytes.Length / type.Size} elements",
                nameof(shape)
            );
    }

    /// <summary>The type of the elements.</summary>
    public NpyType Type { get; }

    /// <summary>The sizes of the axes, outermost first; none for a single number.</summary>
    public IReadOnlyList<int> Shape => shape;

    /// <summary>The elements: row-major, numbers and code points little-endian.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>How many elements.</summary>
    public int Count => Bytes.Length / Type.Size;

    /// <summary>An array of half-precision numbers.</summary>
    /// <exception cref="ArgumentException">The shape does not fit the number of values.</exception>
    public static NpyArray FromHalves(ReadOnlySpan<Half> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>An array of single-precision numbers.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromSingles(ReadOnlySpan<float> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>An array of double-precision numbers.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromDoubles(ReadOnlySpan<double> values, params int[] shape) =>
        From(NpyKind.Float, values, shape);

    /// <summary>An array of 32-bit integers.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromInt32s(ReadOnlySpan<int> values, params int[] shape) =>
        From(NpyKind.Integer, values, shape);

    /// <summary>An array of 64-bit integers.</summary>
    /// <inheritdoc cref="FromHalves"/>
    public static NpyArray FromInt64s(ReadOnlySpan<long> values, params int[] shape) =>
        From(NpyKind.Integer, values, shape);

    /// <summary>An array of text, as wide as the longest; like NumPy, it does not keep zero characters at an end.</summary>
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
    /// <exception cref="FormatException">Torn, no .npy file, or of a type that Hybrid does not read; the message names file and remedy.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static NpyArray Read(string path)
    {
        using var stream = File.OpenRead(path);
        try
        {
            return Read(stream, stream.Length);
        }
        catch (FormatException error)
        {
            throw new FormatException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Reads an array from where a stream stands.</summary>
    /// <param name="stream">Need not seek.</param>
    /// <param name="length">Bytes that follow in the stream; no more memory is taken than these justify.</param>
    /// <exception cref="FormatException">Torn, no .npy file, or of a type that Hybrid does not read.</exception>
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
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public void Write(string path) => AtomicFile.Write(path, Write);

    /// <summary>Writes to a stream.</summary>
    public void Write(Stream stream)
    {
        new NpyHeader(Type, IsBigEndian: false, IsColumnMajor: false, shape).Write(stream);
        stream.Write(Bytes.Span);
    }

    /// <summary>The elements as floats, row-major; doubles and large integers are rounded.</summary>
    /// <exception cref="FormatException">The elements are text.</exception>
    public float[] ToSingles() => Numbers<float>();

    /// <summary>The elements as doubles, row-major; integers beyond 2^53 are rounded.</summary>
    /// <exception cref="FormatException">The elements are text.</exception>
    public double[] ToDoubles() => Numbers<double>();

    /// <summary>The elements as integers, row-major.</summary>
    /// <exception cref="FormatException">The elements are text or floating-point numbers, or one is larger than a long holds.</exception>
    public long[] ToInt64s()
    {
        if (Type.Kind == NpyKind.Float)
            throw new FormatException($"the array holds {Type} where whole numbers are expected");
        try
        {
            return Numbers<long>();
        }
        catch (OverflowException)
        {
            throw new FormatException($"the array of {Type} holds a number beyond {long.MaxValue}");
        }
    }

    /// <summary>The elements as text, row-major, without zero characters at the end; bytes are taken as Latin-1.</summary>
    /// <exception cref="FormatException">The elements are numbers, or no Unicode text.</exception>
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
                        $"text {index} of the array holds {value}, which is no Unicode character"
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

    /// <summary>The elements of a column-major array in row-major order: these are walked, and the place in the columns follows.</summary>
    private static byte[] RowMajor(byte[] columns, int[] shape, int size)
    {
        var rows = new byte[columns.Length];
        var steps = new int[shape.Length];
        for (int axis = 0, step = size; axis < shape.Length; step *= shape[axis++])
            steps[axis] = step;
        var index = new int[shape.Length];
        var from = 0;
        for (var to = 0; to < rows.Length; to += size)
        {
            columns.AsSpan(from, size).CopyTo(rows.AsSpan(to));
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                from += steps[axis];
                if (++index[axis] < shape[axis])
                    break;
                from -= steps[axis] * shape[axis];
                index[axis] = 0;
            }
        }
        return rows;
    }
}
