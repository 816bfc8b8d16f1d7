namespace Hybrid.Core;

/// <summary>Input files: opened with checks, and named in the errors of their readers.</summary>
internal static class InputFile
{
    /// <summary>
    /// Opens a regular file for sequential reading. Devices and pipes have no length; they are not opened, because
    /// opening or reading one may never return.
    /// </summary>
    /// <exception cref="FormatException">The file is empty, or a device or pipe.</exception>
    /// <exception cref="IOException">
    /// The file is missing, a folder, larger than the memory of this process, or cannot be read.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static FileStream Open(string path)
    {
        RejectFolder(path);
        if (Length(path) == 0)
            throw new FormatException(Problem(path));
        var stream = File.OpenRead(path);
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (stream.Length <= memory)
            return stream;
        var length = stream.Length;
        stream.Dispose();
        throw new IOException(
            $"{Quoted.Path(path)} has {length} bytes, more than the {memory} bytes of memory of this process"
        );
    }

    /// <summary>Refuses a folder, of which the runtime says only that access is denied.</summary>
    /// <exception cref="IOException">The path is a folder.</exception>
    public static void RejectFolder(string path)
    {
        if (Directory.Exists(path))
            throw new IOException(Problem(path));
    }

    /// <summary>Why a path must not be opened as a regular file; null if it may.</summary>
    public static string? Problem(string path) =>
        Length(path) switch
        {
            null when Directory.Exists(path) => $"{Quoted.Path(path)} is a folder; give a file",
            null => $"{Quoted.Path(path)}: there is no such file",
            0 => $"{Quoted.Path(path)} is empty, or a device or pipe; give a regular file",
            _ => null,
        };

    /// <summary>
    /// Length of a file in bytes, that of the target of a link; 0 for devices and pipes, null for no file.
    /// </summary>
    public static long? Length(string path)
    {
        try
        {
            var file = new FileInfo(path);
            // FileInfo.Length of a link is the length of the link itself.
            var target = file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true);
            return target is FileInfo { Exists: true } final ? final.Length : null;
        }
        catch (IOException) // a circle of links
        {
            return null;
        }
    }

    /// <summary>Opens a file and reads it; a <see cref="FormatException"/> of the reader names the file.</summary>
    /// <inheritdoc cref="Open"/>
    public static TResult Read<TResult>(string path, Func<FileStream, TResult> read)
    {
        using var stream = Open(path);
        return Named(path, () => read(stream));
    }

    /// <summary>Runs a reader; its <see cref="FormatException"/> is thrown again with the file's name.</summary>
    /// <param name="path">The file.</param>
    /// <param name="read">The reader, whose messages do not name the file.</param>
    /// <exception cref="FormatException">That of the reader; the message begins with the path.</exception>
    public static TResult Named<TResult>(string path, Func<TResult> read)
    {
        try
        {
            return read();
        }
        catch (FormatException error)
        {
            throw new FormatException(Message(path, error), error);
        }
    }

    /// <summary>The message of an error in a file: path and cause, of bounded length.</summary>
    public static string Message(string path, Exception error) => Quoted.Line($"{Quoted.Path(path)}: {error.Message}");
}
