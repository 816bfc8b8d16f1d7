namespace Hybrid.Speech;

/// <summary>What the head of a FLAC file says (RFC 9639, 8.2).</summary>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="Channels">1 to 8.</param>
/// <param name="Bits">Of a sample, 4 to 32.</param>
/// <param name="TotalSamples">Of each channel; 0 where unknown.</param>
/// <param name="Md5">Of all samples; null where unknown.</param>
/// <param name="FirstFrame">The byte where the sound begins.</param>
internal sealed record FlacStreamInfo(
    int SampleRate,
    int Channels,
    int Bits,
    long TotalSamples,
    string? Md5,
    int FirstFrame
)
{
    private const int BlockType = 0,
        BlockLength = 34,
        TagHeader = 10;

    /// <summary>Reads everything in front of the sound.</summary>
    /// <exception cref="AudioFormatException">The head is torn or not FLAC's; the message names the byte.</exception>
    public static FlacStreamInfo Read(ReadOnlySpan<byte> bytes)
    {
        var begin = SkipTags(bytes);
        if (!bytes[begin..].StartsWith("fLaC"u8))
            throw new AudioFormatException(
                $"behind its ID3 tag, at byte {begin}, the file goes on with \"{AudioFormatException.Printable(bytes[begin..])}\", not \"fLaC\"; if it is MP3, convert it to WAV or FLAC"
            );

        FlacStreamInfo? info = null;
        var reader = new BitReader(bytes, begin + 4);
        for (var last = false; !last; )
        {
            begin = reader.BytePosition;
            if (bytes.Length - begin < 4)
                throw new AudioFormatException(
                    $"the FLAC file is torn: it ends at byte {bytes.Length}, within its metadata"
                );
            last = reader.Unsigned(1) == 1;
            var (type, length) = ((int)reader.Unsigned(7), (int)reader.Unsigned(24));
            if (length > bytes.Length - reader.BytePosition)
                throw new AudioFormatException(
                    $"the FLAC file is torn: metadata block {type} at byte {begin} has {length} bytes, and the file ends at byte {bytes.Length}"
                );
            if ((type == BlockType) != info is null || (info is null && length < BlockLength))
                throw new AudioFormatException(
                    $"metadata block {type} of {length} bytes at byte {begin}: FLAC begins with one STREAMINFO block (type 0) of {BlockLength} bytes"
                );
            info ??= Fields(bytes.Slice(reader.BytePosition, length), begin);
            reader = new BitReader(bytes, reader.BytePosition + length);
        }
        return info! with { FirstFrame = reader.BytePosition };
    }

    private static FlacStreamInfo Fields(ReadOnlySpan<byte> block, int begin)
    {
        // Ahead of the sample rate stand the sizes of blocks and frames, which the frames tell better.
        var reader = new BitReader(block, 10);
        var (rate, channels, bits, total) = (
            (int)reader.Unsigned(20),
            (int)reader.Unsigned(3) + 1,
            (int)reader.Unsigned(5) + 1,
            (long)reader.Unsigned(36)
        );
        if (rate == 0 || bits < 4)
            throw new AudioFormatException(
                $"STREAMINFO at byte {begin}: {bits} bits at {rate} samples per second are no sound"
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

    /// <summary>The byte behind ID3v2 tags, which taggers put in front although FLAC has its own.</summary>
    private static int SkipTags(ReadOnlySpan<byte> bytes)
    {
        long begin = 0;
        while (
            begin + TagHeader <= bytes.Length
            && bytes[(int)begin..] is [(byte)'I', (byte)'D', (byte)'3', _, _, var flags, ..]
        )
        {
            long size = 0;
            foreach (var part in bytes.Slice((int)begin + 6, 4))
                size = size << 7 | (long)(part & 0x7F);
            var footer = (flags & 0x10) != 0 ? TagHeader : 0;
            begin += TagHeader + size + footer;
        }
        return begin <= bytes.Length
            ? (int)begin
            : throw new AudioFormatException(
                $"the file is torn: its ID3 tag reaches to byte {begin}, and the file ends at byte {bytes.Length}"
            );
    }
}
