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

    // Bytes that are not UTF-8 are refused: replaced, they would silently make another word.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The lines of a file in UTF-8, or in UTF-16 with a byte order mark, without their ends.</summary>
    /// <exception cref="FormatException">
    /// A line is too long, or the file is not UTF-8; the message has file and line.
    /// </exception>
    /// <exception cref="IOException">The file is missing, is a folder, or cannot be read.</exception>
    /// <param name="path">The file.</param>
    /// <param name="replaceInvalid">Whether bytes that are not UTF-8 become U+FFFD instead of being refused.</param>
    public static IEnumerable<string> Read(string path, bool replaceInvalid = false)
    {
        InputFile.RejectFolder(path);
        using var text = new StreamReader(path, replaceInvalid ? Encoding.UTF8 : Utf8);
        foreach (var line in Read(text, $"{Quoted.Path(path)}, "))
            yield return line;
    }

    /// <summary>
    /// The lines of a text, without their ends, which are those of <see cref="TextReader.ReadLine"/>.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="source">The beginning of messages.</param>
    /// <exception cref="FormatException">
    /// A line is too long, or the text cannot be decoded; the message has its number.
    /// </exception>
    public static IEnumerable<string> Read(TextReader text, string source = "")
    {
        var (block, begun) = (new char[1 << 12], new StringBuilder());
        var (number, afterReturn) = (1, false);
        while (Fill() is > 0 and var count)
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

        int Fill()
        {
            try
            {
                return text.Read(block);
            }
            catch (DecoderFallbackException error)
            {
                throw new FormatException(
                    $"{source}line {number} or one of the next has bytes that are not UTF-8: save the text as UTF-8",
                    error
                );
            }
        }
    }
}
