using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A directory layout of corpora.</summary>
internal interface ICorpusLayout
{
    /// <summary>The files of the layout, as a clause.</summary>
    string Description { get; }

    /// <summary>Reads the corpus at an absolute path; null if it is not of this layout.</summary>
    /// <exception cref="FormatException">It is of this layout, and nothing in it can be used.</exception>
    Corpus? TryRead(string path);
}

/// <summary>Collects the utterances of a layout. What cannot be used is recorded with its reason.</summary>
/// <param name="path">The corpus.</param>
internal sealed class CorpusBuilder(string path)
{
    private readonly List<Utterance> utterances = [];
    private readonly List<SkippedUtterance> skipped = [];
    private readonly HashSet<string> ids = [];
    private readonly Dictionary<string, Utterance> sources = [];
    private readonly RealPaths paths = new();

    /// <summary>Whether nothing was found, not even something to skip.</summary>
    public bool IsEmpty => utterances.Count == 0 && skipped.Count == 0;

    /// <summary>
    /// Adds an utterance. One file is one utterance: if links lead to a file several times, the first name is used, and
    /// another one is skipped if it has another transcript.
    /// </summary>
    public void Add(Utterance utterance)
    {
        var source = paths.Of(utterance.SourcePath);
        if (sources.TryGetValue(source, out var first))
        {
            if (utterance.Text != first.Text || !(utterance.Phones ?? []).SequenceEqual(first.Phones ?? []))
                Skip(utterance.Id, $"it is the same file as {Quoted.Unless(first.Id)}, with another transcript");
        }
        else if (!ids.Add(utterance.Id))
            Skip(utterance.Id, $"the id is a duplicate, at {Quoted.Path(utterance.SourcePath)}");
        else
        {
            utterances.Add(utterance);
            sources.Add(source, utterance);
        }
    }

    /// <summary>Runs a step for an utterance, which is skipped if its files cannot be used.</summary>
    public void Try(string id, Action step)
    {
        try
        {
            step();
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            Skip(id, error.Message);
        }
    }

    /// <summary>Records what cannot be used.</summary>
    public void Skip(string id, string reason) => skipped.Add(new SkippedUtterance(id, reason));

    /// <summary>The corpus.</summary>
    /// <exception cref="FormatException">Nothing can be used; the message has the first reasons.</exception>
    public Corpus Build() =>
        utterances.Count > 0
            ? new Corpus(utterances) { Skipped = skipped }
            : throw new FormatException(
                $"{Quoted.Path(path)}: nothing in the corpus can be used"
                    + string.Concat(skipped.Take(3).Select(one => $"; {one}"))
            );
}
