namespace Hybrid.Speech;

/// <summary>The decorrelation of the channels of a stereo frame.</summary>
internal enum FlacStereo
{
    Independent,
    LeftSide,
    SideRight,
    MidSide,
}

/// <summary>The header of a FLAC frame (RFC 9639, 9.1).</summary>
/// <param name="BlockSize">Samples of each channel, 1 to 65535.</param>
/// <param name="Stereo">The decorrelation of two channels.</param>
internal readonly record struct FlacFrameHeader(int BlockSize, FlacStereo Stereo)
{
    /// <summary>Reads a header, and checks its CRC-8 and that it agrees with the stream header.</summary>
    /// <exception cref="AudioFormatException">
    /// The header is damaged, has a reserved value, or disagrees with the stream header.
    /// </exception>
    public static FlacFrameHeader Read(ReadOnlySpan<byte> bytes, ref BitReader reader, FlacStreamInfo info)
    {
        var begin = reader.BytePosition;
        if (reader.Unsigned(15) != 0b111_1111_1111_1100)
            throw new AudioFormatException("no frame begins here");
        reader.Unsigned(1); // fixed or variable block size: needed only to search by frame numbers
        var (sizeCode, rateCode, channelCode, bitsCode) = (
            (int)reader.Unsigned(4),
            (int)reader.Unsigned(4),
            (int)reader.Unsigned(4),
            (int)reader.Unsigned(3)
        );
        if (reader.Unsigned(1) == 1)
            throw new AudioFormatException("a reserved bit of the frame header is set");
        SkipNumber(ref reader);
        var stereo = channelCode switch
        {
            < 8 => FlacStereo.Independent,
            8 => FlacStereo.LeftSide,
            9 => FlacStereo.SideRight,
            10 => FlacStereo.MidSide,
            _ => throw new AudioFormatException($"channel assignment {channelCode} is reserved"),
        };
        var size = BlockSizeOf(sizeCode, ref reader);
        var rate = SampleRateOf(rateCode, ref reader) ?? info.SampleRate;
        var bits = BitsOf(bitsCode) ?? info.Bits;
        var channels = stereo == FlacStereo.Independent ? channelCode + 1 : 2;

        var computed = FlacCrc.Header(bytes[begin..reader.BytePosition]);
        var stored = (int)reader.Unsigned(8);
        if (computed != stored)
            throw new AudioFormatException(
                $"the frame header is damaged: CRC-8 is {computed:x2}, {stored:x2} is stored"
            );
        if ((rate, bits, channels) != (info.SampleRate, info.Bits, info.Channels))
            throw new AudioFormatException(
                $"the frame has {channels} channels of {bits} bits at {rate} samples per second, "
                    + $"the stream header {info.Channels} of {info.Bits} at {info.SampleRate}"
            );
        return new FlacFrameHeader(size, stereo);
    }

    /// <summary>Skips the number of the frame or of its first sample, coded as in UTF-8 with up to 7 bytes.</summary>
    private static void SkipNumber(ref BitReader reader)
    {
        var length = System.Numerics.BitOperations.LeadingZeroCount(~((uint)reader.Unsigned(8) << 24));
        if (length is 1 or 8)
            throw new AudioFormatException("the frame's number is invalid");
        for (var i = 1; i < length; i++)
            if (reader.Unsigned(8) >> 6 != 0b10)
                throw new AudioFormatException("the frame's number is invalid");
    }

    private static int BlockSizeOf(int code, ref BitReader reader) =>
        code switch
        {
            0 => throw new AudioFormatException("block size code 0 is reserved"),
            1 => 192,
            <= 5 => 144 << code,
            6 => (int)reader.Unsigned(8) + 1,
            7 => (int)reader.Unsigned(16) + 1 is <= ushort.MaxValue and var size
                ? size
                : throw new AudioFormatException("a block size of 65536 is invalid"),
            _ => 1 << code,
        };

    private static int? SampleRateOf(int code, ref BitReader reader) =>
        code switch
        {
            0 => null,
            1 => 88200,
            2 => 176400,
            3 => 192000,
            4 => 8000,
            5 => 16000,
            6 => 22050,
            7 => 24000,
            8 => 32000,
            9 => 44100,
            10 => 48000,
            11 => 96000,
            12 => (int)reader.Unsigned(8) * 1000,
            13 => (int)reader.Unsigned(16),
            14 => (int)reader.Unsigned(16) * 10,
            _ => throw new AudioFormatException("sample rate code 15 is invalid"),
        };

    private static int? BitsOf(int code) =>
        code switch
        {
            0 => null,
            1 => 8,
            2 => 12,
            4 => 16,
            5 => 20,
            6 => 24,
            7 => 32,
            _ => throw new AudioFormatException($"bit depth code {code} is reserved"),
        };
}
