using System.Buffers.Binary;
using System.Text;

namespace Hybrid.Speech;

/// <summary>
/// RIFF WAVE files, those beyond 4 GB (RF64, EBU Tech 3306) included; several channels become one by their mean. Unknown
/// chunks, forgotten pad bytes, a wrong size of the whole and a size of the data that was never filled in are accepted.
/// </summary>
internal static class WavFile
{
    private const int RiffHeader = 12,
        ChunkHeader = 8,
        SmallestLongSizes = 16;

    /// <summary>Whether these first bytes of a file are those of a WAV file.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> head) =>
        head.Length >= RiffHeader && Id(head) is "RIFF" or "RF64" or "BW64" && Id(head[8..]) == "WAVE";

    /// <summary>Reads a stream that can seek and that <see cref="Recognizes"/>.</summary>
    /// <exception cref="AudioFormatException">Torn or unknown; the message names chunk and byte.</exception>
    public static AudioClip Read(Stream stream)
    {
        WavFormat? format = null;
        long? longDataSize = null;
        for (stream.Position = RiffHeader; NextChunk(stream) is var (id, begin, size); )
        {
            if (id == "data")
            {
                if (format is null)
                    throw new AudioFormatException($"chunk \"data\" at byte {begin} comes before any \"fmt \"");
                return ReadData(
                    stream,
                    format.Value,
                    DataSize(stream, size == uint.MaxValue && longDataSize is not null ? longDataSize.Value : size)
                );
            }
            var end = begin + ChunkHeader + size;
            if (end > stream.Length)
                throw new AudioFormatException(
                    $"chunk \"{id}\" at byte {begin} has {size} bytes, and the file ends at byte {stream.Length}"
                );
            var content = new byte[Math.Min(size, WavFormat.ExtensibleLength)];
            stream.ReadExactly(content);
            if (id == "fmt ")
                format = WavFormat.Read(content, begin);
            if (id == "ds64" && size >= SmallestLongSizes)
                longDataSize = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(8));
            stream.Position = end;
            if (size % 2 == 1)
                SkipPad(stream);
        }
        throw new AudioFormatException($"no \"data\" chunk up to byte {stream.Length}: the file is torn");
    }

    /// <summary>Writes one channel of 16-bit PCM.</summary>
    /// <exception cref="ArgumentException">The clip is too long for the format.</exception>
    public static void Write(Stream stream, AudioClip clip)
    {
        const int headers = 36;
        var bytes = 2L * clip.Samples.Length;
        if (bytes > uint.MaxValue - headers)
            throw new ArgumentException(
                $"{clip.Samples.Length} samples are more than a WAV file holds: cut the clip into parts",
                nameof(clip)
            );
        using var writer = new BinaryWriter(stream, Encoding.ASCII, leaveOpen: true);
        writer.Write("RIFF"u8);
        writer.Write((uint)(headers + bytes));
        writer.Write("WAVEfmt "u8);
        writer.Write(WavFormat.SmallestLength);
        writer.Write((short)WavEncoding.Pcm);
        writer.Write((short)1);
        writer.Write(clip.SampleRate);
        writer.Write(clip.SampleRate * 2);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write((uint)bytes);
        foreach (var sample in clip.Samples)
            writer.Write((short)Math.Clamp(MathF.Round(sample * 32768), short.MinValue, short.MaxValue));
    }

    /// <summary>The head of the chunk where the stream stands; null at the end of the file.</summary>
    private static (string Id, long Begin, long Size)? NextChunk(Stream stream)
    {
        var begin = stream.Position;
        Span<byte> head = stackalloc byte[ChunkHeader];
        if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length)
            return null;
        return (Id(head), begin, BinaryPrimitives.ReadUInt32LittleEndian(head[4..]));
    }

    /// <summary>Chunks begin at even bytes, but some writers forget the 0 behind an odd one, with which no id begins.</summary>
    private static void SkipPad(Stream stream)
    {
        var odd = stream.Position;
        var padded = NextChunk(stream) is not { Id: var id } || !IsId(id);
        stream.Position = padded ? odd + 1 : odd;
    }

    /// <summary>
    /// The bytes that belong to the data. Recorders that were cut off leave any size, mostly 0 or 2^32 - 1, and the data
    /// reach to the end of the file; but 0 is meant where nothing but another chunk follows.
    /// </summary>
    private static long DataSize(Stream stream, long size)
    {
        var begin = stream.Position;
        var available = stream.Length - begin;
        var isEmpty =
            size == 0 && NextChunk(stream) is var (id, _, next) && IsId(id) && next <= stream.Length - stream.Position;
        stream.Position = begin;
        return isEmpty ? 0
            : size > 0 && size <= available ? size
            : available;
    }

    private static AudioClip ReadData(Stream stream, WavFormat format, long size)
    {
        const int framesPerBlock = 4096;
        var begin = stream.Position;
        var frames = size / format.BytesPerFrame;
        if (frames > Array.MaxLength)
            throw new AudioFormatException(
                $"{frames} samples are more than Hybrid holds at once; cut the recording into parts"
            );
        var samples = new float[frames];
        var block = new byte[format.BytesPerFrame * framesPerBlock];
        for (var done = 0; done < samples.Length; )
        {
            var part = samples.AsSpan(done, Math.Min(framesPerBlock, samples.Length - done));
            stream.ReadExactly(block.AsSpan(0, part.Length * format.BytesPerFrame));
            if (format.Decode(block, part) is var bad and >= 0)
                throw new AudioFormatException(
                    $"chunk \"data\" at byte {begin - ChunkHeader}: the sample at byte {begin + (done + (long)bad) * format.BytesPerFrame} is no number that sound can have"
                );
            done += part.Length;
        }
        return new AudioClip(samples, format.SampleRate);
    }

    private static string Id(ReadOnlySpan<byte> bytes) => AudioFormatException.Printable(bytes[..4]);

    private static bool IsId(string id) => !id.Contains('.');
}
