using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A folder for results, each named after its input. No result replaces another one of the same run, nor a file that
/// Hybrid did not write (<see cref="ResultFile"/>). Not thread-safe.
/// </summary>
/// <param name="folder">The folder; created when the first file is written.</param>
/// <param name="overwrite">Whether files that Hybrid did not write may be replaced.</param>
public sealed class ResultFolder(string folder, bool overwrite = false)
{
    // Some file systems ignore case.
    private readonly HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ResultJournal> journals = new(StringComparer.Ordinal);
    private readonly List<string> kept = [];

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>Files in the place of results that were kept because Hybrid did not write them.</summary>
    public IReadOnlyList<string> Kept => kept;

    /// <summary>
    /// Reserves the files of a result, before it is computed. Names may come from untrusted files and must not lead out
    /// of the folder; a slash separates subfolders, and control characters are percent-encoded.
    /// </summary>
    /// <param name="name">Name of the input.</param>
    /// <param name="extensions">Extensions of its files, such as <c>.ctm</c>.</param>
    /// <returns>The path of the files without extension.</returns>
    /// <exception cref="FormatException">The name leads out of the folder, or another result has it.</exception>
    /// <exception cref="ResultExistsException">One of the files must not be replaced.</exception>
    public string Take(string name, params string[] extensions)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(root, FieldText.EncodeLine(name)));
        if (!path.StartsWith(root, StringComparison.Ordinal) || path.EndsWith(Path.DirectorySeparatorChar))
            throw new FormatException($"its name leads out of {folder}");
        var files = extensions.Select(extension => path + extension).ToList();
        foreach (var file in files)
        {
            if (taken.Contains(file))
                throw new FormatException($"another input has the same name: its file, {file}, would be lost");
            RequireReplaceable(file);
        }
        taken.UnionWith(files);
        return path;
    }

    /// <summary>Writes a file in UTF-8, atomically.</summary>
    /// <param name="path">The path returned by <see cref="Take"/>, with an extension.</param>
    /// <param name="content">The content.</param>
    /// <exception cref="ResultExistsException">A file that must not be replaced has appeared.</exception>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void Write(string path, string content)
    {
        RequireReplaceable(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(content)));
        JournalBeside(path).Record(path);
    }

    private void RequireReplaceable(string path)
    {
        if (overwrite)
            return;
        try
        {
            JournalBeside(path).RequireReplaceable(path);
        }
        catch (ResultExistsException)
        {
            kept.Add(path);
            throw;
        }
    }

    private ResultJournal JournalBeside(string path)
    {
        var parent = Path.GetDirectoryName(path)!;
        if (!journals.TryGetValue(parent, out var journal))
            journals[parent] = journal = ResultJournal.Beside(path);
        return journal;
    }
}
