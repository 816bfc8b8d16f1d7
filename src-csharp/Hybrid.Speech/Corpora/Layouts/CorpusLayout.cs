namespace Hybrid.Speech;

/// <summary>A way in which corpora lie on disk.</summary>
internal interface ICorpusLayout
{
    /// <summary>What lies where, as a clause.</summary>
    string Description { get; }

    /// <summary>Reads what lies at an absolute path; null where it is not of this layout.</summary>
    /// <exception cref="FormatException">It is of this layout, and nothing in it can be used.</exception>
    Corpus? TryRead(string path);
}

/// <summary>Collects what a layout finds. What cannot be used is kept with its reason instead of stopping the rest.</summary>
/// <param name="path">Where the corpus lies.</param>
internal sealed class CorpusBuilder(string path)
{
    private readonly List<Utterance> utterances = [];
    private readonly List<SkippedUtterance> skipped = [];
    private readonly HashSet<string> ids = [];

    /// <summary>Whether nothing was found, not even what has to be left out.</summary>
    public bool IsEmpty => utterances.Count == 0 && skipped.Count == 0;

    public void Add(Utterance utterance)
    {
        if (ids.Add(utterance.Id))
            utterances.Add(utterance);
        else
            Skip(utterance.Id, $"the id occurs a second time, at {utterance.SourcePath}");
    }

    /// <summary>Takes a step for an utterance, which is left out if its files cannot be used.</summary>
    public void Try(string id, Action step)
    {
        try
        {
            step();
        }
        catch (Exception error) when (error is FormatException or IOException or UnauthorizedAccessException)
        {
            Skip(id, error.Message);
        }
    }

    public void Skip(string id, string reason) => skipped.Add(new SkippedUtterance(id, reason));

    public Corpus Build() =>
        utterances.Count > 0
            ? new Corpus(utterances) { Skipped = skipped }
            : throw new FormatException(
                $"{path}: nothing in the corpus can be used{string.Concat(skipped.Take(3).Select(left => $"; {left}"))}"
            );
}
