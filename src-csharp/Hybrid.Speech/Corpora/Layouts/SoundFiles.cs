namespace Hybrid.Speech;

/// <summary>Finds the sound files in folders.</summary>
public static class SoundFiles
{
    /// <summary>
    /// The sound files in a folder and all folders below it, in ordinal order of their paths. Folders and files are
    /// listed once, however many links lead to them; names that begin with a dot are not listed.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <returns>
    /// The paths, each beginning with <paramref name="folder"/>, and the sound files that are not read, because they
    /// are empty or not regular files, such as a named pipe.
    /// </returns>
    /// <exception cref="IOException">There is no such folder, or it cannot be read.</exception>
    public static (IReadOnlyList<string> Files, IReadOnlyList<SkippedUtterance> Skipped) Find(string folder)
    {
        var (files, skipped) = (new List<string>(), new List<SkippedUtterance>());
        foreach (var below in CorpusFiles.Tree(folder))
            files.AddRange(CorpusFiles.Audio(below, (name, reason) => skipped.Add(new SkippedUtterance(name, reason))));
        var paths = new RealPaths();
        return ([.. files.Order(StringComparer.Ordinal).DistinctBy(paths.Of)], skipped);
    }
}
