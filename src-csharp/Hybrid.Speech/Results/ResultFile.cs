using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Result files that never replace other people's work. A file is replaced only if Hybrid wrote it and it has not
/// changed since, if it is empty, or if overwriting is allowed.
/// </summary>
/// <remarks>
/// Hybrid recognises its own files by <c>.hybrid-results</c>, a file in the same folder with the SHA-256 of each
/// result, in the format of <c>sha256sum</c>. Without it, every file that is already there is kept. It may be deleted
/// at any time.
/// </remarks>
public static class ResultFile
{
    /// <summary>Writes a text file in UTF-8, atomically.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream}, bool)"/>
    public static void Write(string path, string content, bool overwrite = false) =>
        Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(content)), overwrite);

    /// <summary>Writes a file atomically.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="content">Writes the content to a stream.</param>
    /// <param name="overwrite">Whether a file that Hybrid did not write may be replaced.</param>
    /// <exception cref="ResultExistsException">The path has a file that must not be replaced.</exception>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public static void Write(string path, Action<Stream> content, bool overwrite = false) =>
        Write(path, () => AtomicFile.Write(path, content), overwrite);

    /// <summary>Runs an action that writes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the file at the path.</param>
    /// <param name="overwrite">Whether a file that Hybrid did not write may be replaced.</param>
    /// <exception cref="ResultExistsException">The path has a file that must not be replaced.</exception>
    public static void Write(string path, Action write, bool overwrite = false)
    {
        var journal = ResultJournal.Beside(path);
        if (!overwrite)
            journal.RequireReplaceable(path);
        write();
        journal.Record(path);
    }

    /// <summary>Checks that a file may be written, before results for it are computed.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ResultExistsException">The path has a file that must not be replaced.</exception>
    public static void RequireReplaceable(string path) => ResultJournal.Beside(path).RequireReplaceable(path);
}

/// <summary>
/// A result was not written, because its path has a file that Hybrid did not write or that changed since.
/// </summary>
/// <param name="path">The file that was kept.</param>
public sealed class ResultExistsException(string path)
    : IOException(
        $"{Quoted.Path(path)} was not written by Hybrid or has changed since, and is kept: "
            + "choose another place or allow overwriting"
    )
{
    /// <summary>The file that was kept.</summary>
    public string FilePath => path;
}
