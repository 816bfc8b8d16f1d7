using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Hybrid.Speech;

/// <summary>
/// Features on disk, so that they are computed once and a large corpus need not fit into memory: a file per utterance, whose
/// name follows from path, length and time of last change of its source, from the speed, and from the preset. The folder may be deleted at any
/// time. Safe for use by several threads and processes.
/// </summary>
/// <param name="folder">Made when first needed.</param>
public sealed class FeatureCache(string folder)
{
    /// <summary>The environment variable with the folder for all that Hybrid keeps, which is <c>hybrid</c> in the platform's folder for caches without it.</summary>
    public const string Variable = "HYBRID_CACHE";

    // Another number makes all files of before strangers: for a change of their form, or of how features are computed.
    private const string Form = "hybrid features 3\n";
    private const int KeyLength = 2 * SHA256.HashSizeInBytes;

    // A file is a header of the key, the seconds, frames and width, and the CRC-32C of the features; then the features.
    private const int SecondsAt = KeyLength,
        FramesAt = SecondsAt + sizeof(double),
        WidthAt = FramesAt + sizeof(int);
    private const int CheckAt = WidthAt + sizeof(int),
        HeaderLength = CheckAt + sizeof(uint);

    private volatile string? problem;

    /// <summary>The cache in the platform's folder for caches, or where <see cref="Variable"/> says.</summary>
    public static FeatureCache Default => new(Path.Combine(HybridFolder(), "features"));

    /// <summary>Where the files are.</summary>
    public string Folder => folder;

    /// <summary>How much of a dataset's features is held in memory, in bytes; the rest stays on disk and is read when it is its turn.</summary>
    public long MemoryBytes { get; init; } = 1L << 30;

    /// <summary>Why features could not be kept, in a sentence; null while all is well. They are computed each time then.</summary>
    public string? Problem => problem;

    /// <summary>What identifies the features of an utterance.</summary>
    /// <exception cref="IOException">Its source is missing.</exception>
    internal static string Key(Utterance utterance, FeaturePreset preset)
    {
        var file = new FileInfo(utterance.SourcePath);
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Form}{file.FullName}\n{file.Length}\n{file.LastWriteTimeUtc.Ticks}\n{preset.ToJson()}"
        );
        if (utterance.Speed != 1)
            text = string.Create(CultureInfo.InvariantCulture, $"{text}\n{utterance.Speed} times as fast");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>What is kept under a key, if it looks whole.</summary>
    internal FeatureInfo? Find(string key, int width)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        using var file = Open(key);
        return file is null ? null : ReadHeader(file, header, key, width);
    }

    /// <summary>Reads features to a place of just their size.</summary>
    /// <returns>Whether they are kept, and undamaged.</returns>
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
        return ReadFully(file, bytes, HeaderLength)
            && Check(bytes) == BinaryPrimitives.ReadUInt32LittleEndian(header[CheckAt..]);
    }

    /// <summary>Keeps features, or notes the <see cref="Problem"/>.</summary>
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
        BinaryPrimitives.WriteUInt32LittleEndian(header[CheckAt..], Check(bytes));
        try
        {
            // Others may be writing the same features, so the name beside is nobody else's; a file that a crash tore fails its check.
            var path = PathOf(key);
            var beside = $"{path}.{Path.GetRandomFileName()}.tmp";
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (
                var file = File.OpenHandle(
                    beside,
                    FileMode.CreateNew,
                    FileAccess.Write,
                    preallocationSize: HeaderLength + bytes.Length
                )
            )
            {
                RandomAccess.Write(file, header, 0);
                RandomAccess.Write(file, bytes, HeaderLength);
            }
            File.Move(beside, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problem =
                $"features cannot be kept in {folder} and are computed each time ({error.Message}); make room there, or name another folder with {Variable}";
        }
    }

    private static string HybridFolder()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } own)
            return own;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var caches =
            OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            // The XDG base directory specification has relative paths ignored.
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } named && Path.IsPathRooted(named) ? named
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
        if (!ReadFully(file, header, 0) || !Ascii.Equals(header[..KeyLength], key))
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

    private static bool ReadFully(SafeFileHandle file, Span<byte> destination, long from)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(file, destination, from);
            if (read == 0)
                return false;
            destination = destination[read..];
            from += read;
        }
        return true;
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

/// <summary>What a cache knows of an utterance without reading its features.</summary>
internal readonly record struct FeatureInfo(int Frames, double DurationSeconds);
