using System.Buffers.Binary;
using System.Text;

namespace Hybrid.Speech;

/// <summary>The "data" chunk of a WAV file.</summary>
/// <param name="Format">The format of the samples.</param>
/// <param name="Begin">The byte of the first sample.</param>
/// <param name="Frames">The number of frames, which have a sample of each channel.</param>
internal readonly record struct WavData(WavFormat Format, long Begin, long Frames);

/// <summary>
/// RIFF WAVE files, those beyond 4 GB (RF64, EBU Tech 3306) included. Several channels become one by their mean.
/// Unknown chunks, missing pad bytes, a wrong RIFF size and a data size that was never filled in are accepted.
/// Concatenated files (<c>cat a.wav b.wav</c>) are one recording if their sample rates are equal, and refused
/// otherwise, as is a FLAC file after a WAV file.
/// </summary>
internal static class WavFile
{
    private const int RiffHeader = 12,
        ChunkHeader = 8,
        SmallestLongSizes = 16;

    // Files have a handful of chunks. Without a limit, a file of zeros would be read in steps of eight bytes.
    private const int MaxChunks = 1000;

    /// <summary>Whether the first bytes of a file are those of a WAV file.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> head) =>
        head.Length >= RiffHeader && Id(head) is "RIFF" or "RF64" or "BW64" && Id(head[8..]) == "WAVE";

    /// <summary>
    /// Reads a piece of a seekable stream that <see cref="Recognizes"/>; only the bytes of the piece are read.
    /// </summary>
    /// <param name="stream">The file.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="index">The known structure of the file, which is extended; null for none.</param>
    /// <exception cref="AudioFormatException">
    /// The file is truncated or of an unknown form, or has no such piece; the message has chunk and byte.
    /// </exception>
    public static AudioClip Read(Stream stream, AudioPiece piece, AudioIndex? index)
    {
        var chunks = index?.WavData ?? DataChunks(stream);
        if (index is not null)
            index.WavData = chunks;
        var rate = chunks[0].Format.SampleRate;
        var (begin, end) = piece.Range(rate, chunks.Sum(chunk => chunk.Frames));
        if (end - begin > AudioClip.LargestLength)
            throw AudioFormatException.TooLong(end - begin);
        var samples = new float[end - begin];
        var first = 0L;
        foreach (var chunk in chunks)
        {
            var mixer = new ChannelMixer(piece.Channel, chunk.Format.Channels);
            var (from, to) = (Math.Max(begin, first), Math.Min(end, first + chunk.Frames));
            if (from < to)
                ReadData(stream, chunk, from - first, ref mixer, samples.AsSpan((int)(from - begin), (int)(to - from)));
            first += chunk.Frames;
        }
        return new AudioClip(samples, rate);
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

    /// <summary>
    /// The data of a file and of those that are concatenated to it, at least one, of equal sample rates.
    /// </summary>
    private static List<WavData> DataChunks(Stream stream)
    {
        var chunks = new List<WavData>();
        for (long? file = 0; file is { } begin; )
        {
            var chunk = FindData(stream, begin, out file);
            if (chunks.Count > 0 && chunk.Format.SampleRate != chunks[0].Format.SampleRate)
                throw new AudioFormatException(
                    $"a second WAV file begins at byte {begin} with {chunk.Format.SampleRate} samples per second, "
                        + $"the first has {chunks[0].Format.SampleRate}: cut them apart"
                );
            chunks.Add(chunk);
        }
        return chunks;
    }

    /// <summary>
    /// The data of the file at byte <paramref name="begin"/>, and the byte at which the next file begins, if any.
    /// </summary>
    private static WavData FindData(Stream stream, long begin, out long? next)
    {
        WavFormat? format = null;
        long? longDataSize = null;
        stream.Position = begin + RiffHeader;
        for (var count = 0; NextChunk(stream) is var (id, at, size); count++)
        {
            if (count == MaxChunks)
                throw new AudioFormatException(
                    $"no \"data\" chunk among the first {MaxChunks} chunks, up to byte {at}"
                );
            if (id == "data")
            {
                if (format is null)
                    throw new AudioFormatException($"chunk \"data\" at byte {at} comes before any \"fmt \"");
                var declared = size == uint.MaxValue && longDataSize is not null ? longDataSize.Value : size;
                var bytes = DataSize(stream, declared, out next);
                return new WavData(format.Value, at + ChunkHeader, bytes / format.Value.BytesPerFrame);
            }
            var end = at + ChunkHeader + size;
            if (end > stream.Length)
                throw new AudioFormatException(
                    $"chunk \"{id}\" at byte {at} has {size} bytes, and the file ends at byte {stream.Length}"
                );
            var content = new byte[Math.Min(size, WavFormat.ExtensibleLength)];
            stream.ReadExactly(content);
            if (id == "fmt ")
                format = WavFormat.Read(content, at);
            if (id == "ds64" && size >= SmallestLongSizes)
                longDataSize = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(8));
            stream.Position = end;
            if (size % 2 == 1)
                SkipPad(stream);
        }
        throw new AudioFormatException($"no \"data\" chunk up to byte {stream.Length}: the file is truncated");
    }

    /// <summary>The header of the chunk at the stream's position; null at the end of the file.</summary>
    private static (string Id, long Begin, long Size)? NextChunk(Stream stream)
    {
        var begin = stream.Position;
        Span<byte> head = stackalloc byte[ChunkHeader];
        if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length)
            return null;
        return (Id(head), begin, BinaryPrimitives.ReadUInt32LittleEndian(head[4..]));
    }

    /// <summary>
    /// Skips the pad byte after content of odd size. Some writers omit it: then a chunk id begins here, and no id
    /// begins with 0.
    /// </summary>
    private static void SkipPad(Stream stream)
    {
        var odd = stream.Position;
        var padded = NextChunk(stream) is not { Id: var id } || !IsId(id);
        stream.Position = padded ? odd + 1 : odd;
    }

    /// <summary>
    /// The size of the data in bytes, and the byte at which a concatenated file begins, if any. Interrupted recorders
    /// leave any size, mostly 0 or 2^32 - 1: then the data extend to the end of the file, or to the next file. A size
    /// of 0 is valid where only another chunk follows.
    /// </summary>
    private static long DataSize(Stream stream, long declared, out long? next)
    {
        var begin = stream.Position;
        var available = stream.Length - begin;
        var isEmpty =
            declared == 0
            && NextChunk(stream) is var (id, _, size)
            && IsId(id)
            && size <= stream.Length - stream.Position;
        if (isEmpty || (declared > 0 && declared <= available))
        {
            var length = isEmpty ? 0 : declared;
            next = FileAfter(stream, begin + length);
            return length;
        }
        next = FindFile(stream, begin);
        return (next ?? stream.Length) - begin;
    }

    /// <summary>
    /// The byte at which a file begins after the end of data, with other chunks between; null where none does.
    /// </summary>
    private static long? FileAfter(Stream stream, long end)
    {
        stream.Position = end;
        if (end % 2 == 1)
            SkipPad(stream);
        Span<byte> head = stackalloc byte[RiffHeader];
        for (var count = 0; count < MaxChunks; count++)
        {
            var begin = stream.Position;
            var read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            if (Recognizes(head[..read]))
                return begin;
            if (head[..read].StartsWith("fLaC"u8))
                throw new AudioFormatException(
                    $"a FLAC file begins at byte {begin}, after the WAV file: cut them apart"
                );
            stream.Position = begin;
            if (NextChunk(stream) is not var (id, _, size) || !IsId(id) || size > stream.Length - stream.Position)
                return null;
            stream.Position += size;
            if (size % 2 == 1)
                SkipPad(stream);
        }
        return null;
    }

    /// <summary>
    /// The byte at which the header of a file begins within data of unknown size; null where none does.
    /// </summary>
    private static long? FindFile(Stream stream, long begin)
    {
        // Sixteen bytes, "RIFF", a size and "WAVEfmt ", are no samples by chance.
        const int headAndChunk = RiffHeader + 4;
        var block = new byte[1 << 16];
        for (var position = begin; ; position += block.Length - headAndChunk + 1)
        {
            stream.Position = position;
            var count = stream.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
            for (var i = 0; i + headAndChunk <= count; i++)
            {
                var found = block.AsSpan(i + 8, count - i - 8).IndexOf("WAVEfmt "u8);
                if (found < 0)
                    break;
                i += found;
                if (Recognizes(block.AsSpan(i, RiffHeader)))
                    return position + i;
            }
            if (count < block.Length)
                return null;
        }
    }

    /// <summary>Reads frames of a chunk.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="chunk">The data.</param>
    /// <param name="begin">The first frame.</param>
    /// <param name="mixer">Makes one channel.</param>
    /// <param name="samples">[frames], written.</param>
    private static void ReadData(Stream stream, WavData chunk, long begin, ref ChannelMixer mixer, Span<float> samples)
    {
        const int framesPerBlock = 4096;
        var format = chunk.Format;
        stream.Position = chunk.Begin + begin * format.BytesPerFrame;
        var block = new byte[format.BytesPerFrame * framesPerBlock];
        for (var done = 0; done < samples.Length; )
        {
            var part = samples.Slice(done, Math.Min(framesPerBlock, samples.Length - done));
            stream.ReadExactly(block.AsSpan(0, part.Length * format.BytesPerFrame));
            if (format.Decode(block, ref mixer, part) is var invalid and >= 0)
                throw new AudioFormatException(
                    $"chunk \"data\" at byte {chunk.Begin - ChunkHeader}: the sample at byte "
                        + $"{chunk.Begin + (begin + done + invalid) * format.BytesPerFrame} "
                        + "is NaN, infinite or too large"
                );
            done += part.Length;
        }
        mixer.CheckCancellation();
    }

    private static string Id(ReadOnlySpan<byte> bytes) => AudioFormatException.Printable(bytes[..4]);

    private static bool IsId(string id) => !id.Contains('.');
}
