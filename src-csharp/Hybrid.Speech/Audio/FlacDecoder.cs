using System.Security.Cryptography;

namespace Hybrid.Speech;

/// <summary>A stretch of a FLAC file: what is read next overwrites it.</summary>
/// <param name="Channels">The samples of each channel, as integers; only the first <paramref name="Length"/> count.</param>
/// <param name="Length">Samples of each channel.</param>
internal readonly record struct FlacBlock(long[][] Channels, int Length);

/// <summary>
/// Decodes FLAC, the Free Lossless Audio Codec (RFC 9639), to the integers that were encoded. Check sums of frame headers, of
/// frames and of the whole are checked. The numbers of frames are not, so that streams cut or joined at frames are read.
/// </summary>
/// <param name="bytes">The whole file.</param>
/// <exception cref="AudioFormatException">The head is torn or not FLAC's; the message names the byte.</exception>
internal sealed class FlacDecoder(byte[] bytes)
{
    /// <summary>What the head of the file says.</summary>
    public FlacStreamInfo Info { get; } = FlacStreamInfo.Read(bytes);

    /// <summary>The sound from begin to end.</summary>
    /// <exception cref="AudioFormatException">
    /// A frame is damaged or torn (the message has its number, counted from 0, and its first byte), or the whole is not what the
    /// head says.
    /// </exception>
    public IEnumerable<FlacBlock> Blocks()
    {
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var channels = new long[Info.Channels][];
        Array.Fill(channels, []);
        var (position, done) = (Info.FirstFrame, 0L);
        // What stands behind the last sample, such as a tag, is no sound.
        for (var number = 0; position < bytes.Length && (Info.TotalSamples == 0 || done < Info.TotalSamples); number++)
        {
            FlacBlock block;
            var begin = position;
            try
            {
                (block, position) = ReadFrame(begin, channels);
            }
            catch (AudioFormatException error)
            {
                throw new AudioFormatException($"FLAC frame {number} at byte {begin}: {error.Message}", error);
            }
            done += block.Length;
            if (Info.TotalSamples > 0 && done > Info.TotalSamples)
                throw new AudioFormatException(
                    $"FLAC frame {number} at byte {begin} ends at sample {done}, the file's head says {Info.TotalSamples}"
                );
            md5.AppendData(Interleave(block));
            yield return block;
        }
        if (done < Info.TotalSamples)
            throw new AudioFormatException(
                $"the FLAC file is torn: it ends at byte {bytes.Length} after {done} of {Info.TotalSamples} samples"
            );
        var computed = Convert.ToHexStringLower(md5.GetHashAndReset());
        if (Info.Md5 is not null && Info.Md5 != computed)
            throw new AudioFormatException(
                $"the FLAC file is damaged: its samples have MD5 {computed}, its head says {Info.Md5}"
            );
    }

    private (FlacBlock Block, int End) ReadFrame(int begin, long[][] channels)
    {
        var reader = new BitReader(bytes, begin);
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
        var computed = FlacCrc.Frame(bytes.AsSpan(begin..reader.BytePosition));
        var stored = (int)reader.Unsigned(16);
        if (computed != stored)
            throw new AudioFormatException($"it is damaged: CRC-16 is {computed:x4}, {stored:x4} is stored");
        if (header.Stereo != FlacStereo.Independent)
            Separate(header.Stereo, channels[0].AsSpan(0, size), channels[1].AsSpan(0, size));
        foreach (var channel in channels)
            CheckRange(channel.AsSpan(0, size));
        return (new FlacBlock(channels, size), reader.BytePosition);
    }

    /// <summary>Makes left and right of what is stored (RFC 9639, 4.2).</summary>
    private static void Separate(FlacStereo stereo, Span<long> first, Span<long> second)
    {
        for (var i = 0; i < first.Length; i++)
        {
            var (a, b) = (first[i], second[i]);
            // The middle has lost its lowest bit, which is that of the difference.
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

    /// <summary>What the MD5 is taken of: samples of all channels in turn, in whole bytes, the lowest first.</summary>
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
