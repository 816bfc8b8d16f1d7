using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Recordings with transcripts.</summary>
/// <param name="Utterances">In the order of the corpus.</param>
public sealed record Corpus(IReadOnlyList<Utterance> Utterances)
{
    /// <summary>The name of a manifest within its folder.</summary>
    public const string ManifestName = "manifest.jsonl";

    private static readonly ICorpusLayout[] Layouts =
    [
        new ManifestLayout(),
        new Hw3p2Layout(),
        new LibriSpeechLayout(),
        new FolderLayout(),
    ];

    /// <summary>What was found and cannot be used, such as a transcript without sound; in the order of the corpus.</summary>
    public IReadOnlyList<SkippedUtterance> Skipped { get; init; } = [];

    /// <summary>
    /// Reads a corpus of any layout that Hybrid knows; which one it is, is recognised by what is there: a manifest, CMU 11-785
    /// homework 3 part 2, LibriSpeech, or folders of sound files with transcripts beside them.
    /// </summary>
    /// <exception cref="FormatException">Nothing there can be used, or a manifest has a problem; the message names file and line, or the layouts that are known.</exception>
    /// <exception cref="IOException">There is no such file or folder, or it cannot be read.</exception>
    public static Corpus Read(string path)
    {
        if (!Path.Exists(path))
            throw new FileNotFoundException($"{path}: there is no such file or folder; {Known}");
        foreach (var layout in Layouts)
            if (layout.TryRead(Path.GetFullPath(path)) is { } corpus)
                return corpus;
        throw new FormatException($"{path} is no corpus; {Known}");
    }

    private static string Known => $"a corpus is {string.Join("; or ", Layouts.Select(layout => layout.Description))}";

    /// <summary>The utterances of a split.</summary>
    public IReadOnlyList<Utterance> Split(string name) => [.. Utterances.Where(u => u.Split == name)];

    /// <summary>The names of the splits, in the order of their first utterances.</summary>
    public IReadOnlyList<string> Splits => [.. Utterances.Select(u => u.Split).Distinct()];

    /// <summary>
    /// What to train on and what to choose the best model by: the splits <c>train</c> and <c>dev</c>. Where no split is named
    /// train, the utterances without split; where none is named dev, 5 % of the speakers, at least one.
    /// </summary>
    /// <param name="seed">Decides which speakers are held out.</param>
    /// <exception cref="FormatException">Nothing is left to train on, or nothing to judge by.</exception>
    public (IReadOnlyList<Utterance> Train, IReadOnlyList<Utterance> Dev) TrainAndDev(ulong seed)
    {
        var (train, dev) = (Train(), Split("dev"));
        if (dev.Count > 0)
            return (train, dev);
        var speakers = train.Select(u => u.Speaker).Distinct().Order(StringComparer.Ordinal).ToList();
        if (speakers.Count < 2)
            throw new FormatException("the corpus has no split dev and a single speaker: name a dev corpus with --dev");
        new CounterRandom(seed).Fork("dev speakers").Stream().Shuffle(speakers);
        var held = speakers.Take(Math.Max(1, (int)Math.Round(0.05 * speakers.Count))).ToHashSet();
        return ([.. train.Where(u => !held.Contains(u.Speaker))], [.. train.Where(u => held.Contains(u.Speaker))]);
    }

    /// <summary>What to learn from: the split train, or the utterances without a split.</summary>
    /// <exception cref="FormatException">There are only other splits, which may be meant for tests.</exception>
    internal IReadOnlyList<Utterance> Train() =>
        Split("train") is { Count: > 0 } named ? named
        : Split("") is { Count: > 0 } rest ? rest
        : throw new FormatException(
            $"the corpus has no split train, only {string.Join(", ", Splits)}: name one, or leave \"split\" out"
        );
}
