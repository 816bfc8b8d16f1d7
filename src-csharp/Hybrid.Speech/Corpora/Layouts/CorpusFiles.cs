namespace Hybrid.Speech;

/// <summary>
/// What layouts ask of folders, always in ordinal order of names; names that begin with a dot are passed over. Layouts open
/// what they find in this way and never put a path together from the content of a file.
/// </summary>
internal static class CorpusFiles
{
    // A chapter of LibriSpeech has some twenty kilobytes. What is larger by far is no transcript and not worth the memory.
    private const long LargestTranscript = 16 << 20;

    // What is clearly sound and still not read is named rather than passed over.
    private static readonly string[] OtherSound =
    [
        ".opus",
        ".ogg",
        ".mp3",
        ".m4a",
        ".aac",
        ".aif",
        ".aiff",
        ".au",
        ".sph",
        ".wma",
    ];

    /// <summary>The folders in a folder.</summary>
    public static IEnumerable<string> Folders(string folder) => Visible(Directory.EnumerateDirectories(folder));

    /// <summary>The files in a folder whose names have an ending, in any case.</summary>
    public static IEnumerable<string> Files(string folder, string ending) =>
        Visible(
            Directory.EnumerateFiles(folder).Where(file => file.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
        );

    /// <summary>A folder and all below it; what links lead to a second time is passed over.</summary>
    public static IEnumerable<string> Tree(string folder)
    {
        var (seen, waiting) = (new HashSet<string>(), new Stack<string>([folder]));
        while (waiting.TryPop(out var next))
        {
            if (!seen.Add(Directory.ResolveLinkTarget(next, returnFinalTarget: true)?.FullName ?? next))
                continue;
            yield return next;
            foreach (var below in Folders(next).Reverse())
                waiting.Push(below);
        }
    }

    /// <summary>The sound files in a folder by their names without ending; files of sound that Hybrid does not read are left out.</summary>
    public static SortedDictionary<string, string> Sounds(string folder, CorpusBuilder builder)
    {
        var sounds = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var ending in AudioClip.Extensions)
        foreach (var file in Files(folder, ending))
            sounds.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        foreach (var ending in OtherSound)
        foreach (var file in Files(folder, ending))
            if (!sounds.ContainsKey(Path.GetFileNameWithoutExtension(file)))
                builder.Skip(
                    Path.GetFileNameWithoutExtension(file),
                    $"{file} is not read, only {string.Join(" and ", AudioClip.Extensions)}: convert it, for instance with ffmpeg"
                );
        return sounds;
    }

    /// <summary>The lines of a transcript.</summary>
    /// <exception cref="FormatException">The file is too large for one.</exception>
    public static IEnumerable<string> Lines(string transcript) =>
        new FileInfo(transcript).Length <= LargestTranscript
            ? File.ReadLines(transcript)
            : throw new FormatException($"{transcript} is larger than any transcript, {LargestTranscript >> 20} MiB");

    /// <summary>The split of a part such as train-clean-100: train, dev or test where its name begins so, else the name.</summary>
    public static string SplitOf(string part)
    {
        var name = Path.GetFileName(part);
        return new[] { "train", "dev", "test" }.FirstOrDefault(split =>
            name.StartsWith(split, StringComparison.OrdinalIgnoreCase)
        ) ?? name;
    }

    /// <summary>The parts in a folder with their splits; a folder that is a part itself has no split.</summary>
    public static IReadOnlyList<(string Folder, string Split)> Parts(string path, Func<string, bool> isPart) =>
        isPart(path) ? [(path, "")] : [.. Folders(path).Where(isPart).Select(part => (part, SplitOf(part)))];

    private static IEnumerable<string> Visible(IEnumerable<string> paths) =>
        paths.Where(path => !Path.GetFileName(path).StartsWith('.')).Order(StringComparer.Ordinal);
}
