namespace Hybrid.Core;

/// <summary>Files that are either whole or not there.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes a file beside its final place, brings it to the disk, and only then gives it its name; if writing fails, what
    /// stood there before stays. A link keeps pointing where it points; a device or pipe, such as /dev/stdout, is written as it is.
    /// </summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">The disk is full or the place is not writable; the message names the file.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? opened = null;
        try
        {
            if (IsDevice(path))
            {
                using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
                write(device);
                return;
            }
            var target = new FileInfo(path).LinkTarget is null
                ? path
                : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
            var beside = target + ".tmp";
            using (var stream = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                opened = beside;
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(beside, target, overwrite: true);
        }
        catch (Exception error)
        {
            // What another writer holds open is not ours to delete.
            if (opened is not null)
                File.Delete(opened);
            // The runtime reports a file that grew too large as an argument out of range.
            if (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
                throw new IOException(
                    $"{path} could not be written ({error.Message}); make room or choose another place. What stood there before is unchanged",
                    error
                );
            throw;
        }
    }

    /// <summary>
    /// Whether a path is a device or pipe, such as /dev/stdout, which must not be replaced by a file. The runtime does not tell
    /// them from files, but Unix keeps them in one folder.
    /// </summary>
    public static bool IsDevice(string path) =>
        Path.GetFullPath(path) is var full
        && full.StartsWith("/dev/", StringComparison.Ordinal)
        && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
}
