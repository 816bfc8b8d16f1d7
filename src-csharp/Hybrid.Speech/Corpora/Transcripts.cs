using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Transcripts of utterances: files beside a recording, and the phones of a text.</summary>
public static class Transcripts
{
    /// <summary>Extension of a file with words.</summary>
    internal const string Words = ".txt";

    /// <summary>Extension of a file with phones or words.</summary>
    internal const string Label = ".lab";

    /// <summary>The phones of an utterance: those of its transcript, or those of its words.</summary>
    /// <exception cref="FormatException">
    /// There is no transcript, or words have no pronunciation; the message has all of these words.
    /// </exception>
    public static IReadOnlyList<string> Transcribe(this Utterance utterance, Pronouncer pronouncer)
    {
        if (utterance.Phones is not null)
            return utterance.Phones;
        if (utterance.Text is null)
            throw new FormatException("it has no transcript");
        var (words, missing) = pronouncer.Pronounce(utterance.Text);
        if (missing.Count > 0)
            throw new FormatException(
                $"no pronunciation of {Quoted.List(missing)}: "
                    + $"give a lexicon that has {(missing.Count > 1 ? "them" : "it")}"
            );
        return [.. words.SelectMany(word => word.Phones)];
    }

    /// <summary>Words and phones beside a sound file; null where there are none.</summary>
    /// <param name="stem">The path of the sound file without its extension.</param>
    /// <exception cref="FormatException">A transcript is empty or too large.</exception>
    internal static (string? Text, IReadOnlyList<string>? Phones) Beside(string stem)
    {
        var text = Tokens(stem, Words) is { } words ? string.Join(' ', words) : null;
        if (Tokens(stem, Label) is not { } label)
            return (text, null);
        var phones = label.Select(PhoneInventory.WithoutStress).ToList();
        return phones.All(phone => PhoneInventory.Arpabet.TryGetIndex(phone, out _))
            ? (text, phones)
            : (text ?? string.Join(' ', label), null);
    }

    /// <summary>The tokens of the file with an extension; null if there is none.</summary>
    private static List<string>? Tokens(string stem, string extension)
    {
        // Recorders and old disks write names in upper case, and most file systems distinguish the cases.
        string[] spellings =
        [
            extension,
            extension.ToUpperInvariant(),
            $".{char.ToUpperInvariant(extension[1])}{extension[2..]}",
        ];
        if (spellings.Select(spelling => stem + spelling).FirstOrDefault(File.Exists) is not { } path)
            return null;
        var tokens = CorpusFiles
            .Lines(path)
            .SelectMany(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .ToList();
        return tokens.Count > 0 ? tokens : throw new FormatException($"{Quoted.Path(path)} is empty");
    }
}
