using System.Buffers.Binary;

namespace Hybrid.Speech;

/// <summary>The encoding of samples in a WAV file.</summary>
internal enum WavEncoding
{
    /// <summary>Integers: unsigned up to 8 bits, two's complement above.</summary>
    Pcm = 1,

    /// <summary>Floating point.</summary>
    Float = 3,

    /// <summary>8-bit A-law, ITU-T G.711.</summary>
    ALaw = 6,

    /// <summary>8-bit mu-law, ITU-T G.711.</summary>
    MuLaw = 7,
}

/// <summary>The "fmt " chunk of a WAV file.</summary>
/// <param name="Encoding">The encoding of samples.</param>
/// <param name="Channels">1 to 64.</param>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="BytesPerSample">
/// Bytes of a sample of one channel; integers of fewer bits use the most significant ones.
/// </param>
internal readonly record struct WavFormat(WavEncoding Encoding, int Channels, int SampleRate, int BytesPerSample)
{
    /// <summary>Length of the chunk's shortest form, in bytes.</summary>
    public const int SmallestLength = 16;

    /// <summary>
    /// Length of the chunk's longest form, WAVEFORMATEXTENSIBLE, in bytes; its GUID begins with the encoding.
    /// </summary>
    public const int ExtensibleLength = 40;

    private const int Extensible = 0xFFFE,
        LargestChannelCount = 64,
        LowestSampleRate = 1000,
        HighestSampleRate = 768_000;

    // Some float files hold the integers of 32-bit PCM without scaling. Larger samples would overflow the features.
    private const double LargestSample = 2147483648.0;

    /// <summary>Bytes of a frame: the samples of all channels at one time.</summary>
    public int BytesPerFrame => Channels * BytesPerSample;

    /// <summary>Reads the chunk.</summary>
    /// <param name="content">Its first bytes, up to <see cref="ExtensibleLength"/>.</param>
    /// <param name="begin">The byte at which the chunk begins in the file.</param>
    /// <exception cref="AudioFormatException">The chunk is truncated, or has an unsupported value.</exception>
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
            throw Error($"has {channels} channels, must be 1 to {LargestChannelCount}");
        if (rate is < LowestSampleRate or > HighestSampleRate)
            throw Error($"has {rate} samples per second, must be {LowestSampleRate} to {HighestSampleRate}");
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
                $"has encoding {encoding}{Name(encoding)} with {bits} bits, which is not supported: "
                    + "convert it to 16-bit PCM, for instance with sox or ffmpeg"
            );
        // The container may be larger than the sample, for instance 4 bytes for 24 bits.
        var (needed, stored) = ((bits + 7) / 8, bytesPerFrame / channels);
        return new WavFormat(
            (WavEncoding)encoding,
            channels,
            (int)rate,
            encoding == (int)WavEncoding.Pcm && needed > 1 && stored is > 1 and <= 4 ? Math.Max(needed, stored) : needed
        );

        AudioFormatException Error(string what) => new($"chunk \"fmt \" at byte {begin} {what}");
    }

    /// <summary>Decodes a block of data to one channel.</summary>
    /// <param name="bytes">At least as many frames as there are samples.</param>
    /// <param name="mixer">Makes one channel of all.</param>
    /// <param name="samples">[frames], written.</param>
    /// <returns>The index of the first sample that is not finite or too large; -1 where there is none.</returns>
    public int Decode(ReadOnlySpan<byte> bytes, ref ChannelMixer mixer, Span<float> samples)
    {
        Span<double> frame = stackalloc double[Channels];
        for (var i = 0; i < samples.Length; i++)
        {
            for (var channel = 0; channel < Channels; channel++, bytes = bytes[BytesPerSample..])
                frame[channel] = Sample(bytes);
            var sample = mixer.Mix(frame);
            if (!(Math.Abs(sample) <= LargestSample))
                return i;
            samples[i] = (float)sample;
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

    /// <summary>
    /// Decodes A-law to 16 bits: ITU-T G.711, table 1, even bits inverted; sign, 3 bits of exponent, 4 of mantissa.
    /// </summary>
    private static int ALaw(int code)
    {
        code ^= 0x55;
        var (exponent, mantissa) = (code >> 4 & 7, code & 15);
        var magnitude = exponent == 0 ? (mantissa << 4) + 8 : (mantissa << 4) + 0x108 << (exponent - 1);
        return code >= 128 ? magnitude : -magnitude;
    }

    /// <summary>
    /// Decodes mu-law to 16 bits: ITU-T G.711, table 2, all bits inverted; sign, 3 bits of exponent, 4 of mantissa.
    /// </summary>
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
