using System.Buffers.Binary;

namespace Hybrid.Speech;

/// <summary>How a WAV file stores numbers.</summary>
internal enum WavEncoding
{
    /// <summary>Integers; up to 8 bits without sign, more in two's complement.</summary>
    Pcm = 1,

    /// <summary>Floating point.</summary>
    Float = 3,

    /// <summary>8 bits after ITU-T G.711, as European telephones have it.</summary>
    ALaw = 6,

    /// <summary>8 bits after ITU-T G.711, as American and Japanese telephones have it.</summary>
    MuLaw = 7,
}

/// <summary>The chunk "fmt " of a WAV file.</summary>
/// <param name="Encoding">How numbers are stored.</param>
/// <param name="Channels">1 to 64.</param>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="BytesPerSample">Of a channel; the bits of integers lie in the highest.</param>
internal readonly record struct WavFormat(WavEncoding Encoding, int Channels, int SampleRate, int BytesPerSample)
{
    /// <summary>Bytes of the chunk's oldest form.</summary>
    public const int SmallestLength = 16;

    /// <summary>Bytes of the chunk's longest form, where a GUID that begins with the encoding names it.</summary>
    public const int ExtensibleLength = 40;

    private const int Extensible = 0xFFFE,
        LargestChannelCount = 64,
        LowestSampleRate = 1000,
        HighestSampleRate = 768_000;

    // Floats that hold the integers of 32-bit PCM as they are; beyond them features would overflow.
    private const double Loudest = 2147483648.0;

    /// <summary>Bytes of all channels' samples of one time.</summary>
    public int BytesPerFrame => Channels * BytesPerSample;

    /// <summary>Reads the chunk.</summary>
    /// <param name="content">Its first bytes, up to <see cref="ExtensibleLength"/>.</param>
    /// <param name="begin">Where the chunk begins in the file.</param>
    /// <exception cref="AudioFormatException">It is torn, or names what Hybrid does not know.</exception>
    public static WavFormat Read(ReadOnlySpan<byte> content, long begin)
    {
        if (content.Length < SmallestLength)
            throw Error($"has {content.Length} bytes, needs at least {SmallestLength}");
        int Short(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        var (encoding, channels, rate) = (
            Short(content),
            Short(content[2..]),
            BinaryPrimitives.ReadUInt32LittleEndian(content[4..])
        );
        var (bytesPerFrame, bits) = (Short(content[12..]), Short(content[14..]));
        if (encoding == Extensible && content.Length >= ExtensibleLength)
            encoding = Short(content[24..]);
        if (channels is < 1 or > LargestChannelCount)
            throw Error($"has {channels} channels, Hybrid takes 1 to {LargestChannelCount}");
        if (rate is < LowestSampleRate or > HighestSampleRate)
            throw Error($"has {rate} samples per second, which is no sound");
        if (
            ((WavEncoding)encoding, bits)
            is not (

                (WavEncoding.Pcm, >= 1 and <= 32)
                or
                (WavEncoding.Float, 32 or 64)
                or
                (WavEncoding.ALaw or WavEncoding.MuLaw, 8)
            )
        )
            throw Error(
                $"has encoding {encoding}{Name(encoding)} with {bits} bits, which is not supported: convert it to 16-bit PCM, for instance with sox or ffmpeg"
            );
        // Integers may lie in more bytes than they need, 24 bits in 4 say.
        var (needed, stored) = ((bits + 7) / 8, bytesPerFrame / channels);
        return new WavFormat(
            (WavEncoding)encoding,
            channels,
            (int)rate,
            encoding == (int)WavEncoding.Pcm && needed > 1 && stored is > 1 and <= 4 ? Math.Max(needed, stored) : needed
        );

        AudioFormatException Error(string what) => new($"chunk \"fmt \" at byte {begin} {what}");
    }

    /// <summary>Makes one channel of a block of data.</summary>
    /// <param name="bytes">At least as many frames as there are samples.</param>
    /// <param name="samples">Written: the mean of the channels.</param>
    /// <returns>The place of the first sample that is not finite or absurdly large; -1 where all are sound.</returns>
    public int Decode(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++)
        {
            var sum = 0.0;
            for (var channel = 0; channel < Channels; channel++, bytes = bytes[BytesPerSample..])
                sum += Sample(bytes);
            if (!(Math.Abs(sum) <= Loudest * Channels))
                return i;
            samples[i] = (float)(sum / Channels);
        }
        return -1;
    }

    private double Sample(ReadOnlySpan<byte> bytes) =>
        (Encoding, BytesPerSample) switch
        {
            (WavEncoding.Float, 4) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            (WavEncoding.Float, _) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            (WavEncoding.ALaw, _) => ALaw(bytes[0]) / 32768.0,
            (WavEncoding.MuLaw, _) => MuLaw(bytes[0]) / 32768.0,
            (_, 1) => (bytes[0] - 128) / 128.0,
            (_, 2) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768.0,
            (_, 3) => ((bytes[2] << 24 | bytes[1] << 16 | bytes[0] << 8) >> 8) / 8388608.0,
            _ => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648.0,
        };

    /// <summary>ITU-T G.711, table 1, with even bits turned: sign, 3 bits of exponent, 4 of mantissa; as 16 bits.</summary>
    private static int ALaw(int code)
    {
        code ^= 0x55;
        var (exponent, mantissa) = (code >> 4 & 7, code & 15);
        var magnitude = exponent == 0 ? (mantissa << 4) + 8 : (mantissa << 4) + 0x108 << (exponent - 1);
        return code >= 128 ? magnitude : -magnitude;
    }

    /// <summary>ITU-T G.711, table 2, with all bits turned: sign, 3 bits of exponent, 4 of mantissa; as 16 bits.</summary>
    private static int MuLaw(int code)
    {
        code ^= 0xFF;
        var magnitude = ((code & 15) << 3) + 0x84 << (code >> 4 & 7);
        return code < 128 ? magnitude - 0x84 : 0x84 - magnitude;
    }

    private static string Name(int encoding) =>
        encoding switch
        {
            0x02 or 0x11 => " (ADPCM)",
            0x31 => " (GSM 6.10)",
            0x50 or 0x55 => " (MPEG)",
            0xFF => " (AAC)",
            _ => "",
        };
}
