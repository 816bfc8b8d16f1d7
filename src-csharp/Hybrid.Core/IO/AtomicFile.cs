namespace Hybrid.Core;

/// <summary>Files that are written as a whole or not at all.</summary>
internal static class AtomicFile
{
    private const string Ending = ".tmp";

    // With the random part below 255 bytes, the limit of file systems.
    private const int LongestStem = 50;

    /// <summary>
    /// Writes a temporary file in the target's folder, flushes it to disk, and renames it to its final name. If writing
    /// fails, the previous content stays. Several writers of one path do not disturb each other or a reader; the last
    /// to finish wins. A symbolic link stays one, and its target is written. A device or pipe, such as /dev/stdout, is
    /// written directly.
    /// </summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">
    /// The disk is full or the path is not writable; the message names the file.
    /// </exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? temporary = null;
        try
        {
            if (IsDevice(path))
            {
                using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
                write(device);
                return;
            }
            var target = IsLink(path)
                ? File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName
                : Path.GetFullPath(path);
            using (var stream = CreateBeside(target))
            {
                temporary = stream.Name;
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
            FolderSync.TryFlush(FolderOf(target));
        }
        catch (Exception error)
        {
            if (temporary is not null)
                File.Delete(temporary);
            // The runtime reports a file that grew too large as an argument out of range.
            if (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
                throw new IOException(
                    Quoted.Line(
                        $"{Quoted.Path(path)} could not be written ({error.Message}); free disk space or "
                            + "choose another location. The previous content is unchanged"
                    ),
                    error
                );
            throw;
        }
    }

    /// <summary>Whether a path is a symbolic link, to a file that exists or not.</summary>
    public static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    /// <summary>
    /// Deletes temporary files that killed writers of a path left in its folder. Only for a caller that is the sole
    /// writer of the path: the temporary file of another one would be deleted too.
    /// </summary>
    public static void DeleteAbandoned(string path)
    {
        var target = Path.GetFullPath(path);
        var length = TemporaryName(target).Length;
        foreach (var file in Directory.EnumerateFiles(FolderOf(target), $"*{Ending}"))
        {
            var name = Path.GetFileName(file);
            if (name.Length == length && name.StartsWith($"{Stem(target)}.", StringComparison.Ordinal))
                File.Delete(file);
        }
    }

    /// <summary>
    /// Creates a file with a random name. CreateNew fails if the name exists, a planted link included, so nothing else
    /// is ever overwritten.
    /// </summary>
    private static FileStream CreateBeside(string target)
    {
        var path = Path.Combine(FolderOf(target), TemporaryName(target));
        return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
    }

    private static string TemporaryName(string target) => $"{Stem(target)}.{Path.GetRandomFileName()}{Ending}";

    private static string Stem(string target) =>
        Path.GetFileName(target) is { Length: > LongestStem } name ? name[..LongestStem] : Path.GetFileName(target);

    private static string FolderOf(string target) => Path.GetDirectoryName(target) ?? target;

    /// <summary>
    /// Whether a path is a device or pipe, such as /dev/stdout, which a renamed file must not replace. The runtime
    /// cannot distinguish devices from files, but Unix keeps them in /dev.
    /// </summary>
    public static bool IsDevice(string path) =>
        Path.GetFullPath(path) is var full
        && full.StartsWith("/dev/", StringComparison.Ordinal)
        && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
}
