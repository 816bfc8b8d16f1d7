using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Lines of text files from users. Memory is bounded: a line has a maximum length.</summary>
internal static class TextLines
{
    /// <summary>
    /// The maximum length of a line, in characters. What is longer, such as a device or a disk image, is not text.
    /// </summary>
    public const int MaxLength = 1 << 24;

    /// <summary>The lines of a file, without their ends.</summary>
    /// <exception cref="FormatException">A line is too long; the message has file and line.</exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    public static IEnumerable<string> Read(string path)
    {
        InputFile.RejectFolder(path);
        using var text = File.OpenText(path);
        foreach (var line in Read(text, $"{Quoted.Path(path)}, "))
            yield return line;
    }

    /// <summary>
    /// The lines of a text, without their ends, which are those of <see cref="TextReader.ReadLine"/>.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="source">The beginning of messages.</param>
    /// <exception cref="FormatException">A line is too long; the message has its number.</exception>
    public static IEnumerable<string> Read(TextReader text, string source = "")
    {
        var (block, begun) = (new char[1 << 12], new StringBuilder());
        var (number, afterReturn) = (1, false);
        while (text.Read(block) is > 0 and var count)
        {
            for (var start = 0; start < count; )
            {
                if (afterReturn && block[start] == '\n')
                    start++;
                afterReturn = false;
                var length = block.AsSpan(start, count - start).IndexOfAny('\r', '\n');
                begun.Append(block, start, length < 0 ? count - start : length);
                if (begun.Length > MaxLength)
                    throw new FormatException($"{source}line {number} has more than {MaxLength} characters");
                if (length < 0)
                    break;
                yield return begun.ToString();
                begun.Clear();
                number++;
                afterReturn = block[start + length] == '\r';
                start += length + 1;
            }
        }
        if (begun.Length > 0)
            yield return begun.ToString();
    }
}
