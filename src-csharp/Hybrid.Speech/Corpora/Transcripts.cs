namespace Hybrid.Speech;

/// <summary>Transcripts of utterances: files beside a recording, and the phones of a text.</summary>
public static class Transcripts
{
    /// <summary>Extension of a file with words.</summary>
    internal const string Words = ".txt";

    /// <summary>Extension of a file with phones or words.</summary>
    internal const string Label = ".lab";

    /// <summary>The phones of an utterance: those given, or those of its words.</summary>
    /// <exception cref="FormatException">It has no transcript, or words have no pronunciation; the message names all of these.</exception>
    public static IReadOnlyList<string> Transcribe(this Utterance utterance, Pronouncer pronouncer)
    {
        if (utterance.Phones is not null)
            return utterance.Phones;
        if (utterance.Text is null)
            throw new FormatException("it has no transcript");
        var (words, missing) = pronouncer.Pronounce(utterance.Text);
        if (missing.Count > 0)
            throw new FormatException(
                $"no pronunciation of {string.Join(", ", missing)}: give a lexicon that has {(missing.Count > 1 ? "them" : "it")}"
            );
        return [.. words.SelectMany(word => word.Phones)];
    }

    /// <summary>Words and phones beside a sound file, null where there are none.</summary>
    /// <param name="stem">The sound file's path without its ending.</param>
    /// <exception cref="FormatException">A transcript is empty or too large for one.</exception>
    internal static (string? Text, IReadOnlyList<string>? Phones) Beside(string stem)
    {
        var text = Tokens(stem + Words) is { } words ? string.Join(' ', words) : null;
        if (Tokens(stem + Label) is not { } label)
            return (text, null);
        var phones = label.Select(PhoneInventory.WithoutStress).ToList();
        return phones.All(phone => PhoneInventory.Arpabet.TryGetIndex(phone, out _))
            ? (text, phones)
            : (text ?? string.Join(' ', label), null);
    }

    private static List<string>? Tokens(string path)
    {
        if (!File.Exists(path))
            return null;
        var tokens = CorpusFiles
            .Lines(path)
            .SelectMany(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .ToList();
        return tokens.Count > 0 ? tokens : throw new FormatException($"{path} is empty");
    }
}
