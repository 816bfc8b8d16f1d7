using System.IO.Compression;

namespace Hybrid.Core;

/// <summary>
/// The content of a compressed file, read once from its beginning: of bounded length, with its CRC-32.
/// </summary>
/// <param name="content">The decompressing stream; it is disposed with this one.</param>
/// <param name="limit">The most bytes that may be read.</param>
internal sealed class UnpackedStream(Stream content, long limit) : Stream
{
    private const long BytesPerPackedByte = 100,
        AlwaysAllowed = 64 << 20;

    // CRC-32 of ISO 3309 (zip, gzip, PNG), reflected polynomial 0xEDB88320: the remainder of each byte.
    private static readonly uint[] Remainders = [.. Enumerable.Range(0, 256).Select(value => Remainder((uint)value))];

    private long length;
    private uint crc = uint.MaxValue;

    /// <summary>
    /// The most bytes unpacked from a compressed file: 100 per packed byte, and at least 64 MiB. Deflate reaches ratios
    /// of 1032, so a small forged file could unpack to any size.
    /// </summary>
    /// <param name="packed">Bytes of the compressed file.</param>
    public static long Limit(long packed) => Math.Max(AlwaysAllowed, BytesPerPackedByte * packed);

    /// <summary>The content of a gzip file, recognised by its first two bytes; any other file itself.</summary>
    /// <param name="file">Seekable, at its beginning.</param>
    public static Stream Gunzip(Stream file)
    {
        var isGzip = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        return isGzip ? new UnpackedStream(new GZipStream(file, CompressionMode.Decompress), Limit(file.Length)) : file;
    }

    /// <summary>Reads to the end and returns the CRC-32 of the whole content.</summary>
    public uint Finish()
    {
        Span<byte> rest = stackalloc byte[4096];
        while (Read(rest) > 0) { }
        return ~crc;
    }

    /// <inheritdoc/>
    /// <exception cref="FormatException">The compressed data are damaged, or unpack to more than the limit.</exception>
    public override int Read(Span<byte> buffer)
    {
        int count;
        try
        {
            count = content.Read(buffer);
        }
        catch (InvalidDataException error)
        {
            throw new FormatException($"the compressed data are damaged: {Quoted.Message(error)}", error);
        }
        if ((length += count) > limit)
            throw new FormatException($"it unpacks to more than {limit} bytes, the limit for a file of this size");
        foreach (var value in buffer[..count])
            crc = Remainders[(byte)(crc ^ value)] ^ (crc >> 8);
        return count;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => length;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            content.Dispose();
        base.Dispose(disposing);
    }

    private static uint Remainder(uint value)
    {
        for (var bit = 0; bit < 8; bit++)
            value = (value & 1) == 0 ? value >> 1 : (value >> 1) ^ 0xEDB88320;
        return value;
    }
}
