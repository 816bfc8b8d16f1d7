using System.Security.Cryptography;

namespace Hybrid.Speech;

/// <summary>The samples of a FLAC frame; valid until the next one is decoded.</summary>
/// <param name="Point">Where the frame is.</param>
/// <param name="Channels">
/// [channels][samples], integers; only the first <paramref name="Length"/> samples of each channel are valid.
/// </param>
/// <param name="Length">Samples of each channel.</param>
internal readonly record struct FlacBlock(FlacSeekPoint Point, long[][] Channels, int Length)
{
    /// <summary>Index of the sample after the last one.</summary>
    public long End => Point.Sample + Length;
}

/// <summary>
/// Decodes FLAC, the Free Lossless Audio Codec (RFC 9639), to the integers that were encoded. The checksums of frame
/// headers, of frames and of the whole stream are verified. Frame numbers are not, so that streams cut or joined at
/// frames are read.
/// </summary>
/// <param name="stream">The file; seekable. It is read in windows, not as a whole.</param>
/// <exception cref="AudioFormatException">The header is truncated or not FLAC's; the message has the byte.</exception>
internal sealed class FlacDecoder(Stream stream)
{
    // The largest frame, 8 channels of 65535 samples of 33 bits, has 2.2 MB; an inefficient code may take more.
    private const int SmallestWindow = 1 << 16,
        LargestWindow = 1 << 24;

    private byte[] window = new byte[SmallestWindow];
    private long windowBegin;
    private int windowLength;

    /// <summary>The stream header.</summary>
    public FlacStreamInfo Info { get; } = FlacStreamInfo.Read(stream);

    /// <summary>The first frame.</summary>
    public FlacSeekPoint Start => new(0, 0, Info.FirstFrame);

    /// <summary>The frames to the end of the stream.</summary>
    /// <param name="from">The frame to begin with; null for all frames, whose MD5 is verified.</param>
    /// <exception cref="AudioFormatException">
    /// A frame is damaged or truncated (the message has its index from 0 and its first byte), or the stream differs
    /// from its header, or another FLAC file is concatenated to it.
    /// </exception>
    public IEnumerable<FlacBlock> Blocks(FlacSeekPoint? from = null)
    {
        using var md5 = from is null ? IncrementalHash.CreateHash(HashAlgorithmName.MD5) : null;
        var channels = new long[Info.Channels][];
        Array.Fill(channels, []);
        var point = from ?? Start;
        // What follows the last sample, such as a tag, is not audio.
        while (point.Position < stream.Length && (Info.TotalSamples == 0 || point.Sample < Info.TotalSamples))
        {
            var (length, end) = ReadFrame(point, channels);
            var block = new FlacBlock(point, channels, length);
            if (Info.TotalSamples > 0 && block.End > Info.TotalSamples)
                throw new AudioFormatException(
                    $"{Name(point)} ends at sample {block.End}, the header declares {Info.TotalSamples} samples"
                );
            md5?.AppendData(Interleave(block));
            yield return block;
            point = new FlacSeekPoint(point.Frame + 1, block.End, end);
        }
        if (point.Sample < Info.TotalSamples)
            throw new AudioFormatException(
                $"the FLAC file is truncated: it ends at byte {stream.Length} after {point.Sample} of "
                    + $"{Info.TotalSamples} samples"
            );
        if (md5 is not null && Info.Md5 is not null)
        {
            var computed = Convert.ToHexStringLower(md5.GetHashAndReset());
            if (Info.Md5 != computed)
                throw new AudioFormatException(
                    $"the FLAC file is damaged: its samples have MD5 {computed}, its header declares {Info.Md5}"
                );
        }
        var rest = Window(point.Position, 12);
        if (rest.StartsWith("fLaC"u8) || WavFile.Recognizes(rest))
            throw new AudioFormatException(
                $"a second {(rest[0] == 'f' ? "FLAC" : "WAV")} file begins at byte {point.Position}: "
                    + "cut them apart, or decode both and join them as WAV"
            );
    }

    /// <summary>Decodes the frame at a point; gives the number of samples, and the byte after it.</summary>
    private (int Length, long End) ReadFrame(FlacSeekPoint point, long[][] channels)
    {
        for (var size = SmallestWindow; ; size *= 2)
        {
            var bytes = Window(point.Position, size);
            try
            {
                var (length, end) = ReadFrame(bytes, point.Position, channels);
                return (length, point.Position + end);
            }
            catch (AudioFormatException error)
                when (error.NeedsMoreBytes && point.Position + bytes.Length < stream.Length && size < LargestWindow)
            {
                // The frame extends beyond the window: once more with a larger one.
            }
            catch (AudioFormatException error)
            {
                throw new AudioFormatException($"{Name(point)}: {error.Message}", error);
            }
        }
    }

    private (int Length, int End) ReadFrame(ReadOnlySpan<byte> bytes, long position, long[][] channels)
    {
        var reader = new BitReader(bytes, position);
        var header = FlacFrameHeader.Read(bytes, ref reader, Info);
        var size = header.BlockSize;
        for (var channel = 0; channel < channels.Length; channel++)
        {
            if (channels[channel].Length < size)
                channels[channel] = new long[size];
            // The difference of two channels needs a bit more than each.
            var isSide =
                header.Stereo == FlacStereo.SideRight
                    ? channel == 0
                    : header.Stereo != FlacStereo.Independent && channel == 1;
            FlacSubframe.Read(ref reader, Info.Bits + (isSide ? 1 : 0), channels[channel].AsSpan(0, size));
        }
        reader.Align();
        var computed = FlacCrc.Frame(bytes[..reader.BytePosition]);
        var stored = (int)reader.Unsigned(16);
        if (computed != stored)
            throw new AudioFormatException($"the frame is damaged: CRC-16 is {computed:x4}, {stored:x4} is stored");
        if (header.Stereo != FlacStereo.Independent)
            Separate(header.Stereo, channels[0].AsSpan(0, size), channels[1].AsSpan(0, size));
        foreach (var channel in channels)
            CheckRange(channel.AsSpan(0, size));
        return (size, reader.BytePosition);
    }

    /// <summary>At least <paramref name="size"/> bytes at a position, fewer at the end of the file.</summary>
    private ReadOnlySpan<byte> Window(long position, int size)
    {
        var skipped = position - windowBegin;
        var held = skipped >= 0 && skipped <= windowLength;
        if (!held || (windowLength - skipped < size && windowBegin + windowLength < stream.Length))
        {
            // Twice the size, so that the rest of the window is moved once for each window, not for each frame.
            var target = window.Length >= 2 * size ? window : new byte[2 * size];
            var kept = held ? windowLength - (int)skipped : 0;
            if (kept > 0)
                window.AsSpan((int)skipped, kept).CopyTo(target);
            stream.Position = position + kept;
            windowLength =
                kept + stream.ReadAtLeast(target.AsSpan(kept), target.Length - kept, throwOnEndOfStream: false);
            (window, windowBegin, skipped) = (target, position, 0);
        }
        return window.AsSpan((int)skipped, windowLength - (int)skipped);
    }

    private static string Name(FlacSeekPoint point) => $"FLAC frame {point.Frame} at byte {point.Position}";

    /// <summary>Computes left and right from what is stored (RFC 9639, 4.2).</summary>
    private static void Separate(FlacStereo stereo, Span<long> first, Span<long> second)
    {
        for (var i = 0; i < first.Length; i++)
        {
            var (a, b) = (first[i], second[i]);
            // The mid channel lacks its lowest bit, which equals that of the side channel.
            var sum = a << 1 | b & 1;
            (first[i], second[i]) = stereo switch
            {
                FlacStereo.LeftSide => (a, a - b),
                FlacStereo.SideRight => (a + b, b),
                _ => (sum + b >> 1, sum - b >> 1),
            };
        }
    }

    private void CheckRange(ReadOnlySpan<long> samples)
    {
        var used = 0L;
        foreach (var sample in samples)
            used |= sample ^ sample >> 63;
        if (used >> (Info.Bits - 1) != 0)
            throw new AudioFormatException($"a sample does not fit into {Info.Bits} bits");
    }

    /// <summary>The input of the MD5: samples of all channels interleaved, in whole bytes, little-endian.</summary>
    private byte[] Interleave(FlacBlock block)
    {
        var width = (Info.Bits + 7) / 8;
        var interleaved = new byte[block.Length * Info.Channels * width];
        var at = 0;
        for (var i = 0; i < block.Length; i++)
            foreach (var channel in block.Channels)
                for (var shift = 0; shift < 8 * width; shift += 8)
                    interleaved[at++] = (byte)(channel[i] >> shift);
        return interleaved;
    }
}
