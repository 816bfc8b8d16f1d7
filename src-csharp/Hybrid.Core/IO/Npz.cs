using System.IO.Compression;

namespace Hybrid.Core;

/// <summary>Named arrays in one file: a zip archive of <c>.npy</c> files, as <c>numpy.savez</c> writes it.</summary>
/// <remarks>
/// A small forged archive could unpack to any size. Therefore the entries of an archive may have 100 bytes for each of its own
/// in all, and those of any archive 64 MiB; names are keys only and never become paths.
/// </remarks>
public static class Npz
{
    private const string Ending = ".npy";
    private const long BytesPerByte = 100,
        AlwaysAllowed = 64 << 20;

    // What numpy.savez writes, so that equal arrays give equal files.
    private static readonly DateTimeOffset Stamp = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads a file.</summary>
    /// <returns>The arrays by name, in the order of the archive; entries that are no arrays are passed over.</returns>
    /// <exception cref="FormatException">Torn, no archive of arrays, or one that grows beyond all measure; the message names file and entry.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Read(string path)
    {
        using var stream = File.OpenRead(path);
        try
        {
            return Read(stream);
        }
        catch (FormatException error)
        {
            throw new FormatException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Reads a stream that can seek.</summary>
    /// <inheritdoc cref="Read(string)"/>
    public static IReadOnlyDictionary<string, NpyArray> Read(Stream stream)
    {
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            var entries = archive
                .Entries.Where(entry => entry.FullName.EndsWith(Ending, StringComparison.Ordinal))
                .ToList();
            Int128 unpacked = 0;
            foreach (var entry in entries)
                unpacked += entry.Length;
            var limit = Math.Max(AlwaysAllowed, BytesPerByte * stream.Length);
            if (unpacked > limit)
                throw new FormatException(
                    $"{stream.Length} bytes unpack to {unpacked}, and Hybrid takes {limit} from an archive of this size; if they are meant, save it again with numpy.savez"
                );
            var arrays = new OrderedDictionary<string, NpyArray>();
            foreach (var entry in entries)
                if (!arrays.TryAdd(entry.FullName[..^Ending.Length], Read(entry)))
                    throw new FormatException($"the name {Quoted.Text(entry.FullName)} occurs twice");
            return arrays;
        }
        catch (Exception error) when (error is InvalidDataException or NotSupportedException)
        {
            throw new FormatException($"no archive of arrays: {error.Message}", error);
        }
    }

    /// <summary>Writes a file as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="arrays">The arrays by name.</param>
    /// <param name="compress">Whether the entries are deflated, as by <c>numpy.savez_compressed</c>.</param>
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, NpyArray>> arrays, bool compress = false) =>
        AtomicFile.Write(path, file =>
        {
            using var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
            foreach (var (name, array) in arrays)
            {
                var entry = archive.CreateEntry(
                    name + Ending,
                    compress ? CompressionLevel.Optimal : CompressionLevel.NoCompression
                );
                entry.LastWriteTime = Stamp;
                using var stream = entry.Open();
                array.Write(stream);
            }
        });

    private static NpyArray Read(ZipArchiveEntry entry)
    {
        try
        {
            using var stream = entry.Open();
            return NpyArray.Read(stream, entry.Length);
        }
        catch (Exception error) when (error is FormatException or InvalidDataException or EndOfStreamException)
        {
            throw new FormatException($"entry {Quoted.Text(entry.FullName)}: {error.Message}", error);
        }
    }
}
