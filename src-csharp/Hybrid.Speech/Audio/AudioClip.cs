using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Audio: one channel of samples.</summary>
/// <param name="Samples">[samples], in [-1, 1]; recordings may go slightly beyond.</param>
/// <param name="SampleRate">Samples per second.</param>
public sealed record AudioClip(float[] Samples, int SampleRate)
{
    /// <summary>File name extensions of the formats that <see cref="Read(string)"/> supports.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".wav", ".flac"];

    /// <summary>The lowest sample rate of speech, in Hz.</summary>
    public const int LowestSampleRate = 8000;

    /// <summary>The highest sample rate of speech, in Hz.</summary>
    public const int HighestSampleRate = 48000;

    /// <summary>The largest number of samples that is read at once: 18 hours at 16 kHz, 4 GiB of memory.</summary>
    internal const int LargestLength = 1 << 30;

    // Content that cannot seek is held in memory while it is read.
    private const int LargestPipe = 1 << 30;

    /// <summary>Length in seconds.</summary>
    public double DurationSeconds => (double)Samples.Length / SampleRate;

    /// <summary>
    /// Reads a WAV or FLAC file, or a pipe with such content. The format is recognised by the content. Several channels
    /// become one by their mean.
    /// </summary>
    /// <exception cref="AudioFormatException">
    /// The content is damaged, of an unsupported format, or too long; or its channels are in opposite phase, so that
    /// their mean is silence. The message has file, position and remedy.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    public static AudioClip Read(string path) => Read(path, new AudioPiece());

    /// <summary>
    /// Reads a piece of a WAV or FLAC file. Of a WAV file, only the bytes of the piece are read; a FLAC file is decoded
    /// from the nearest known frame before the piece to the end of the piece.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="offsetSeconds">Start of the piece, in seconds from the beginning of the recording.</param>
    /// <param name="durationSeconds">
    /// Length of the piece in seconds; null to read to the end. A piece that extends beyond the end by at most 0.1 s is
    /// cut there.
    /// </param>
    /// <param name="channel">Index of the channel, from 0; null for the mean of all channels.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A value is negative or not finite, or the duration is 0.
    /// </exception>
    /// <exception cref="AudioFormatException">
    /// The content is damaged, of an unsupported format, or too long; or it has no such piece or channel; or its
    /// channels are in opposite phase. The message has file, position and remedy.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    public static AudioClip Read(
        string path,
        double offsetSeconds = 0,
        double? durationSeconds = null,
        int? channel = null
    ) => Read(path, new AudioPiece(offsetSeconds, durationSeconds, channel).Validated());

    /// <summary>Reads WAV or FLAC content from the current position of a stream to its end.</summary>
    /// <param name="stream">Need not be seekable; content that cannot be sought is held in memory.</param>
    /// <exception cref="AudioFormatException">
    /// The content is damaged, of an unsupported format, or too long; or its channels are in opposite phase. The
    /// message
    /// has position and remedy.
    /// </exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static AudioClip Read(Stream stream) =>
        stream is { CanSeek: true, Position: 0 } ? Read(stream, new AudioPiece()) : Read(Buffered(stream));

    /// <summary>Reads the content of a WAV or FLAC file.</summary>
    /// <inheritdoc cref="Read(Stream)" path="/exception"/>
    public static AudioClip Read(byte[] content) => Read(new MemoryStream(content, writable: false));

    /// <summary>Reads a piece of a file.</summary>
    internal static AudioClip Read(string path, AudioPiece piece)
    {
        InputFile.RejectFolder(path);
        using var file = File.OpenRead(path);
        try
        {
            return file.CanSeek
                ? Read(file, piece, piece.IsWhole ? null : AudioIndex.Of(file))
                : Read(Buffered(file), piece);
        }
        catch (AudioFormatException error)
        {
            throw new AudioFormatException(InputFile.Message(path, error), error);
        }
    }

    /// <summary>Reads a file as <see cref="Read(string)"/> does, without blocking the caller's thread.</summary>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static async Task<AudioClip> ReadAsync(string path, CancellationToken cancellation = default)
    {
        InputFile.RejectFolder(path);
        // A pipe has no length; a file that does not fit into an array is read in parts.
        if (new FileInfo(path).Length is 0 or > LargestPipe)
            return await Task.Run(() => Read(path), cancellation).ConfigureAwait(false);
        var bytes = await File.ReadAllBytesAsync(path, cancellation).ConfigureAwait(false);
        try
        {
            return Read(bytes);
        }
        catch (AudioFormatException error)
        {
            throw new AudioFormatException(InputFile.Message(path, error), error);
        }
    }

    /// <summary>Reads a stream that can seek.</summary>
    /// <param name="stream">The content of a file.</param>
    /// <param name="piece">The piece to read; the whole where omitted.</param>
    /// <param name="index">The known structure of the file, which is extended; null for none.</param>
    /// <exception cref="AudioFormatException">
    /// The content is damaged, of an unsupported format, or has no such piece.
    /// </exception>
    internal static AudioClip Read(Stream stream, AudioPiece piece, AudioIndex? index = null)
    {
        Span<byte> head = stackalloc byte[HeadLength];
        head = head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        return WavFile.Recognizes(head) ? WavFile.Read(stream, piece, index)
            : FlacFile.Recognizes(head) ? FlacFile.Read(stream, piece, index?.FlacFrames)
            : throw AudioFormatException.Unknown(head);
    }

    private const int HeadLength = 12;

    /// <summary>
    /// The content of a stream that cannot seek. Other content than audio is refused after its head.
    /// </summary>
    private static MemoryStream Buffered(Stream stream)
    {
        var head = new byte[HeadLength];
        var count = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (!WavFile.Recognizes(head.AsSpan(0, count)) && !FlacFile.Recognizes(head.AsSpan(0, count)))
            throw AudioFormatException.Unknown(head.AsSpan(0, count));
        var content = new MemoryStream();
        content.Write(head, 0, count);
        var block = new byte[1 << 16];
        while (stream.Read(block) is > 0 and var read)
        {
            content.Write(block, 0, read);
            if (content.Length > LargestPipe)
                throw new AudioFormatException(
                    $"the stream has more than {LargestPipe >> 20} MiB: write its content to a file"
                );
        }
        content.Position = 0;
        return content;
    }

    /// <summary>
    /// The clip at another sample rate. Sample n is at time n / <paramref name="sampleRate"/>. The pass band reaches to
    /// 90 % of half the lower rate and is flat within 0.1 dB; aliases and images are at least 80 dB down.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// One of the rates is outside 8000 to 48000, or the result is longer than an array.
    /// </exception>
    public AudioClip Resample(int sampleRate)
    {
        if (sampleRate == SampleRate)
            return this;
        CheckRate(SampleRate);
        CheckRate(sampleRate);
        return new AudioClip(Resampler.Between(SampleRate, sampleRate).Apply(Samples), sampleRate);
    }

    /// <summary>
    /// The clip at another speed, tempo and pitch alike (speed perturbation, Ko et al. 2015): time t becomes t /
    /// <paramref name="speed"/>, and a frequency f becomes f times the speed. The speed is rounded so that sample rate
    /// times speed is an integer.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The sample rate is outside 8000 to 48000, or the speed outside 0.5 to 2.
    /// </exception>
    public AudioClip PerturbSpeed(double speed)
    {
        CheckRate(SampleRate);
        if (speed is not (>= 0.5 and <= 2))
            throw new ArgumentException($"the speed is {speed}, must be from 0.5 to 2", nameof(speed));
        var rate = (int)Math.Round(SampleRate * speed);
        return rate == SampleRate
            ? this
            : new AudioClip(Resampler.Between(rate, SampleRate).Apply(Samples), SampleRate);
    }

    private static void CheckRate(int rate)
    {
        if (rate is < LowestSampleRate or > HighestSampleRate)
            throw new ArgumentException(
                $"audio of {rate} samples per second cannot be resampled, only of {LowestSampleRate} to "
                    + $"{HighestSampleRate}: convert it with another program, for instance sox"
            );
    }

    /// <summary>Length and sample rate.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{DurationSeconds:F2} s of audio at {SampleRate} Hz");

    /// <summary>Writes the clip as 16-bit PCM WAV; samples beyond [-1, 1] are clipped.</summary>
    /// <exception cref="ArgumentException">The clip has more than 2^31 samples, the limit of a WAV file.</exception>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void WriteWav(string path) => AtomicFile.Write(path, stream => WavFile.Write(stream, this));
}
