namespace Hybrid.Speech;

/// <summary>FLAC files as sound; several channels become one by their mean.</summary>
/// <remarks>
/// A frame of silence is a dozen bytes for up to 65535 samples, so that a small forged file could fill the memory. Therefore a
/// file may hold 512 samples for each of its bytes (digital silence encoded by <c>flac</c> has 410), and any file 2^24, which
/// are 17 minutes at 16 kHz.
/// </remarks>
internal static class FlacFile
{
    private const long SamplesPerByte = 512,
        AlwaysAllowed = 1 << 24;

    /// <summary>Whether these first bytes of a file are FLAC's, or of a tag that may stand in front.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> head) => head.StartsWith("fLaC"u8) || head.StartsWith("ID3"u8);

    /// <summary>Reads a stream that knows its length and that <see cref="Recognizes"/>.</summary>
    /// <exception cref="AudioFormatException">Torn, damaged, or longer than its size allows; the message names frame and byte.</exception>
    public static AudioClip Read(Stream stream)
    {
        if (stream.Length > Array.MaxLength)
            throw new AudioFormatException(
                $"{stream.Length} bytes of FLAC are more than Hybrid holds at once; cut the recording into parts"
            );
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var decoder = new FlacDecoder(bytes);
        var (info, limit) = (
            decoder.Info,
            Math.Min(Math.Max(SamplesPerByte * bytes.Length, AlwaysAllowed), Array.MaxLength)
        );
        if (info.TotalSamples > limit)
            throw TooLong(info.TotalSamples);

        // Speech takes about a byte per sample, so that this is enough for all but silence and forgeries.
        var samples = new float[Math.Min(info.TotalSamples, 4L * bytes.Length)];
        var count = 0;
        var scale = Math.ScaleB(1, 1 - info.Bits);
        foreach (var block in decoder.Blocks())
        {
            var end = (long)count + block.Length;
            if (end > limit)
                throw TooLong(end);
            if (end > samples.Length)
                Array.Resize(ref samples, (int)Math.Min(limit, Math.Max(end, 2L * samples.Length)));
            for (var i = 0; i < block.Length; i++)
            {
                var sum = 0L;
                foreach (var channel in block.Channels)
                    sum += channel[i];
                samples[count++] = (float)(sum * scale / info.Channels);
            }
        }
        Array.Resize(ref samples, count);
        return new AudioClip(samples, info.SampleRate);

        AudioFormatException TooLong(long total) =>
            new(
                $"{bytes.Length} bytes of FLAC hold {total} samples or more, Hybrid takes {limit} from a file of this size; if they are meant, decode it with flac -d"
            );
    }
}
