using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Hybrid.Core;
using Microsoft.Win32.SafeHandles;

namespace Hybrid.Speech;

/// <summary>
/// Features on disk, so that they are computed once and a large corpus need not fit into memory. There is a file per
/// utterance, whose name is a hash of the content of its source, its piece and channel, the speed and the preset. The
/// folder may be deleted at any time. Safe for use by several threads and processes.
/// </summary>
/// <remarks>
/// The content of each source is hashed once when a dataset is loaded, never during an epoch: about 5 GB/s from the
/// page cache, so that 100 hours of 16-bit audio at 16 kHz (11.5 GB) take 2 to 3 s of one core, and otherwise the time
/// to read the files. Sound that is replaced by other sound of the same length and time has another name; files that
/// are moved or copied keep theirs.
/// </remarks>
/// <param name="folder">The folder; created when first needed.</param>
public sealed class FeatureCache(string folder)
{
    /// <summary>
    /// The environment variable with the folder for all caches of Hybrid; the default is <c>hybrid</c> in the
    /// platform's cache folder.
    /// </summary>
    public const string Variable = "HYBRID_CACHE";

    // Bump to invalidate existing cache files: after a change of their form, or of the computation of features.
    private const string Form = "hybrid features 4\n";
    private const int KeyLength = 2 * SHA256.HashSizeInBytes;

    // A file has a header and the features. The header has the key, seconds, frames, width, the CRC-32C of the
    // features, and the CRC-32C of the header before it.
    private const int SecondsAt = KeyLength,
        FramesAt = SecondsAt + sizeof(double),
        WidthAt = FramesAt + sizeof(int),
        FeaturesCheckAt = WidthAt + sizeof(int),
        HeaderCheckAt = FeaturesCheckAt + sizeof(uint),
        HeaderLength = HeaderCheckAt + sizeof(uint);

    private volatile string? problem;

    /// <summary>The cache in the platform's cache folder, or in that of <see cref="Variable"/>.</summary>
    public static FeatureCache Default => new(Path.Combine(HybridFolder(), "features"));

    /// <summary>The folder of the files.</summary>
    public string Folder => folder;

    /// <summary>
    /// Features of a dataset that are held in memory, in bytes; the rest is read from disk when needed.
    /// </summary>
    public long MemoryBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Why features could not be stored, in a sentence; null if there is no problem. They are then computed each time.
    /// </summary>
    public string? Problem => problem;

    /// <summary>The key of the features of an utterance.</summary>
    /// <param name="utterance">The utterance.</param>
    /// <param name="preset">The features.</param>
    /// <param name="content">The hash of the source, from <see cref="ContentHash"/>.</param>
    internal static string Key(Utterance utterance, FeaturePreset preset, string content)
    {
        var (offset, duration, channel) = utterance.Piece;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Form}{content}\n{offset} {duration} {channel}\n{utterance.Speed}\n{preset.ToJson()}"
        );
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>A hash of the content of a file, 128 bits and the length.</summary>
    /// <remarks>
    /// Four CRC-32C, each of every fourth word of 8 bytes: the processor computes them in parallel, faster than memory
    /// is read.
    /// </remarks>
    /// <exception cref="IOException">The file is missing, is not a regular file, or cannot be read.</exception>
    internal static string ContentHash(string path)
    {
        CorpusFiles.RequireRegular(path);
        using var file = File.OpenHandle(path);
        var block = new byte[1 << 16];
        uint a = 0,
            b = 1,
            c = 2,
            d = 3;
        for (var position = 0L; ; )
        {
            var count = ReadBlock(file, block, position);
            // The end is padded with zeros; the length in the result distinguishes it from a longer file.
            var words = MemoryMarshal.Cast<byte, ulong>(block.AsSpan(0, IntMath.RoundUp(count, 4 * sizeof(ulong))));
            block.AsSpan(count, words.Length * sizeof(ulong) - count).Clear();
            for (var i = 0; i < words.Length; i += 4)
            {
                a = BitOperations.Crc32C(a, words[i]);
                b = BitOperations.Crc32C(b, words[i + 1]);
                c = BitOperations.Crc32C(c, words[i + 2]);
                d = BitOperations.Crc32C(d, words[i + 3]);
            }
            position += count;
            if (count < block.Length)
                return $"{a:x8}{b:x8}{c:x8}{d:x8} {position}";
        }
    }

    /// <summary>Looks up features and checks their header.</summary>
    internal FeatureInfo? Find(string key, int width)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        using var file = Open(key);
        return file is null ? null : ReadHeader(file, header, key, width);
    }

    /// <summary>Reads features into a span of their size.</summary>
    /// <returns>Whether they are stored and undamaged.</returns>
    internal bool TryRead(string key, int width, Span<float> destination)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        using var file = Open(key);
        if (
            file is null
            || ReadHeader(file, header, key, width) is not { } info
            || (long)info.Frames * width != destination.Length
        )
            return false;
        var bytes = MemoryMarshal.AsBytes(destination);
        return ReadBlock(file, bytes, HeaderLength) == bytes.Length
            && Check(bytes) == BinaryPrimitives.ReadUInt32LittleEndian(header[FeaturesCheckAt..]);
    }

    /// <summary>Stores features, or sets <see cref="Problem"/>.</summary>
    internal void Write(string key, int width, ReadOnlySpan<float> features, double durationSeconds)
    {
        if (problem is not null)
            return;
        var bytes = MemoryMarshal.AsBytes(features);
        Span<byte> header = stackalloc byte[HeaderLength];
        Encoding.ASCII.GetBytes(key, header);
        BinaryPrimitives.WriteDoubleLittleEndian(header[SecondsAt..], durationSeconds);
        BinaryPrimitives.WriteInt32LittleEndian(header[FramesAt..], features.Length / width);
        BinaryPrimitives.WriteInt32LittleEndian(header[WidthAt..], width);
        BinaryPrimitives.WriteUInt32LittleEndian(header[FeaturesCheckAt..], Check(bytes));
        BinaryPrimitives.WriteUInt32LittleEndian(header[HeaderCheckAt..], Check(header[..HeaderCheckAt]));
        try
        {
            // Other processes may write the same features, so the temporary name is unique. A file that a crash
            // truncates fails its checksum.
            var path = PathOf(key);
            var temporary = $"{path}.{Path.GetRandomFileName()}.tmp";
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (
                var file = File.OpenHandle(
                    temporary,
                    FileMode.CreateNew,
                    FileAccess.Write,
                    preallocationSize: HeaderLength + bytes.Length
                )
            )
            {
                RandomAccess.Write(file, header, 0);
                RandomAccess.Write(file, bytes, HeaderLength);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problem =
                $"features cannot be stored in {folder} and are computed each time ({error.Message}); "
                + $"free space there, or name another folder with {Variable}";
        }
    }

    private static string HybridFolder()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return named;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var caches =
            OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            // The XDG base directory specification says that relative paths are ignored.
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache) ? cache
            : Path.Combine(home, ".cache");
        return Path.Combine(caches, "hybrid");
    }

    private string PathOf(string key) => Path.Combine(folder, key[..2], key);

    private SafeFileHandle? Open(string key)
    {
        try
        {
            return File.Exists(PathOf(key)) ? File.OpenHandle(PathOf(key)) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static FeatureInfo? ReadHeader(SafeFileHandle file, Span<byte> header, string key, int width)
    {
        if (
            ReadBlock(file, header, 0) < HeaderLength
            || Check(header[..HeaderCheckAt]) != BinaryPrimitives.ReadUInt32LittleEndian(header[HeaderCheckAt..])
            || !Ascii.Equals(header[..KeyLength], key)
        )
            return null;
        var frames = BinaryPrimitives.ReadInt32LittleEndian(header[FramesAt..]);
        var bytes = (long)frames * width * sizeof(float);
        return
            BinaryPrimitives.ReadInt32LittleEndian(header[WidthAt..]) == width
            && bytes is >= 0 and <= int.MaxValue
            && RandomAccess.GetLength(file) == HeaderLength + bytes
            ? new FeatureInfo(frames, BinaryPrimitives.ReadDoubleLittleEndian(header[SecondsAt..]))
            : null;
    }

    /// <summary>Fills a span from a position of a file; the number of bytes is smaller only at its end.</summary>
    private static int ReadBlock(SafeFileHandle file, Span<byte> destination, long position)
    {
        var count = 0;
        while (
            count < destination.Length
            && RandomAccess.Read(file, destination[count..], position + count) is > 0 and var read
        )
            count += read;
        return count;
    }

    private static uint Check(ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var check = uint.MaxValue;
        foreach (var word in words)
            check = BitOperations.Crc32C(check, word);
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
            check = BitOperations.Crc32C(check, rest);
        return check;
    }
}

/// <summary>The size of cached features.</summary>
/// <param name="Frames">The number of frames.</param>
/// <param name="DurationSeconds">Length of the audio.</param>
internal readonly record struct FeatureInfo(int Frames, double DurationSeconds);
