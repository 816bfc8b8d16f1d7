namespace Hybrid.Speech;

/// <summary>The stream header of a FLAC file (RFC 9639, 8.2).</summary>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="Channels">The number of channels, 1 to 8.</param>
/// <param name="Bits">Bits per sample, 4 to 32.</param>
/// <param name="TotalSamples">Samples of each channel; 0 where unknown.</param>
/// <param name="Md5">MD5 of all samples, in hexadecimal; null where unknown.</param>
/// <param name="FirstFrame">The byte at which the first frame begins.</param>
internal sealed record FlacStreamInfo(
    int SampleRate,
    int Channels,
    int Bits,
    long TotalSamples,
    string? Md5,
    long FirstFrame
)
{
    private const int StreamInfoType = 0,
        StreamInfoLength = 34,
        BlockHeader = 4,
        TagHeader = 10;

    /// <summary>Reads everything before the first frame. Metadata other than the stream header are skipped.</summary>
    /// <param name="stream">A FLAC file; seekable.</param>
    /// <exception cref="AudioFormatException">
    /// The header is truncated or not FLAC's; the message has the byte.
    /// </exception>
    public static FlacStreamInfo Read(Stream stream)
    {
        var begin = SkipTags(stream);
        Span<byte> head = stackalloc byte[StreamInfoLength];
        var magic = Bytes(stream, begin, head[..12]);
        if (!magic.StartsWith("fLaC"u8))
            throw new AudioFormatException(
                $"after its ID3 tag, at byte {begin}, the file continues with "
                    + $"\"{AudioFormatException.Printable(magic)}\", not \"fLaC\"; "
                    + "if it is MP3, convert it to WAV or FLAC"
            );

        FlacStreamInfo? info = null;
        begin += 4;
        for (var last = false; !last; )
        {
            var bytes = Bytes(stream, begin, head[..BlockHeader]);
            if (bytes.Length < BlockHeader)
                throw new AudioFormatException(
                    $"the FLAC file is truncated: it ends at byte {stream.Length}, within its metadata"
                );
            var reader = new BitReader(bytes);
            last = reader.Unsigned(1) == 1;
            var (type, length) = ((int)reader.Unsigned(7), (int)reader.Unsigned(24));
            if (length > stream.Length - begin - BlockHeader)
                throw new AudioFormatException(
                    $"the FLAC file is truncated: metadata block {type} at byte {begin} has {length} bytes, "
                        + $"and the file ends at byte {stream.Length}"
                );
            if ((type == StreamInfoType) != info is null || (info is null && length < StreamInfoLength))
                throw new AudioFormatException(
                    $"metadata block {type} of {length} bytes at byte {begin}: FLAC begins with one STREAMINFO block "
                        + $"(type {StreamInfoType}) of {StreamInfoLength} bytes"
                );
            info ??= Fields(Bytes(stream, begin + BlockHeader, head), begin);
            begin += BlockHeader + length;
        }
        return info! with { FirstFrame = begin };
    }

    private static FlacStreamInfo Fields(ReadOnlySpan<byte> block, long begin)
    {
        // The first ten bytes are the range of block and frame sizes, which each frame states itself.
        var reader = new BitReader(block[10..]);
        var (rate, channels, bits, total) = (
            (int)reader.Unsigned(20),
            (int)reader.Unsigned(3) + 1,
            (int)reader.Unsigned(5) + 1,
            (long)reader.Unsigned(36)
        );
        if (rate == 0 || bits < 4)
            throw new AudioFormatException(
                $"STREAMINFO at byte {begin} has {bits} bits at {rate} samples per second, which is not audio"
            );
        var md5 = block.Slice(18, 16);
        return new FlacStreamInfo(
            rate,
            channels,
            bits,
            total,
            md5.ContainsAnyExcept((byte)0) ? Convert.ToHexStringLower(md5) : null,
            0
        );
    }

    /// <summary>
    /// The byte after ID3v2 tags, which taggers put before the stream although FLAC has its own tags.
    /// </summary>
    private static long SkipTags(Stream stream)
    {
        long begin = 0;
        Span<byte> head = stackalloc byte[TagHeader];
        while (Bytes(stream, begin, head) is [(byte)'I', (byte)'D', (byte)'3', _, _, var flags, _, _, _, _])
        {
            long size = 0;
            foreach (var part in head[6..])
                size = size << 7 | (long)(part & 0x7F);
            var footer = (flags & 0x10) != 0 ? TagHeader : 0;
            begin += TagHeader + size + footer;
        }
        return begin <= stream.Length
            ? begin
            : throw new AudioFormatException(
                $"the file is truncated: its ID3 tag extends to byte {begin}, and the file ends at byte {stream.Length}"
            );
    }

    /// <summary>The bytes at a position, fewer at the end of the file.</summary>
    private static ReadOnlySpan<byte> Bytes(Stream stream, long position, Span<byte> buffer)
    {
        stream.Position = position;
        return buffer[..stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)];
    }
}
