namespace Hybrid.Speech;

/// <summary>Sound: one channel of samples.</summary>
/// <param name="Samples">In [-1, 1]; recordings may go slightly beyond.</param>
/// <param name="SampleRate">Samples per second.</param>
public sealed record AudioClip(float[] Samples, int SampleRate)
{
    /// <summary>Endings of the names of files that <see cref="Read"/> knows.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".wav"];

    /// <summary>Length in seconds.</summary>
    public double DurationSeconds => (double)Samples.Length / SampleRate;

    /// <summary>Reads a file; the format is recognised by its content.</summary>
    /// <exception cref="AudioFormatException">The content is no audio that Hybrid knows; the message names file, place and remedy.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static AudioClip Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return WavFile.Read(stream);
        }
        catch (AudioFormatException error)
        {
            throw new AudioFormatException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Writes the clip as 16-bit PCM WAV; samples beyond [-1, 1] are cut.</summary>
    public void WriteWav(string path) => Core.AtomicFile.Write(path, stream => WavFile.Write(stream, this));
}

/// <summary>Audio that is torn, or in a form that Hybrid does not know.</summary>
public sealed class AudioFormatException(string message, Exception? inner = null) : Exception(message, inner);
