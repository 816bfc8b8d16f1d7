namespace Hybrid.Core;

/// <summary>Files that are either whole or not there.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes a file beside its final place, brings it to the disk, and only then gives it its name; if writing fails, what
    /// stood there before stays.
    /// </summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">The disk is full or the place is not writable; the message names the file.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var beside = path + ".tmp";
        var opened = false;
        try
        {
            using (var stream = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                opened = true;
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(beside, path, overwrite: true);
        }
        catch (Exception error)
        {
            // What another writer holds open is not ours to delete.
            if (opened) File.Delete(beside);
            // The runtime reports a file that grew too large as an argument out of range.
            if (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
                throw new IOException($"{path} could not be written ({error.Message}); make room or choose another place. What stood there before is unchanged", error);
            throw;
        }
    }
}
