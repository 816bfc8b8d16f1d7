namespace Hybrid.Speech;

/// <summary>Reads FLAC files as one channel of samples.</summary>
/// <remarks>
/// A frame of silence has a dozen bytes for up to 65535 samples, so that a small forged file could fill the memory.
/// Therefore a file may have 512 samples for each of its bytes (digital silence encoded by <c>flac</c> has 410), and
/// any file 2^24, which is 17 minutes at 16 kHz.
/// </remarks>
internal static class FlacFile
{
    private const long SamplesPerByte = 512,
        AlwaysAllowed = 1 << 24;

    /// <summary>Whether the first bytes of a file are those of FLAC, or of an ID3 tag that may precede it.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> head) => head.StartsWith("fLaC"u8) || head.StartsWith("ID3"u8);

    /// <summary>Reads a piece of a seekable stream that <see cref="Recognizes"/>, up to the end of the piece.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="piece">The piece; the MD5 of the samples is verified where it is the whole.</param>
    /// <param name="seekPoints">Known frames, and where to add more; null for none.</param>
    /// <exception cref="AudioFormatException">
    /// The file is truncated, damaged, longer than its size allows, or has no such piece; the message has frame and
    /// byte.
    /// </exception>
    public static AudioClip Read(Stream stream, AudioPiece piece, FlacSeekPoints? seekPoints)
    {
        var decoder = new FlacDecoder(stream);
        var info = decoder.Info;
        var mixer = new ChannelMixer(piece.Channel, info.Channels);
        var limit = Math.Max(SamplesPerByte * stream.Length, AlwaysAllowed);
        var (begin, end) =
            info.TotalSamples > 0 ? piece.Range(info.SampleRate, info.TotalSamples) : piece.Range(info.SampleRate);
        if (piece.IsWhole)
            CheckLength(info.TotalSamples, info.TotalSamples);

        // Speech has about a byte per sample, so that this is enough for all but silence and forged files.
        var samples = new float[info.TotalSamples > 0 ? Math.Min(end - begin, 4 * stream.Length) : 0];
        var (count, decoded) = (0, 0L);
        var from = piece.IsWhole ? (FlacSeekPoint?)null : seekPoints?.Before(begin) ?? decoder.Start;
        var frame = new double[info.Channels];
        var scale = Math.ScaleB(1, 1 - info.Bits);
        foreach (var block in decoder.Blocks(from))
        {
            seekPoints?.Add(block.Point, info.SampleRate);
            decoded = block.End;
            var (first, last) = (Math.Max(begin, block.Point.Sample), Math.Min(end, decoded));
            CheckLength(decoded, last - begin);
            if (last - begin > samples.Length)
                Array.Resize(
                    ref samples,
                    (int)Math.Min(AudioClip.LargestLength, Math.Max(last - begin, 2L * samples.Length))
                );
            for (var i = first - block.Point.Sample; i < last - block.Point.Sample; i++)
            {
                for (var channel = 0; channel < frame.Length; channel++)
                    frame[channel] = block.Channels[channel][i] * scale;
                samples[count++] = (float)mixer.Mix(frame);
            }
            if (decoded >= end && !piece.IsWhole)
                break;
        }
        // Where the header does not declare the length, it is known now.
        if (decoded < end)
            piece.Range(info.SampleRate, decoded);
        mixer.CheckCancellation();
        Array.Resize(ref samples, count);
        return new AudioClip(samples, info.SampleRate);

        void CheckLength(long total, long read)
        {
            if (total > limit)
                throw new AudioFormatException(
                    $"{stream.Length} bytes of FLAC hold {total} samples or more, Hybrid accepts {limit} from a file "
                        + "of this size; if the file is valid, decode it with flac -d"
                );
            if (read > AudioClip.LargestLength)
                throw AudioFormatException.TooLong(read);
        }
    }
}
