using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Hybrid.Core;

/// <summary>The safetensors element types that Hybrid reads and writes.</summary>
public enum TensorType
{
    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>32-bit integers.</summary>
    I32,

    /// <summary>64-bit integers.</summary>
    I64,

    /// <summary>Unsigned bytes.</summary>
    U8,

    /// <summary>Signed bytes.</summary>
    I8,
}

/// <summary>A tensor of a safetensors file.</summary>
/// <param name="Name">Its name, unique in the file.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The sizes of the axes, outermost first.</param>
/// <param name="Bytes">The elements, row-major, little-endian.</param>
public sealed record StoredTensor(string Name, TensorType Type, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Creates a tensor of single-precision numbers from a copy of the values.</summary>
    public static StoredTensor FromSingles(string name, ReadOnlySpan<float> values, params IEnumerable<int> shape) =>
        new(name, TensorType.F32, [.. shape.Select(size => (long)size)], MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Creates a tensor of double-precision numbers from a copy of the values.</summary>
    public static StoredTensor FromDoubles(string name, ReadOnlySpan<double> values, params IEnumerable<int> shape) =>
        new(name, TensorType.F64, [.. shape.Select(size => (long)size)], MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The elements as doubles; integers beyond 2^53 are rounded. NaN is kept.</summary>
    public double[] ToDoubles()
    {
        var bytes = Bytes.Span;
        return Type switch
        {
            TensorType.F16 => [.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(x => (double)x)],
            TensorType.F32 => [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(x => (double)x)],
            TensorType.F64 => MemoryMarshal.Cast<byte, double>(bytes).ToArray(),
            TensorType.I32 => [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray().Select(x => (double)x)],
            TensorType.I64 => [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(x => (double)x)],
            TensorType.I8 => [.. MemoryMarshal.Cast<byte, sbyte>(bytes).ToArray().Select(x => (double)x)],
            _ => [.. bytes.ToArray().Select(x => (double)x)],
        };
    }

    /// <summary>The elements as floats; doubles and large integers are rounded. NaN is kept.</summary>
    public float[] ToSingles()
    {
        if (Type == TensorType.F32)
            return MemoryMarshal.Cast<byte, float>(Bytes.Span).ToArray();
        if (Type != TensorType.F16)
            return Array.ConvertAll(ToDoubles(), x => (float)x);
        var halves = MemoryMarshal.Cast<byte, Half>(Bytes.Span);
        var singles = new float[halves.Length];
        TensorPrimitives.ConvertToSingle(halves, singles);
        return singles;
    }

    /// <summary>
    /// The tensor in half precision; each element is rounded to the nearest half, ties to even. NaN is kept.
    /// </summary>
    /// <exception cref="OverflowException">
    /// A finite element is beyond 65504, the largest half; the message names it.
    /// </exception>
    public StoredTensor ToHalves()
    {
        var values = ToDoubles();
        var halves = Array.ConvertAll(values, x => (Half)x);
        for (var i = 0; i < values.Length; i++)
            if (Half.IsInfinity(halves[i]) && double.IsFinite(values[i]))
                throw new OverflowException(
                    string.Create(
                        System.Globalization.CultureInfo.InvariantCulture,
                        $"element {i} of {Quoted.Unless(Name)} is {values[i]}, halves end at 65504: "
                            + $"store it in single precision"
                    )
                );
        return this with { Type = TensorType.F16, Bytes = MemoryMarshal.AsBytes(halves.AsSpan()).ToArray() };
    }
}

/// <summary>
/// Named tensors and text in one file, in the safetensors format (huggingface.co/docs/safetensors): the length of a
/// JSON header in eight bytes, the header, the data. Nothing in a file is executed or resolved to a type.
/// </summary>
/// <param name="Metadata">Text by key.</param>
/// <param name="Tensors">The tensors in the order of the header.</param>
public sealed record SafeTensors(IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<StoredTensor> Tensors)
{
    private const string MetadataName = "__metadata__";

    // The limit of the format.
    private const long LargestHeader = 100_000_000;

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">
    /// The file is truncated or not a safetensors file; the message names file and position.
    /// </exception>
    /// <exception cref="IOException">The file is missing, a folder, or cannot be read.</exception>
    public static SafeTensors Read(string path) => InputFile.Read(path, static stream => Read(stream));

    /// <summary>Reads a whole seekable stream.</summary>
    /// <exception cref="FormatException">The content is truncated or not in the safetensors format.</exception>
    public static SafeTensors Read(Stream stream)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (stream.Length < prefix.Length)
            throw new FormatException($"not a safetensors file: it has {stream.Length} bytes");
        stream.Position = 0;
        stream.ReadExactly(prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > (ulong)Math.Min(LargestHeader, stream.Length - prefix.Length))
            throw new FormatException(
                $"the header at byte 8 claims {headerLength} bytes, the file has {stream.Length}"
            );
        var header = new byte[headerLength];
        stream.ReadExactly(header);
        var dataLength = stream.Length - prefix.Length - header.Length;
        var (metadata, entries) = ParseHeader(header, dataLength);
        CheckCoverage(entries, dataLength);

        var tensors = new List<StoredTensor>(entries.Count);
        foreach (var entry in entries)
        {
            var bytes = new byte[entry.End - entry.Begin];
            stream.Position = prefix.Length + header.Length + entry.Begin;
            stream.ReadExactly(bytes);
            tensors.Add(new StoredTensor(entry.Name, entry.Type, entry.Shape, bytes));
        }
        return new SafeTensors(metadata, tensors);
    }

    /// <summary>Writes a file as a whole or not at all.</summary>
    /// <inheritdoc cref="Write(Stream)"/>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void Write(string path) => AtomicFile.Write(path, Write);

    /// <summary>Writes to a stream.</summary>
    /// <exception cref="ArgumentException">Two tensors have the same name, or one has that of the metadata.</exception>
    public void Write(Stream stream)
    {
        if (
            Tensors
                .Select(tensor => tensor.Name)
                .Append(MetadataName)
                .CountBy(name => name)
                .FirstOrDefault(pair => pair.Value > 1) is
            { Key: { } twice }
        )
            throw new ArgumentException(
                $"two entries of the file would be called {Quoted.Text(twice)}: give each tensor a unique name"
            );
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
            {
                json.WriteStartObject(MetadataName);
                foreach (var (key, value) in Metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            var offset = 0L;
            foreach (var tensor in Tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Padded with spaces: the data begin at a multiple of eight bytes, as the format recommends.
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)buffer.Length);
        stream.Write(prefix);
        stream.Write(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
        foreach (var tensor in Tensors)
            stream.Write(tensor.Bytes.Span);
    }

    private static (Dictionary<string, string> Metadata, List<Entry> Entries) ParseHeader(
        byte[] header,
        long dataLength
    )
    {
        try
        {
            using var document = JsonDocument.Parse(header);
            var metadata = new Dictionary<string, string>();
            var entries = new List<Entry>();
            var names = new HashSet<string>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!names.Add(property.Name))
                    throw new FormatException($"the header names {Quoted.Unless(property.Name)} twice");
                if (property.Name == MetadataName)
                {
                    foreach (var text in property.Value.EnumerateObject())
                        if (!metadata.TryAdd(text.Name, text.Value.GetString() ?? ""))
                            throw new FormatException($"the metadata name {Quoted.Unless(text.Name)} twice");
                }
                else
                    entries.Add(ParseEntry(property, dataLength));
            }
            return (metadata, entries);
        }
        catch (Exception error)
            when (error
                    is JsonException
                        or InvalidOperationException
                        or KeyNotFoundException
                        or DecoderFallbackException
            )
        {
            throw new FormatException(
                $"the header at byte 8 is not a safetensors header: {Quoted.Message(error)}",
                error
            );
        }
    }

    /// <summary>
    /// The format requires tensors to cover the data without gaps or overlap, so they never need more memory than the
    /// file.
    /// </summary>
    private static void CheckCoverage(List<Entry> entries, long dataLength)
    {
        var end = 0L;
        foreach (var entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin != end)
                throw new FormatException(
                    $"tensor {Quoted.Unless(entry.Name)} begins at byte {entry.Begin} of the data, "
                        + $"the previous one ends at {end}"
                );
            end = entry.End;
        }
        if (end != dataLength)
            throw new FormatException($"the tensors end at byte {end} of {dataLength} bytes of data");
    }

    private static Entry ParseEntry(JsonProperty property, long dataLength)
    {
        var fields = new HashSet<string>();
        foreach (var field in property.Value.EnumerateObject())
            if (!fields.Add(field.Name))
                throw new FormatException(
                    $"tensor {Quoted.Unless(property.Name)} has {Quoted.Unless(field.Name)} twice"
                );
        var type = property.Value.GetProperty("dtype").GetString();
        if (!Enum.TryParse<TensorType>(type, out var parsed) || parsed.ToString() != type)
            throw new FormatException(
                $"tensor {Quoted.Unless(property.Name)} has element type {Quoted.Unless(type ?? "null")}; known are "
                    + string.Join(", ", Enum.GetNames<TensorType>())
            );
        var offsets = Integers(property, "data_offsets");
        var shape = Integers(property, "shape");
        if (
            offsets.Length != 2
            || offsets[0] < 0
            || offsets[1] < offsets[0]
            || offsets[1] > dataLength
            || offsets[1] - offsets[0] > Array.MaxLength
        )
            throw new FormatException(
                $"tensor {Quoted.Unless(property.Name)} has the offsets {Quoted.List(offsets, "..")} in "
                    + $"{dataLength} bytes of data; the file is truncated or damaged"
            );
        Int128 bytes = parsed switch
        {
            TensorType.U8 or TensorType.I8 => 1,
            TensorType.F16 => 2,
            TensorType.F64 or TensorType.I64 => 8,
            _ => 4,
        };
        // Stopped once it is too large, so that the product cannot overflow.
        foreach (var size in shape)
            bytes = bytes > long.MaxValue ? bytes : bytes * size;
        if (shape.Any(size => size < 0) || bytes != offsets[1] - offsets[0])
            throw new FormatException(
                $"tensor {Quoted.Unless(property.Name)} of shape [{Quoted.List(shape)}] and type {type} does not "
                    + $"fit its {offsets[1] - offsets[0]} bytes"
            );
        return new Entry(property.Name, parsed, shape, offsets[0], offsets[1]);
    }

    private static long[] Integers(JsonProperty property, string name)
    {
        var array = property.Value.GetProperty(name);
        var integers = new List<long>();
        foreach (var element in array.EnumerateArray())
            integers.Add(
                element.TryGetInt64(out var value)
                    ? value
                    : throw new FormatException(
                        $"tensor {Quoted.Unless(property.Name)}: {name} holds {Quoted.Unless(element.GetRawText())}"
                    )
            );
        return [.. integers];
    }

    private readonly record struct Entry(string Name, TensorType Type, long[] Shape, long Begin, long End);
}
