using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A folder that results are written into, each under the name of what it is the result of, and none over another.</summary>
/// <param name="folder">Made when the first file is written.</param>
public sealed class ResultFolder(string folder)
{
    // Some disks take names that differ in case for the same.
    private readonly HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The path of a name, without ending. Names come from manifests of strangers and must not lead elsewhere; what is before a slash is a folder.</summary>
    /// <exception cref="FormatException">The name leads out of the folder, or was taken before.</exception>
    public string Take(string name)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(root, name));
        if (!path.StartsWith(root, StringComparison.Ordinal) || path.EndsWith(Path.DirectorySeparatorChar))
            throw new FormatException($"its name leads out of {folder}");
        if (!taken.Add(path))
            throw new FormatException($"another input has the same name: its file, {path}, would be lost");
        return path;
    }

    /// <summary>Writes a file as a whole or not at all, in UTF-8.</summary>
    /// <param name="path">What <see cref="Take"/> gave, with an ending.</param>
    /// <param name="content">What is in the file.</param>
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public static void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(content)));
    }
}
