namespace Hybrid.Speech;

/// <summary>Sound: one channel of samples.</summary>
/// <param name="Samples">In [-1, 1]; recordings may go slightly beyond.</param>
/// <param name="SampleRate">Samples per second.</param>
public sealed record AudioClip(float[] Samples, int SampleRate)
{
    /// <summary>Endings of the names of files that <see cref="Read(string)"/> knows.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".wav", ".flac"];

    /// <summary>The lowest sample rate that speech is taken at, in Hz.</summary>
    public const int LowestSampleRate = 8000;

    /// <summary>The highest sample rate that speech is taken at, in Hz.</summary>
    public const int HighestSampleRate = 48000;

    /// <summary>Length in seconds.</summary>
    public double DurationSeconds => (double)Samples.Length / SampleRate;

    /// <summary>Reads a WAV or FLAC file, or a pipe of the same; the format is recognised by its content. Several channels become one by their mean.</summary>
    /// <exception cref="AudioFormatException">The content is no audio that Hybrid knows; the message names file, place and remedy.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static AudioClip Read(string path)
    {
        using var file = File.OpenRead(path);
        if (file.CanSeek)
            return Read(path, file);
        var whole = new MemoryStream();
        file.CopyTo(whole);
        whole.Position = 0;
        return Read(path, whole);
    }

    /// <summary>Reads a file as <see cref="Read(string)"/> does, without holding up the caller's thread while the disk works.</summary>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static async Task<AudioClip> ReadAsync(string path, CancellationToken cancellation = default) =>
        new FileInfo(path).Length > Array.MaxLength
            ? await Task.Run(() => Read(path), cancellation).ConfigureAwait(false) // more than an array holds
            : Read(
                path,
                new MemoryStream(
                    await File.ReadAllBytesAsync(path, cancellation).ConfigureAwait(false),
                    writable: false
                )
            );

    private static AudioClip Read(string path, Stream stream)
    {
        try
        {
            return Read(stream);
        }
        catch (AudioFormatException error)
        {
            throw new AudioFormatException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Reads a stream that can seek.</summary>
    /// <exception cref="AudioFormatException">The content is no audio that Hybrid knows.</exception>
    internal static AudioClip Read(Stream stream)
    {
        Span<byte> head = stackalloc byte[12];
        head = head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        return WavFile.Recognizes(head) ? WavFile.Read(stream)
            : FlacFile.Recognizes(head) ? FlacFile.Read(stream)
            : throw AudioFormatException.Unknown(head);
    }

    /// <summary>
    /// The clip at another sample rate: sample n stands at time n / <paramref name="sampleRate"/>, and what both rates can
    /// hold stays as it was, up to 90 % of half the lower rate within 0.1 dB; all else is at least 80 dB down.
    /// </summary>
    /// <exception cref="ArgumentException">One of the rates is outside 8000 to 48000, or the result is longer than an array.</exception>
    public AudioClip Resample(int sampleRate)
    {
        if (sampleRate == SampleRate)
            return this;
        CheckRate(SampleRate);
        CheckRate(sampleRate);
        return new AudioClip(Resampler.Between(SampleRate, sampleRate).Apply(Samples), sampleRate);
    }

    /// <summary>
    /// The clip played so many times as fast, tempo and pitch alike (speed perturbation, Ko et al. 2015): what lay at time t lies at
    /// t / <paramref name="speed"/>, what had f hertz has f times the speed. The speed is rounded so that sample rate times speed is whole.
    /// </summary>
    /// <exception cref="ArgumentException">The sample rate is outside 8000 to 48000, or the speed outside 0.5 to 2.</exception>
    public AudioClip PerturbSpeed(double speed)
    {
        CheckRate(SampleRate);
        if (speed is not (>= 0.5 and <= 2))
            throw new ArgumentException($"sound is played between 0.5 and 2 times as fast, not {speed}", nameof(speed));
        var rate = (int)Math.Round(SampleRate * speed);
        return rate == SampleRate
            ? this
            : new AudioClip(Resampler.Between(rate, SampleRate).Apply(Samples), SampleRate);
    }

    private static void CheckRate(int rate)
    {
        if (rate is < LowestSampleRate or > HighestSampleRate)
            throw new ArgumentException(
                $"sound of {rate} samples per second is not resampled, only of {LowestSampleRate} to {HighestSampleRate}; convert it with another program, for instance sox"
            );
    }

    /// <summary>Writes the clip as 16-bit PCM WAV; samples beyond [-1, 1] are cut.</summary>
    /// <exception cref="ArgumentException">The clip is longer than a WAV file can be, 2^31 samples.</exception>
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public void WriteWav(string path) => Core.AtomicFile.Write(path, stream => WavFile.Write(stream, this));
}
