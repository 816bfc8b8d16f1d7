using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Exclusive use of a training folder. The operating system releases the lock when its process ends, even by kill -9:
/// there are no stale locks.
/// </summary>
/// <remarks>
/// The lock is an open file; a locked file cannot be read, so a second file names its holder. The locked file is
/// never deleted: a process that had already opened it would otherwise lock a file that is no longer in the folder.
/// </remarks>
internal sealed class TrainingLock : IDisposable
{
    private const string LockName = "training.lock",
        OwnerName = "training.owner";

    // Sharing violation on Windows; EWOULDBLOCK on Linux and on macOS.
    private const int WindowsInUse = unchecked((int)0x80070020),
        LinuxInUse = 11,
        MacInUse = 35;

    private const int LongestOwner = 1000;

    private readonly FileStream file;
    private readonly string owner;

    private TrainingLock(FileStream file, string owner) => (this.file, this.owner) = (file, owner);

    /// <summary>Locks a folder, which is created if missing.</summary>
    /// <exception cref="IOException">
    /// The folder is in use, the message names process, host and time; or it is not writable.
    /// </exception>
    public static TrainingLock Acquire(string folder)
    {
        Directory.CreateDirectory(folder);
        var (path, owner) = (Path.Combine(folder, LockName), Path.Combine(folder, OwnerName));
        if (AtomicFile.IsLink(path))
            throw new IOException($"{Quoted.Path(path)} is a symbolic link: remove it, or choose another folder");
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error.HResult is WindowsInUse or LinuxInUse or MacInUse)
        {
            throw new IOException(
                $"{Quoted.Path(folder)} is in use by {Holder(owner)}: wait until it ends, or choose another folder",
                error
            );
        }
        try
        {
            var since = DateTimeOffset.Now.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);
            var text = $"process {Environment.ProcessId} on {Environment.MachineName} since {since}";
            // A link there would lead to another file.
            File.Delete(owner);
            AtomicFile.Write(owner, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
            return new TrainingLock(file, owner);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a folder that is in use; creates nothing.</summary>
    /// <exception cref="IOException">The folder is in use; the message names process, host and time.</exception>
    public static void RequireFree(string folder)
    {
        if (File.Exists(Path.Combine(folder, LockName)))
            Acquire(folder).Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        File.Delete(owner);
        file.Dispose();
    }

    private static string Holder(string owner)
    {
        try
        {
            return InputFile.Length(owner) is > 0 and <= LongestOwner
                ? Quoted.Unless(File.ReadAllText(owner))
                : "another training";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "another training";
        }
    }
}
