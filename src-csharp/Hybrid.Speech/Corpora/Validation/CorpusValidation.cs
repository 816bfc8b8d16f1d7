namespace Hybrid.Speech;

/// <summary>What there is to train on in a split.</summary>
/// <param name="Name">The split; empty for utterances without one.</param>
/// <param name="Utterances">How many it has, those that cannot be used included.</param>
/// <param name="Usable">How many a training can use.</param>
/// <param name="Speakers">How many are named.</param>
/// <param name="Hours">Length of all that can be read, in hours.</param>
public sealed record SplitSummary(string Name, int Utterances, int Usable, int Speakers, double Hours);

/// <summary>A word of the transcripts that no lexicon has.</summary>
/// <param name="Word">As it is looked up: in upper case.</param>
/// <param name="Occurrences">How often it is said.</param>
/// <param name="Utterances">The utterances that are left out for it.</param>
/// <param name="Nearest">The known word that is spelled most like it; null where none is like it.</param>
public sealed record UnknownWord(string Word, int Occurrences, IReadOnlyList<string> Utterances, string? Nearest)
{
    /// <summary>Word, count, place and remedy.</summary>
    public override string ToString() =>
        $"{Word} (x{Occurrences}, first in {Utterances[0]}): {(Nearest is null ? "no known word is like it" : $"the nearest known word is {Nearest}")}";
}

/// <summary>An utterance whose phones do not fit into the network's output frames.</summary>
/// <param name="Id">The utterance.</param>
/// <param name="Phones">Phones of its transcript.</param>
/// <param name="Repeats">How often a phone follows itself, which takes a blank between.</param>
/// <param name="FramesAvailable">Output frames that it has behind the network's subsampling.</param>
public sealed record InfeasibleUtterance(string Id, int Phones, int Repeats, int FramesAvailable)
{
    /// <summary>Output frames that its phones need.</summary>
    public int FramesNeeded => Phones + Repeats;

    /// <summary>Needed and available frames.</summary>
    public override string ToString() =>
        $"{Id}: needs {FramesNeeded} frames, has {FramesAvailable} ({Phones} phones + {Repeats} repeats)";
}

/// <summary>Utterances with the same sound, sample by sample, whatever the format of their files.</summary>
/// <param name="Ids">The utterances, in the order of the corpus.</param>
/// <param name="Splits">Where they are; more than one means that what is judged was learned.</param>
public sealed record DuplicateAudio(IReadOnlyList<string> Ids, IReadOnlyList<string> Splits);

/// <summary>In what an utterance is unlike the others.</summary>
public enum OutlierKind
{
    /// <summary>Its length, in seconds.</summary>
    Length,

    /// <summary>Its level: the root mean square of its samples, in dB relative to 1.</summary>
    Level,
}

/// <summary>An utterance that is unlike the others; <see cref="CorpusValidation.OutlierRule"/> says when.</summary>
/// <param name="Id">The utterance.</param>
/// <param name="Kind">What is compared.</param>
/// <param name="Value">Its own: seconds or dB; minus infinity for silence.</param>
/// <param name="Median">That of the corpus.</param>
public sealed record Outlier(string Id, OutlierKind Kind, double Value, double Median);

/// <summary>A speaker of several splits, so that figures on one do not tell of unknown voices.</summary>
/// <param name="Speaker">The speaker.</param>
/// <param name="Splits">The splits, in the order of the corpus.</param>
public sealed record SharedSpeaker(string Speaker, IReadOnlyList<string> Splits);

/// <summary>Everything in a corpus that would hurt a training, before one begins. <see cref="Run"/> makes it.</summary>
/// <param name="Splits">What there is, in the order of the corpus.</param>
/// <param name="Skipped">How many utterances a training leaves out.</param>
/// <param name="Unusable">Files that cannot be read, and transcripts that cannot be used for another reason than a word.</param>
/// <param name="UnknownWords">Words without pronunciation, the most frequent first.</param>
/// <param name="Infeasible">Utterances with too few frames for their phones.</param>
/// <param name="Duplicates">Utterances with the same sound.</param>
/// <param name="Outliers">Utterances that are unlike the others.</param>
/// <param name="SharedSpeakers">Speakers of several splits.</param>
public sealed partial record CorpusValidation(
    IReadOnlyList<SplitSummary> Splits,
    int Skipped,
    IReadOnlyList<SkippedUtterance> Unusable,
    IReadOnlyList<UnknownWord> UnknownWords,
    IReadOnlyList<InfeasibleUtterance> Infeasible,
    IReadOnlyList<DuplicateAudio> Duplicates,
    IReadOnlyList<Outlier> Outliers,
    IReadOnlyList<SharedSpeaker> SharedSpeakers
)
{
    /// <summary>The split of all utterances of a corpus that is given to judge by.</summary>
    public const string DevCorpus = "dev corpus";

    /// <summary>When an utterance is unlike the others.</summary>
    public const string OutlierRule =
        "silent; or more than 3.5 robust standard deviations from the median in the logarithm of the length or in dB of the level, and at least 8 times as long or short, or 15 dB off";
}
