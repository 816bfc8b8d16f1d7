using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hybrid.Core;

/// <summary>Flushes a folder to disk, so that a renamed file is found after a power failure.</summary>
internal static partial class FolderSync
{
    private const int ReadOnly = 0;

    /// <summary>
    /// Flushes the entries of a folder, where the platform allows (Unix). The runtime opens no folders, so the folder
    /// is opened by libc.
    /// </summary>
    /// <returns>Whether the folder was flushed.</returns>
    public static bool TryFlush(string folder)
    {
        if (OperatingSystem.IsWindows())
            return false;
        try
        {
            using var handle = new SafeFileHandle(Open(folder, ReadOnly), ownsHandle: true);
            if (handle.IsInvalid)
                return false;
            RandomAccess.FlushToDisk(handle);
            return true;
        }
        catch (Exception error)
            when (error
                    is IOException
                        or UnauthorizedAccessException
                        or DllNotFoundException
                        or EntryPointNotFoundException
            )
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
