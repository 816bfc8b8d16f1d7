using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Access of layouts to folders and files, always in ordinal order of names; names that begin with a dot are skipped.
/// Layouts open only files that are listed here and never build a path from the content of a file. Only regular files
/// are opened: a named pipe or a device would block the program or never end.
/// </summary>
internal static class CorpusFiles
{
    // A chapter of LibriSpeech has about 20 kB.
    private const long LargestTranscript = 16 << 20;

    // Audio in other formats is reported rather than ignored.
    private static readonly string[] OtherAudio =
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

    /// <summary>The files in a folder with an extension, in any case.</summary>
    public static IEnumerable<string> Files(string folder, string extension) =>
        Visible(
            Directory.EnumerateFiles(folder).Where(file => file.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
        );

    /// <summary>A folder and all folders below it, each once, however many links lead to it.</summary>
    public static IEnumerable<string> Tree(string folder)
    {
        var (paths, seen, waiting) = (new RealPaths(), new HashSet<string>(), new Stack<string>([folder]));
        while (waiting.TryPop(out var next))
        {
            if (!seen.Add(paths.Of(next)))
                continue;
            yield return next;
            foreach (var below in Folders(next).Reverse())
                waiting.Push(below);
        }
    }

    /// <summary>The sound files in a folder. Those that are not regular files are skipped.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="skip">Called with the name and the reason of each file that is skipped.</param>
    public static IEnumerable<string> Audio(string folder, Action<string, string> skip)
    {
        foreach (var extension in AudioClip.Extensions)
        foreach (var file in Files(folder, extension))
            if (InputFile.Problem(file) is { } problem)
                skip(Path.GetFileNameWithoutExtension(file), problem);
            else
                yield return file;
    }

    /// <summary>
    /// The sound files in a folder by their names without extension, the first extension of several. Files of other
    /// audio formats and those that are not regular are skipped.
    /// </summary>
    /// <inheritdoc cref="Audio" path="/param"/>
    public static SortedDictionary<string, string> Sounds(string folder, Action<string, string> skip)
    {
        var sounds = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Audio(folder, skip))
            sounds.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        foreach (var extension in OtherAudio)
        foreach (var file in Files(folder, extension))
            if (!sounds.ContainsKey(Path.GetFileNameWithoutExtension(file)))
                skip(
                    Path.GetFileNameWithoutExtension(file),
                    $"{Quoted.Path(file)} is not read, only {string.Join(" and ", AudioClip.Extensions)}: "
                        + "convert it, for instance with ffmpeg"
                );
        return sounds;
    }

    /// <summary>The lines of a transcript; none if it is empty or not a regular file.</summary>
    /// <exception cref="FormatException">The file is too large for a transcript.</exception>
    public static IEnumerable<string> Lines(string transcript) =>
        InputFile.Length(transcript) switch
        {
            null or 0 => [],
            > LargestTranscript => throw new FormatException(
                $"{Quoted.Path(transcript)} is larger than the limit for transcripts, {LargestTranscript >> 20} MiB"
            ),
            _ => TextLines.Read(transcript),
        };

    /// <summary>Whether a file is regular and not empty.</summary>
    public static bool IsRegular(string path) => InputFile.Length(path) > 0;

    /// <summary>Checks that a file is regular before it is opened.</summary>
    /// <exception cref="IOException">It is missing, empty, or not regular.</exception>
    public static void RequireRegular(string path)
    {
        if (InputFile.Problem(path) is { } problem)
            throw new IOException(problem);
    }

    /// <summary>
    /// The split of a part such as train-clean-100: train, dev or test if its name begins so, else its name.
    /// </summary>
    public static string SplitOf(string part)
    {
        var name = Path.GetFileName(part);
        return new[] { "train", "dev", "test" }.FirstOrDefault(split =>
            name.StartsWith(split, StringComparison.OrdinalIgnoreCase)
        ) ?? name;
    }

    /// <summary>The parts in a folder with their splits; a folder that is itself a part has no split.</summary>
    public static IReadOnlyList<(string Folder, string Split)> Parts(string path, Func<string, bool> isPart) =>
        isPart(path) ? [(path, "")] : [.. Folders(path).Where(isPart).Select(part => (part, SplitOf(part)))];

    private static IEnumerable<string> Visible(IEnumerable<string> paths) =>
        paths.Where(path => !Path.GetFileName(path).StartsWith('.')).Order(StringComparer.Ordinal);
}
