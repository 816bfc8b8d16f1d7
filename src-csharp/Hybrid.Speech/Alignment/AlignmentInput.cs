using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>An utterance to align, or the reason why an input cannot be aligned.</summary>
/// <param name="Id">Name of the input.</param>
/// <param name="Utterance">Recording and transcript; null if there is a reason.</param>
/// <param name="Reason">Why the input cannot be aligned; null if there is an utterance.</param>
public sealed record AlignmentInput(string Id, Utterance? Utterance, string? Reason)
{
    /// <summary>
    /// The inputs at a path. An audio file has its transcript in a file of the same name: words in a <c>.txt</c>, words
    /// or phones in a <c>.lab</c>. A corpus is a folder of any layout, or a manifest.
    /// </summary>
    /// <param name="path">An audio file, a folder, or a manifest with the extension .jsonl.</param>
    /// <param name="text">The words of an audio file; null to read the file beside it.</param>
    /// <param name="split">One split of a corpus; null for all.</param>
    public static IReadOnlyList<AlignmentInput> Of(string path, string? text = null, string? split = null)
    {
        try
        {
            return Directory.Exists(path) || path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase)
                ? OfCorpus(path, split)
                : [OfSound(path, text)];
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            return [new AlignmentInput(path, null, error.Message)];
        }
    }

    /// <summary>The input with a channel of its sound file, unless its utterance names one.</summary>
    /// <param name="channel">Index of the channel, from 0; null for the input itself.</param>
    /// <exception cref="ArgumentOutOfRangeException">The channel is negative.</exception>
    public AlignmentInput WithChannel(int? channel) =>
        channel is null ? this : this with { Utterance = Utterance?.WithChannel(channel.Value) };

    private static AlignmentInput OfSound(string path, string? text)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: there is no such file");
        var (words, phones) = text is null
            ? Transcripts.Beside(
                Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path))
            )
            : (text, null);
        var id = Path.GetFileNameWithoutExtension(path);
        return words is null && phones is null
            ? new AlignmentInput(id, null, $"{path} has no transcript: give its text, or a .txt or .lab file beside it")
            : new AlignmentInput(id, new Utterance(id, path, "", "", words, phones), null);
    }

    private static AlignmentInput[] OfCorpus(string path, string? split)
    {
        var corpus = Corpus.Read(path);
        var utterances = split is null ? corpus.Utterances : corpus.Split(split);
        if (utterances.Count == 0)
            throw new FormatException(
                $"{Quoted.Path(path)} has no split {Quoted.Unless(split ?? "")}; it has {Quoted.List(corpus.Splits)}"
            );
        return
        [
            .. utterances.Select(utterance => new AlignmentInput(utterance.Id, utterance, null)),
            .. corpus.Skipped.Select(left => new AlignmentInput(left.Id, null, left.Reason)),
        ];
    }
}
