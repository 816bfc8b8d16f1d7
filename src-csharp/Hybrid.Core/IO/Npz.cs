using System.IO.Compression;

namespace Hybrid.Core;

/// <summary>Named arrays in one file: a zip archive of <c>.npy</c> files, as <c>numpy.savez</c> writes it.</summary>
/// <remarks>
/// The check sum (CRC-32) of every array is verified. A small forged archive could unpack to any size: the entries of
/// an archive may have 100 bytes in total for each byte of the archive, and always 64 MiB. Names are keys only and
/// never become paths.
/// </remarks>
public static class Npz
{
    private const string Ending = ".npy";

    // The largest ratio of deflate: a match of 258 bytes takes at least two bits.
    private const int LargestRatio = 258 * 8 / 2;

    // What numpy.savez writes, so that equal arrays give equal files.
    private static readonly DateTimeOffset Stamp = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads a file.</summary>
    /// <returns>The arrays by name, in the order of the archive; other entries are ignored.</returns>
    /// <exception cref="FormatException">
    /// Truncated, damaged, not an archive of arrays, or one that unpacks beyond the limit; the message names file and
    /// entry.
    /// </exception>
    /// <exception cref="IOException">The file is missing, a folder, or cannot be read.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Read(string path) => InputFile.Read(path, Read);

    /// <summary>Reads a seekable stream.</summary>
    /// <inheritdoc cref="Read(string)"/>
    public static IReadOnlyDictionary<string, NpyArray> Read(Stream stream)
    {
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            var entries = archive
                .Entries.Where(entry => entry.FullName.EndsWith(Ending, StringComparison.Ordinal))
                .ToList();
            CheckSizes(entries, stream.Length);
            var arrays = new OrderedDictionary<string, NpyArray>();
            foreach (var entry in entries)
                if (!arrays.TryAdd(entry.FullName[..^Ending.Length], Read(entry)))
                    throw new FormatException($"the name {Quoted.Text(entry.FullName)} occurs twice");
            return arrays;
        }
        catch (Exception error) when (error is InvalidDataException or NotSupportedException)
        {
            throw new FormatException($"not an archive of arrays: {Quoted.Message(error)}", error);
        }
    }

    /// <summary>Writes a file as a whole or not at all.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="arrays">The arrays by name.</param>
    /// <param name="compress">Whether the entries are deflated, as by <c>numpy.savez_compressed</c>.</param>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
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

    /// <summary>Refuses sizes that the archive cannot have, before memory is allocated for them.</summary>
    private static void CheckSizes(List<ZipArchiveEntry> entries, long length)
    {
        Int128 unpacked = 0;
        foreach (var entry in entries)
        {
            if (entry.Length > (Int128)LargestRatio * Math.Min(entry.CompressedLength, length))
                throw new FormatException(
                    $"entry {Quoted.Text(entry.FullName)} claims {entry.Length} bytes from {entry.CompressedLength}; "
                        + $"deflate gives at most {LargestRatio} for each"
                );
            unpacked += entry.Length;
        }
        if (unpacked > UnpackedStream.Limit(length))
            throw new FormatException(
                $"{length} bytes unpack to {unpacked}, and Hybrid takes {UnpackedStream.Limit(length)} "
                    + "from an archive of this size; if they are meant, save it again with numpy.savez"
            );
    }

    private static NpyArray Read(ZipArchiveEntry entry)
    {
        try
        {
            using var stream = new UnpackedStream(entry.Open(), entry.Length);
            var array = NpyArray.Read(stream, entry.Length);
            var crc = stream.Finish();
            return crc == entry.Crc32
                ? array
                : throw new FormatException($"its CRC-32 is {crc:x8}, {entry.Crc32:x8} is stored: it is damaged");
        }
        catch (Exception error) when (error is FormatException or InvalidDataException or EndOfStreamException)
        {
            throw new FormatException($"entry {Quoted.Text(entry.FullName)}: {Quoted.Message(error)}", error);
        }
    }
}
