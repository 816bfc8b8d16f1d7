using System.Buffers.Binary;
using System.Text;

namespace Hybrid.Speech;

/// <summary>
/// RIFF WAVE files: PCM of 8, 16, 24 or 32 bits and floats of 32 or 64, plain or extensible; several channels become one by
/// their mean. Unknown chunks, odd sizes and a data size that was never filled in are accepted.
/// </summary>
internal static class WavFile
{
    private const int Pcm = 1, Float = 3, Extensible = 0xFFFE;
    private const int SmallestFormat = 16, ExtensibleFormat = 40, LargestChannelCount = 64;

    private readonly record struct Format(int Encoding, int Channels, int SampleRate, int Bits)
    {
        public int BytesPerSample => Bits / 8;

        public int BytesPerFrame => Channels * BytesPerSample;
    }

    /// <summary>Reads a stream that can seek.</summary>
    /// <exception cref="AudioFormatException">Torn or unknown; the message names chunk and byte.</exception>
    public static AudioClip Read(Stream stream)
    {
        Span<byte> head = stackalloc byte[12];
        if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || Tag(head) != "RIFF" || Tag(head[8..]) != "WAVE")
            throw new AudioFormatException($"not a WAV file: it begins with \"{Printable(head)}\" instead of RIFF....WAVE");

        Format? format = null;
        Span<byte> chunk = stackalloc byte[8];
        while (stream.ReadAtLeast(chunk, chunk.Length, throwOnEndOfStream: false) == chunk.Length)
        {
            var (id, begin) = (Tag(chunk), stream.Position);
            var size = (long)BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (id == "fmt ") format = ReadFormat(stream, begin, size);
            else if (id == "data")
                return ReadData(stream, format ?? throw new AudioFormatException($"chunk \"data\" at byte {begin - 8} comes before any \"fmt \""), size);
            // Chunks begin at even bytes.
            var next = begin + size + (size & 1);
            if (next > stream.Length) break;
            stream.Position = next;
        }
        throw new AudioFormatException($"no \"data\" chunk up to byte {stream.Length}: the file is torn");
    }

    /// <summary>Writes one channel of 16-bit PCM.</summary>
    public static void Write(Stream stream, AudioClip clip)
    {
        using var writer = new BinaryWriter(stream, Encoding.ASCII, leaveOpen: true);
        var bytes = clip.Samples.Length * 2;
        writer.Write("RIFF"u8);
        writer.Write(36 + bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(SmallestFormat);
        writer.Write((short)Pcm);
        writer.Write((short)1);
        writer.Write(clip.SampleRate);
        writer.Write(clip.SampleRate * 2);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(bytes);
        foreach (var sample in clip.Samples) writer.Write((short)Math.Clamp(MathF.Round(sample * 32768), short.MinValue, short.MaxValue));
    }

    private static Format ReadFormat(Stream stream, long begin, long size)
    {
        Span<byte> bytes = stackalloc byte[ExtensibleFormat];
        var wanted = (int)Math.Min(size, ExtensibleFormat);
        if (wanted < SmallestFormat || stream.ReadAtLeast(bytes[..wanted], wanted, throwOnEndOfStream: false) < wanted)
            throw new AudioFormatException($"chunk \"fmt \" at byte {begin - 8} has {size} bytes, needs at least {SmallestFormat}");
        var encoding = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        if (encoding == Extensible && wanted >= ExtensibleFormat) encoding = BinaryPrimitives.ReadUInt16LittleEndian(bytes[24..]);
        var format = new Format(encoding, BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]), (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])), BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]));
        if (format is not ({ Encoding: Pcm, Bits: 8 or 16 or 24 or 32 } or { Encoding: Float, Bits: 32 or 64 }))
            throw new AudioFormatException($"chunk \"fmt \" at byte {begin - 8}: encoding {format.Encoding} with {format.Bits} bits is not supported; convert to 16-bit PCM");
        if (format.Channels is < 1 or > LargestChannelCount)
            throw new AudioFormatException($"chunk \"fmt \" at byte {begin - 8}: {format.Channels} channels");
        if (format.SampleRate is < 1000 or > 768_000)
            throw new AudioFormatException($"chunk \"fmt \" at byte {begin - 8}: {format.SampleRate} samples per second");
        return format;
    }

    private static AudioClip ReadData(Stream stream, Format format, long size)
    {
        // Recorders that were cut off leave 0 or 2^32 - 1 as size, and the data reach to the end of the file.
        var available = stream.Length - stream.Position;
        if (size == 0 || size > available) size = available;
        var frames = size / format.BytesPerFrame;
        if (frames > Array.MaxLength) throw new AudioFormatException($"{frames} samples are more than Hybrid holds at once");
        var samples = new float[frames];
        var block = new byte[format.BytesPerFrame * 4096];
        for (long done = 0; done < frames;)
        {
            var count = (int)Math.Min(4096, frames - done);
            var bytes = block.AsSpan(0, count * format.BytesPerFrame);
            stream.ReadExactly(bytes);
            for (var i = 0; i < count; i++, done++)
            {
                var sum = 0.0;
                for (var channel = 0; channel < format.Channels; channel++)
                    sum += Sample(bytes[(i * format.BytesPerFrame + channel * format.BytesPerSample)..], format);
                samples[done] = (float)(sum / format.Channels);
            }
        }
        return new AudioClip(samples, format.SampleRate);
    }

    private static double Sample(ReadOnlySpan<byte> bytes, Format format) => (format.Encoding, format.Bits) switch
    {
        (Float, 32) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        (Float, _) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
        (_, 8) => (bytes[0] - 128) / 128.0,
        (_, 16) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768.0,
        (_, 24) => ((bytes[2] << 24 | bytes[1] << 16 | bytes[0] << 8) >> 8) / 8388608.0,
        _ => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648.0,
    };

    private static string Tag(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes[..4]);

    private static string Printable(ReadOnlySpan<byte> bytes) =>
        string.Concat(Encoding.Latin1.GetString(bytes).TakeWhile(c => c != 0).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '.'));
}
