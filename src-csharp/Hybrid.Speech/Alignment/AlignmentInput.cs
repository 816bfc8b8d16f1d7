using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Something to be aligned, or the reason why it cannot be: whatever was named ends as one or the other.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Utterance">Recording and transcript; null where there is a reason.</param>
/// <param name="Reason">Why it cannot be aligned; null where it may be.</param>
public sealed record AlignmentInput(string Id, Utterance? Utterance, string? Reason)
{
    /// <summary>
    /// What a path stands for: a sound file with its words in a <c>.txt</c>, or words or phones in a <c>.lab</c> of the same
    /// name; or a corpus of any layout, as a folder or a manifest.
    /// </summary>
    /// <param name="path">A sound file, a folder, or a manifest that ends in .jsonl.</param>
    /// <param name="text">The words of a sound file, instead of what lies beside it; null to look there.</param>
    /// <param name="split">Only this split of a corpus; null for all.</param>
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
