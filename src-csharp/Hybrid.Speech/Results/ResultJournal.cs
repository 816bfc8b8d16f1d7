using System.Security.Cryptography;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The record of the results in one folder: a text file of lines <c>SHA-256  name</c>, the last line of a name counts.
/// Results are appended one by one, so that an interruption loses none.
/// </summary>
internal sealed class ResultJournal
{
    /// <summary>Name of the file in the folder of the results.</summary>
    public const string FileName = ".hybrid-results";

    // Results of a million recordings.
    private const long LargestFile = 256L << 20;
    private const int HashLength = 2 * SHA256.HashSizeInBytes;
    private const string Separator = "  ";

    private readonly string file;
    private readonly Dictionary<string, string> hashes = new(StringComparer.Ordinal);

    private ResultJournal(string folder)
    {
        file = Path.Combine(folder, FileName);
        var lines = 0;
        foreach (var line in ReadLines())
        {
            lines++;
            if (line.Length > HashLength + Separator.Length && line.AsSpan(HashLength).StartsWith(Separator))
                hashes[line[(HashLength + Separator.Length)..]] = line[..HashLength];
        }
        if (lines > 100 + 2 * hashes.Count && !AtomicFile.IsLink(file))
            Compact();
    }

    /// <summary>The journal of the folder of a file.</summary>
    public static ResultJournal Beside(string path) => new(Path.GetDirectoryName(Path.GetFullPath(path)) ?? "");

    /// <summary>Refuses a file that exists, is not empty, and is not the result that was recorded last.</summary>
    /// <exception cref="ResultExistsException">The file must not be replaced.</exception>
    public void RequireReplaceable(string path)
    {
        if (IsNothing(path))
            return;
        if (!hashes.TryGetValue(NameOf(path), out var recorded) || recorded != Hash(path))
            throw new ResultExistsException(path);
    }

    /// <summary>Records a result that was written.</summary>
    public void Record(string path)
    {
        if (IsNothing(path))
            return;
        var (name, hash) = (NameOf(path), Hash(path));
        if (hashes.TryGetValue(name, out var recorded) && recorded == hash)
            return;
        hashes[name] = hash;
        // A link could lead to another user's file, and a named pipe would block.
        if (AtomicFile.IsLink(file) || InputFile.Length(file) == 0)
            return;
        try
        {
            File.AppendAllText(file, Line(name, hash));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Without the record the result is kept next time, which does no harm.
        }
    }

    /// <summary>Whether there is no content that could be lost: no file, an empty one, a device or a pipe.</summary>
    private static bool IsNothing(string path)
    {
        var file = new FileInfo(path);
        return !file.Exists || file.Length == 0 || AtomicFile.IsDevice(path);
    }

    private IEnumerable<string> ReadLines()
    {
        var info = new FileInfo(file);
        if (!info.Exists || info.Length is 0 or > LargestFile)
            return [];
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private void Compact()
    {
        try
        {
            AtomicFile.Write(file, stream =>
            {
                using var writer = new StreamWriter(stream, leaveOpen: true);
                foreach (var (name, hash) in hashes)
                    writer.Write(Line(name, hash));
            });
        }
        catch (IOException)
        {
            // The longer file serves as well.
        }
    }

    private static string Line(string name, string hash) => $"{hash}{Separator}{name}\n";

    private static string NameOf(string path) => FieldText.EncodeLine(Path.GetFileName(path));

    private static string Hash(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
