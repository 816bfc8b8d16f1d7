namespace Hybrid.Speech;

/// <summary>Paths with all their links resolved, so that a file has one path. Folders are resolved once.</summary>
internal sealed class RealPaths
{
    // The limit of Linux. A circle of links has no end.
    private const int MaxLinks = 40;

    private readonly Dictionary<string, string> folders = [];

    /// <summary>The real path of a file or folder.</summary>
    public string Of(string path) => Of(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), MaxLinks);

    private string Of(string path, int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
            return path; // the root
        if (!folders.TryGetValue(parent, out var folder))
            folders[parent] = folder = Of(parent, links);
        var real = Path.Combine(folder, Path.GetFileName(path));
        return links > 0 && new FileInfo(real).LinkTarget is { } target
            ? Of(Path.TrimEndingDirectorySeparator(Path.GetFullPath(target, folder)), links - 1)
            : real;
    }
}
