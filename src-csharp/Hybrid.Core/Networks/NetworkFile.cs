namespace Hybrid.Core;

/// <summary>Files that contain a network with its declaration.</summary>
internal static class NetworkFile
{
    /// <summary>Builds the content of a file that was read.</summary>
    /// <param name="name">The file, in messages.</param>
    /// <param name="build">Builds the content from metadata and tensors.</param>
    /// <exception cref="FormatException">The content is invalid; the message has the file and the reason.</exception>
    public static TContent Build<TContent>(string name, Func<TContent> build)
    {
        try
        {
            return build();
        }
        catch (InvalidSpecException error)
        {
            throw new FormatException(Quoted.Line($"{name}: {Quoted.List(error.Problems, "; ")}"), error);
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            throw new FormatException(Quoted.Line($"{name}: {error.Message}"), error);
        }
    }
}
