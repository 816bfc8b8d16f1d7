namespace Hybrid.Speech;

/// <summary>
/// The known structure of a sound file, so that a piece is found without reading what precedes it: the data chunks of a
/// WAV file, and frames of a FLAC file. Kept for the files that were used last, as long as they do not change. Safe for
/// use by several threads.
/// </summary>
internal sealed class AudioIndex
{
    /// <summary>Files whose index is kept. That of an hour of FLAC has 86 KB.</summary>
    private const int KeptFiles = 32;

    private static readonly List<(string Path, long Length, DateTime Written, AudioIndex Index)> Kept = [];

    /// <summary>The data chunks of a WAV file; null if they are not known yet.</summary>
    public IReadOnlyList<WavData>? WavData { get; set; }

    /// <summary>Frames of a FLAC file.</summary>
    public FlacSeekPoints FlacFrames { get; } = new();

    /// <summary>The index of a file.</summary>
    public static AudioIndex Of(FileStream file)
    {
        var (path, length, written) = (
            Path.GetFullPath(file.Name),
            file.Length,
            File.GetLastWriteTimeUtc(file.SafeFileHandle)
        );
        lock (Kept)
        {
            var at = Kept.FindIndex(kept => (kept.Path, kept.Length, kept.Written) == (path, length, written));
            var index = at >= 0 ? Kept[at].Index : new AudioIndex();
            if (at >= 0)
                Kept.RemoveAt(at);
            else if (Kept.Count == KeptFiles)
                Kept.RemoveAt(0);
            Kept.Add((path, length, written, index));
            return index;
        }
    }
}
