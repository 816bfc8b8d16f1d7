using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>Durability of directory entries.</summary>
internal static partial class FolderFlush
{
    /// <summary>
    /// Writes the entries of a folder to disk, so that files renamed in it survive a power failure. Best effort: some
    /// file systems refuse; Windows journals entries by itself.
    /// </summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        // The runtime opens no directories.
        var descriptor = Open(folder, flags: 0);
        if (descriptor < 0)
            return;
        _ = Sync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
