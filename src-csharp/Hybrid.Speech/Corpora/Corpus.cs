using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Utterances with transcripts.</summary>
/// <param name="Utterances">The utterances, in the order of the corpus.</param>
public sealed record Corpus(IReadOnlyList<Utterance> Utterances)
{
    /// <summary>The file name of a manifest in a folder.</summary>
    public const string ManifestName = "manifest.jsonl";

    private static readonly ICorpusLayout[] Layouts =
    [
        new ManifestLayout(),
        new Hw3p2Layout(),
        new LibriSpeechLayout(),
        new FolderLayout(),
    ];

    /// <summary>Numbers of utterances, of splits and speakers, and the first utterance.</summary>
    public override string ToString()
    {
        var splits = Utterances
            .CountBy(u => u.Split)
            .Select(split => $"{(split.Key.Length == 0 ? "no split" : Quoted.Unless(split.Key))} {split.Value}");
        var speakers = Utterances.Select(u => u.Speaker).Where(name => name.Length > 0).Distinct().Count();
        var skipped = Skipped.Count > 0 ? $", {Skipped.Count} skipped" : "";
        var first = Utterances.Count > 0 ? $"; the first is {Quoted.Unless(Utterances[0].Id)}" : "";
        return $"corpus of {Utterances.Count} utterances ({string.Join(", ", splits)}), {speakers} speakers{skipped}"
            + first;
    }

    /// <summary>
    /// Input that cannot be used, such as a transcript without audio, in the order of the corpus.
    /// </summary>
    public IReadOnlyList<SkippedUtterance> Skipped { get; init; } = [];

    /// <summary>
    /// Reads a corpus of any supported layout, which is recognised by its files: a manifest, CMU 11-785 homework 3 part
    /// 2, LibriSpeech, or folders of sound files with transcripts beside them.
    /// </summary>
    /// <param name="path">A folder, or a manifest.</param>
    /// <exception cref="FormatException">
    /// Nothing can be used, or a manifest has a problem; the message has file and line, or the supported layouts.
    /// </exception>
    /// <exception cref="IOException">There is no such file or folder, or it cannot be read.</exception>
    public static Corpus Read(string path)
    {
        if (!Path.Exists(path))
            throw new FileNotFoundException($"{Quoted.Path(path)}: there is no such file or folder; {Known}");
        foreach (var layout in Layouts)
            if (layout.TryRead(Path.GetFullPath(path)) is { } corpus)
                return corpus;
        throw new FormatException($"{Quoted.Path(path)} is not a corpus; {Known}");
    }

    private static string Known => $"a corpus is {string.Join("; or ", Layouts.Select(layout => layout.Description))}";

    /// <summary>The corpus with a channel for those utterances that name none.</summary>
    /// <param name="channel">Index of the channel in the sound files, from 0; null for the corpus itself.</param>
    /// <exception cref="ArgumentOutOfRangeException">The channel is negative.</exception>
    public Corpus WithChannel(int? channel) =>
        channel is null ? this : this with { Utterances = [.. Utterances.Select(u => u.WithChannel(channel.Value))] };

    /// <summary>The utterances of a split.</summary>
    public IReadOnlyList<Utterance> Split(string name) => [.. Utterances.Where(u => u.Split == name)];

    /// <summary>The names of the splits, in the order of their first utterances.</summary>
    public IReadOnlyList<string> Splits => [.. Utterances.Select(u => u.Split).Distinct()];

    /// <summary>
    /// The training and validation utterances: the splits <c>train</c> and <c>dev</c>. If no split is named train, the
    /// utterances without a split are the training utterances. If no split is named dev, 5 % of the speakers, at least
    /// one, are held out.
    /// </summary>
    /// <param name="seed">Seed of the choice of held-out speakers.</param>
    /// <exception cref="FormatException">There is nothing to train on, or nothing to validate on.</exception>
    public (IReadOnlyList<Utterance> Train, IReadOnlyList<Utterance> Dev) TrainAndDev(ulong seed)
    {
        var (train, dev) = (Train(), Split("dev"));
        if (dev.Count > 0)
            return (train, dev);
        var speakers = train.Select(u => u.Speaker).Distinct().Order(StringComparer.Ordinal).ToList();
        if (speakers.Count < 2)
            throw new FormatException("the corpus has no split dev and a single speaker: give a dev corpus");
        new CounterRandom(seed).Fork("dev speakers").Stream().Shuffle(speakers);
        var held = speakers.Take(Math.Max(1, (int)Math.Round(0.05 * speakers.Count))).ToHashSet();
        return ([.. train.Where(u => !held.Contains(u.Speaker))], [.. train.Where(u => held.Contains(u.Speaker))]);
    }

    /// <summary>The training utterances: the split train, or the utterances without a split.</summary>
    /// <exception cref="FormatException">There are only other splits, which may be test data.</exception>
    internal IReadOnlyList<Utterance> Train() =>
        Split("train") is { Count: > 0 } named ? named
        : Split("") is { Count: > 0 } rest ? rest
        : throw new FormatException(
            $"the corpus has no split train, only {Quoted.List(Splits)}: name one, or leave \"split\" out"
        );
}
